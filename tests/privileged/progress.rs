//! Work that takes longer than a moment is told of on a terminal, whatever it is that takes so long.
#![expect(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

use std::{fs, path::Path, process::Command};

use netmon_tests::{
    agent::netmon_says,
    binary::netmon,
    sandbox::{run, sandbox},
};

/// A lab whose service does not end when it is asked to: that takes as long as it is given.
const STUBBORN: &str = r#"
name = "slow"
[[namespace]]
name = "slow"
[[service]]
namespace = "slow"
command = ["sh", "-c", "trap '' TERM; echo > /run/sandbox/ready; while :; do sleep 1; done"]
"#;
const FILE: &str = "/run/sandbox/slow.toml";

/// What a command shows on a terminal of its own.
fn on_a_terminal(arguments: &str) -> String {
    let command = format!("{} {arguments}", netmon().display());
    run("script", &["-qec", &command, "/dev/null"])
}

fn up() {
    fs::write(FILE, STUBBORN).unwrap();
    let (code, said) = netmon_says(&["up", FILE]);
    assert_eq!(code, 0, "{said}");
    // It ignores the signal only from here on.
    netmon_tests::eventually::eventually("a stubborn service", std::time::Duration::from_secs(10), || {
        Path::new("/run/sandbox/ready").exists().then_some(())
    });
}

#[test]
fn a_terminal_is_told_what_takes_so_long_and_the_line_is_gone_at_the_end() {
    sandbox(|| {
        up();
        let shown = on_a_terminal(&format!("down {FILE}"));
        // Each line is cleared before the next, and after the last one.
        let lines: Vec<&str> = shown.split("\r\u{1b}[2K").collect();
        let (last, drawn) = lines.split_last().unwrap();
        let seconds = |line: &&str| {
            line.trim_end().strip_prefix("stopping services, ")?.strip_suffix(" s")?.parse().ok()
        };
        assert!(drawn.iter().filter_map(seconds).any(|seconds: u32| seconds < 3), "{shown:?}");
        assert!(!last.contains("stopping"), "{shown:?}");
    });
}

#[test]
fn nobody_is_told_without_a_terminal() {
    sandbox(|| {
        up();
        let output = Command::new(netmon()).args(["down", FILE]).output().unwrap();
        assert!(output.status.success());
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!said.contains('\r') && !said.contains("stopping"), "{said:?}");
    });
}
