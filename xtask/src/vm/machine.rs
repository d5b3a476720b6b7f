//! A virtual machine: one kernel, a file system in memory, and a serial console for its output.
//!
//! The CPU is emulated (`-accel tcg`): that works wherever the tests run, inside virtual machines too, and is ten to
//! twenty times slower than the host.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{kernel::Kernel, programs::Programs};

/// Kernel parameters. A panic reboots, and qemu runs with `-no-reboot`: a panic ends the machine. The time-stamp
/// counters of emulated CPUs agree, but Linux before 6.12 does not trust them and would read a slow timer instead.
const PARAMETERS: &str = "console=ttyS0 quiet panic=-1 reboot=t tsc=reliable";
/// How many lines of the console an error quotes.
const LAST_LINES: usize = 30;

/// The output of a machine, and how long it ran.
#[derive(Debug)]
pub(super) struct Console {
    pub(super) lines: Vec<String>,
    pub(super) took: Duration,
}

/// Returns the command that starts a machine.
pub(super) fn command(programs: &Programs, kernel: &Kernel, files: &Path) -> Command {
    let mut qemu = programs.qemu();
    qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
        .args(["-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024"])
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(files)
        .args(["-append", PARAMETERS]);
    qemu
}

/// Runs a machine until it ends and prints its output. Kills it after `limit`.
pub(super) fn run(mut qemu: Command, limit: Duration) -> Result<Console> {
    let begun = Instant::now();
    qemu.args(["-serial", "stdio"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut machine = Machine(qemu.spawn().context("cannot start qemu")?);
    let output = machine.0.stdout.take().context("qemu has no output")?;
    let (lines, complete) = read(&lines_of(output), begun + limit);
    if !complete {
        bail!(
            "the machine did not end within {} s and was killed; its last lines:\n{}",
            limit.as_secs(),
            last(&lines)
        );
    }
    let status = machine.0.wait().context("cannot wait for qemu")?;
    if !status.success() {
        bail!("qemu failed ({status}); the last lines:\n{}", last(&lines));
    }
    Ok(Console { lines, took: begun.elapsed() })
}

/// Returns the last lines of a machine's output.
pub(super) fn last(lines: &[String]) -> String {
    let last: VecDeque<String> =
        lines.iter().rev().take(LAST_LINES).map(|line| format!("    {line}")).rev().collect();
    last.into_iter().collect::<Vec<_>>().join("\n")
}

/// A running machine, which is killed when this is dropped.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends lines as they arrive, from a thread that ends with the machine.
fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if sender.send(text).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Returns all lines, and whether the output ended in time.
fn read(receiver: &Receiver<String>, end: Instant) -> (Vec<String>, bool) {
    let mut lines = Vec::new();
    loop {
        match receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                println!("  | {line}");
                lines.push(line);
            }
            Err(RecvTimeoutError::Timeout) => return (lines, false),
            Err(RecvTimeoutError::Disconnected) => return (lines, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh"]);
        command
    }

    #[test]
    fn the_output_of_a_machine_is_split_into_lines_without_carriage_returns() {
        let console = run(shell(r"printf 'one\r\ntwo'"), Duration::from_secs(20)).expect("it ends");
        assert_eq!(console.lines, ["one", "two"]);
    }

    #[test]
    fn a_machine_that_hangs_is_killed_and_the_error_quotes_its_last_lines() {
        let begun = Instant::now();
        let error =
            run(shell("echo stuck here; exec sleep 60"), Duration::from_secs(1)).expect_err("it hangs");
        assert!(begun.elapsed() < Duration::from_secs(30), "it was waited for");
        assert!(
            error.to_string().contains("within 1 s") && error.to_string().contains("stuck here"),
            "{error}"
        );
    }

    #[test]
    fn the_error_of_a_machine_that_fails_quotes_its_last_lines() {
        let error = run(shell("echo no such kernel; exit 1"), Duration::from_secs(20)).expect_err("it fails");
        assert!(error.to_string().contains("no such kernel"), "{error}");
    }

    #[test]
    fn the_last_lines_are_the_last_in_order() {
        let lines: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
        let text = last(&lines);
        assert!(text.starts_with("    line 70\n") && text.ends_with("    line 99"), "{text}");
    }
}
