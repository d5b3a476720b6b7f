//! `netmon clean`: what is left of dead labs goes, and nothing else does.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may")]

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use netmon::{leftovers::scan, topology::TopologyError};
use netmon_tests::{
    agent::{Agent, netmon_says},
    binary::netmon,
    host::left_behind,
    labs::valid,
    sandbox::{run, sandbox},
};
use rustix::process::Signal;

const LAB: &str = "/run/sandbox/swept.toml";
/// How many moments of `up` it is killed at.
const MOMENTS: u32 = 24;

/// Enough of everything that a kill may fall between any two of them.
fn write_lab() {
    let mut text = String::new();
    for i in 0..6 {
        writeln!(
            text,
            "[[namespace]]\nname = \"swept{i}\"\nnameservers = [\"10.9.{i}.1\"]\n\
             [[link]]\na = {{ namespace = \"root\", interface = \"sw{i}\", addresses = [\"10.9.{i}.1/24\"] }}\n\
             b = {{ namespace = \"swept{i}\", interface = \"eth0\", addresses = [\"10.9.{i}.2/24\"] }}"
        )
        .unwrap();
    }
    fs::write(LAB, text).unwrap();
}

/// Things of somebody else's beside the labs, some of which look a little like netmon's.
fn place_foreign_objects() {
    run("ip", &["netns", "add", "foreign"]);
    run("ip", &["link", "add", "foreign0", "type", "veth", "peer", "name", "foreign1", "netns", "foreign"]);
    run("ip", &["link", "set", "foreign0", "alias", "my netmon:direct"]);
    run("ip", &["link", "add", "foreignbr", "type", "bridge"]);
    run("tc", &["qdisc", "add", "dev", "foreign0", "clsact"]);
    let ours_but_for_its_name = ["pref", "1", "handle", "0x6e6d", "bpf", "da", "bytecode", "1,6 0 0 0"];
    let place = ["filter", "add", "dev", "foreign0", "egress"];
    run("tc", &[&place[..], &ours_but_for_its_name].concat());
    fs::create_dir_all("/etc/netns/foreign").unwrap();
    fs::write("/etc/netns/foreign/resolv.conf", "# mine, not netmon:direct\n").unwrap();
}

fn foreign_objects() -> String {
    let filters = run("tc", &["filter", "show", "dev", "foreign0", "egress"]);
    let file = fs::read_to_string("/etc/netns/foreign/resolv.conf").unwrap();
    let inside = run("ip", &["-n", "foreign", "-br", "link", "show", "foreign1"]);
    format!("{filters}{file}{inside}")
}

fn finish(arguments: &[&str]) {
    run(netmon().to_str().unwrap(), arguments);
}

fn cleans(arguments: &[&str]) -> (i32, String) {
    netmon_says(&[&["clean"], arguments].concat())
}

/// Leaves what an agent leaves that is killed once it runs.
fn kill_an_agent(arguments: &[&str]) {
    let (status, _) = Agent::start(arguments).end(Signal::KILL);
    assert_eq!(status.code(), None, "ended by the signal");
}

/// Starts `netmon up` and kills it after `delay`; says whether it was still at it.
fn up_killed_after(delay: Duration) -> bool {
    let mut up = Command::new(netmon());
    let mut up: Child = up.args(["up", LAB]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while started.elapsed() < delay {
        thread::yield_now();
    }
    up.kill().unwrap();
    !up.wait().unwrap().success()
}

#[test]
fn where_nothing_is_left_over_clean_says_so() {
    sandbox(|| {
        place_foreign_objects();
        let before = left_behind();
        for arguments in [&[][..], &["--yes"], &["--all"]] {
            let (code, said) = cleans(arguments);
            assert_eq!(code, 0, "{said}");
            assert!(said.contains("Nothing is left over"), "{said}");
        }
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn what_a_killed_agent_left_is_listed_and_goes_only_after_a_yes() {
    sandbox(|| {
        place_foreign_objects();
        let (before, foreign) = (left_behind(), foreign_objects());
        kill_an_agent(&[]);
        let left = left_behind();
        assert_ne!(left, before, "the point of this test");

        let (code, said) = cleans(&[]);
        assert_eq!(code, 1, "{said}");
        for word in ["direct_netns", "veth0", "/run/netmon/direct", "ended without taking it down", "--yes"] {
            assert!(said.contains(word), "no {word} in {said}");
        }
        assert_eq!(left_behind(), left, "it only listed");

        let (code, said) = cleans(&["--yes"]);
        assert_eq!(code, 0, "{said}");
        assert_eq!(left_behind(), before);
        assert_eq!(foreign_objects(), foreign);
        assert_eq!(cleans(&[]).0, 0);
    });
}

#[test]
fn killed_at_any_moment_of_up_the_rest_is_found_and_goes() {
    sandbox(|| {
        write_lab();
        place_foreign_objects();
        let (before, foreign) = (left_behind(), foreign_objects());
        let started = Instant::now();
        finish(&["up", LAB]);
        let takes = started.elapsed();
        finish(&["down", LAB]);
        let mut killed = 0;
        for moment in 0..MOMENTS {
            let was_at_it = up_killed_after(takes * moment / MOMENTS);
            killed += u32::from(was_at_it);
            // One that had just ended made a lab that stays.
            let (code, said) = cleans(&["--yes", "--all"]);
            assert_eq!(code, 0, "killed at moment {moment}: {said}");
            assert_eq!(left_behind(), before, "killed at moment {moment}");
        }
        assert!(killed > MOMENTS / 4, "only {killed} of {MOMENTS} were killed before they had ended");
        assert_eq!(foreign_objects(), foreign);
    });
}

#[test]
fn a_lab_that_was_made_to_stay_stays_unless_it_is_named() {
    sandbox(|| {
        write_lab();
        let before = left_behind();
        finish(&["up"]);
        finish(&["up", LAB]);
        let both = left_behind();
        let (code, said) = cleans(&["--yes"]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("Complete") && said.contains("swept0"), "{said}");
        assert_eq!(left_behind(), both);

        let (code, said) = cleans(&["swept", "--yes"]);
        assert_eq!(code, 0, "{said}");
        run("ping", &["-c", "1", "-W", "1", "10.200.0.3"]);
        assert!(!Path::new("/run/netns/swept0").exists());
        assert_eq!(cleans(&["--all", "--yes"]).0, 0);
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn a_lab_that_is_held_is_not_touched_however_it_is_asked() {
    sandbox(|| {
        let agent = Agent::start([""; 0]);
        let held = left_behind();
        let state = fs::read("/run/netmon/direct/state.json").unwrap();
        assert_eq!(cleans(&["--yes", "--all"]).0, 0);
        let (code, said) = cleans(&["--yes", "direct"]);
        assert_eq!(code, 4, "{said}");
        assert!(said.contains(&agent.pid().as_raw_nonzero().to_string()), "{said}");
        assert_eq!(left_behind(), held);
        assert_eq!(fs::read("/run/netmon/direct/state.json").unwrap(), state);
        run("ping", &["-c", "1", "-W", "1", "10.200.0.3"]);
        assert_eq!(agent.end(Signal::TERM).0.code(), Some(0));
    });
}

#[test]
fn filters_of_a_killed_agent_go_and_the_lab_stays() {
    sandbox(|| {
        finish(&["up"]);
        run("tc", &["qdisc", "add", "dev", "veth0", "clsact"]);
        let theirs = ["pref", "2", "handle", "0x7", "bpf", "da", "bytecode", "1,6 0 0 4294967295"];
        run("tc", &[&["filter", "add", "dev", "veth0", "egress"][..], &theirs].concat());
        let filters = || run("tc", &["filter", "show", "dev", "veth0", "egress"]);
        let before = filters();
        kill_an_agent(&["--attach", "clsact"]);
        assert_ne!(filters(), before, "the point of this test: filters outlive their agent");
        assert_eq!(cleans(&[]).0, 1);
        assert_eq!(cleans(&["--yes"]).0, 0);
        assert_eq!(filters(), before);
        assert!(run("tc", &["-n", "direct_netns", "filter", "show", "dev", "veth1", "ingress"]).is_empty());
        run("ping", &["-c", "1", "-W", "1", "10.200.0.3"]);
        assert_eq!(cleans(&[]).0, 0);
        finish(&["down"]);
    });
}

#[test]
fn labs_without_a_state_are_known_by_their_marks() {
    sandbox(|| {
        place_foreign_objects();
        // As after a reboot: /run is new, and only the file is left.
        fs::create_dir_all("/etc/netns/before").unwrap();
        fs::write("/etc/netns/before/resolv.conf", "# netmon:rebooted folder\nnameserver 10.0.0.1\n")
            .unwrap();
        let foreign = foreign_objects();
        finish(&["up"]);
        fs::remove_dir_all("/run/netmon/direct").unwrap();
        let (code, said) = cleans(&["--yes"]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("rebooted") && said.contains("no valid state"), "{said}");
        for gone in ["/etc/netns/before", "/run/netns/direct_netns", "/run/netmon/direct"] {
            assert!(!Path::new(gone).exists(), "{gone}");
        }
        assert!(!run("ip", &["-br", "link"]).contains("veth0@"));
        assert_eq!(foreign_objects(), foreign);
    });
}

#[test]
fn a_lab_that_cannot_be_removed_stops_no_other_and_is_told() {
    sandbox(|| {
        // Whatever is mounted on it, a file cannot be removed.
        let file = "/etc/netns/stuck/resolv.conf";
        fs::create_dir_all("/etc/netns/stuck").unwrap();
        fs::write(file, "# netmon:astuck folder\n").unwrap();
        run("mount", &["--bind", file, file]);
        kill_an_agent(&[]);
        let (code, said) = cleans(&["--yes"]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("lab astuck: cannot remove /etc/netns/stuck/resolv.conf"), "{said}");
        assert!(!Path::new("/run/netns/direct_netns").exists(), "{said}");
        run("umount", &[file]);
        assert_eq!(cleans(&["--yes"]).0, 0);
        assert!(!Path::new(file).exists());
    });
}

#[test]
fn a_lab_that_was_built_anew_since_it_was_listed_is_left_as_it_is() {
    sandbox(|| {
        kill_an_agent(&[]);
        let listed = scan();
        let dead = listed.labs.iter().find(|found| found.lab == valid("direct")).unwrap();
        assert!(dead.is_dead(), "{dead:?}");
        finish(&["up"]);
        assert!(matches!(dead.claim(), Err(TopologyError::Changed(_))));
        run("ping", &["-c", "1", "-W", "1", "10.200.0.3"]);
        finish(&["down"]);
    });
}

#[test]
fn on_a_terminal_it_asks_and_no_means_no() {
    sandbox(|| {
        let before = left_behind();
        kill_an_agent(&[]);
        let left = left_behind();
        let (code, said) = on_a_terminal("n\n");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("Remove it?") && said.contains("nothing was removed"), "{said}");
        assert_eq!(left_behind(), left);
        let (code, said) = on_a_terminal("y\n");
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(left_behind(), before);
    });
}

/// Runs `netmon clean` on a terminal of its own, where somebody types `answer`.
fn on_a_terminal(answer: &str) -> (Option<i32>, String) {
    let command = format!("{} clean", netmon().display());
    let mut script = Command::new("script")
        .args(["-q", "-e", "-c", &command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    script.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let output = script.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn json_lists_everything_and_says_what_was_done() {
    sandbox(|| {
        let listed = |arguments: &[&str]| -> (Option<i32>, serde_json::Value) {
            let output =
                Command::new(netmon()).args(["clean", "-o", "json"]).args(arguments).output().unwrap();
            (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
        };
        let (code, empty) = listed(&[]);
        assert_eq!((code, empty["labs"].as_array().unwrap().len()), (Some(0), 0));

        kill_an_agent(&[]);
        let (code, json) = listed(&[]);
        let lab = &json["labs"][0];
        assert_eq!(code, Some(1));
        assert_eq!((&lab["lab"], &lab["condition"]), (&"direct".into(), &"dead".into()));
        assert_eq!(lab["namespaces"][0], "direct_netns");
        assert_eq!(lab["interfaces"][0]["interface"], "veth0");
        assert_eq!(json["cleaned"].as_array().unwrap().len(), 0);

        let (code, json) = listed(&["--yes"]);
        assert_eq!((code, &json["cleaned"][0]), (Some(0), &"direct".into()));
    });
}
