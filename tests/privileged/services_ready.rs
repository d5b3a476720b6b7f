//! Services with a readiness check: the next service is started when the one before it is ready, and not earlier.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use netmon_tests::{
    agent::{Agent, spawn},
    binary::netmon,
    commands::{fails, succeeds},
    eventually::eventually,
    host::left_behind,
    sandbox::{run, sandbox},
};
use rustix::process::{Pid, Signal, kill_process};

const FILE: &str = "/run/sandbox/waiting.toml";
const PATIENCE: Duration = Duration::from_secs(20);

const PAIR: &str = r#"
[[namespace]]
name = "far"
[[link]]
name = "cable"
a = { namespace = "root", interface = "rd0", addresses = ["10.42.0.1/24"] }
b = { namespace = "far", interface = "eth0", addresses = ["10.42.0.2/24"] }
"#;

const NGINX: &str = "error_log stderr; pid /run/nginx.pid; events {} \
    http { access_log off; server { listen 10.42.0.2:80; location / { return 200 \"nginx\"; } } }";

/// A service that never opens its port.
fn deaf(timeout: &str) -> String {
    format!(
        "[[service]]\nname = \"deaf\"\nnamespace = \"far\"\n\
         command = [\"sh\", \"-c\", \"echo I hear nothing >&2; exec sleep 1000\"]\n\
         ready = {{ tcp = \"10.42.0.2:99\", timeout = \"{timeout}\" }}\n"
    )
}

fn write(parts: &[&str]) {
    fs::write(FILE, parts.concat()).expect("a tmpfs");
}

#[test]
fn the_next_service_is_started_when_the_one_before_it_answers() {
    sandbox(|| {
        fs::write("/run/nginx.conf", NGINX).expect("a tmpfs");
        let services = r#"
            [[service]]
            name = "web"
            namespace = "far"
            command = ["sh", "-c", "touch /run/begun; while [ ! -e /run/go ]; do sleep 0.02; done; exec nginx -c /run/nginx.conf -g 'daemon off;'"]
            ready = { http = "http://10.42.0.2/" }
            [[service]]
            name = "sees the page"
            namespace = "far"
            command = ["sh", "-c", "curl -s http://10.42.0.2/ > /run/page; exec sleep 1000"]
            ready = { command = ["grep", "-q", "nginx", "/run/page"] }
        "#
        .replace("sees the page", "client");
        write(&[PAIR, &services]);
        let mut up = Command::new(netmon()).args(["up", FILE]).spawn().expect("netmon starts");
        eventually("the first service", PATIENCE, || Path::new("/run/begun").exists().then_some(()));
        assert!(up.try_wait().expect("our own child").is_none(), "it waits");
        assert!(!Path::new("/run/page").exists(), "the second one waits for the first");
        fs::write("/run/go", "").expect("a tmpfs");
        let status = eventually("the lab", PATIENCE, || up.try_wait().expect("our own child"));
        assert!(status.success());
        assert_eq!(fs::read_to_string("/run/page").expect("it was waited for"), "nginx");
        succeeds(&["down", FILE]);
    });
}

#[test]
fn a_service_that_does_not_get_ready_is_named_and_nothing_is_left() {
    sandbox(|| {
        let before = left_behind();
        write(&[PAIR, &deaf("700ms")]);
        for command in ["up", "run"] {
            let said = fails(1, &[command, FILE]);
            for part in ["service deaf in far is not ready after 700ms", "refused", "I hear nothing"] {
                assert!(said.contains(part), "{command}, {part}: {said}");
            }
            assert_eq!(left_behind(), before, "{command}");
        }
    });
}

#[test]
fn a_reload_reports_what_is_not_ready_and_the_agent_keeps_running() {
    sandbox(|| {
        write(&[PAIR]);
        let agent = Agent::start([FILE]);
        write(&[PAIR, &deaf("500ms")]);
        let said = fails(1, &["reload", FILE]);
        assert!(said.contains("service deaf in far is not ready"), "{said}");
        run("ping", &["-q", "-c", "1", "-W", "2", "10.42.0.2"]);
        write(&[PAIR]);
        succeeds(&["reload", FILE]);
        assert!(agent.end(Signal::TERM).0.success());
    });
}

#[test]
fn an_interrupt_ends_the_wait_for_a_service() {
    sandbox(|| {
        let before = left_behind();
        write(&[PAIR, &deaf("600s")]);
        let mut agent = spawn([FILE], Stdio::null());
        eventually("the service", PATIENCE, || {
            let there = Command::new("ip").args(["netns", "pids", "far"]).output().expect("ip is installed");
            (there.stdout.iter().filter(|byte| **byte == b'\n').count() >= 1).then_some(())
        });
        kill_process(Pid::from_child(&agent), Signal::INT).expect("it runs");
        let status = eventually("the end", PATIENCE, || agent.try_wait().expect("our own child"));
        assert!(status.success(), "{status}");
        assert_eq!(left_behind(), before);
    });
}
