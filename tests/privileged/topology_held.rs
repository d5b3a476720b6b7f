//! A lab that an agent holds: what other commands do with it.

use netmon_tests::{
    agent::{Agent, Up},
    commands::{fails, netmon_says, succeeds},
    host::left_behind,
    ping::ping,
    sandbox::{run, sandbox},
};

#[test]
fn down_of_a_held_lab_is_done_by_its_agent_which_then_ends() {
    sandbox(|| {
        let before = left_behind();
        let mut agent = Agent::start([""; 0]);
        succeeds(&["down"]);
        assert_eq!(left_behind(), before);
        assert_eq!(agent.wait().code(), Some(0));
    });
}

#[test]
fn a_second_run_says_who_holds_the_lab_and_changes_nothing() {
    sandbox(|| {
        let agent = Agent::start([""; 0]);
        let before = left_behind();
        let said = fails(4, &["run", "--listen", "127.0.0.1:0"]);
        assert!(said.contains(&agent.pid().as_raw_nonzero().to_string()), "{said}");
        assert!(said.contains("http://127.0.0.1:"), "{said}");
        assert_eq!(left_behind(), before);
        ping("root", "10.200.0.3");
    });
}

#[test]
fn up_of_a_held_lab_has_its_agent_make_it_as_its_file_says() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        succeeds(&["up"]);
        run("ip", &["address", "delete", "10.200.0.2/24", "dev", "veth0"]);
        succeeds(&["up"]);
        assert!(run("ip", &["address", "show", "dev", "veth0"]).contains("10.200.0.2/24"));
    });
}

#[test]
fn exec_returns_the_commands_own_code_and_shows_the_namespaces_files() {
    sandbox(|| {
        let _lab = Up::direct();
        let exec = |command: &[&str]| netmon_says(&[&["exec", "direct_netns", "--"], command].concat()).0;
        assert_eq!(exec(&["sh", "-c", "exit 42"]), 42);
        assert_eq!(exec(&["no-such-command"]), 127);
        assert_eq!(exec(&["/proc/version"]), 126);
        assert_eq!(exec(&["grep", "-q", "netmon:direct", "/etc/resolv.conf"]), 0);
        assert_eq!(exec(&["test", "-e", "/sys/class/net/veth1"]), 0);
        assert_eq!(exec(&["test", "-e", "/sys/class/net/veth0"]), 1);
        let said = fails(1, &["exec", "elsewhere", "--", "true"]);
        assert!(said.contains("there is no namespace elsewhere; there are: direct_netns"), "{said}");
    });
}
