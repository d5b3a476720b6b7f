//! The units of netmon under a real systemd, which is the first process here (`xtask/src/vm/systemd.rs`): started, watched,
//! reloaded, stopped, and activated by a socket.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use netmon_tests::{commands::printed, eventually::eventually, sandbox::run};
use rustix::process::{Pid, Signal, kill_process};

/// The machine is emulated, and an agent takes ten seconds to start.
const PATIENCE: Duration = Duration::from_secs(120);
const SERVICE: &str = include_str!("../../systemd/netmon@.service");
const SOCKET: &str = include_str!("../../systemd/netmon@.socket");
const UNITS: &str = "/etc/systemd/system";
const UNIT: &str = "netmon@office";

/// The lab, with this address in namespace `a`.
fn lab(address: &str) -> String {
    format!(
        "name = \"office\"\n[[namespace]]\nname = \"a\"\n[[namespace]]\nname = \"b\"\n\
         [[link]]\nname = \"l\"\na = {{ namespace = \"a\", interface = \"eth0\", addresses = [\"{address}/24\"] }}\n\
         b = {{ namespace = \"b\", interface = \"eth0\", addresses = [\"10.0.0.2/24\"] }}\n\
         [[service]]\nname = \"one\"\nnamespace = \"a\"\ncommand = [\"sleep\", \"4711\"]\n"
    )
}

/// The units and the lab, as an administrator installs them. Stopped when it is dropped.
struct Installed;

impl Installed {
    /// Installs them, with the lines of a drop-in for the service.
    fn new(drop_in: &str) -> Self {
        let folder = format!("{UNITS}/{UNIT}.service.d");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all("/etc/netmon").unwrap();
        fs::write(format!("{folder}/test.conf"), format!("[Service]\n{drop_in}\n")).unwrap();
        fs::write(format!("{UNITS}/netmon@.service"), SERVICE).unwrap();
        fs::write(format!("{UNITS}/netmon@.socket"), SOCKET).unwrap();
        fs::write("/etc/netmon/office.toml", lab("10.0.0.1")).unwrap();
        run("systemctl", &["daemon-reload"]);
        Self
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        for unit in [format!("{UNIT}.socket"), format!("{UNIT}.service")] {
            let _ = systemctl(&["stop", &unit]);
            let _ = systemctl(&["reset-failed", &unit]);
        }
        if std::thread::panicking() {
            println!("{}", journal(&[]));
        }
    }
}

fn systemctl(arguments: &[&str]) -> Output {
    Command::new("systemctl").args(arguments).output().expect("systemctl")
}

/// Runs a verb, which has to succeed.
fn verb(verb: &str, unit: &str) {
    let output = systemctl(&[verb, unit]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "systemctl {verb} {unit}: {said}");
}

fn property(name: &str) -> String {
    run("systemctl", &["show", "--value", "-p", name, UNIT]).trim().to_owned()
}

fn journal(arguments: &[&str]) -> String {
    run("journalctl", &[&["--no-pager", "-o", "short-monotonic", "-u", UNIT], arguments].concat())
}

fn addresses() -> String {
    run("ip", &["-n", "a", "-o", "address", "show", "eth0"])
}

fn is_gone() -> bool {
    !Path::new("/run/netns/a").exists() && !Path::new("/run/netmon").exists()
}

#[test]
fn a_started_unit_counts_reloads_and_leaves_nothing_when_it_is_stopped() {
    let installed = Installed::new("");
    verb("start", UNIT);
    // It is started when it is ready, so nothing is waited for.
    assert_eq!(property("ActiveState"), "active");
    assert_eq!(property("StatusText"), "lab office is up, 1 links are watched");
    run("curl", &["-sf", "http://127.0.0.1:9477/readyz"]);
    run("ip", &["netns", "exec", "a", "ping", "-c", "1", "-W", "10", "10.0.0.2"]);
    assert!(printed(&["status", "office"]).contains("eth0"), "the names show outside of the unit");
    assert!(addresses().contains("10.0.0.1/24"));
    fs::write("/etc/netmon/office.toml", lab("10.0.0.9")).unwrap();
    verb("reload", UNIT);
    eventually("the address of the file", PATIENCE, || addresses().contains("10.0.0.9/24").then_some(()));
    assert_eq!((property("ActiveState").as_str(), property("NRestarts").as_str()), ("active", "0"));
    verb("stop", UNIT);
    assert!(is_gone());
    assert_eq!(property("Result"), "success");
    assert!(journal(&[]).contains("lab office was removed"), "{}", journal(&[]));
    let warnings = journal(&["-p", "warning"]);
    assert!(!warnings.contains("netmon::") && !warnings.contains("cannot"), "{warnings}");
    drop(installed);
}

#[test]
fn an_agent_that_stands_still_is_restarted_by_the_watchdog() {
    let installed = Installed::new("WatchdogSec=4\nTimeoutAbortSec=2\nRestartSec=0");
    verb("start", UNIT);
    let first = property("MainPID");
    let pid = Pid::from_raw(first.parse().unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    eventually("another agent", PATIENCE, || {
        let is_other = property("MainPID") != first && property("ActiveState") == "active";
        (is_other && property("NRestarts") == "1").then_some(())
    });
    run("curl", &["-sf", "http://127.0.0.1:9477/readyz"]);
    assert!(journal(&[]).contains("Watchdog timeout"), "{}", journal(&[]));
    verb("stop", UNIT);
    assert!(is_gone());
    drop(installed);
}

#[test]
fn a_client_of_the_socket_starts_the_agent_and_is_answered() {
    let installed = Installed::new("");
    verb("start", &format!("{UNIT}.socket"));
    assert_eq!(property("ActiveState"), "inactive");
    let socket = "/run/netmon-office.sock";
    let text =
        run("curl", &["-sf", "--max-time", "100", "--unix-socket", socket, "http://localhost/metrics"]);
    assert!(text.contains("netmon_build_info"), "{text}");
    eventually("an active unit", PATIENCE, || (property("ActiveState") == "active").then_some(()));
    verb("stop", &format!("{UNIT}.socket"));
    verb("stop", UNIT);
    assert!(is_gone());
    drop(installed);
}

#[test]
fn the_unit_bounds_the_agent_and_its_services() {
    let installed = Installed::new("");
    verb("start", UNIT);
    let status = fs::read_to_string(format!("/proc/{}/status", property("MainPID"))).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap_or_default().trim().to_owned()
    };
    assert_eq!((field("NoNewPrivs").as_str(), field("Seccomp").as_str()), ("1", "2"));
    assert_eq!(field("CapBnd"), field("CapPrm"));
    assert_eq!(field("CapBnd"), field("CapEff"));
    assert!(Path::new("/run/netns/a").exists());
    drop(installed);
    assert!(is_gone());
}
