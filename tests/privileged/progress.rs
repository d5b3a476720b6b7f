//! Work that takes long is shown on a terminal, whatever it is.

use std::{fs, path::Path, process::Command, time::Duration};

use netmon::services::detached_supervisor;
use netmon_tests::{
    binary::netmon, commands::succeeds, eventually::eventually, sandbox::sandbox, terminal::on_a_terminal,
};
use rustix::process::{Pid, Signal, kill_process};

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
        // A stopped supervisor does not end when it is asked: `down` waits for it, and then for the service. Both
        // together take much longer than the half second after which the line is there, also on a busy machine.
        let supervisor = detached_supervisor(Path::new("/run/netmon/slow")).expect("a supervisor");
        let supervisor = i32::try_from(supervisor).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(supervisor, Signal::STOP).expect("it runs");
        let (code, shown) = on_a_terminal(&format!("down {FILE}"), "");
        assert_eq!(code, Some(0), "{shown:?}");
        // Each line is cleared before the next is drawn, and the last one at the end.
        let lines: Vec<&str> = shown.split("\r\u{1b}[2K").map(str::trim_end).collect();
        let (last, drawn) = lines.split_last().unwrap();
        let has_line = |second| drawn.contains(&format!("stopping services, {second} s").as_str());
        assert!(has_line(0) || has_line(1), "{shown:?}");
        assert!(!last.contains("stopping"), "{shown:?}");
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
