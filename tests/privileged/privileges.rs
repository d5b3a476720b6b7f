//! Which capabilities a running agent, its threads and its services have, as the kernel says, held against the table in
//! docs/PRIVILEGES.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use netmon_model::lab::{CAPABILITIES, capability_bits};
use netmon_tests::{
    agent::Agent,
    commands::{TakenDown, fails, succeeds},
    eventually::eventually,
    sandbox::sandbox,
    services::{PATIENCE, ServiceLab},
};
use rustix::process::Signal;

const DOCUMENT: &str = include_str!("../../docs/PRIVILEGES.md");
const UNIT: &str = include_str!("../../systemd/netmon@.service");
/// The thread that writes the log.
const WRITER: &str = "netmon-stderr";
const FILE: &str = "/run/sandbox/lab.toml";
const LAB: &str = r#"
name = "few"
[[namespace]]
name = "few_a"
[[namespace]]
name = "few_b"
[[link]]
name = "l"
a = { namespace = "few_a", interface = "eth0", addresses = ["10.0.0.1/24"] }
b = { namespace = "few_b", interface = "eth0", addresses = ["10.0.0.2/24"] }
[[service]]
name = "one"
namespace = "few_a"
command = ["sleep", "4711"]
"#;

/// What the documentation says, by the capability: whether netmon keeps it for itself, and whether a service of root has it.
fn table() -> BTreeMap<&'static str, (bool, bool)> {
    let (_, section) = DOCUMENT.split_once("## What a running agent keeps").expect("the section");
    let cell = |text: &str| text.trim() == "yes";
    let row = |line: &'static str| {
        let mut cells = line.trim_matches('|').split('|');
        let name = cells.next()?.trim().trim_matches('`');
        Some((name, (cell(cells.next()?), cell(cells.next()?))))
    };
    section.lines().filter(|line| line.starts_with("| `CAP_")).filter_map(row).collect()
}

fn bits(names: impl IntoIterator<Item = &'static str>) -> u64 {
    capability_bits(&names.into_iter().collect::<Vec<_>>())
}

/// All that an agent keeps, as far as this test has it itself.
fn kept() -> u64 {
    bits(table().into_keys()) & set(Path::new("/proc/self/status"), "CapPrm")
}

fn of_services() -> u64 {
    bits(table().into_iter().filter(|(_, (_, service))| *service).map(|(name, _)| name)) & kept()
}

/// One set of a process.
fn set(status: &Path, name: &str) -> u64 {
    set_in(&fs::read_to_string(status).expect("the status of a process"), name)
}

fn set_in(status: &str, name: &str) -> u64 {
    u64::from_str_radix(field(status, name), 16).expect("a number")
}

fn field<'s>(status: &'s str, name: &str) -> &'s str {
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {name} in {status}")).trim()
}

/// Asserts that each thread of a process has exactly these capabilities, and can get no others. Returns the threads' names.
fn assert_threads_have(pid: u32, expected: u64) -> BTreeSet<String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("a process").flatten();
    // A thread may end meanwhile.
    let statuses = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    statuses.map(|status| assert_has(&status, expected)).collect()
}

fn assert_has(status: &str, expected: u64) -> String {
    let name = field(status, "Name").to_owned();
    let (sets, expected) = match name.as_str() {
        WRITER => (["CapPrm", "CapEff", "CapInh"], 0),
        _ => (["CapPrm", "CapEff", "CapBnd"], expected),
    };
    for one in sets {
        assert_eq!(set_in(status, one), expected, "{one} of {name}");
    }
    assert_eq!(set_in(status, "CapInh") & !expected, 0, "inheritable of {name}");
    name
}

/// Returns the process of the lab's service.
fn service() -> u32 {
    eventually("the service", PATIENCE, || {
        let processes =
            fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let is_it = |pid: &String| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words == b"sleep\x004711\0")
        };
        processes.filter(|name| name.bytes().all(|b| b.is_ascii_digit())).find(is_it)?.parse().ok()
    })
}

fn is_running(pid: u32) -> bool {
    // A process that has ended has no command line, even before its parent has noticed.
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| !words.is_empty())
}

#[test]
fn every_thread_of_an_agent_has_the_capabilities_of_the_table() {
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        let agent = Agent::start([FILE]);
        let pid = agent.pid().as_raw_nonzero().get().unsigned_abs();
        let threads = assert_threads_have(pid, kept());
        assert!(threads.contains(WRITER) && threads.len() > 3, "{threads:?}");
        assert!(agent.end(Signal::TERM).0.success());
    });
}

#[test]
fn a_service_of_root_has_those_of_the_table_and_ends_with_a_killed_agent() {
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        let taken_down = TakenDown::of(FILE);
        let agent = Agent::start([FILE]);
        let service = service();
        let status = PathBuf::from(format!("/proc/{service}/status"));
        for one in ["CapPrm", "CapEff", "CapBnd"] {
            assert_eq!(set(&status, one), of_services(), "{one}");
        }
        assert_eq!(set(&status, "CapAmb"), 0);
        assert!(!agent.end(Signal::KILL).0.success());
        // The kernel sends the signal only if the program got no capability that the agent had not.
        eventually("the end of the service", Duration::from_secs(10), || {
            (!is_running(service)).then_some(())
        });
        drop(taken_down);
    });
}

#[test]
fn the_supervisor_of_a_lab_without_an_agent_keeps_the_same() {
    sandbox(|| {
        let mut lab = ServiceLab::new("few");
        lab.command("one", &["sleep", "4711"]);
        let supervisor = lab.up().expect("the service starts");
        assert_threads_have(supervisor, kept());
        assert_eq!(set(&PathBuf::from(format!("/proc/{}/status", lab.first_pid())), "CapEff"), of_services());
        assert!(lab.stop().is_empty());
    });
}

#[test]
fn a_lab_that_stays_keeps_its_services_under_a_supervisor_with_the_same_capabilities() {
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        let taken_down = TakenDown::of(FILE);
        let agent = Agent::start(["--keep", FILE]);
        let before = service();
        assert!(agent.end(Signal::TERM).0.success());
        let after = eventually("another service", PATIENCE, || Some(service()).filter(|pid| *pid != before));
        assert_eq!(set(&PathBuf::from(format!("/proc/{after}/status")), "CapEff"), of_services());
        drop(taken_down);
    });
}

#[test]
fn a_capability_that_the_first_file_did_not_name_needs_a_new_agent() {
    let more = format!("{LAB}capabilities = [\"CAP_SYS_TIME\"]\n");
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        let agent = Agent::start([FILE]);
        let before = service();
        fs::write(FILE, &more).unwrap();
        let said = fails(3, &["reload", FILE]);
        assert!(
            said.contains("service one in few_a names CAP_SYS_TIME, which netmon does not have"),
            "{said}"
        );
        assert!(said.contains("end it, and start it again"), "{said}");
        assert!(is_running(before), "nothing was changed");
        assert!(agent.end(Signal::TERM).0.success());
        let agent = Agent::start([FILE]);
        let status = PathBuf::from(format!("/proc/{}/status", service()));
        assert_eq!(set(&status, "CapEff"), bits(["CAP_SYS_TIME"]));
        succeeds(&["reload", FILE]);
        assert!(agent.end(Signal::TERM).0.success());
    });
}

#[test]
fn the_unit_gives_an_agent_what_the_table_says_and_no_more() {
    let line = UNIT.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).expect("the line");
    let unit: BTreeSet<&str> = line.split_whitespace().collect();
    assert_eq!(unit, table().into_keys().collect());
    assert!(unit.iter().all(|name| CAPABILITIES.contains(name)));
}

#[test]
fn the_table_says_which_are_netmons_own_and_which_are_for_services() {
    use netmon_kernel::sys::capabilities::Capability;
    let own = table().into_iter().filter(|(_, (own, _))| *own).map(|(name, _)| name);
    assert_eq!(own.collect::<BTreeSet<_>>(), Capability::ALL.iter().map(|one| one.as_str()).collect());
    let services = table().into_iter().filter(|(_, (_, service))| *service).map(|(name, _)| name);
    let expected: BTreeSet<&str> = netmon_model::lab::SERVICE_CAPABILITIES.into_iter().collect();
    assert_eq!(services.collect::<BTreeSet<_>>(), expected);
}
