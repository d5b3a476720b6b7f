//! The agent under a service manager: what it is told, and the sockets that it opened. The test acts as systemd.

use std::{
    fs,
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixListener},
    },
    process::{Child, Command, Stdio},
    time::Duration,
};

use netmon_tests::{
    binary::netmon,
    commands::succeeds,
    eventually::eventually,
    sandbox::{run, sandbox},
};
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(20);
const NOTIFY: &str = "/run/sandbox/notify";

/// An agent, and what it tells.
struct Managed {
    child: Child,
    told: UnixDatagram,
}

impl Managed {
    /// Starts the agent with an open socket as descriptor 3, and a watchdog.
    fn start(socket: OwnedFd, log: &str) -> Self {
        let told = UnixDatagram::bind(NOTIFY).unwrap();
        told.set_read_timeout(Some(PATIENCE)).unwrap();
        let script = "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" run";
        let child = Command::new("sh")
            .args(["-c", script])
            .arg(netmon())
            .env("NOTIFY_SOCKET", NOTIFY)
            .env("WATCHDOG_USEC", "400000")
            .env("JOURNAL_STREAM", "8:1")
            .stdin(Stdio::from(socket))
            .stdout(Stdio::null())
            .stderr(fs::File::create(log).unwrap())
            .spawn()
            .unwrap();
        Self { child, told }
    }

    fn message(&self) -> String {
        let mut bytes = [0; 1000];
        let length = self.told.recv(&mut bytes).expect("a message in time");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Returns the next message that is no sign of life.
    fn news(&self) -> String {
        loop {
            let message = self.message();
            if message != "WATCHDOG=1" {
                return message;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_manager_is_told_when_the_lab_is_ready_reloads_lives_and_stops() {
    const LOG: &str = "/run/sandbox/log";
    sandbox(|| {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let mut agent = Managed::start(socket.into(), LOG);
        assert_eq!(agent.news(), "READY=1\nSTATUS=lab direct is up, 1 links are watched");
        run("curl", &["-sf", &format!("http://{address}/readyz")]);
        assert!(succeeds(&["status"]).contains(&format!("http://{address}/")), "clients find the socket");
        assert_eq!([(); 3].map(|()| agent.message()), ["WATCHDOG=1"; 3].map(str::to_owned));
        agent.signal(Signal::HUP);
        assert_eq!(agent.news(), "RELOADING=1");
        assert!(agent.news().starts_with("READY=1\n"));
        agent.signal(Signal::TERM);
        assert_eq!(agent.news(), "STOPPING=1");
        assert!(eventually("the end", PATIENCE, || agent.child.try_wait().unwrap()).success());
        let log = fs::read_to_string(LOG).unwrap();
        assert!(log.lines().all(|line| line.starts_with("<6>") || line.starts_with("<4>")), "{log}");
    });
}

#[test]
fn a_unix_socket_of_a_manager_is_served_and_its_file_stays() {
    sandbox(|| {
        let path = "/run/sandbox/metrics.sock";
        let agent = Managed::start(UnixListener::bind(path).unwrap().into(), "/run/sandbox/log");
        assert!(agent.news().starts_with("READY=1\n"));
        run("curl", &["-sf", "--unix-socket", path, "http://localhost/readyz"]);
        assert!(succeeds(&["status"]).contains("unix:/run/sandbox/metrics.sock"));
        succeeds(&["down"]);
        assert_eq!(agent.news(), "STOPPING=1");
        assert!(fs::symlink_metadata(path).is_ok(), "it is the manager's");
    });
}

#[test]
fn an_agent_whose_names_show_in_its_own_mounts_only_says_so() {
    sandbox(|| {
        // A sandbox has mounts of its own, as a unit with PrivateTmp= has.
        let agent = Managed::start(TcpListener::bind("127.0.0.1:0").unwrap().into(), "/run/sandbox/log");
        assert!(agent.news().starts_with("READY=1\n"));
        let log = fs::read_to_string("/run/sandbox/log").unwrap();
        let warning = log.lines().find(|line| line.contains("`ip netns exec direct_netns` fails elsewhere"));
        assert!(warning.is_some_and(|line| line.starts_with("<4>") && line.contains("PrivateTmp=")), "{log}");
        succeeds(&["down"]);
    });
}

#[test]
fn the_unit_is_no_more_exposed_than_the_documentation_says() {
    sandbox(|| {
        let unit = "/run/sandbox/netmon@office.service";
        fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../systemd/netmon@.service"), unit).unwrap();
        let said = run("systemd-analyze", &["security", "--offline=true", "--no-pager", unit]);
        let (_, exposure) =
            said.split_once("Overall exposure level for netmon@office.service: ").expect("a level");
        let exposure: f64 = exposure.split_whitespace().next().unwrap().parse().unwrap();
        // Versions of systemd weigh a little differently.
        assert!(exposure < 6.8, "{exposure}");
    });
}
