//! TCP: handshakes, a server that thinks for 50 ms, how connections end, and a bulk transfer.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use netmon_ebpf::endpoint::TcpEvent;
use netmon_model::{names::Side, snapshot::RoundTrips};
use rustix::net::sockopt::{Timeout, set_socket_linger, set_socket_timeout};

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture, PATIENCE, rest},
    lab::Line,
    rounds::{Rounds, Seen},
    scorecard::Unit,
};

/// Connections that are opened and closed, with requests on each.
const CONNECTIONS: u64 = 20;
const REQUESTS: u64 = 2;
/// How long the server thinks.
const THINKING: Duration = Duration::from_millis(50);
/// Connections that are torn down, and that are refused.
const RESETS: u64 = 5;
const REFUSALS: u64 = 5;
/// Bytes of a request and of an answer.
const MESSAGE: usize = 200;
/// Bytes of the bulk transfer.
const BULK: usize = 20_000_000;
/// What lies between user space and the hook at most.
const WAY: Duration = Duration::from_micros(200);
/// Nothing here takes longer.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn measure(bench: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let listener = listen(bench)?;
    let address = listener.local_addr().map_err(failed)?;
    let before = bench.link(Line::Talk)?;
    let (connects, responses) = thread::scope(|scope| {
        scope.spawn(|| serve(&listener));
        converse(bench, address)
    })?;
    // The listener is gone: now they are refused.
    drop(listener);
    for _ in 0..REFUSALS {
        drop(connect(bench, address, &mut Seen::default()));
    }
    let opened = CONNECTIONS + RESETS;
    let counts = |link: &BothEnds| {
        let [now, then] = [link, &before].map(|link| events(&link.a.round_trips));
        [0, 1, 2, 3].map(|event| now[event] - then[event])
    };
    let expected = [opened, CONNECTIONS, RESETS, REFUSALS];
    let after = bench.link_when(Line::Talk, PATIENCE, |link| counts(link) == expected)?;
    let names = ["opened", "closed", "reset", "refused"];
    for ((what, expected), counted) in names.into_iter().zip(expected).zip(counts(&after)) {
        bench.add(Row::exact(format!("tcp connections {what}"), Unit::Count, expected, counted, expected));
    }
    let repeated = |link: &BothEnds| link.a.round_trips.tcp_retransmits_egress;
    let repeated = repeated(&after) - repeated(&before);
    bench.add(Row::exact("tcp retransmissions", Unit::Count, 0, repeated, opened));
    let handshakes = after.a.round_trips.tcp_handshake.since(&before.a.round_trips.tcp_handshake);
    bench.add(Row::exact("tcp handshakes", Unit::Count, opened, handshakes.count, opened));
    let median = handshakes.quantile_ns(0.5).unwrap_or(f64::NAN);
    bench.add(Row::nested("tcp handshake, median", (connects.median_ns(), median), WAY, handshakes.count));
    let answers = after.a.round_trips.tcp_response.since(&before.a.round_trips.tcp_response);
    let requests = CONNECTIONS * REQUESTS;
    bench.add(Row::exact("tcp responses", Unit::Count, requests, answers.count, requests));
    bench.add(responses.row("tcp response after 50 ms, mean", 2.0, WAY));
    bulk(bench)
}

fn failed(source: io::Error) -> SelftestError {
    SelftestError::Socket("exchange TCP messages", source)
}

/// A listener at b that does not wait for ever.
fn listen(bench: &Fixture<'_>) -> Result<TcpListener, SelftestError> {
    let address = SocketAddr::from(([10, 98, 1, 2], 0));
    let listener = bench.inside(Side::B, || TcpListener::bind(address))?.map_err(failed)?;
    set_socket_timeout(&listener, Timeout::Recv, Some(TIMEOUT)).map_err(|error| failed(error.into()))?;
    Ok(listener)
}

/// A connection from a, and how long that took.
fn connect(bench: &Fixture<'_>, address: SocketAddr, seen: &mut Seen) -> Result<TcpStream, SelftestError> {
    let timed = || {
        let begun = Instant::now();
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        let took = begun.elapsed();
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        io::Result::Ok((stream, took))
    };
    let (stream, took) = bench.inside(Side::A, timed)?.map_err(failed)?;
    seen.add(took);
    Ok(stream)
}

/// How long connecting took, and how long answers took beside what netmon says of them.
fn converse(bench: &mut Fixture<'_>, address: SocketAddr) -> Result<(Seen, Rounds), SelftestError> {
    let (mut connects, mut rounds) = (Seen::default(), Rounds::default());
    for _ in 0..CONNECTIONS {
        let mut stream = connect(bench, address, &mut connects)?;
        let (then, mut seen) = (bench.link(Line::Talk)?.a.round_trips.tcp_response, Seen::default());
        for _ in 0..REQUESTS {
            let mut message = [7; MESSAGE];
            let begun = Instant::now();
            stream.write_all(&message).and_then(|()| stream.read_exact(&mut message)).map_err(failed)?;
            seen.add(begun.elapsed());
        }
        rounds.add(&seen, &bench.link(Line::Talk)?.a.round_trips.tcp_response.since(&then));
    }
    for _ in 0..RESETS {
        let stream = connect(bench, address, &mut connects)?;
        set_socket_linger(&stream, Some(Duration::ZERO)).map_err(|error| failed(error.into()))?;
    }
    Ok((connects, rounds))
}

/// Connections by event, in the order of the card.
fn events(trips: &RoundTrips) -> [u64; 4] {
    [TcpEvent::Opened, TcpEvent::Closed, TcpEvent::Reset, TcpEvent::Refused].map(|event| {
        trips.tcp_connections.iter().find(|(kind, _)| *kind == event).map_or(0, |&(_, count)| count)
    })
}

/// Answers each message on each of the connections after a while, until they are closed.
fn serve(listener: &TcpListener) {
    for _ in 0..CONNECTIONS + RESETS {
        // Whoever asked has given up, and says so.
        let Ok((mut stream, _)) = listener.accept() else { return };
        let _ = stream.set_read_timeout(Some(TIMEOUT));
        let mut message = [0; MESSAGE];
        while stream.read_exact(&mut message).is_ok() {
            rest(THINKING);
            if stream.write_all(&message).is_err() {
                break;
            }
        }
    }
}

/// A transfer in super-packets: what leaves one end on the wire arrives at the other.
fn bulk(bench: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let listener = listen(bench)?;
    let address = listener.local_addr().map_err(failed)?;
    let before = bench.link(Line::Talk)?;
    thread::scope(|scope| {
        let receiver = scope.spawn(|| -> io::Result<u64> {
            let (mut stream, _) = listener.accept()?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            io::copy(&mut stream, &mut io::sink())
        });
        let sent = connect(bench, address, &mut Seen::default())
            .and_then(|mut stream| stream.write_all(&vec![7; BULK]).map_err(failed));
        let received = receiver.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sent.and(received.map_err(failed))
    })?;
    let after = bench.link_when(Line::Talk, PATIENCE, |link| {
        link.a.hooks.egress.segments == link.b.hooks.ingress.segments
    })?;
    let segments = |hook: fn(&BothEnds) -> u64| hook(&after) - hook(&before);
    let sent = segments(|link| link.a.hooks.egress.segments);
    let arrived = segments(|link| link.b.hooks.ingress.segments);
    bench.add(Row::exact("segments of a bulk transfer", Unit::Count, sent, arrived, sent));
    let sent_bytes = segments(|link| link.a.hooks.egress.wire_bytes);
    let arrived_bytes = segments(|link| link.b.hooks.ingress.wire_bytes);
    bench.add(Row::exact("wire bytes of a bulk transfer", Unit::Bytes, sent_bytes, arrived_bytes, sent));
    Ok(())
}
