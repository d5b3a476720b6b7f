//! TCP behind a netem that reorders or duplicates: the sender's end has retransmitted what its kernel says, and the
//! receiver's end tells what was overtaken from what came twice.

use std::{
    io::{self, Read as _, Write as _},
    net::Shutdown,
    time::Duration,
};

use netmon_tests::{
    agent::scrape,
    eventually::eventually_equal,
    sandbox::{run_in, sandbox},
    talk::{ADDRESSES, CLIENT, SERVER, connect, listen, retransmitted, serve, set_offloads, start},
};

const PATIENCE: Duration = Duration::from_secs(60);
const BYTES: usize = 2_000_000;

fn at(name: &str, end: &[(&str, &str)], direction: &str) -> f64 {
    scrape().sum(name, &[end, &[("direction", direction)]].concat())
}

/// Sends data through a netem at the sender's end. Returns the segments that left again, those that arrived again, and
/// those that arrived late, each at the end where it happened.
fn sent_through(netem: &[&str], address: &str) -> [f64; 3] {
    let _agent = start("");
    set_offloads(&["tso", "off", "gso", "off"]);
    run_in("near", "tc", &[&["qdisc", "add", "dev", "near0", "root", "netem"], netem].concat());
    let server = serve(listen(address), |mut stream| {
        io::copy(&mut stream, &mut io::sink())?;
        stream.write_all(b"done")
    });
    let mut stream = connect(server);
    stream.write_all(&vec![7; BYTES]).and_then(|()| stream.shutdown(Shutdown::Write)).expect("the server");
    stream.read_exact(&mut [0; 4]).expect("the server's word");
    drop(stream);
    let left = || at("netmon_tcp_retransmits_total", &CLIENT, "egress");
    eventually_equal("the sender's kernel", PATIENCE, || (left(), retransmitted("near")));
    let arrived = |name| at(name, &SERVER, "ingress");
    [left(), arrived("netmon_tcp_retransmits_total"), arrived("netmon_tcp_reordered_total")]
}

#[test]
fn segments_that_netem_reorders_are_reordered_and_not_retransmitted() {
    for address in ADDRESSES {
        sandbox(|| {
            let [left, again, late] = sent_through(&["delay", "5ms", "reorder", "20%"], address);
            println!("{address}: {left} left again, {again} arrived again, {late} were overtaken");
            assert!(late > 0.0, "a fifth is sent at once, past what waits");
            assert!(again <= left, "what is only late has not arrived twice");
        });
    }
}

#[test]
fn segments_that_netem_duplicates_arrive_again_and_have_left_once() {
    for address in ADDRESSES {
        sandbox(|| {
            let [left, again, late] = sent_through(&["duplicate", "20%"], address);
            println!("{address}: {left} left again, {again} arrived again, {late} were overtaken");
            assert!(again > left, "each copy passes the receiver's end");
        });
    }
}
