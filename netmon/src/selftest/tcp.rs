//! TCP: handshakes, a server that responds after 50 ms, how connections end, and a bulk transfer.

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
    fixture::{BothEnds, Fixture, PATIENCE, wait_at_least},
    kernel::retransmitted,
    lab::TestLink,
    rounds::{Rounds, Timings},
    scorecard::Unit,
};

/// Connections that are opened and closed, and the requests on each.
const CONNECTIONS: u64 = 20;
const REQUESTS: u64 = 2;
/// The server waits this long before it responds.
const RESPONSE_DELAY: Duration = Duration::from_millis(50);
/// Connections that are reset, and connections that are refused.
const RESETS: u64 = 5;
const REFUSALS: u64 = 5;
/// Bytes of a request and of a response.
const MESSAGE: usize = 200;
/// Bytes of the bulk transfer.
const BULK: usize = 20_000_000;
/// The path between user space and the hook takes at most this long.
const PATH: Duration = Duration::from_micros(200);
/// No call takes longer.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn measure(fixture: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let listener = listen(fixture)?;
    let address = listener.local_addr().map_err(failed)?;
    let before = fixture.link(TestLink::Talk)?;
    let (connects, responses) = thread::scope(|scope| {
        scope.spawn(|| serve(&listener));
        converse(fixture, address)
    })?;
    // Without a listener, connections are refused.
    drop(listener);
    for _ in 0..REFUSALS {
        drop(connect(fixture, address, &mut Timings::default()));
    }
    let opened = CONNECTIONS + RESETS;
    let counts = |link: &BothEnds| {
        let [now, then] = [link, &before].map(|link| events(&link.a.round_trips));
        [0, 1, 2, 3].map(|event| now[event] - then[event])
    };
    let expected = [opened, CONNECTIONS, RESETS, REFUSALS];
    let after = fixture.link_when(TestLink::Talk, PATIENCE, |link| counts(link) == expected)?;
    let names = ["opened", "closed", "reset", "refused"];
    for ((what, expected), counted) in names.into_iter().zip(expected).zip(counts(&after)) {
        fixture.add(Row::exact(format!("tcp connections {what}"), Unit::Count, expected, counted, expected));
    }
    let retransmits = |link: &BothEnds| link.a.round_trips.tcp_retransmits_egress;
    let retransmits = retransmits(&after) - retransmits(&before);
    fixture.add(Row::exact("tcp retransmissions", Unit::Count, 0, retransmits, opened));
    let handshakes = after.a.round_trips.tcp_handshake.since(&before.a.round_trips.tcp_handshake);
    fixture.add(Row::exact("tcp handshakes", Unit::Count, opened, handshakes.count, opened));
    let median = handshakes.quantile_ns(0.5).unwrap_or(f64::NAN);
    fixture.add(Row::nested("tcp handshake, median", (connects.median_ns(), median), PATH, handshakes.count));
    let answers = after.a.round_trips.tcp_response.since(&before.a.round_trips.tcp_response);
    let requests = CONNECTIONS * REQUESTS;
    fixture.add(Row::exact("tcp responses", Unit::Count, requests, answers.count, requests));
    fixture.add(responses.row("tcp response after 50 ms, mean", 2.0, PATH));
    bulk(fixture)
}

fn failed(source: io::Error) -> SelftestError {
    SelftestError::Socket("exchange TCP messages", source)
}

/// Listens at end b. Accepting times out.
fn listen(fixture: &Fixture<'_>) -> Result<TcpListener, SelftestError> {
    let address = SocketAddr::from(([10, 98, 1, 2], 0));
    let listener = fixture.inside(Side::B, || TcpListener::bind(address))?.map_err(failed)?;
    set_socket_timeout(&listener, Timeout::Recv, Some(TIMEOUT)).map_err(|error| failed(error.into()))?;
    Ok(listener)
}

/// Connects from end a, and adds the time that it took.
fn connect(
    fixture: &Fixture<'_>,
    address: SocketAddr,
    timings: &mut Timings,
) -> Result<TcpStream, SelftestError> {
    let timed = || {
        let begun = Instant::now();
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        let took = begun.elapsed();
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        io::Result::Ok((stream, took))
    };
    let (stream, took) = fixture.inside(Side::A, timed)?.map_err(failed)?;
    timings.add(took);
    Ok(stream)
}

/// Sends all requests. Returns how long connecting took, and the rounds of response times.
fn converse(fixture: &mut Fixture<'_>, address: SocketAddr) -> Result<(Timings, Rounds), SelftestError> {
    let (mut connects, mut rounds) = (Timings::default(), Rounds::default());
    for _ in 0..CONNECTIONS {
        let mut stream = connect(fixture, address, &mut connects)?;
        let (then, mut timings) =
            (fixture.link(TestLink::Talk)?.a.round_trips.tcp_response, Timings::default());
        for _ in 0..REQUESTS {
            let mut message = request();
            let begun = Instant::now();
            stream.write_all(&message).and_then(|()| stream.read_exact(&mut message)).map_err(failed)?;
            timings.add(begun.elapsed());
        }
        rounds.add(&timings, &fixture.link(TestLink::Talk)?.a.round_trips.tcp_response.since(&then));
    }
    for _ in 0..RESETS {
        let stream = connect(fixture, address, &mut connects)?;
        set_socket_linger(&stream, Some(Duration::ZERO)).map_err(|error| failed(error.into()))?;
    }
    Ok((connects, rounds))
}

/// Returns a request that netmon recognizes as one.
fn request() -> [u8; MESSAGE] {
    let mut message = [b' '; MESSAGE];
    message[..3].copy_from_slice(b"GET");
    message
}

/// Connections by event, in the order of the scorecard.
fn events(trips: &RoundTrips) -> [u64; 4] {
    [TcpEvent::Opened, TcpEvent::Closed, TcpEvent::Reset, TcpEvent::Refused].map(|event| {
        trips.tcp_connections.iter().find(|(kind, _)| *kind == event).map_or(0, |&(_, count)| count)
    })
}

/// Answers each message on each connection after [`RESPONSE_DELAY`], until the connection is closed.
fn serve(listener: &TcpListener) {
    for _ in 0..CONNECTIONS + RESETS {
        // The client has failed, and reports its own error.
        let Ok((mut stream, _)) = listener.accept() else { return };
        let _ = stream.set_read_timeout(Some(TIMEOUT));
        let mut message = [0; MESSAGE];
        while stream.read_exact(&mut message).is_ok() {
            wait_at_least(RESPONSE_DELAY);
            if stream.write_all(&message).is_err() {
                break;
            }
        }
    }
}

/// Transfers data in super-packets: as many segments and bytes must arrive at one end as left the other, and what was
/// retransmitted is what the sender's kernel retransmitted.
fn bulk(fixture: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let listener = listen(fixture)?;
    let address = listener.local_addr().map_err(failed)?;
    let (kernel_before, before) = (retransmitted(fixture, Side::A)?, fixture.link(TestLink::Talk)?);
    thread::scope(|scope| {
        let receiver = scope.spawn(|| -> io::Result<u64> {
            let (mut stream, _) = listener.accept()?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            io::copy(&mut stream, &mut io::sink())
        });
        let sent = connect(fixture, address, &mut Timings::default())
            .and_then(|mut stream| stream.write_all(&vec![7; BULK]).map_err(failed));
        let received = receiver.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sent.and(received.map_err(failed))
    })?;
    let after = fixture.link_when(TestLink::Talk, PATIENCE, |link| {
        link.a.hooks.egress.segments == link.b.hooks.ingress.segments
    })?;
    let segments = |hook: fn(&BothEnds) -> u64| hook(&after) - hook(&before);
    let sent = segments(|link| link.a.hooks.egress.segments);
    let arrived = segments(|link| link.b.hooks.ingress.segments);
    fixture.add(Row::exact("segments of a bulk transfer", Unit::Count, sent, arrived, sent));
    let sent_bytes = segments(|link| link.a.hooks.egress.wire_bytes);
    let arrived_bytes = segments(|link| link.b.hooks.ingress.wire_bytes);
    fixture.add(Row::exact("wire bytes of a bulk transfer", Unit::Bytes, sent_bytes, arrived_bytes, sent));
    let kernel = retransmitted(fixture, Side::A)? - kernel_before;
    let ours = after.a.round_trips.tcp_retransmits_egress - before.a.round_trips.tcp_retransmits_egress;
    fixture.add(Row::exact("kernel's retransmissions of a bulk transfer", Unit::Count, kernel, ours, sent));
    Ok(())
}
