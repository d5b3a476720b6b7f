//! `netmon trace` against known times: each is the slowest part, by name, and is what it should be within five per cent.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::Duration,
};

use netmon_kernel::netns::NetNs;
use netmon_model::trace::{Trace, What};
use netmon_tests::{
    forwarder::Fate,
    labs::valid,
    relay::{FAR_ADDRESS, Relay},
    sandbox::sandbox,
    traced::{arrives, assert_close},
};

fn slowest(trace: &Trace) -> (What, &str) {
    let slowest = trace.slowest.as_ref().expect("rungs");
    (slowest.what, &slowest.name)
}

/// A program in `relay` that passes frames on later: each way, the namespace takes this long.
fn a_router_takes(each_way: Duration) {
    sandbox(|| {
        let _relay = Relay::start(move |_| Fate::After(each_way));
        let expected = each_way.as_nanos() as u64;
        for more in [&["-c", "5"][..], &["-c", "5", "--tcp", "80"]] {
            let listener = NetNs::open(&valid("far")).expect("a namespace");
            let listener = listener.run(|| TcpListener::bind((FAR_ADDRESS, 80))).expect("a thread");
            let _listener = listener.expect("a free port");
            let trace = arrives(&[&["root", FAR_ADDRESS], more].concat());
            assert_eq!(slowest(&trace), (What::Namespace, "relay"));
            let inside = trace.rungs.iter().filter(|rung| rung.what == What::Namespace);
            inside.for_each(|rung| assert_close("inside the relay", rung.median_ns, expected));
            assert_close("there and back", trace.slowest.expect("rungs").took_ns, 2 * expected);
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

/// Answers each request after a pause.
fn slow_server(pause: Duration) {
    let netns = NetNs::open(&valid("far")).expect("a namespace");
    let listener =
        netns.run(|| TcpListener::bind((FAR_ADDRESS, 80))).expect("a thread").expect("a free port");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 1024];
            let length = stream.read(&mut request).expect("a request");
            assert!(request[..length].starts_with(b"GET /"));
            netmon_tests::traced::wait(pause);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("a reader");
        }
    });
}

#[test]
fn a_server_that_waits_fifty_milliseconds_is_the_slowest_part() {
    sandbox(|| {
        let _relay = Relay::start(|_| Fate::After(Duration::from_millis(1)));
        slow_server(Duration::from_millis(50));
        let trace = arrives(&["root", &format!("http://{FAR_ADDRESS}/"), "-c", "5"]);
        assert_eq!(slowest(&trace), (What::Application, "far"));
        let works = trace.rungs.iter().filter(|rung| rung.what == What::Application).next_back();
        assert_close("the server", works.expect("an answer").median_ns, 50_000_000);
        assert!(
            trace.sentences[0].contains("the program that answers in namespace far"),
            "{:?}",
            trace.sentences
        );
    });
}
