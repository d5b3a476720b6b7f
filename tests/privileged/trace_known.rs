//! `netmon trace` against known times: each is the slowest part, by name, and is what it should be within five per cent.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use netmon_kernel::netns::NetNs;
use netmon_model::trace::{Trace, What};
use netmon_tests::{
    forwarder::Fate,
    labs::valid,
    relay::{FAR_ADDRESS, Relay},
    sandbox::sandbox,
    traced::arrives,
};

/// How often a trace is tried.
const ATTEMPTS: usize = 12;

fn slowest(trace: &Trace) -> (What, &str) {
    let slowest = trace.slowest.as_ref().expect("rungs");
    (slowest.what, &slowest.name)
}

/// Traces a few times: another test may keep the machine busy. Returns the first trace whose duration is right.
fn converge(arguments: &[&str], expected_ns: impl Fn() -> u64, took: impl Fn(&Trace) -> u64) -> Trace {
    for _ in 0..ATTEMPTS {
        let trace = arrives(arguments);
        let (took, expected) = (took(&trace), expected_ns());
        println!("{took} ns, expected {expected} ns");
        if took.abs_diff(expected) * 20 <= expected {
            return trace;
        }
    }
    panic!("never within five per cent");
}

/// A program in `relay` that passes frames on later: each way, the namespace takes this long.
fn a_router_takes(each_way: Duration) {
    sandbox(|| {
        let _relay = Relay::start(move |_| Fate::After(each_way));
        let listener = NetNs::open(&valid("far")).expect("a namespace");
        let listener = listener.run(|| TcpListener::bind((FAR_ADDRESS, 80))).expect("a thread");
        let _listener = listener.expect("a free port");
        let expected = each_way.as_nanos() as u64;
        for more in [&["-c", "5"][..], &["-c", "5", "--tcp", "80"]] {
            let arguments = [&["root", FAR_ADDRESS], more].concat();
            let inside = |trace: &Trace, back: bool| {
                let mut rungs = trace.rungs.iter().filter(|rung| rung.what == What::Namespace);
                rungs.find(|rung| rung.back == back).expect("a way through the relay").median_ns
            };
            for back in [false, true] {
                let trace = converge(&arguments, || expected, |trace| inside(trace, back));
                assert_eq!(slowest(&trace), (What::Namespace, "relay"));
            }
        }
    });
}

#[test]
fn a_router_that_waits_ten_milliseconds_is_the_slowest_part() {
    a_router_takes(Duration::from_millis(10));
}

#[test]
fn a_router_that_waits_twenty_milliseconds_is_the_slowest_part() {
    a_router_takes(Duration::from_millis(20));
}

/// Answers each request after a pause. Returns how long each answer took it, in nanoseconds.
fn slow_server(pause: Duration) -> Arc<Mutex<Vec<u64>>> {
    let netns = NetNs::open(&valid("far")).expect("a namespace");
    let listener =
        netns.run(|| TcpListener::bind((FAR_ADDRESS, 80))).expect("a thread").expect("a free port");
    let took = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&took);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 1024];
            let length = stream.read(&mut request).expect("a request");
            let begun = Instant::now();
            assert!(request[..length].starts_with(b"GET /"));
            netmon_tests::traced::wait(pause);
            record.lock().expect("no panic").push(begun.elapsed().as_nanos() as u64);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("a reader");
        }
    });
    took
}

#[test]
fn a_server_that_waits_fifty_milliseconds_is_the_slowest_part() {
    sandbox(|| {
        let _relay = Relay::start(|_| Fate::After(Duration::from_millis(1)));
        let by_server = slow_server(Duration::from_millis(50));
        let works = |trace: &Trace| {
            let mut works = trace.rungs.iter().filter(|rung| rung.what == What::Application);
            works.next_back().expect("an answer").median_ns
        };
        let url = format!("http://{FAR_ADDRESS}/");
        let median = || {
            // Of the last trace, without its first run.
            let all = by_server.lock().expect("no panic");
            let mut last: Vec<u64> = all.iter().rev().take(4).copied().collect();
            last.sort_unstable();
            last[1]
        };
        let trace = converge(&["root", &url, "-c", "5"], median, works);
        assert!(works(&trace) >= 50_000_000);
        assert_eq!(slowest(&trace), (What::Application, "far"));
        assert!(
            trace.sentences[0].contains("the program that answers in namespace far"),
            "{:?}",
            trace.sentences
        );
    });
}
