//! The fixed set of packets, and what each may cost.

use netmon_kernel::sys::insn::Instruction;
use netmon_model::snapshot::Features;
use netmon_tests::packets::{
    DOT1AD, DOT1Q, IPV4, Ipv4, Ipv6, Tcp, arp, dns_query, echo,
    flag::{ACK, PSH, SYN},
    number, tagged, udp,
};

use crate::bytecode::advance;

/// What a packet may cost, by the two references.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// So many times the program that reads the clock.
    TimesClock(f64),
    /// So many times the empty program, and so many nanoseconds.
    TimesEmptyPlus(f64, f64),
}

/// Counted, stamped, in the histogram and in its epoch.
const COUNTED: Bound = Bound::TimesClock(1.3);
/// And its conversation followed.
const FOLLOWED: Bound = Bound::TimesClock(1.9);
/// Only counted.
const ARP: Bound = Bound::TimesEmptyPlus(1.2, 15.0);

/// A kind of packet.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) frame: Vec<u8>,
    pub(crate) bound: Bound,
    /// Whether it can carry a stamp.
    pub(crate) stamped: bool,
    /// Whether it is measured with conversations over UDP followed.
    pub(crate) udp_flow: bool,
    /// What makes the next packet out of it.
    pub(crate) advance: Option<Advance>,
}

/// A number in the packet that grows from one to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Advance {
    offset: i16,
    step: u16,
}

impl Case {
    /// Returns the instructions that make the next packet out of the present one.
    pub(crate) fn advance(&self) -> Vec<Instruction> {
        self.advance.map(|by| advance(by.offset, by.step.into())).unwrap_or_default()
    }

    /// Returns the packet as it is after so many runs. A run that began with the first packet again would measure
    /// what repeated segments cost.
    pub(crate) fn frame_after(&self, runs: u32) -> Vec<u8> {
        let mut frame = self.frame.clone();
        if let Some(Advance { offset, step }) = self.advance {
            let place = offset as usize;
            let number = frame[place..].first_chunk().copied().map_or(0, u32::from_be_bytes);
            let number = number.wrapping_add(runs.wrapping_mul(step.into()));
            frame[place..place + 4].copy_from_slice(&number.to_be_bytes());
        }
        frame
    }
}

impl Bound {
    /// In nanoseconds.
    pub(crate) fn ns(self, empty: f64, clock: f64) -> f64 {
        match self {
            Self::TimesClock(times) => times * clock,
            Self::TimesEmptyPlus(times, more) => times * empty + more,
        }
    }
}

/// Where the sequence number of a TCP segment is that lies directly behind the IP header.
const SEQUENCE_V4: i16 = 14 + 20 + 4;
const SEQUENCE_V6: i16 = 14 + 40 + 4;

/// All of them. Whether stamps are measured depends on the kernel.
pub(crate) fn all(features: Features) -> Vec<Case> {
    let (four, six) = (Ipv4::default(), Ipv6::default());
    let stamped = features.packet_stamp;
    let case = |name, frame, bound| Case { name, frame, bound, stamped, udp_flow: false, advance: None };
    let small = udp(5000, 6000, &[0; 22]);
    let data = Tcp { flags: ACK | PSH, ..Tcp::default() }.segment(&[0; 1000]);
    let syn = Tcp { flags: SYN, source: 40_001, ..Tcp::default() }.segment(&[]);
    let later = Ipv4 { fragment: 0x00b9, ..four.clone() };
    let qinq = tagged(&[DOT1AD, DOT1Q], IPV4, &four.packet(number::UDP, &small));
    vec![
        case("UDP, 64 bytes", four.frame(number::UDP, &small), COUNTED),
        Case { udp_flow: true, ..case("UDP in a flow", four.frame(number::UDP, &small), FOLLOWED) },
        Case { udp_flow: true, ..case("IPv6 UDP in flow", six.frame(number::UDP, &small), FOLLOWED) },
        case("later fragment", later.frame(number::UDP, &small), COUNTED),
        // The kernel takes no stamp for a packet that is not IP by its outermost ethertype.
        Case { stamped: false, ..case("QinQ UDP", qinq, COUNTED) },
        case("ICMP echo", four.frame(number::ICMP, &echo(8, 1, 1)), FOLLOWED),
        Case {
            advance: Some(Advance { offset: SEQUENCE_V4, step: 1000 }),
            ..case("TCP data", four.frame(number::TCP, &data), FOLLOWED)
        },
        Case {
            advance: Some(Advance { offset: SEQUENCE_V6, step: 1000 }),
            ..case("IPv6 TCP data", six.frame(number::TCP, &data), FOLLOWED)
        },
        Case {
            advance: Some(Advance { offset: SEQUENCE_V4, step: 7919 }),
            ..case("TCP SYN", four.frame(number::TCP, &syn), FOLLOWED)
        },
        case("DNS query", four.frame(number::UDP, &udp(5000, 53, &dns_query(1))), FOLLOWED),
        Case { stamped: false, ..case("ARP", arp(), ARP) },
    ]
}
