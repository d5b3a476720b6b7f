//! IPv6 from the first packet after `netmon up`: one solicitation is sent and answered. A packet socket sees it.

use std::{fs, io, num::NonZeroU32, os::fd::OwnedFd};

use netmon_kernel::netns::NetNs;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketType, recv, socket};

use crate::{
    commands::{TakenDown, succeeds},
    labs::valid,
    sandbox::{run_in, sandbox},
};

const FILE: &str = "/run/sandbox/first.toml";
const LAB: &str = "name = \"first\"\n[[namespace]]\nname = \"a\"\n[[namespace]]\nname = \"b\"\n[[link]]\n\
    a = { namespace = \"a\", interface = \"eth0\", addresses = [\"fd00::1/64\"] }\n\
    b = { namespace = \"b\", interface = \"eth0\", addresses = [\"fd00::2/64\"] }\n";
/// Offsets in an IPv6 packet without extension headers, and numbers of ICMPv6 (RFC 4443, RFC 4861).
const NEXT_HEADER: usize = 6;
const SOURCE: std::ops::Range<usize> = 8..24;
const TYPE: usize = 40;
const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ECHO_REQUEST: u8 = 128;
/// `ETH_P_ALL` in network byte order: a socket for one protocol does not see what leaves (packet(7)).
const ETH_P_ALL: u16 = 3_u16.to_be();

/// Builds a lab so many times, and pings through it at once, from either side in turn.
///
/// # Panics
///
/// If a ping has no answer, or its first solicitation had none: then there is a second one, a second later.
pub fn six(rounds: u32) {
    sandbox(|| {
        fs::write(FILE, LAB).expect("a tmpfs");
        let _taken_down = TakenDown::of(FILE);
        let mut late = Vec::new();
        for round in 0..rounds {
            succeeds(&["up", FILE]);
            let (from, to) = if round % 2 == 0 { ("a", "fd00::2") } else { ("b", "fd00::1") };
            let capture = capture(from);
            run_in(from, "ping", &["-q", "-c", "1", "-W", "3", to]);
            let kinds = kinds(&capture);
            assert!(kinds.contains(&ECHO_REQUEST), "the capture saw no request: {kinds:?}");
            let solicitations = kinds.iter().filter(|kind| **kind == SOLICITATION).count();
            if solicitations > 1 {
                late.push((round, kinds));
            }
            succeeds(&["down", FILE]);
        }
        println!("six: {} of {rounds} first packets were late", late.len());
        assert!(late.is_empty(), "{late:?}");
    });
}

/// Opens a packet socket that sees what leaves and arrives in a namespace from now on.
fn capture(namespace: &str) -> OwnedFd {
    let open = || {
        let protocol = NonZeroU32::new(u32::from(ETH_P_ALL)).map(Protocol::from_raw);
        socket(AddressFamily::PACKET, SocketType::DGRAM, protocol).expect("a packet socket")
    };
    NetNs::open(&valid(namespace)).and_then(|netns| netns.run(open)).expect("the namespace")
}

/// The types of the ICMPv6 packets that were captured, without the probes for duplicate addresses.
fn kinds(capture: &OwnedFd) -> Vec<u8> {
    let mut kinds = Vec::new();
    let mut packet = [0_u8; 256];
    loop {
        match recv(capture, &mut packet, RecvFlags::DONTWAIT) {
            Ok((length, _)) => kinds.extend(kind(&packet[..length.min(256)])),
            Err(rustix::io::Errno::AGAIN) => return kinds,
            Err(error) => panic!("the capture: {}", io::Error::from(error)),
        }
    }
}

fn kind(packet: &[u8]) -> Option<u8> {
    let is_probe = packet.get(SOURCE)?.iter().all(|byte| *byte == 0);
    (packet[0] >> 4 == 6 && packet[NEXT_HEADER] == ICMPV6 && !is_probe)
        .then(|| packet.get(TYPE).copied())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solicitation_counts_and_a_probe_for_duplicates_does_not() {
        let mut packet = [0; 64];
        (packet[0], packet[NEXT_HEADER], packet[TYPE]) = (0x60, ICMPV6, SOLICITATION);
        assert_eq!(kind(&packet), None);
        packet[23] = 1;
        assert_eq!(kind(&packet), Some(SOLICITATION));
        assert_eq!(kind(&packet[..20]), None);
    }
}
