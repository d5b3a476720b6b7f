//! Streams that read nothing: they take no scrape's place, and no memory beyond a bound.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use netmon_tests::{
    agent::{ADDRESS, Agent},
    lab_files::many_parts,
    sandbox::{run, sandbox},
};

/// All places for streams.
const STREAMS: usize = 32;
/// Each event is some tens of KiB, so that a stream that is not read soon has more than the sockets hold.
const LINKS: u32 = 100;
/// Of each of the two scrapers, with the streams and without.
const SCRAPES: usize = 15;
/// Enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// What all streams together may take of the agent's memory: 256 KiB each.
const MOST_KIB: u64 = 32 * 256;

fn ask(path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(ADDRESS).expect("the agent listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a connection");
    stream
}

/// Opens a stream, and reads its status line only.
fn stream() -> (TcpStream, String) {
    let mut stream = ask("/api/v1/stream?history=1");
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("a status");
    (stream, String::from_utf8_lossy(&status).into_owned())
}

/// Scrapes like two instances of Prometheus, one scrape after the other. Returns how many were not answered whole.
fn refused() -> usize {
    let scrape = || {
        let mut answer = String::new();
        let read = ask("/metrics").read_to_string(&mut answer);
        // It is sent in chunks, of which the last is empty (RFC 9112, 7.1).
        let is_whole = answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n0\r\n\r\n");
        !(read.is_ok() && is_whole && answer.contains("netmon_packets_total"))
    };
    let scraper = || (0..SCRAPES).filter(|_| scrape()).count();
    thread::scope(|scope| {
        let both = [scope.spawn(scraper), scope.spawn(scraper)];
        both.into_iter().map(|one| one.join().expect("a scraper")).sum()
    })
}

/// Runs `during` while pings cross the first link as fast as they are answered.
fn under_load<T>(during: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                run("ping", &["-q", "-f", "-c", "2000", "10.9.0.2"]);
            }
        });
        let result = during();
        stop.store(true, Ordering::Relaxed);
        result
    })
}

fn resident_kib(agent: &Agent) -> u64 {
    let file = format!("/proc/{}/status", agent.pid().as_raw_nonzero());
    let status = fs::read_to_string(file).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("a process with memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn no_scrape_is_refused_while_every_stream_is_open_and_unread() {
    sandbox(|| {
        let file = "/run/sandbox/wide.toml";
        fs::write(file, many_parts("wide", LINKS)).expect("a lab file");
        let agent = Agent::start_frugal([file]);
        under_load(|| {
            assert_eq!(refused(), 0, "without a stream");
            let before = resident_kib(&agent);
            let streams: Vec<_> = (0..STREAMS).map(|_| stream()).collect();
            assert!(streams.iter().all(|(_, status)| status == "HTTP/1.1 200"), "{streams:?}");
            assert_eq!(stream().1, "HTTP/1.1 503", "every place is taken");
            assert_eq!(refused(), 0, "with all streams");
            let after = resident_kib(&agent);
            println!("{before} KiB without streams, {after} KiB with {STREAMS}");
            assert!(after <= before + MOST_KIB, "{before} KiB without streams, {after} KiB with them");
        });
    });
}
