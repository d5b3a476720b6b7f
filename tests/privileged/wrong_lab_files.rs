//! Wrong lab files, given to the real commands: exit code 2, in bounded time and memory, and with nothing changed on
//! the host.
//!
//! Those that are text are in `netmon/labfile/tests/wrong/`, where their errors are tested. This module creates those
//! that are large, binary or no files at all.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use netmon_tests::{
    agent::Agent,
    binary::netmon,
    commands::succeeds,
    host::left_behind,
    lab_files::shipped,
    sandbox::{run, sandbox},
};
use rustix::process::Signal;

/// The commands that take a lab file.
const COMMANDS: [&[&str]; 6] =
    [&["plan"], &["up"], &["run", "--listen", "127.0.0.1:0"], &["test"], &["reload"], &["down"]];
/// The time limit of a command on a busy machine; on an idle one it takes some milliseconds.
const LONGEST: Duration = Duration::from_secs(20);
/// A limit of the address space: the program and its libraries take a tenth of it.
const MEMORY: &str = "--as=1073741824";
/// The least number of fixtures.
const FIXTURES: usize = 111;

/// All that a command could have changed.
fn host() -> String {
    let shown: [&[&str]; 5] = [
        &["ip", "-d", "-o", "link", "show"],
        &["ip", "-o", "address", "show"],
        &["ip", "route", "show", "table", "all"],
        &["tc", "qdisc", "show"],
        &["ip", "netns", "list"],
    ];
    let shown = shown.map(|command| run(command[0], &command[1..])).join("\n");
    let settings = ["/proc/sys/kernel/core_pattern", "/proc/sys/net/ipv4/ip_forward"];
    let settings = settings.map(|path| fs::read_to_string(path).unwrap()).concat();
    let files =
        run("find", &["/run", "/etc", "-newer", "/run/sandbox/start", "-not", "-path", "/run/sandbox/*"]);
    format!("{}\n{shown}\n{settings}\n{files}", left_behind())
}

/// What one command prints about a file. Asserts that time, memory and length are bounded.
fn says(command: &[&str], file: &Path) -> String {
    let begun = Instant::now();
    let mut netmon_with_file = Command::new("prlimit");
    netmon_with_file.arg(MEMORY).arg(netmon()).args(command).arg(file).stdin(Stdio::null());
    let Output { status, stdout, stderr } = netmon_with_file.output().unwrap();
    let (took, said) = (begun.elapsed(), String::from_utf8_lossy(&stderr).into_owned());
    let shown = || said.chars().take(2000).collect::<String>();
    assert_eq!(status.code(), Some(2), "{command:?} {}: {}", file.display(), shown());
    assert!(stdout.is_empty(), "{command:?} {}", file.display());
    assert!(took < LONGEST, "{command:?} {} took {took:?}", file.display());
    assert!(said.len() < 600_000, "{command:?} {}: {} bytes", file.display(), said.len());
    assert!(said.contains("\n    help: "), "{command:?} {}: {}", file.display(), shown());
    said
}

/// What all commands print about a file. Asserts that they print the same, and that the host does not change.
fn all_say(file: &Path) -> String {
    let before = host();
    let said: Vec<String> = thread::scope(|scope| {
        // Threads share the sandbox of the thread that starts them.
        let all: Vec<_> = COMMANDS.iter().map(|command| scope.spawn(|| says(command, file))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    // `down` says in addition what it wanted the file for, and how else the lab can be named.
    let error = said[0].trim_start_matches("netmon: ");
    let error = error.trim_start_matches("the lab file is invalid; nothing was changed:\n");
    assert!(said.iter().all(|one| one.contains(error)), "{}: {said:?}", file.display());
    assert_eq!(host(), before, "{}", file.display());
    said.into_iter().next().unwrap()
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../netmon/labfile/tests/wrong");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|is| is == "toml"));
    assert!(files.len() >= FIXTURES, "{} fixtures", files.len());
    files
}

#[test]
fn every_fixture_is_refused_and_changes_nothing() {
    sandbox(|| {
        fs::write("/run/sandbox/start", "").unwrap();
        for file in fixtures() {
            let said = all_say(&file);
            assert!(said.contains(&format!("{}:", file.display())) && said.contains(": error: "), "{said}");
        }
    });
}

#[test]
fn files_too_large_too_deep_or_without_text_are_refused_with_a_place() {
    sandbox(|| {
        fs::write("/run/sandbox/start", "").unwrap();
        let file = Path::new("/run/sandbox/made.toml");
        let many = |line: &str, times: usize| line.repeat(times).into_bytes();
        let megabyte = 1 << 20;
        // Pseudo-random bytes (Lehmer), so that they are the same each time.
        let noise = (0..4096_u64).scan(42_u64, |state, _| {
            *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d) | 1;
            Some((*state >> 33) as u8)
        });
        let made: Vec<(&str, Vec<u8>, &str)> = vec![
            ("noise", noise.collect(), ":1:"),
            ("a program", fs::read("/bin/true").unwrap(), ":1:"),
            ("nothing", Vec::new(), ":1:1: error: the file is empty"),
            ("blanks", many(" \n", 100), ":1:1: error: the file is empty"),
            ("zeroes", vec![0; 4096], ":1:1: error: "),
            ("Latin-1", b"# caf\xe9\nname = \"x\"\n".to_vec(), ":1:6: error: the file is not UTF-8"),
            ("UTF-16", b"\xff\xfen\0a\0m\0e\0".to_vec(), ":1:1: error: the file is not UTF-8"),
            ("a character cut in half", b"name = \"caf\xc3".to_vec(), ":1:12: error: the file is not UTF-8"),
            ("more than is read", many("# much\n", megabyte), ":1:1: error: the file is larger than 4 MiB"),
            ("brackets", many("[", megabyte), ":1:"),
            ("braces", many("a = { ", megabyte / 8), ":1:"),
            ("dots", [many("a.", megabyte / 2), b"a = 1".to_vec()].concat(), ":1:"),
            (
                "a long line",
                [b"name = \"".to_vec(), many("x", megabyte), b"\"".to_vec()].concat(),
                ":1:8: error: lab name",
            ),
            (
                "many sections",
                many("[[namespace]]\n", megabyte / 16),
                ":1:1: error: [[namespace]] lacks `name`",
            ),
            (
                "many keys",
                (0..10_000).flat_map(|i| format!("k{i} = 1\n").into_bytes()).collect(),
                ":1:1: error: unknown key",
            ),
            ("one key many times", many("name = \"x\"\n", 50_000), ":2:1: error: duplicate key"),
        ];
        for (what, bytes, words) in made {
            fs::write(file, bytes).unwrap();
            let said = all_say(file);
            assert!(said.contains(&format!("made.toml{words}")), "{what}: {}", &said[..said.len().min(600)]);
        }
    });
}

#[test]
fn paths_that_are_no_files_are_refused_without_a_long_wait() {
    sandbox(|| {
        fs::write("/run/sandbox/start", "").unwrap();
        let at = |name: &str| Path::new("/run/sandbox").join(name);
        fs::create_dir(at("folder.toml")).unwrap();
        run("mkfifo", &["/run/sandbox/pipe.toml"]);
        symlink("loop.toml", at("loop.toml")).unwrap();
        symlink("/dev/zero", at("zero.toml")).unwrap();
        symlink("nowhere.toml", at("dangling.toml")).unwrap();
        let long = at(&"x".repeat(300));
        for (path, words) in [
            (at("folder.toml"), "Is a directory"),
            (at("pipe.toml"), "no data for 5 seconds"),
            (at("loop.toml"), "Too many levels of symbolic links"),
            (at("zero.toml"), "zero.toml:1:1: error: the file is larger than 4 MiB"),
            (at("dangling.toml"), "No such file"),
            (at("missing.toml"), "No such file"),
            (long, "File name too long"),
        ] {
            let said = all_say(&path);
            assert!(said.contains(words), "{}: {said}", path.display());
            assert!(said.contains(&*path.to_string_lossy()), "{said}");
        }
    });
}

#[test]
fn a_file_whose_name_makes_no_lab_name_says_so() {
    sandbox(|| {
        fs::write("/run/sandbox/start", "").unwrap();
        for name in ["my lab.toml", "-.toml", "a\nb.toml", "netns-directory.toml"] {
            let path = Path::new("/run/sandbox").join(name);
            fs::write(&path, "# nothing\n").unwrap();
            let said = all_say(&path);
            assert!(said.contains(":1:1: error: the file's name makes"), "{name}: {said}");
        }
    });
}

#[test]
fn a_pipe_with_a_writer_is_a_lab_file() {
    sandbox(|| {
        let plan = format!("{0} plan <({0} generate star -n 2)", netmon().display());
        let said = Command::new("bash").args(["-c", &plan]).output().unwrap();
        let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        assert!(said.status.success() && text.contains("+ namespace star-2"), "{text}");
    });
}

#[test]
fn an_agent_survives_a_reload_of_every_wrong_file() {
    sandbox(|| {
        let file = "/run/sandbox/direct.toml";
        let right = fs::read_to_string(shipped("direct.toml")).unwrap();
        fs::write(file, &right).unwrap();
        let agent = Agent::start([file]);
        let before = left_behind();
        for wrong in fixtures() {
            // The agent may also read the file while it is empty.
            fs::copy(wrong, file).unwrap();
            rustix::process::kill_process(agent.pid(), Signal::HUP).unwrap();
        }
        fs::write(file, &right).unwrap();
        // Requests are handled in order: this one is answered after the others.
        succeeds(&["reload", file]);
        assert_eq!(left_behind(), before);
        run("ping", &["-q", "-c", "1", "-W", "2", "10.200.0.3"]);
        assert_eq!(agent.end(Signal::TERM).0.code(), Some(0));
    });
}
