//! A lab with a known delay: `root` and `far` in one network, joined by a forwarder in `relay`.
//!
//! Both links are watched. Both ends send complete packets, without offloads, because the forwarder passes on what it
//! receives.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use netmon_kernel::netns::NetNs;

use crate::{
    agent::Agent,
    forwarder::{Fate, Forwarder},
    labs::valid,
    sandbox::{run, run_in},
};

/// The labels of the client's end.
pub const NEAR: [(&str, &str); 2] = [("netns", "root"), ("interface", "near0")];
/// The address of the server's end.
pub const FAR_ADDRESS: &str = "10.210.0.3";
const LAB: &str = "/run/sandbox/relay.toml";
/// The length of a question, and of its answer.
const QUESTION: usize = 100;

/// The lab, watched by an agent.
#[derive(Debug)]
pub struct Relay {
    // Dropped before the lab is.
    _forwarder: Forwarder,
    _agent: Agent,
}

impl Relay {
    /// Builds it; `fate` is called for each frame, in both directions. Must be called in a sandbox.
    ///
    /// # Panics
    ///
    /// If it cannot be built.
    #[must_use]
    pub fn start(fate: impl FnMut(&[u8]) -> Fate + Send + 'static) -> Self {
        let lab = format!(
            "namespace = [{{ name = \"relay\" }}, {{ name = \"far\" }}]\n[[link]]\n\
             a = {{ namespace = \"root\", interface = \"near0\", addresses = [\"10.210.0.2/24\"] }}\n\
             b = {{ namespace = \"relay\", interface = \"near1\" }}\n[[link]]\n\
             a = {{ namespace = \"relay\", interface = \"far0\" }}\n\
             b = {{ namespace = \"far\", interface = \"far1\", addresses = [\"{FAR_ADDRESS}/24\"] }}\n",
        );
        fs::write(LAB, lab).expect("a lab file");
        let agent = Agent::start([LAB]);
        let whole = ["tx", "off", "tso", "off", "gso", "off"];
        run("ethtool", &[&["-K", "near0"], &whole[..]].concat());
        run_in("far", "ethtool", &[&["-K", "far1"], &whole[..]].concat());
        Self { _forwarder: Forwarder::start("relay", ["near1", "far0"], fate), _agent: agent }
    }
}

/// An echo server at the far end, for one client at a time, until its process ends.
///
/// # Panics
///
/// If it cannot listen.
#[must_use]
pub fn echo_server() -> SocketAddr {
    let far = NetNs::open(&valid("far")).expect("a namespace");
    let listen = || TcpListener::bind((FAR_ADDRESS, 0)).expect("an address of the lab");
    let listener = far.run(listen).expect("a thread in it");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            echo(stream.expect("a client"));
        }
    });
    address
}

fn echo(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("a connection");
    let mut question = [0; QUESTION];
    while stream.read_exact(&mut question).is_ok() {
        stream.write_all(&question).expect("a client that waits");
    }
}

/// Connects to the echo server.
///
/// # Panics
///
/// If it does not accept.
#[must_use]
pub fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).expect("the server");
    stream.set_nodelay(true).expect("a connection");
    stream
}

/// Where the marks of a question begin: in front is a method, by which netmon recognizes a request.
pub const MARKS: usize = METHOD.len();
const METHOD: &[u8] = b"GET ";

/// Sends a question whose rest consists of `mark`, and waits for the whole answer.
///
/// # Panics
///
/// If there is no answer.
pub fn ask(stream: &mut TcpStream, mark: u8) {
    let mut question = [mark; QUESTION];
    question[..MARKS].copy_from_slice(METHOD);
    stream.write_all(&question).expect("the server");
    let mut answer = [0; QUESTION];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, question);
}
