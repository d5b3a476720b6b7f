//! For tests of counting without an agent: a bpf file system of their own, a load that counts what it sends, and all
//! counters of a scrape by name.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use netmon_kernel::{netns::NetNs, pins::PinDirectory};
use rustix::mount::{MountFlags, mount};

use crate::{agent::ADDRESS, commands::TakenDown, eventually::eventually, labs::valid, sandbox::sandbox};

/// Packets that are sent without a pause.
const BURST: usize = 8;
/// The pause after them; the kernel rounds it up to a tick.
const PAUSE: Duration = Duration::from_millis(1);
/// Enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The destination port of all packets.
const PORT: u16 = 7001;

/// Runs `test` in a sandbox with its own bpf file system: pins are removed with it.
pub fn with_pins<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    sandbox(|| {
        mount("bpf", "/sys/fs/bpf", "bpf", MountFlags::empty(), None).expect("a bpf file system");
        let _taken_down = TakenDown::direct();
        test()
    })
}

/// Returns where the pins of a lab are, if its root is this thread's namespace.
///
/// # Panics
///
/// If the kernel does not identify that namespace.
#[must_use]
pub fn pins_of(lab: &str) -> PathBuf {
    PinDirectory::for_lab(&valid(lab)).expect("our own namespace").path().to_owned()
}

/// UDP packets from one namespace to another, sent until it is ended. The sender counts them.
#[derive(Debug)]
pub struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: JoinHandle<()>,
    _receiver: UdpSocket,
}

impl Flood {
    /// Starts sending: `from` and `to` are a namespace and an address in it.
    ///
    /// # Panics
    ///
    /// If a socket cannot be opened.
    #[must_use]
    pub fn start(from: (&str, &str), to: (&str, &str)) -> Self {
        let address: SocketAddr = valid(&format!("{}:{PORT}", to.1));
        let receiver = bind(to.0, address);
        let sender = bind(from.0, valid(&format!("{}:0", from.1)));
        sender.set_read_timeout(Some(PAUSE)).expect("a pause");
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&sent));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for _ in 0..BURST {
                    if sender.send_to(&[0; 64], address).is_ok() {
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                }
                // No reply ever arrives: this is the pause.
                let _ = sender.recv(&mut [0; 1]);
            }
        });
        Self { stop, sent, thread, _receiver: receiver }
    }

    /// Packets sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits until so many more have been sent.
    pub fn await_more(&self, more: u64) {
        let target = self.sent() + more;
        eventually("packets", PATIENCE, || (self.sent() >= target).then_some(()));
    }

    /// Stops sending. Returns how many packets were sent in total.
    ///
    /// # Panics
    ///
    /// If the sender panicked.
    #[must_use]
    pub fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the sender ends");
        self.sent.load(Ordering::Relaxed)
    }
}

fn bind(namespace: &str, address: SocketAddr) -> UdpSocket {
    let bind = || UdpSocket::bind(address).expect("a socket");
    if namespace == "root" {
        return bind();
    }
    NetNs::open(&valid(namespace)).and_then(|netns| netns.run(bind)).expect("the namespace")
}

/// The text of `/metrics`. Returns `None` if there is no answer, or not a complete one.
#[must_use]
pub fn metrics_text() -> Option<String> {
    let mut connection = TcpStream::connect(ADDRESS).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    (head.starts_with("HTTP/1.1 200") && length.is_none_or(|length: usize| body.len() == length))
        .then(|| body.to_owned())
}

/// All counters and histogram series of a scrape, by name and labels. Without those of the process, which is another
/// one after a restart.
#[must_use]
pub fn counters(text: &str) -> BTreeMap<String, f64> {
    let typed = |line: &str| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        (matches!(kind, "counter" | "histogram") && !name.starts_with("process_")).then(|| name.to_owned())
    };
    let names: Vec<String> = text.lines().filter_map(typed).collect();
    let is_counted = |series: &str| {
        let name = series.split('{').next().unwrap_or(series);
        let parts = ["_bucket", "_sum", "_count"];
        names.iter().any(|known| {
            name == known
                || parts.iter().any(|part| name.strip_suffix(part).is_some_and(|rest| rest == known))
        })
    };
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(series, _)| is_counted(series))
        .filter_map(|(series, value)| Some((series.to_owned(), value.parse().ok()?)))
        .collect()
}
