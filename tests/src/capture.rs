//! A capture by tcpdump: an independent observer of when packets pass an interface.

use std::{ffi::OsStr, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use crate::{eventually::eventually, running::Running};

/// Enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running tcpdump.
#[derive(Debug)]
pub struct Capture(Running);

/// One captured packet.
#[derive(Clone, Debug, PartialEq)]
pub struct Captured {
    /// Wall-clock time, seconds.
    pub time: f64,
    /// The rest of tcpdump's line.
    pub text: String,
}

impl Capture {
    /// Captures what matches `filter` on an interface; returns once the capture runs. `name` distinguishes the
    /// captures of a test. Must be called in a sandbox.
    ///
    /// # Panics
    ///
    /// If tcpdump does not start.
    #[must_use]
    pub fn start(name: &'static str, namespace: &str, interface: &str, filter: &str) -> Self {
        Self::start_with(name, namespace, interface, &[filter])
    }

    /// Captures whole frame lengths, but only the first bytes of each frame: for fast traffic.
    #[must_use]
    pub fn lengths(name: &'static str, namespace: &str, interface: &str, filter: &str) -> Self {
        Self::start_with(name, namespace, interface, &["-e", "-s", "96", "-B", "65536", filter])
    }

    fn start_with(name: &'static str, namespace: &str, interface: &str, words: &[&str]) -> Self {
        // Nanosecond timestamps, no name resolution, line by line, and no waiting for a full buffer.
        let tcpdump = [&["-tt", "--nano", "-n", "-l", "--immediate-mode", "-i", interface], words].concat();
        let (program, before): (&OsStr, &[&str]) = match namespace {
            "root" => ("tcpdump".as_ref(), &[]),
            _ => ("ip".as_ref(), &["netns", "exec", namespace, "tcpdump"]),
        };
        let capture = Self(Running::start(name, program, &[before, &tcpdump].concat()).expect("tcpdump"));
        eventually("a capture", PATIENCE, || capture.0.output().contains("listening on").then_some(()));
        capture
    }

    /// Waits for `count` packets, ends the capture, and returns them.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    #[must_use]
    pub fn packets(self, count: usize) -> Vec<Captured> {
        let all = || self.0.output().lines().filter_map(Captured::read).collect::<Vec<_>>();
        let seen = eventually("all packets in the capture", PATIENCE, || {
            let seen = all();
            (seen.len() >= count).then_some(seen)
        });
        // With SIGINT, tcpdump resets the interface before it ends.
        let _ = kill_process(Pid::from_child(self.0.child()), Signal::INT);
        seen
    }
}

impl Captured {
    fn read(line: &str) -> Option<Self> {
        let (time, text) = line.split_once(' ')?;
        Some(Self { time: time.parse().ok()?, text: text.to_owned() })
    }

    /// The length of the whole frame, in a capture by [`Capture::lengths`].
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        number_after(&self.text, ", length ")?.trim_end_matches(':').parse().ok()
    }
}

/// The times between echo requests and their replies, in seconds.
#[must_use]
pub fn echo_round_trips(packets: &[Captured]) -> Vec<f64> {
    let of = |kind: &str, rest: &str| {
        packets.iter().find(|one| one.text.contains(kind) && one.text.ends_with(rest)).map(|one| one.time)
    };
    let requests = packets.iter().filter_map(|one| one.text.split_once("echo request"));
    requests.filter_map(|(_, rest)| Some(of("echo reply", rest)? - of("echo request", rest)?)).collect()
}

/// What a capture of one TCP connection shows, in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TcpTimes {
    /// SYN to SYN/ACK.
    pub handshake: f64,
    /// From each piece of data that the client sent to the first acknowledgement that covers it.
    pub acknowledged: Vec<f64>,
}

/// The times of the connection from `client`, an address and port in tcpdump's notation.
///
/// # Panics
///
/// If its handshake was not captured.
#[must_use]
pub fn tcp_times(packets: &[Captured], client: &str) -> TcpTimes {
    let (sent, received) = (format!("IP {client} > "), format!(" > {client}: "));
    let of = |whose: &str, flags: &str| {
        let found = packets.iter().find(|one| one.text.contains(whose) && one.text.contains(flags));
        found.expect("a handshake in the capture").time
    };
    let handshake = of(&received, "Flags [S.],") - of(&sent, "Flags [S],");
    // tcpdump prints relative sequence numbers: `seq 1:101, ack 1`.
    let data = packets.iter().filter(|one| one.text.contains(&sent)).filter_map(|one| {
        let (_, end) = number_after(&one.text, "seq ")?.split_once(':')?;
        Some((one.time, end.parse::<u64>().ok()?))
    });
    let acknowledged = data.filter_map(|(time, end)| {
        let covers = |one: &&Captured| {
            let ack = number_after(&one.text, "ack ").and_then(|ack| ack.parse::<u64>().ok());
            one.text.contains(&received) && one.time >= time && ack.is_some_and(|ack| ack >= end)
        };
        Some(packets.iter().find(covers)?.time - time)
    });
    TcpTimes { handshake, acknowledged: acknowledged.collect() }
}

/// The word after `seq ` and the like in a line of tcpdump: `1:101`.
fn number_after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.split_once(word)?.1.split([',', ' ']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_and_its_reply_are_a_round_trip() {
        let lines = "\
100.000001000 IP 10.200.0.2 > 10.200.0.3: ICMP echo request, id 7, seq 1, length 64
100.000051000 IP 10.200.0.3 > 10.200.0.2: ICMP echo reply, id 7, seq 1, length 64
100.020000000 IP 10.200.0.2 > 10.200.0.3: ICMP echo request, id 7, seq 10, length 64
tcpdump: listening on veth0, link-type EN10MB (Ethernet), snapshot length 262144 bytes";
        let packets: Vec<_> = lines.lines().filter_map(Captured::read).collect();
        assert_eq!(packets.len(), 3);
        let round_trips = echo_round_trips(&packets);
        assert_eq!(round_trips.len(), 1);
        assert!((round_trips[0] - 50e-6).abs() < 1e-6, "{round_trips:?}");
    }
    #[test]
    fn data_is_acknowledged_by_the_first_packet_that_covers_all_of_it() {
        let lines = "\
10.000 IP 10.0.0.2.4000 > 10.0.0.3.80: Flags [S], seq 97, win 64240, length 0
10.030 IP 10.0.0.3.80 > 10.0.0.2.4000: Flags [S.], seq 50, ack 98, win 65160, length 0
10.031 IP 10.0.0.2.4000 > 10.0.0.3.80: Flags [.], ack 1, win 502, length 0
11.000 IP 10.0.0.2.4000 > 10.0.0.3.80: Flags [P.], seq 1:101, ack 1, win 502, length 100
11.020 IP 10.0.0.3.80 > 10.0.0.2.4000: Flags [.], ack 100, win 502, length 0
11.050 IP 10.0.0.3.80 > 10.0.0.2.4000: Flags [P.], seq 1:11, ack 101, win 502, length 10";
        let packets: Vec<_> = lines.lines().filter_map(Captured::read).collect();
        let times = tcp_times(&packets, "10.0.0.2.4000");
        assert!((times.handshake - 0.03).abs() < 1e-6, "{times:?}");
        assert!(times.acknowledged.len() == 1 && (times.acknowledged[0] - 0.05).abs() < 1e-6, "{times:?}");
    }
}
