//! `netmon clean` removes the remains of dead labs, and nothing else.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use netmon::{leftovers::scan, topology::TopologyError};
use netmon_tests::{
    agent::Agent,
    binary::netmon,
    commands::{fails, succeeds},
    foreign::Foreign,
    host::left_behind,
    kill::kill_after,
    lab_files::many_parts,
    labs::valid,
    sandbox::{run, sandbox},
    terminal::on_a_terminal,
};
use rustix::process::Signal;

const LAB: &str = "/run/sandbox/swept.toml";
/// The number of moments during `up` at which it is killed.
const MOMENTS: u32 = 24;

fn write_lab() {
    fs::write(LAB, many_parts("swept", 6)).unwrap();
}

/// Creates foreign objects beside the labs. The alias is nearly the mark of a lab that is cleaned.
fn place_foreign_objects() -> Foreign {
    Foreign::place("my netmon:direct")
}

/// Leaves behind what an agent leaves that is killed while it runs.
fn kill_an_agent(arguments: &[&str]) {
    let (status, _) = Agent::start(arguments).end(Signal::KILL);
    assert_eq!(status.code(), None, "ended by the signal");
}

/// Starts `netmon up` and kills it after `delay`. Returns whether it was still running.
fn up_killed_after(delay: Duration) -> bool {
    let mut up = Command::new(netmon());
    let mut up: Child = up.args(["up", LAB]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    kill_after(&mut up, delay)
}

#[test]
fn where_nothing_is_left_over_clean_says_so() {
    sandbox(|| {
        let foreign = place_foreign_objects();
        let (before, theirs) = (left_behind(), foreign.identity());
        for arguments in [&[][..], &["--yes"], &["--all"]] {
            let said = succeeds(&[&["clean"], arguments].concat());
            assert!(said.contains("Nothing is left over"), "{said}");
        }
        assert_eq!((left_behind(), foreign.identity()), (before, theirs));
    });
}

#[test]
fn what_a_killed_agent_left_is_listed_and_goes_only_after_a_yes() {
    sandbox(|| {
        let foreign = place_foreign_objects();
        let (before, theirs) = (left_behind(), foreign.identity());
        kill_an_agent(&[]);
        let left = left_behind();
        assert_ne!(left, before, "the point of this test");

        let said = fails(1, &["clean"]);
        for word in ["direct_netns", "veth0", "/run/netmon/direct", "ended without removing it", "--yes"] {
            assert!(said.contains(word), "no {word} in {said}");
        }
        assert_eq!(left_behind(), left, "it only listed");

        succeeds(&["clean", "--yes"]);
        assert_eq!(left_behind(), before);
        assert_eq!(foreign.identity(), theirs);
        succeeds(&["clean"]);
    });
}

#[test]
fn after_a_kill_at_any_moment_of_up_clean_removes_the_rest() {
    sandbox(|| {
        write_lab();
        let foreign = place_foreign_objects();
        let (before, theirs) = (left_behind(), foreign.identity());
        let started = Instant::now();
        succeeds(&["up", LAB]);
        let takes = started.elapsed();
        succeeds(&["down", LAB]);
        let mut killed = 0;
        for moment in 0..MOMENTS {
            let was_at_it = up_killed_after(takes * moment / MOMENTS);
            killed += u32::from(was_at_it);
            // An `up` that had just completed made a lab that is meant to stay.
            succeeds(&["clean", "--yes", "--all"]);
            assert_eq!(left_behind(), before, "killed at moment {moment}");
        }
        assert!(killed > MOMENTS / 4, "only {killed} of {MOMENTS} were killed before they had ended");
        assert_eq!(foreign.identity(), theirs);
    });
}

#[test]
fn a_lab_that_was_made_to_stay_stays_unless_it_is_named() {
    sandbox(|| {
        write_lab();
        let before = left_behind();
        succeeds(&["up"]);
        succeeds(&["up", LAB]);
        let both = left_behind();
        let said = succeeds(&["clean", "--yes"]);
        assert!(said.contains("Complete") && said.contains("swept0"), "{said}");
        assert_eq!(left_behind(), both);

        succeeds(&["clean", "swept", "--yes"]);
        run("ping", &["-c", "1", "-W", "1", "10.200.0.3"]);
        assert!(!Path::new("/run/netns/swept0").exists());
        succeeds(&["clean", "--all", "--yes"]);
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn clean_never_touches_a_lab_that_is_held() {
    sandbox(|| {
        let agent = Agent::start([""; 0]);
        let held = left_behind();
        let state = fs::read("/run/netmon/direct/state.json").unwrap();
        succeeds(&["clean", "--yes", "--all"]);
        let said = fails(4, &["clean", "--yes", "direct"]);
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
        succeeds(&["up"]);
        run("tc", &["qdisc", "add", "dev", "veth0", "clsact"]);
        let theirs = ["pref", "2", "handle", "0x7", "bpf", "da", "bytecode", "1,6 0 0 4294967295"];
        run("tc", &[&["filter", "add", "dev", "veth0", "egress"][..], &theirs].concat());
        let filters = || run("tc", &["filter", "show", "dev", "veth0", "egress"]);
        let before = filters();
        kill_an_agent(&["--attach", "clsact"]);
        assert_ne!(filters(), before, "the point of this test: filters outlive their agent");
        fails(1, &["clean"]);
        succeeds(&["clean", "--yes"]);
        assert_eq!(filters(), before);
        assert!(run("tc", &["-n", "direct_netns", "filter", "show", "dev", "veth1", "ingress"]).is_empty());
        run("ping", &["-c", "1", "-W", "1", "10.200.0.3"]);
        succeeds(&["clean"]);
        succeeds(&["down"]);
    });
}

#[test]
fn labs_without_a_state_are_known_by_their_marks() {
    sandbox(|| {
        let foreign = place_foreign_objects();
        // As after a reboot: /run is empty, and only the file is left.
        fs::create_dir_all("/etc/netns/before").unwrap();
        fs::write("/etc/netns/before/resolv.conf", "# netmon:rebooted folder\nnameserver 10.0.0.1\n")
            .unwrap();
        let theirs = foreign.identity();
        succeeds(&["up"]);
        fs::remove_dir_all("/run/netmon/direct").unwrap();
        let said = succeeds(&["clean", "--yes"]);
        assert!(said.contains("rebooted") && said.contains("no valid state"), "{said}");
        for gone in ["/etc/netns/before", "/run/netns/direct_netns", "/run/netmon/direct"] {
            assert!(!Path::new(gone).exists(), "{gone}");
        }
        assert!(!run("ip", &["-br", "link"]).contains("veth0@"));
        assert_eq!(foreign.identity(), theirs);
    });
}

#[test]
fn a_lab_that_cannot_be_removed_is_reported_and_the_others_are_removed() {
    sandbox(|| {
        // A file that is a mount point cannot be removed.
        let file = "/etc/netns/stuck/resolv.conf";
        fs::create_dir_all("/etc/netns/stuck").unwrap();
        fs::write(file, "# netmon:astuck folder\n").unwrap();
        run("mount", &["--bind", file, file]);
        kill_an_agent(&[]);
        let said = fails(1, &["clean", "--yes"]);
        assert!(said.contains("lab astuck: cannot remove /etc/netns/stuck/resolv.conf"), "{said}");
        assert!(!Path::new("/run/netns/direct_netns").exists(), "{said}");
        run("umount", &[file]);
        succeeds(&["clean", "--yes"]);
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
        succeeds(&["up"]);
        assert!(matches!(dead.claim(), Err(TopologyError::Changed(_))));
        run("ping", &["-c", "1", "-W", "1", "10.200.0.3"]);
        succeeds(&["down"]);
    });
}

#[test]
fn on_a_terminal_it_asks_and_no_means_no() {
    sandbox(|| {
        let before = left_behind();
        kill_an_agent(&[]);
        let left = left_behind();
        let (code, said) = on_a_terminal("clean", "n\n");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("Remove it?") && said.contains("nothing was removed"), "{said}");
        assert_eq!(left_behind(), left);
        let (code, said) = on_a_terminal("clean", "y\n");
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(left_behind(), before);
    });
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
