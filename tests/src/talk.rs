//! A lab of two namespaces beside root, and TCP connections of the kernel between them.
//!
//! Neither end is in root, so that the kernel's own counters there contain nothing but the traffic of the test.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    thread,
    time::Duration,
};

use netmon_kernel::netns::NetNs;

use crate::{agent::Agent, eventually::eventually, labs::valid, sandbox::run_in};

const LAB: &str = "/run/sandbox/talk.toml";
/// The labels of the client's end.
pub const CLIENT: [(&str, &str); 2] = [("netns", "near"), ("interface", "near0")];
/// The labels of the server's end.
pub const SERVER: [(&str, &str); 2] = [("netns", "far"), ("interface", "far0")];
/// The addresses of the server: IPv4 and IPv6.
pub const ADDRESSES: [&str; 2] = ["10.211.0.2", "fd11::2"];
/// No call of a socket takes longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Builds the lab, with this `impair` on its link, and watches it. Must be called in a sandbox.
///
/// # Panics
///
/// If it cannot be built.
#[must_use]
pub fn start(impair: &str) -> Agent {
    let impair = if impair.is_empty() { String::new() } else { format!("impair = {{ {impair} }}\n") };
    let lab = format!(
        "namespace = [{{ name = \"near\" }}, {{ name = \"far\" }}]\n[[link]]\n\
         a = {{ namespace = \"near\", interface = \"near0\", addresses = [\"10.211.0.1/24\", \"fd11::1/64\"] }}\n\
         b = {{ namespace = \"far\", interface = \"far0\", addresses = [\"10.211.0.2/24\", \"fd11::2/64\"] }}\n{impair}"
    );
    fs::write(LAB, lab).expect("a lab file");
    let agent = Agent::start([LAB]);
    for address in ADDRESSES {
        // The neighbours are known afterwards, so no SYN waits for them. The impairment may lose solicitations, too.
        eventually("the neighbour answers", TIMEOUT, || is_answered(address).then_some(()));
    }
    agent
}

fn is_answered(address: &str) -> bool {
    let ping = ["netns", "exec", "near", "ping", "-q", "-c", "1", "-W", "1", address];
    let ran = Command::new("ip").args(ping).output().expect("ip runs");
    ran.status.success()
}

/// Sets offloads of both ends, in ethtool's words.
pub fn set_offloads(features: &[&str]) {
    run_in("near", "ethtool", &[&["-K", "near0"], features].concat());
    run_in("far", "ethtool", &[&["-K", "far0"], features].concat());
}

/// Segments that the kernel of a namespace has retransmitted (`TcpRetransSegs`).
///
/// # Panics
///
/// If the namespace is not there.
#[must_use]
pub fn retransmitted(namespace: &str) -> f64 {
    let shown = run_in(namespace, "cat", &["/proc/net/snmp"]);
    let mut rows = shown.lines().filter_map(|line| line.strip_prefix("Tcp:")).map(str::split_whitespace);
    let (names, values) = (rows.next().expect("names"), rows.next().expect("values"));
    let (_, value) = names.zip(values).find(|(name, _)| *name == "RetransSegs").expect("the counter");
    value.parse().expect("a number")
}

/// Listens at the server's end.
///
/// # Panics
///
/// If it cannot.
#[must_use]
pub fn listen(address: &str) -> TcpListener {
    inside("far", || TcpListener::bind((address, 0)))
}

/// Serves each connection of a listener in a thread of its own, until the process ends.
///
/// # Panics
///
/// If the listener has no address.
pub fn serve(
    listener: TcpListener,
    work: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> SocketAddr {
    let address = listener.local_addr().expect("an address");
    let work = std::sync::Arc::new(work);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, work) = (prepared(stream), std::sync::Arc::clone(&work));
            thread::spawn(move || {
                // The client reports what went wrong.
                let _ = work(stream);
            });
        }
    });
    address
}

/// Connects from the client's end.
///
/// # Panics
///
/// If the server does not accept.
#[must_use]
pub fn connect(server: SocketAddr) -> TcpStream {
    prepared(Ok(inside("near", || TcpStream::connect(server))))
}

/// Calls `make` in a namespace, for a socket that belongs there.
///
/// # Panics
///
/// If it fails.
pub fn inside<T: Send>(namespace: &str, make: impl FnOnce() -> io::Result<T> + Send) -> T {
    let netns = NetNs::open(&valid(namespace)).expect("a namespace of the lab");
    netns.run(make).expect("a thread in it").expect("a socket")
}

fn prepared(stream: io::Result<TcpStream>) -> TcpStream {
    let stream = stream.expect("a connection");
    stream.set_nodelay(true).expect("a connection");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a connection");
    stream.set_write_timeout(Some(TIMEOUT)).expect("a connection");
    stream
}
