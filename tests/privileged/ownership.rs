//! Ownership, when a name, an index or a process id belonged to something else before, or does so now: netmon leaves
//! alone what is not the lab's, and reports it.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
    process::Stdio,
    time::Duration,
};

use netmon_tests::{
    agent::{Agent, spawn},
    binary::netmon,
    commands::{TakenDown, fails, netmon_says, succeeds},
    eventually::eventually,
    host::left_behind,
    ping::answers_ping,
    running::Running,
    sandbox::{run, sandbox},
};
use rustix::process::Signal;

const FILE: &str = "/run/sandbox/owned.toml";
const PATIENCE: Duration = Duration::from_secs(10);

const LAB: &str = r#"
[[namespace]]
name = "mine"
nameservers = ["10.36.0.1"]
[[bridge]]
name = "mine-br"
namespace = "root"
[[link]]
a = { namespace = "root", interface = "mine0", addresses = ["10.36.0.1/24"] }
b = { namespace = "mine", interface = "eth0", addresses = ["10.36.0.2/24"] }
[[link]]
a = { namespace = "root", interface = "mine1", bridge = "mine-br" }
b = { namespace = "mine", interface = "eth1", addresses = ["10.36.1.2/24"] }
"#;

/// Deletes parts of the lab by hand, and creates others with the same names.
fn replace_parts() -> String {
    run("ip", &["link", "delete", "mine0"]);
    run("ip", &["link", "delete", "mine-br"]);
    run("ip", &["netns", "delete", "mine"]);
    run("ip", &["netns", "add", "mine"]);
    run("ip", &["link", "add", "mine0", "type", "veth", "peer", "name", "eth0", "netns", "mine"]);
    run("ip", &["link", "add", "mine-br", "type", "bridge"]);
    fs::remove_file("/etc/netns/mine/resolv.conf").unwrap();
    fs::write("/etc/netns/mine/resolv.conf", "nameserver 9.9.9.9\n").unwrap();
    foreign_identity()
}

/// What distinguishes them from others of the same names.
fn foreign_identity() -> String {
    let link = |arguments: &[&str]| {
        let shown = run("ip", arguments);
        shown.split(' ').filter(|word| word.contains(':')).collect::<Vec<_>>().join(" ")
    };
    let inode = |path: &str| fs::metadata(path).unwrap().ino();
    [
        link(&["-o", "link", "show", "mine0"]),
        link(&["-o", "link", "show", "mine-br"]),
        link(&["-n", "mine", "-o", "link", "show", "eth0"]),
        format!("{} {}", inode("/run/netns/mine"), inode("/etc/netns/mine/resolv.conf")),
        fs::read_to_string("/etc/netns/mine/resolv.conf").unwrap(),
    ]
    .join("\n")
}

const REPLACED: [&str; 4] = [
    "namespace mine",
    "interface mine0 in namespace root",
    "interface mine-br in namespace root",
    "/etc/netns/mine/resolv.conf",
];

#[test]
fn objects_recreated_by_another_program_stop_up_and_are_kept_by_down() {
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        succeeds(&["up", FILE]);
        let theirs_now = replace_parts();
        let said = fails(4, &["up", FILE]);
        assert!(REPLACED.iter().all(|what| said.contains(what)), "{said}");
        let said = succeeds(&["down", FILE]);
        for what in REPLACED {
            let is_kept =
                |line: &str| line.contains(what) && line.contains("is no longer the lab's, and was kept");
            assert!(said.lines().any(is_kept), "{what}: {said}");
        }
        assert_eq!(foreign_identity(), theirs_now);
        assert!(!Path::new("/run/netmon/owned").exists());
        assert!(!run("ip", &["-br", "link"]).contains("mine1"));
        assert!(succeeds(&["clean"]).contains("Nothing is left over"));
        assert_eq!(foreign_identity(), theirs_now);
    });
}

#[test]
fn objects_recreated_by_another_program_are_kept_by_clean_and_by_the_agent() {
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        succeeds(&["up", FILE]);
        let theirs_now = replace_parts();
        let said = succeeds(&["clean", "--yes"]);
        assert!(said.contains("interface mine0 in namespace root is no longer the lab's"), "{said}");
        assert_eq!(foreign_identity(), theirs_now);
    });
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        let log = Path::new("/run/sandbox/owned.log");
        let agent = Agent::start_with_log(log, &[FILE]);
        let theirs_now = replace_parts();
        let (status, _) = agent.end(Signal::TERM);
        let said = fs::read_to_string(log).unwrap();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains("namespace mine is no longer the lab's"), "{said}");
        assert_eq!(foreign_identity(), theirs_now);
    });
}

#[test]
fn another_name_for_a_namespace_of_the_lab_is_not_the_labs() {
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        run("mkdir", &["-p", "/run/netns"]);
        run("ip", &["netns", "attach", "host", &std::process::id().to_string()]);
        let before = left_behind();
        succeeds(&["up", FILE]);
        // As users do for shorter names, and container tools too.
        for name in ["a-name", "z-name"] {
            fs::write(format!("/run/netns/{name}"), "").unwrap();
            run("mount", &["--bind", "/run/netns/mine", &format!("/run/netns/{name}")]);
        }
        symlink("/run/netns/mine", "/run/netns/a-link").unwrap();
        assert!(succeeds(&["plan", FILE]).contains("nothing to do"));
        assert!(succeeds(&["clean"]).contains("Complete"));
        succeeds(&["up", FILE]);
        run("ping", &["-q", "-c", "1", "-W", "2", "10.36.0.2"]);
        succeeds(&["down", FILE]);
        for name in ["a-name", "z-name"] {
            run("ip", &["netns", "exec", name, "true"]);
            run("umount", &[&format!("/run/netns/{name}")]);
            fs::remove_file(format!("/run/netns/{name}")).unwrap();
        }
        fs::remove_file("/run/netns/a-link").unwrap();
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn a_symbolic_link_where_a_namespace_is_wanted_is_in_the_way() {
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        run("ip", &["netns", "add", "theirs"]);
        for target in ["/run/netns/theirs", "/nowhere"] {
            symlink(target, "/run/netns/mine").unwrap();
            let said = fails(4, &["up", FILE]);
            assert!(said.contains("namespace mine already exists"), "{said}");
            succeeds(&["down", FILE]);
            assert_eq!(fs::read_link("/run/netns/mine").unwrap(), Path::new(target));
            fs::remove_file("/run/netns/mine").unwrap();
        }
        run("ip", &["netns", "exec", "theirs", "true"]);
    });
}

#[test]
fn what_is_behind_a_symbolic_link_under_etc_netns_is_not_written_to() {
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        fs::create_dir_all("/etc/netns").unwrap();
        fs::create_dir_all("/run/sandbox/elsewhere").unwrap();
        let refused = || {
            let said = fails(4, &["up", FILE]);
            assert!(said.contains("file /etc/netns/mine/resolv.conf already exists"), "{said}");
            succeeds(&["down", FILE]);
            assert_eq!(fs::read_dir("/run/sandbox/elsewhere").unwrap().count(), 0);
        };
        symlink("/run/sandbox/elsewhere", "/etc/netns/mine").unwrap();
        refused();
        fs::remove_file("/etc/netns/mine").unwrap();
        fs::create_dir("/etc/netns/mine").unwrap();
        symlink("/run/sandbox/elsewhere/resolv.conf", "/etc/netns/mine/resolv.conf").unwrap();
        refused();
    });
}

#[test]
fn a_process_that_has_the_recorded_id_of_another_is_not_ended() {
    sandbox(|| {
        let service = "[[service]]\nnamespace = \"mine\"\ncommand = [\"sleep\", \"1000\"]\n";
        fs::write(FILE, format!("{LAB}{service}")).unwrap();
        Agent::start([FILE]).end(Signal::KILL);
        let bystander = Running::start("bystander", "sleep", &["1000"]).unwrap();
        let pid = bystander.child().id();
        let records: Vec<_> = fs::read_dir("/run/netmon/owned/services")
            .unwrap()
            .map(|entry| entry.unwrap().path().join("identity"))
            .filter(|identity| identity.exists())
            .collect();
        assert_eq!(records.len(), 1, "{records:?}");
        let text = fs::read_to_string(&records[0]).unwrap();
        let (old, rest) = text.split_once(' ').unwrap();
        fs::write(&records[0], format!("{pid} {rest}")).unwrap();
        succeeds(&["down", FILE]);
        let alive = |pid: &str| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        assert!(alive(&pid.to_string()), "the bystander");
        assert!(!alive(old), "the service is found nevertheless");
        assert!(!Path::new("/run/netmon/owned").exists());
    });
}

#[test]
fn of_two_agents_that_start_at_once_one_has_the_lab() {
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        let _taken_down = TakenDown::of(FILE);
        let before = left_behind();
        for _ in 0..3 {
            let start = || spawn(["--listen", "127.0.0.1:0", FILE], Stdio::null());
            let mut agents = [start(), start(), start()];
            let mut codes = Vec::new();
            eventually("the end of all but one", PATIENCE, || {
                codes = agents.iter_mut().filter_map(|agent| agent.try_wait().unwrap()).collect();
                (codes.len() == 2).then_some(())
            });
            assert!(codes.iter().all(|code| code.code() == Some(4)), "{codes:?}");
            eventually("a link", PATIENCE, || answers_ping("10.36.0.2").then_some(()));
            // The agent may not listen yet.
            eventually("the end", PATIENCE, || (netmon_says(&["down", FILE]).0 == 0).then_some(()));
            for agent in &mut agents {
                agent.wait().unwrap();
            }
            assert_eq!(left_behind(), before);
        }
    });
}

#[test]
fn whatever_the_umask_only_root_can_write_to_netmons_files() {
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        run("chmod", &["755", "/run"]);
        let up = format!("umask 0; {} up {FILE}", netmon().display());
        run("bash", &["-c", &up]);
        let writable =
            run("find", &["/run/netmon", "/run/netns", "/etc/netns", "-perm", "/022", "-not", "-type", "l"]);
        assert_eq!(writable, "");
        let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        // A process that may open a file may lock it.
        assert_eq!(mode("/run/netmon/owned/lock"), 0o600);
        assert_eq!(mode("/run/netmon/owned/state.json"), 0o644);
        succeeds(&["down", FILE]);
    });
}

#[test]
fn status_of_a_running_agent_needs_no_root() {
    sandbox(|| {
        run("chmod", &["755", "/run"]);
        fs::copy(netmon(), "/run/netmon-copy").unwrap();
        let _agent = Agent::start([""; 0]);
        let unprivileged =
            ["--reuid", "65534", "--regid", "65534", "--clear-groups", "/run/netmon-copy", "status"];
        let said = run("setpriv", &unprivileged);
        assert!(said.contains("4 of 4 hooks watched"), "{said}");
        fs::remove_file("/run/netmon-copy").unwrap();
    });
}

#[test]
fn a_forged_state_removes_nothing_outside_the_lab() {
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        succeeds(&["up", FILE]);
        let path = "/run/netmon/owned/state.json";
        let mut state: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        fs::create_dir_all("/run/sandbox/empty").unwrap();
        state["folders"].as_array_mut().unwrap().push("/run/sandbox/empty".into());
        fs::write(path, state.to_string()).unwrap();
        succeeds(&["down", FILE]);
        assert!(Path::new("/run/sandbox/empty").exists());
    });
}
