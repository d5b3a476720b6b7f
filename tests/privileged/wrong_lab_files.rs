//! Wrong lab files, given to the real commands: exit code 2, the place of the error, and advice; in bounded time and
//! memory, and with nothing changed on the host.
//!
//! Those that are text are in `tests/wrong_labs/`. This module creates those that are large, binary or no files at
//! all.

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
const FIXTURES: usize = 70;

/// The place of the first error of each fixture, and a part of its message.
const PLACES: &str = "
address_of_a_network 2:58 network's own address
address_out_of_range 2:58 is not an IP address
address_twice 3:58 has the address 10.0.0.1 twice
address_without_prefix 2:58 lacks its prefix length
bridge_of_another_namespace 7:56 there is no bridge
bridge_that_is_not_there 2:56 there is no bridge
end_that_is_missing 1:1 lacks `b`
error_behind_a_byte_order_mark 2:8 must not contain '/'
error_behind_crlf 3:8 must not contain '/'
expectation_by_name 3:8 no URL of plain HTTP
expectation_of_no_link 4:12 there is no link
expectation_without_a_try 1:1 lacks `icmp`
interface_called_dot_dot 2:39 must not be '.' or '..'
interface_called_lo 2:39 cannot be the end of a link
interface_of_16_bytes 4:39 is 16 bytes long
interface_of_16_bytes_in_8_characters 4:39 is 16 bytes long
interface_that_is_a_format 2:39 must not contain '%'
interface_twice 7:39 has two interfaces eth0
interface_with_a_line_feed 2:39 \"eth0\\nnetmon:other\"
interface_with_a_nul 2:39 control characters
interface_with_a_slash 2:39 must not contain '/'
json 1:1 invalid key-value pair
key_twice 2:1 duplicate key
lab_name_of_two_dots 1:8 must not be '.' or '..'
lab_name_that_climbs 1:8 must not contain '/'
lab_name_that_is_absolute 1:8 must not contain '/'
lab_name_that_is_empty 1:8 must not be empty
lab_name_with_a_blank 1:8 without white space
link_name_twice 6:8 two links cable
link_to_itself 3:39 to itself
list_instead_of_a_table 2:5 must be a table
loop_of_one_bridge 6:56 closes a loop
loop_of_three_bridges 22:54 closes a loop
mtu_as_text 2:7 must be an integer
mtu_below_zero 2:7 out of range
mtu_beyond_64_bits 2:7 out of range
mtu_too_small 2:7 out of range
nameserver_by_name 3:16 is not an IP address
namespace_called_root 2:8 cannot be made
namespace_of_300_bytes 2:8 is 300 bytes long
namespace_of_two_dots 2:8 must not be '.' or '..'
namespace_that_climbs 2:8 must not contain '/'
namespace_that_is_not_there 5:19 there is no namespace
namespace_that_looks_like_an_option 2:8 must not start with '-'
namespace_twice 4:8 declared twice
namespace_with_a_nul 2:8 control characters
namespace_with_shell_characters 2:8 without white space
port_with_addresses 5:56 cannot have the address
prefix_of_99 2:58 is not a prefix length
route_by_itself 3:35 is an address of web itself
route_via_no_neighbour 3:35 is not on a link of web
route_of_two_families 3:18 of different families
service_name_that_climbs 2:8 must not contain '/'
service_name_twice 6:8 two services web
service_with_a_nul 3:24 a NUL byte
service_with_an_empty_command 3:11 is empty
service_with_both 3:8 not both
service_with_nothing_to_do 1:1 lacks `command` or `http`
service_without_a_port 3:8 not an address and a port
sysctl_of_the_host 3:13 does not start with `net.`
sysctl_that_climbs 3:13 does not start with `net.`
sysctl_that_climbs_by_dots 3:13 has an empty part
table_instead_of_tables 1:1 must be an array of tables
truncated_in_a_header 1:7 unclosed array table
truncated_in_a_string 2:11 invalid basic string
truncated_in_a_table 3:32 unclosed inline table
two_byte_order_marks 1:2 invalid unquoted key
unknown_key 2:1 unknown key \"colour\"
unknown_section 1:3 did you mean `namespace`?
yaml 1:5 invalid unquoted key
";

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
    assert!(said.len() < 400_000, "{command:?} {}: {} bytes", file.display(), said.len());
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
    assert!(said.iter().all(|one| *one == said[0]), "{}: {said:?}", file.display());
    assert_eq!(host(), before, "{}", file.display());
    said.into_iter().next().unwrap()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("wrong_labs").join(name)
}

#[test]
fn every_fixture_is_refused_with_its_place_and_changes_nothing() {
    let places: Vec<&str> = PLACES.lines().filter(|line| !line.is_empty()).collect();
    let files = fs::read_dir(fixture("")).unwrap().count();
    assert!(files == places.len() && files >= FIXTURES, "{files} fixtures, {} places", places.len());
    sandbox(|| {
        fs::write("/run/sandbox/start", "").unwrap();
        for place in places {
            let [name, at, words] = place.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{place}") };
            let file = fixture(&format!("{name}.toml"));
            let said = all_say(&file);
            let line = format!("{}:{at}: error: ", file.display());
            let first = said.lines().find(|line| line.contains(": error: ")).unwrap_or_default();
            let is_right = first.starts_with(&line) && (first.contains(words) || said.contains(words));
            assert!(is_right, "{place}: {said}");
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
            (at("pipe.toml"), "nobody wrote to it for 5 seconds"),
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
        for entry in fs::read_dir(fixture("")).unwrap() {
            // The agent may also read the file while it is empty.
            fs::copy(entry.unwrap().path(), file).unwrap();
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
