//! `netmon record` and `netmon compare` with a real service that becomes slower, and recorders that are killed.

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use netmon_tests::{
    binary::netmon,
    commands::{fails, netmon_says, succeeds},
    eventually::eventually,
    running::Running,
    sandbox::sandbox,
    talk::start,
    work::{Kind, Service},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);
/// The time that the service takes at first.
const TAKES: Duration = Duration::from_millis(20);

/// Records twelve seconds in 60 windows.
fn record(file: &str) {
    succeeds(&["record", "talk", "--seconds", "12", "--interval-ms", "200", "--force", "--write", file]);
}

/// Compares two recordings as JSON, by the response times alone: the machine may be busy with something else.
fn compare(old: &str, new: &str) -> (Option<i32>, Value) {
    let arguments = ["compare", old, new, "--only", "tcp_response", "-o", "json"];
    let output = Command::new(netmon()).args(arguments).output().expect("netmon starts");
    (output.status.code(), serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// The test of a statistic of the response times at the service's end.
fn response<'c>(comparison: &'c Value, statistic: &str) -> &'c Value {
    let tests = comparison["tests"].as_array().expect("tests");
    let is_at_service =
        |test: &&Value| test["place"]["end"]["at"]["netns"] == "far" && test["statistic"] == statistic;
    tests.iter().find(is_at_service).unwrap_or_else(|| panic!("no {statistic}: {comparison}"))
}

#[test]
fn a_service_that_is_a_tenth_slower_regressed_and_an_equal_run_did_not() {
    sandbox(|| {
        let _agent = start("");
        let service = Service::start(Kind::Waiting);
        service.take(TAKES);
        let _load = service.load();
        let [old, equal, slower] =
            ["old", "equal", "slower"].map(|run| format!("/run/sandbox/{run}.netmon.gz"));
        record(&old);
        record(&equal);
        let (code, comparison) = compare(&old, &equal);
        assert_eq!((code, &comparison["is_regression"]), (Some(0), &Value::Bool(false)), "{comparison}");

        let comparison = find(&service, &old, &slower);
        assert_eq!(comparison["is_regression"], true, "{comparison}");
        let found = ["mean", "typical"].map(|statistic| response(&comparison, statistic));
        let found = found.iter().find(|test| test["verdict"] == "regressed").expect("a regression");
        let change = found["change"].as_f64().expect("a number");
        assert!((0.07..0.13).contains(&change), "{found}");
        let (code, text) = netmon_says(&["compare", &old, &slower, "--only", "tcp_response"]);
        assert!(code == 5 && text.contains("tcp_response"), "{code}: {text}");
        assert_eq!(compare(&slower, &old).0, Some(0), "a service that became faster");
    });
}

/// Records the service as it was and a tenth slower, and compares the two. A machine that does other things meanwhile can hide
/// the difference, which `netmon compare` must then not claim: so there are three attempts.
fn find(service: &Service, old: &str, slower: &str) -> Value {
    for attempt in 0..3 {
        if attempt > 0 {
            service.take(TAKES);
            record(old);
        }
        service.take(TAKES.mul_f64(1.1));
        record(slower);
        let (code, comparison) = compare(old, slower);
        if code == Some(5) {
            return comparison;
        }
        eprintln!("attempt {attempt}: not found: {comparison}");
    }
    panic!("a service that is a tenth slower was not found in three attempts");
}

#[test]
fn a_recording_has_the_lab_file_and_the_machine_and_is_lines_of_json() {
    sandbox(|| {
        let _agent = start("");
        let file = "/run/sandbox/run.netmon.gz";
        succeeds(&["record", "--seconds", "1", "--interval-ms", "100", "--write", file]);
        let text = Command::new("zcat").arg(file).output().expect("zcat").stdout;
        let text = String::from_utf8(text).expect("text");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let header = &lines[0]["recording"];
        let lab = fs::read_to_string("/run/sandbox/talk.toml").expect("the lab file");
        assert_eq!((&header["lab"]["name"], &header["lab"]["text"]), (&"talk".into(), &lab.into()));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").expect("the release");
        let recorded = header["machine"]["kernel"].as_str().expect("text");
        assert!(recorded.starts_with(kernel.trim()), "{recorded}");
        let windows = lines.iter().filter(|line| line["window"].is_object()).count();
        assert_eq!(lines.last().expect("lines")["end"]["windows"], windows);
        assert!((8..=10).contains(&windows), "{windows} windows in a second");
        assert!(fails(2, &["record", "--seconds", "1", "--write", file]).contains("--force"));
        succeeds(&["record", "--seconds", "1", "--interval-ms", "100", "--force", "--write", file]);
    });
}

#[test]
fn a_killed_recorder_leaves_a_readable_file_and_a_signal_ends_one_well() {
    sandbox(|| {
        let _agent = start("");
        let service = Service::start(Kind::Waiting);
        service.take(Duration::from_millis(1));
        let _load = service.load();
        let path = |signal: Signal| format!("/run/sandbox/{}.netmon.gz", signal.as_raw());
        for signal in [Signal::KILL, Signal::INT] {
            let file = path(signal);
            let arguments = ["record", "--seconds", "0", "--interval-ms", "100", "--write", &file];
            let mut recorder = Running::start("recorder", netmon(), &arguments).expect("netmon starts");
            eventually("some windows", PATIENCE, || (windows(&file) >= 15).then_some(()));
            let pid = Pid::from_child(recorder.child());
            kill_process(pid, signal).expect("a signal to our own child");
            let status = recorder.wait().expect("our own child");
            assert_eq!(status.success(), signal == Signal::INT, "{status}");
        }
        assert_eq!([ends(&path(Signal::KILL)), ends(&path(Signal::INT))], [false, true]);
        let files = [Signal::KILL, Signal::INT].map(path);
        let (code, text) = netmon_says(&["compare", &files[0], &files[1], "--all", "--bound", "1000"]);
        assert!(text.contains("1 of the recordings were cut off"), "{code}: {text}");
        assert!(text.contains("tcp_response"), "{code}: {text}");
    });
}

/// Reads a recording that may be being written: `zcat` reports its sudden end, and prints all lines before.
fn lines(file: &str) -> String {
    let read = Command::new("zcat").arg(file).stderr(Stdio::null()).output().expect("zcat");
    String::from_utf8_lossy(&read.stdout).into_owned()
}

fn windows(file: &str) -> usize {
    lines(file).lines().filter(|line| line.starts_with("{\"window\"")).count()
}

fn ends(file: &str) -> bool {
    lines(file).lines().last().is_some_and(|line| line.starts_with("{\"end\""))
}

#[test]
fn an_agent_that_ends_too_early_is_an_error_and_its_recording_is_kept() {
    sandbox(|| {
        let agent = start("");
        let file = "/run/sandbox/run.netmon.gz";
        let arguments = ["record", "--seconds", "300", "--interval-ms", "100", "--write", file];
        let mut recorder = Running::start("recorder", netmon(), &arguments).expect("netmon starts");
        eventually("some windows", PATIENCE, || (windows(file) >= 3).then_some(()));
        agent.end(Signal::TERM);
        let status = recorder.wait().expect("our own child");
        assert_eq!(status.code(), Some(1), "{}", recorder.output());
        assert!(recorder.output().contains("has what was recorded until then"), "{}", recorder.output());
        assert!(windows(file) >= 3 && ends(file));
    });
}
