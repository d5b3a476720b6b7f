//! Work that takes long is shown on a terminal, whatever it is.

use std::{fs, path::Path, process::Command, time::Duration};

use netmon_tests::{
    binary::netmon, commands::succeeds, eventually::eventually, sandbox::sandbox, terminal::on_a_terminal,
};

/// A lab whose service ignores SIGTERM: to end it takes the whole grace period.
const STUBBORN: &str = r#"
name = "slow"
[[namespace]]
name = "slow"
[[service]]
namespace = "slow"
command = ["sh", "-c", "trap '' TERM; echo > /run/sandbox/ready; while :; do sleep 1; done"]
"#;
const FILE: &str = "/run/sandbox/slow.toml";

fn up() {
    fs::write(FILE, STUBBORN).unwrap();
    succeeds(&["up", FILE]);
    // The service ignores the signal only from here on.
    eventually("a stubborn service", Duration::from_secs(10), || {
        Path::new("/run/sandbox/ready").exists().then_some(())
    });
}

#[test]
fn a_terminal_shows_what_takes_long_and_the_line_is_cleared_at_the_end() {
    sandbox(|| {
        up();
        let (code, shown) = on_a_terminal(&format!("down {FILE}"), "");
        assert_eq!(code, Some(0), "{shown:?}");
        assert!(shown.contains("\rstopping services, 0 s\u{1b}[K"), "{shown:?}");
        assert!(shown.contains("\r\u{1b}[K"), "{shown:?}");
    });
}

#[test]
fn without_a_terminal_there_is_no_progress_line() {
    sandbox(|| {
        up();
        let output = Command::new(netmon()).args(["down", FILE]).output().unwrap();
        assert!(output.status.success());
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!said.contains('\r') && !said.contains("stopping"), "{said:?}");
    });
}
