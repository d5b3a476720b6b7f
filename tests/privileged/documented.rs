//! The pages for readers show what netmon prints: every command of a tutorial and of the how-to is run, in the order of
//! its page, and prints what the page says below it. `netmon_tests::documented` describes the marks of the pages.

use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use netmon_tests::{
    binary::netmon,
    documented::{Step, agree, files, masked, steps},
    eventually::eventually,
    running::Running,
    sandbox::sandbox,
};

/// Enough for a lab to be built and its programs to be verified.
const PATIENCE: Duration = Duration::from_secs(90);
/// Where the commands run: the files of the page, and the example labs.
const FOLDER: &str = "/run/sandbox/page";
/// A folder that has netmon under its own name.
const PROGRAMS: &str = "/run/sandbox/programs";

fn repository() -> PathBuf {
    fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap()
}

fn prepare(page: &str) {
    fs::create_dir_all(FOLDER).unwrap();
    fs::create_dir_all(PROGRAMS).unwrap();
    symlink(fs::canonicalize(netmon()).unwrap(), format!("{PROGRAMS}/netmon")).unwrap();
    symlink(repository().join("labs"), format!("{FOLDER}/labs")).unwrap();
    for (name, text) in files(page) {
        fs::write(format!("{FOLDER}/{name}"), text).unwrap();
    }
}

/// A script of bash that runs `command` where the page's commands run.
fn script(command: &str) -> String {
    format!("cd {FOLDER} && export PATH={PROGRAMS}:$PATH && {command}")
}

fn difference(name: &str, Step { line, command, output }: &Step, run: &str) -> String {
    let [shown, printed] = [output.as_str(), run].map(|text| masked(text).join("\n"));
    format!(
        "{name}:{line}: `{command}` prints\n{run}\nMasked, the page has\n{shown}\n\nand the run\n{printed}\n"
    )
}

/// Runs a command to its end. Returns the difference from the page, or `None` if there is none.
fn wrong(name: &str, step: &Step) -> Option<String> {
    let script = script(&format!("{{ {}; }} 2>&1", step.command));
    let output = Command::new("bash").args(["-c", &script]).stdin(Stdio::null()).output().expect("bash");
    let run = String::from_utf8_lossy(&output.stdout);
    (!agree(&step.output, &run)).then(|| difference(name, step, &run))
}

/// Starts a command that runs on, and waits until it has printed what the page shows.
fn started(name: &str, step: &Step, command: &str) -> Running {
    let running =
        Running::start("beside", "bash", &["-c", &script(&format!("exec {command}"))]).expect("bash");
    eventually(&format!("the output of {name}:{}", step.line), PATIENCE, || {
        agree(&step.output, &running.output()).then_some(())
    });
    running
}

/// Runs all commands of a page.
fn says_what_happens(name: &str) {
    let page = fs::read_to_string(repository().join("docs").join(name)).unwrap();
    let steps = steps(&page);
    assert!(!steps.is_empty(), "{name} has no command to run");
    sandbox(|| {
        prepare(&page);
        let mut beside = Vec::new();
        let mut differences = Vec::new();
        for step in &steps {
            match step.command.strip_suffix(" &") {
                Some(command) => beside.push(started(name, step, command)),
                None => differences.extend(wrong(name, step)),
            }
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    });
}

#[test]
fn the_tutorial_of_the_first_lab_says_what_happens() {
    says_what_happens("tutorials/first-lab.md");
}

#[test]
fn the_tutorial_of_the_slow_hop_says_what_happens() {
    says_what_happens("tutorials/slow-hop.md");
}

#[test]
fn the_tutorial_of_ci_says_what_happens() {
    says_what_happens("tutorials/loss-in-ci.md");
}

#[test]
fn the_tutorial_of_containers_says_what_happens() {
    says_what_happens("tutorials/containers.md");
}

#[test]
fn the_how_to_says_what_happens() {
    says_what_happens("HOWTO.md");
}

#[test]
fn every_tutorial_has_a_test() {
    let tests = include_str!("documented.rs");
    for entry in fs::read_dir(repository().join("docs/tutorials")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(tests.contains(&format!("(\"tutorials/{name}\")")), "no test runs docs/tutorials/{name}");
    }
}
