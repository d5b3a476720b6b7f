//! Where the agent listens, who reaches it there, and what other users see and do.

use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    process::{Command, Stdio},
    time::Duration,
};

use netmon_tests::{
    agent::Agent,
    binary::netmon,
    commands::succeeds,
    eventually::eventually,
    host::left_behind,
    running::Running,
    sandbox::{run, sandbox},
    unprivileged,
};
use rustix::process::Signal;

const PATIENCE: Duration = Duration::from_secs(20);
const SOCKET: &str = "/run/netmon/metrics.sock";
const UNIX: &str = "unix:/run/netmon/metrics.sock";

/// Gets a path over the unix socket. Returns the status, or `None` if it cannot be reached.
fn status_over_the_socket(path: &str) -> Option<u16> {
    let url = format!("http://localhost{path}");
    let output = Command::new("curl")
        .args(["-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", SOCKET, &url])
        .output()
        .expect("curl");
    String::from_utf8(output.stdout).ok()?.parse().ok().filter(|status| *status > 0)
}

/// Starts an agent and waits for it to answer over its unix socket.
fn agent_at(addresses: &[&str]) -> Running {
    let listen = addresses.iter().flat_map(|address| ["--listen", *address]);
    let arguments: Vec<&str> = ["run"].into_iter().chain(listen).collect();
    let agent = Running::start("agent", netmon(), &arguments).expect("netmon starts");
    eventually("the agent over its socket", PATIENCE, || {
        (status_over_the_socket("/readyz") == Some(200)).then_some(())
    });
    agent
}

#[test]
fn an_agent_on_a_unix_socket_alone_is_found_by_the_commands_and_by_no_other_user() {
    sandbox(|| {
        run("chmod", &["755", "/run"]);
        let before = left_behind();
        let agent = agent_at(&[UNIX]);
        let about = fs::symlink_metadata(SOCKET).unwrap();
        assert!(about.file_type().is_socket());
        assert_eq!(about.permissions().mode() & 0o7777, 0o600);
        assert_eq!(status_over_the_socket("/metrics"), Some(200));
        let said = succeeds(&["status"]);
        assert!(said.contains(UNIX) && said.contains("4 of 4 hooks watched"), "{said}");
        succeeds(&["flows", "--address", UNIX]);
        let url = "http://localhost/metrics";
        let (is_ok, said) = unprivileged::runs(&["curl", "-sS", "-m", "5", "--unix-socket", SOCKET, url]);
        assert!(!is_ok, "{said}");
        let banner = eventually("the banner", PATIENCE, || {
            Some(agent.output()).filter(|log| log.contains("  stop  "))
        });
        assert!(
            banner.contains(&format!("curl --unix-socket {SOCKET} http://localhost/metrics")),
            "{banner}"
        );
        assert!(!banner.contains("no authentication"), "{banner}");
        succeeds(&["down"]);
        eventually("the end of the agent", PATIENCE, || (left_behind() == before).then_some(()));
        assert!(fs::symlink_metadata(SOCKET).is_err());
    });
}

#[test]
fn a_socket_that_a_killed_agent_left_is_replaced() {
    sandbox(|| {
        drop(agent_at(&[UNIX, "localhost:9477"]));
        assert!(fs::symlink_metadata(SOCKET).is_ok(), "a killed agent removes nothing");
        let _agent = agent_at(&["localhost:9477", UNIX]);
        assert!(succeeds(&["status"]).contains("http://127.0.0.1:9477/"));
        succeeds(&["down"]);
    });
}

#[test]
fn an_address_that_other_machines_reach_is_warned_about_and_shown() {
    sandbox(|| {
        let agent = agent_at(&[UNIX, ":9477"]);
        let log = eventually("the banner", PATIENCE, || {
            Some(agent.output()).filter(|log| log.contains("  stop  "))
        });
        assert!(
            log.contains("[::]:9477: every client that reaches this address can read what netmon serves"),
            "{log}"
        );
        assert!(
            log.contains("listens  ") && log.contains("[::]:9477, on every address of this host"),
            "{log}"
        );
        // Over IPv4, too, and from a namespace of the lab.
        run("ip", &["netns", "exec", "direct_netns", "curl", "-sf", "http://10.200.0.2:9477/healthz"]);
        succeeds(&["down"]);
    });
}

#[test]
fn the_interface_shows_no_arguments_of_a_service() {
    const FILE: &str = "/run/sandbox/secret.toml";
    sandbox(|| {
        let lab = "[[namespace]]\nname = \"s1\"\n[[service]]\nnamespace = \"s1\"\n\
                   command = [\"sh\", \"-c\", \"exec sleep 1000\", \"sh\", \"--password=hunter2\"]\n";
        fs::write(FILE, lab).unwrap();
        let agent = Agent::start([FILE]);
        let topology = run("curl", &["-sf", "http://127.0.0.1:9477/api/v1/topology"]);
        assert!(topology.contains("\"what\":\"sh\"") && !topology.contains("hunter2"), "{topology}");
        assert!(agent.end(Signal::TERM).0.success());
    });
}

#[test]
fn a_user_namespace_is_named_where_the_hosts_capabilities_are_needed() {
    sandbox(|| {
        run("chmod", &["755", "/run"]);
        let inside = |command: &str| {
            let script = format!(
                "mount -t tmpfs tmpfs /run; ip link set lo up; {} {command}; echo code=$?",
                netmon().display()
            );
            unprivileged::runs(&["unshare", "-Urnm", "sh", "-c", &script]).1
        };
        for command in ["run --listen 127.0.0.1:0", "up --persist", "selftest"] {
            let said = inside(command);
            assert!(said.contains("code=3"), "{command}: {said}");
            assert!(
                said.contains("CAP_BPF") && said.contains("this process is in a user namespace"),
                "{said}"
            );
        }
        assert!(inside("doctor").contains("user namespace"), "doctor says so");
    });
}

#[test]
fn a_missing_right_to_write_the_folders_is_named_before_anything_is_made() {
    sandbox(|| {
        run("chmod", &["755", "/run"]);
        let before = left_behind();
        let capabilities = "+net_admin,+sys_admin,+bpf,+perfmon,+net_raw,+net_bind_service";
        let output = Command::new("setpriv")
            .args([
                "--reuid",
                "65534",
                "--clear-groups",
                "--inh-caps",
                capabilities,
                "--ambient-caps",
                capabilities,
            ])
            .arg(netmon())
            .arg("run")
            .stdin(Stdio::null())
            .output()
            .expect("setpriv");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("netmon run needs CAP_DAC_OVERRIDE"), "{said}");
        // /etc/netns alone: the built-in lab has a file there.
        run("chmod", &["777", "/run"]);
        assert_eq!(left_behind(), before);
    });
}
