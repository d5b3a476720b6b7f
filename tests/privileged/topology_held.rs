//! A lab that an agent holds: who may do what with it meanwhile.

use std::{
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use netmon::topology::claim;
use netmon_tests::{
    binary::netmon,
    eventually::eventually,
    host::left_behind,
    labs::valid,
    sandbox::{run, sandbox},
};

/// A running agent of the built-in lab, ended with the test.
struct Agent(Child);

impl Agent {
    fn start() -> Self {
        let mut command = Command::new(netmon());
        command.args(["run", "--listen", "127.0.0.1:0"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut agent = Self(command.spawn().unwrap());
        eventually("an agent that serves", Duration::from_secs(10), || {
            assert_eq!(agent.0.try_wait().unwrap(), None, "the agent ended by itself");
            claim::holder(&valid("direct")).and_then(|holder| holder.http)
        });
        agent
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn netmon_says(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = Command::new(netmon()).args(arguments).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn down_of_a_held_lab_is_done_by_its_agent_which_then_ends() {
    sandbox(|| {
        let before = left_behind();
        let mut agent = Agent::start();
        assert_eq!(netmon_says(&["down"]).0, Some(0));
        assert_eq!(left_behind(), before);
        assert_eq!(agent.0.wait().unwrap().code(), Some(0));
    });
}

#[test]
fn a_second_run_says_who_holds_the_lab_and_changes_nothing() {
    sandbox(|| {
        let agent = Agent::start();
        let before = left_behind();
        let (code, said) = netmon_says(&["run", "--listen", "127.0.0.1:0"]);
        assert_eq!(code, Some(4), "{said}");
        assert!(said.contains(&agent.pid()) && said.contains("http://127.0.0.1:"), "{said}");
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn up_of_a_held_lab_has_its_agent_make_it_as_its_file_says() {
    sandbox(|| {
        let _agent = Agent::start();
        assert_eq!(netmon_says(&["up"]).0, Some(0));
        run("ip", &["address", "add", "10.200.9.9/24", "dev", "veth0"]);
        assert_eq!(netmon_says(&["up"]).0, Some(0));
        assert!(!run("ip", &["address", "show", "dev", "veth0"]).contains("10.200.9.9"));
    });
}

#[test]
fn exec_returns_the_commands_own_code_and_shows_the_namespaces_files() {
    sandbox(|| {
        run(netmon().to_str().unwrap(), &["up"]);
        let exec = |command: &[&str]| netmon_says(&[&["exec", "direct_netns", "--"], command].concat());
        assert_eq!(exec(&["sh", "-c", "exit 42"]).0, Some(42));
        assert_eq!(exec(&["no-such-command"]).0, Some(127));
        assert_eq!(exec(&["/proc/version"]).0, Some(126));
        assert_eq!(exec(&["grep", "-q", "netmon:direct", "/etc/resolv.conf"]).0, Some(0));
        assert_eq!(exec(&["test", "-e", "/sys/class/net/veth1"]).0, Some(0));
        assert_eq!(exec(&["test", "-e", "/sys/class/net/veth0"]).0, Some(1));
        let (code, said) = netmon_says(&["exec", "elsewhere", "--", "true"]);
        assert_eq!(code, Some(1));
        assert!(said.contains("there is no namespace elsewhere; there are: direct_netns"), "{said}");
        run(netmon().to_str().unwrap(), &["down"]);
    });
}
