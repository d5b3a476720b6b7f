//! DNS over UDP, from a server that responds after 20 ms.

use std::{
    io,
    net::UdpSocket,
    thread,
    time::{Duration, Instant},
};

use netmon_model::{histogram::Histogram, names::Side, snapshot::RoundTrips};

use super::{
    Row, SelftestError,
    fixture::{BothEnds, Fixture, PATIENCE, wait_at_least},
    lab::TestLink,
    rounds::{Rounds, Timings},
    scorecard::Unit,
};

/// Response codes (RFC 6895, 2.3), used in turn.
const CODES: [(u8, &str); 4] = [(0, "noerror"), (3, "nxdomain"), (2, "servfail"), (5, "refused")];
/// Queries for each code.
const QUERIES: u64 = 8;
/// Queries that are sent twice before they are answered.
const REPEATED: u64 = 5;
/// The server waits this long before it responds.
const RESPONSE_DELAY: Duration = Duration::from_millis(20);
/// The path between user space and the hook takes at most this long.
const PATH: Duration = Duration::from_micros(200);
/// No response takes longer.
const TIMEOUT: Duration = Duration::from_secs(3);

pub(super) fn measure(fixture: &mut Fixture<'_>) -> Result<(), SelftestError> {
    let failed = |source| SelftestError::Socket("exchange DNS messages", source);
    let bound = |address: &'static str| {
        move || {
            let socket = UdpSocket::bind(address)?;
            socket.set_read_timeout(Some(TIMEOUT))?;
            io::Result::Ok(socket)
        }
    };
    let server = fixture.inside(Side::B, bound("10.98.1.2:53"))?.map_err(failed)?;
    let client = fixture.inside(Side::A, bound("10.98.1.1:0"))?.map_err(failed)?;
    client.connect("10.98.1.2:53").map_err(failed)?;
    let before = fixture.link(TestLink::Talk)?;
    let total = QUERIES * CODES.len() as u64;
    let rounds = thread::scope(|scope| {
        scope.spawn(|| (0..total).try_for_each(|_| serve(&server)));
        let mut rounds = Rounds::default();
        for round in 0..QUERIES {
            let then = latency(fixture)?;
            let timings = ask(&client, round).map_err(failed)?;
            rounds.add(&timings, &latency(fixture)?.since(&then));
        }
        Ok::<_, SelftestError>(rounds)
    })?;
    let count = |trips: &RoundTrips| trips.dns.as_ref().map_or(0, |dns| dns.count);
    let answered = |link: &BothEnds| count(&link.a.round_trips) - count(&before.a.round_trips);
    let after = fixture.link_when(TestLink::Talk, PATIENCE, |link| answered(link) >= total)?;
    for (_, code) in CODES {
        let of = |link: &BothEnds| {
            let responses = &link.a.round_trips.dns_responses;
            responses.iter().find(|(label, _)| *label == code).map_or(0, |&(_, count)| count)
        };
        let counted = of(&after) - of(&before);
        fixture.add(Row::exact(format!("dns responses: {code}"), Unit::Count, QUERIES, counted, QUERIES));
    }
    fixture.add(rounds.row("dns answer after 20 ms, mean", 2.0, PATH));
    repeated(fixture, &server, &client)
}

/// Sends queries twice. An answer to such a query gives no sample, since it may be to either (Karn's algorithm).
fn repeated(fixture: &mut Fixture<'_>, server: &UdpSocket, client: &UdpSocket) -> Result<(), SelftestError> {
    let before = fixture.link(TestLink::Talk)?;
    let exchange = |number| {
        let query = query(u8::MAX, number);
        client.send(&query)?;
        server.recv(&mut [0; 512])?;
        client.send(&query)?;
        serve(server)?;
        client.recv(&mut [0; 512]).map(drop)
    };
    let all = (0..REPEATED).try_for_each(|number| exchange(number as u8));
    all.map_err(|source| SelftestError::Socket("exchange DNS messages", source))?;
    let trips = |link: &BothEnds| link.a.round_trips.clone();
    let was = trips(&before);
    let repeats = |link: &BothEnds| link.a.round_trips.dns_queries.repeated - was.dns_queries.repeated;
    let after = fixture.link_when(TestLink::Talk, PATIENCE, |link| repeats(link) >= REPEATED)?;
    fixture.add(Row::exact("dns queries repeated", Unit::Count, REPEATED, repeats(&after), REPEATED));
    let samples = |trips: &RoundTrips| trips.dns.as_ref().map_or(0, |dns| dns.count);
    let false_samples = samples(&trips(&after)) - samples(&was);
    let measure = "latency samples of repeated dns queries";
    fixture.add(Row::exact(measure, Unit::Count, 0, false_samples, REPEATED));
    Ok(())
}

fn latency(fixture: &mut Fixture<'_>) -> Result<Histogram, SelftestError> {
    Ok(fixture.link(TestLink::Talk)?.a.round_trips.dns.unwrap_or_default())
}

/// Responds once. The response code follows from the query's number.
fn serve(server: &UdpSocket) -> io::Result<()> {
    let mut message = [0; 512];
    let (length, from) = server.recv_from(&mut message)?;
    wait_at_least(RESPONSE_DELAY);
    let (code, _) = CODES[usize::from(message[1]) % CODES.len()];
    // A response, recursion available, and the code (RFC 1035, 4.1.1).
    (message[2], message[3]) = (0x81, 0x80 | code);
    server.send_to(&message[..length], from).map(drop)
}

/// Sends one query for each response code.
fn ask(client: &UdpSocket, round: u64) -> io::Result<Timings> {
    let mut timings = Timings::default();
    for number in 0..CODES.len() as u8 {
        let begun = Instant::now();
        client.send(&query(round as u8, number))?;
        client.recv(&mut [0; 512])?;
        timings.add(begun.elapsed());
    }
    Ok(timings)
}

/// Returns a query for `test.invalid`, whose identifier is made of both numbers.
fn query(round: u8, number: u8) -> Vec<u8> {
    let mut query = vec![round, number, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend(b"\x04test\x07invalid\x00\x00\x01\x00\x01");
    query
}
