//! What the agent refuses, its message, and that nothing was changed.

use std::{fs, net::TcpListener, process::Command};

use netmon_tests::{
    binary::netmon,
    commands::fails,
    host::left_behind,
    sandbox::{run, sandbox},
};

#[test]
fn without_a_privilege_it_names_what_is_missing() {
    sandbox(|| {
        let before = left_behind();
        let netmon = netmon();
        // The binary may be where only root can read it.
        fs::copy(&netmon, "/run/netmon-copy").unwrap();
        let command = "setpriv --reuid 65534 --regid 65534 --clear-groups /run/netmon-copy run; echo code $?";
        let said = run("bash", &["-c", &format!("{{ {command}; }} 2>&1")]);
        assert!(said.contains("CAP_NET_ADMIN") && said.contains("CAP_BPF"), "{said}");
        assert!(said.contains("code 3"), "{said}");
        fs::remove_file("/run/netmon-copy").unwrap();
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn an_invalid_lab_file_is_reported_with_the_place_of_the_error() {
    sandbox(|| {
        let before = left_behind();
        fs::write("/run/wrong.toml", "[[namespace]]\nname = \"a/b\"\n").unwrap();
        let said = fails(2, &["run", "/run/wrong.toml"]);
        assert!(said.contains("/run/wrong.toml:2:8: error:"), "{said}");
        fs::remove_file("/run/wrong.toml").unwrap();
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn an_address_in_use_is_reported_before_anything_is_made() {
    sandbox(|| {
        let before = left_behind();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let said = fails(1, &["run", "--listen", &address]);
        assert!(said.contains(&address) && said.contains("--listen"), "{said}");
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn a_name_that_is_taken_is_a_conflict_and_nothing_is_changed() {
    sandbox(|| {
        run("ip", &["link", "add", "veth0", "type", "bridge"]);
        let said = fails(4, &["run"]);
        assert!(said.contains("veth0"), "{said}");
        assert!(run("ip", &["-d", "link", "show", "veth0"]).contains("bridge"));
        assert!(!fs::exists("/run/netns/direct_netns").unwrap());
    });
}

#[test]
fn an_empty_variable_of_the_environment_is_one_that_is_not_set() {
    sandbox(|| {
        for (variable, arguments) in [("NETMON_FILE", ["plan"]), ("NETMON_LAB", ["status"])] {
            let output = Command::new(netmon()).args(arguments).env(variable, "").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_ne!(output.status.code(), Some(2), "{variable}: {said}");
        }
    });
}
