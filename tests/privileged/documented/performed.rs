//! The commands of one page, run in a sandbox as a reader would: with the example labs at hand, as root.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    process::{Command, Stdio},
    time::Duration,
};

use netmon_tests::{
    binary::netmon,
    documented::{Judged, Step, agree, files, masked, steps},
    eventually::eventually,
    kill::ends_within,
    running::Running,
    sandbox::sandbox,
};
use rustix::process::{Pid, Signal, kill_process};

use super::repository;

/// Enough for a lab to be built and its programs to be verified.
const PATIENCE: Duration = Duration::from_secs(90);
/// Where the commands run: the files of the page, and the example labs.
const FOLDER: &str = "/run/sandbox/page";
/// A folder that has netmon under its own name.
const PROGRAMS: &str = "/run/sandbox/programs";
/// What netmon prints once an agent is up: how to end it.
const IS_UP: &str = "Ctrl-C";

/// Runs all commands of a page.
pub(super) fn says_what_happens(name: &str) {
    let page = fs::read_to_string(repository().join(name)).unwrap();
    let steps: Vec<Step> = steps(&page).into_iter().filter(|step| step.judged != Judged::Not).collect();
    assert!(!steps.is_empty(), "{name} has no command to run");
    sandbox(|| {
        prepare(&page);
        let mut beside = Vec::new();
        let mut differences = Vec::new();
        for step in &steps {
            match runs_on(step) {
                Some(command) => beside.push(started(name, step, command, beside.len())),
                None if step.command == "stop" => beside.drain(..).for_each(|running| stopped(&running)),
                None => differences.extend(wrong(name, step)),
            }
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    });
}

fn prepare(page: &str) {
    let release = format!("{FOLDER}/target/release");
    for folder in [PROGRAMS, &release] {
        fs::create_dir_all(folder).unwrap();
    }
    for folder in [PROGRAMS, &release] {
        symlink(fs::canonicalize(netmon()).unwrap(), format!("{folder}/netmon")).unwrap();
    }
    // The tests are root already, where sudo may not be installed.
    let sudo = format!("{PROGRAMS}/sudo");
    fs::write(&sudo, "#!/bin/sh\nexec \"$@\"\n").unwrap();
    fs::set_permissions(&sudo, fs::Permissions::from_mode(0o755)).unwrap();
    symlink(repository().join("labs"), format!("{FOLDER}/labs")).unwrap();
    for (name, text) in files(page) {
        fs::write(format!("{FOLDER}/{name}"), text).unwrap();
    }
}

/// Returns the command of a step that does not end by itself: one in the background, or an agent.
fn runs_on(step: &Step) -> Option<&str> {
    let command = step.command.strip_suffix(" &");
    let is_agent = step.judged == Judged::Success && is_agent(&step.command);
    command.or_else(|| is_agent.then_some(step.command.as_str()))
}

fn is_agent(command: &str) -> bool {
    let command = command.strip_prefix("sudo ").unwrap_or(command);
    command.starts_with("netmon run") || command.starts_with("target/release/netmon run")
}

/// A script of bash that runs `command` where the page's commands run.
fn script(command: &str) -> String {
    format!("cd {FOLDER} && export PATH={PROGRAMS}:$PATH && {command}")
}

/// Starts a command that runs on, and waits until it has printed what the page shows, or that the agent is up.
fn started(name: &str, step: &Step, command: &str, number: usize) -> Running {
    let log = format!("beside-{number}").leak();
    let running = Running::start(log, "bash", &["-c", &script(&format!("exec {command}"))]).expect("bash");
    let is_seen = |output: &str| match step.judged {
        Judged::Output => agree(&step.output, output),
        _ => !is_agent(command) || output.contains(IS_UP),
    };
    eventually(&format!("the output of {name}:{}", step.line), PATIENCE, || {
        is_seen(&running.output()).then_some(())
    });
    running
}

fn stopped(running: &Running) {
    let pid = Pid::from_child(running.child());
    // It may have ended by itself.
    let _ = kill_process(pid, Signal::INT);
    assert!(ends_within(pid, PATIENCE), "Ctrl-C does not end a command");
}

/// Runs a command to its end. Returns what is wrong with it, or `None` if it does what the page says.
fn wrong(name: &str, step: &Step) -> Option<String> {
    let script = script(&format!("{{ {}\n}} 2>&1", step.command));
    let output = Command::new("bash").args(["-c", &script]).stdin(Stdio::null()).output().expect("bash");
    let run = String::from_utf8_lossy(&output.stdout);
    match step.judged {
        Judged::Output => (!agree(&step.output, &run)).then(|| difference(name, step, &run)),
        judged => (output.status.success() != (judged == Judged::Success))
            .then(|| format!("{name}:{}: `{}` ends with {}:\n{run}", step.line, step.command, output.status)),
    }
}

fn difference(name: &str, Step { line, command, output, .. }: &Step, run: &str) -> String {
    let [shown, printed] = [output.as_str(), run].map(|text| masked(text).join("\n"));
    format!(
        "{name}:{line}: `{command}` prints\n{run}\nMasked, the page has\n{shown}\n\nand the run\n{printed}\n"
    )
}
