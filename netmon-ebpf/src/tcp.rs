//! What the segments of a TCP connection reveal at one endpoint: handshake, round trip, response, events.
//!
//! This is a pure function of state and segment, which reports to a [`Findings`]. It follows RFC 9293 as far as an
//! observer in the middle can, and takes a sample only if it is unambiguous (Karn's rule, RFC 6298, section 3).

use crate::{
    abi::{EGRESS, INGRESS},
    endpoint::{RoundTrip, TcpEvent},
    flow::{
        TCP_CLIENT_LOCAL, TCP_CLIENT_REMOTE, TCP_ENDED, TCP_FIN, TCP_OPEN, TCP_SEQ_KNOWN, TCP_SYN_AGAIN,
        TCP_SYN_ANSWERED, TcpFlow,
    },
};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// A receiver of what segments reveal.
pub trait Findings {
    /// A round trip of `ns` nanoseconds ended.
    fn round_trip(&mut self, kind: RoundTrip, ns: u64);
    /// An event of the connection was seen.
    fn event(&mut self, event: TcpEvent);
    /// `segments` segments were retransmitted at `hook`.
    fn retransmits(&mut self, hook: usize, segments: u32);
}

/// One TCP segment, or several that travel as one super-packet, as it passes a hook.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// [`INGRESS`] or [`EGRESS`].
    pub hook: usize,
    /// When it passed, monotonic nanoseconds.
    pub now_ns: u64,
    /// Sequence number of its first byte.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Flags as in byte 13 of the header.
    pub flags: u8,
    /// Bytes of data.
    pub payload: u32,
    /// Bytes of the frame.
    pub frame: u32,
    /// Number of segments on the wire.
    pub segments: u32,
}

impl Segment {
    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Returns whether this is the SYN of a client.
    #[inline(always)]
    #[must_use]
    pub const fn is_client_syn(&self) -> bool {
        self.flags & (SYN | ACK | RST) == SYN
    }

    /// Returns whether a connection that is not in the table gets an entry: if it begins, or carries data.
    #[inline(always)]
    #[must_use]
    pub const fn deserves_entry(&self) -> bool {
        self.is_client_syn() || (self.payload > 0 && !self.has(RST))
    }
}

impl TcpFlow {
    /// Returns the state before the first segment that is seen.
    #[inline(always)]
    #[must_use]
    pub fn new(first: &Segment) -> Self {
        let state = match (first.is_client_syn(), first.hook) {
            (true, EGRESS) => TCP_CLIENT_LOCAL,
            (true, _) => TCP_CLIENT_REMOTE,
            // The connection is older than the agent, so it is unknown which side is the client.
            (false, _) => TCP_OPEN,
        };
        Self { first_ns: first.now_ns, state, ..Self::default() }
    }

    /// Resets the state, in place, for another connection that begins with `first`.
    #[inline(always)]
    pub fn restart(&mut self, first: &Segment) {
        let Self { first_ns, state, .. } = Self::new(first);
        // Not `*self = Self::new(first)`: that is built on the stack and copied. It reads whole words that were just
        // written in halves, which takes a processor longer than all the rest.
        self.last_ns = 0;
        self.packets = [0; 2];
        self.bytes = [0; 2];
        self.rtt_ns = 0;
        self.rtt_ack = 0;
        self.next_seq = [0; 2];
        self.state = state;
        self.request_ns = 0;
        self.syn_ns = 0;
        self.first_ns = first_ns;
        self.latest_rtt_ns = 0;
        self.retransmits = [0; 2];
    }

    #[inline(always)]
    fn is(&self, bits: u32) -> bool {
        self.state & bits == bits
    }

    #[inline(always)]
    fn client_hook(&self) -> Option<usize> {
        if self.is(TCP_CLIENT_LOCAL) {
            Some(EGRESS)
        } else if self.is(TCP_CLIENT_REMOTE) {
            Some(INGRESS)
        } else {
            None
        }
    }

    /// Returns whether `segment` begins another connection with the same addresses and ports.
    #[inline(always)]
    #[must_use]
    pub fn is_replaced_by(&self, segment: &Segment) -> bool {
        segment.is_client_syn() && self.last_ns != 0 && !self.is_syn_again(segment)
    }

    #[inline(always)]
    fn is_syn_again(&self, segment: &Segment) -> bool {
        self.client_hook() == Some(segment.hook)
            && !self.is(TCP_OPEN)
            && !self.is(TCP_ENDED)
            && self.next(segment.hook) == segment.seq.wrapping_add(1)
    }

    // There are only two hooks: a comparison is cheaper to verify than an index.
    #[inline(always)]
    fn next(&self, hook: usize) -> u32 {
        if hook == EGRESS { self.next_seq[EGRESS] } else { self.next_seq[INGRESS] }
    }

    #[inline(always)]
    fn set_next(&mut self, hook: usize, next: u32) {
        self.state |= TCP_SEQ_KNOWN << hook;
        if hook == EGRESS {
            self.next_seq[EGRESS] = next;
        } else {
            self.next_seq[INGRESS] = next;
        }
    }

    /// Updates the state for one segment.
    ///
    /// ```
    /// use netmon_ebpf::{
    ///     abi::{EGRESS, INGRESS},
    ///     endpoint::{RoundTrip, TcpEvent},
    ///     flow::TcpFlow,
    ///     tcp::{Findings, Segment},
    /// };
    ///
    /// #[derive(Default)]
    /// struct RoundTrips(Vec<(RoundTrip, u64)>);
    ///
    /// impl Findings for RoundTrips {
    ///     fn round_trip(&mut self, kind: RoundTrip, ns: u64) {
    ///         self.0.push((kind, ns));
    ///     }
    ///     fn event(&mut self, _: TcpEvent) {}
    ///     fn retransmits(&mut self, _: usize, _: u32) {}
    /// }
    ///
    /// let segment = Segment { hook: 0, now_ns: 0, seq: 0, ack: 0, flags: 0, payload: 0, frame: 66, segments: 1 };
    /// let syn = Segment { hook: EGRESS, now_ns: 1_000, seq: 7, flags: 0x02, ..segment };
    /// let syn_ack = Segment { hook: INGRESS, now_ns: 1_250, seq: 40, ack: 8, flags: 0x12, ..segment };
    ///
    /// let (mut flow, mut found) = (TcpFlow::new(&syn), RoundTrips::default());
    /// flow.observe(&syn, &mut found);
    /// flow.observe(&syn_ack, &mut found);
    /// assert_eq!(found.0, [(RoundTrip::TcpHandshake, 250)]);
    /// ```
    #[inline(always)]
    pub fn observe(&mut self, segment: &Segment, findings: &mut impl Findings) {
        self.count(segment);
        if segment.has(SYN) {
            self.syn(segment, findings);
        } else if segment.has(RST) {
            self.rst(segment, findings);
        } else if !self.is(TCP_ENDED) {
            if segment.has(ACK) {
                self.acknowledged(segment, findings);
            }
            self.data(segment, findings);
        }
        self.last_ns = segment.now_ns;
    }

    #[inline(always)]
    fn count(&mut self, segment: &Segment) {
        let hook = if segment.hook == EGRESS { EGRESS } else { INGRESS };
        self.packets[hook] += 1;
        self.bytes[hook] += u64::from(segment.frame);
    }

    #[inline(always)]
    fn syn(&mut self, segment: &Segment, findings: &mut impl Findings) {
        let again =
            self.is(TCP_SEQ_KNOWN << segment.hook) && self.next(segment.hook) == segment.seq.wrapping_add(1);
        if again {
            self.count_retransmit(segment, findings);
        }
        if !segment.has(ACK) {
            if again {
                self.state |= TCP_SYN_AGAIN;
            } else {
                self.syn_ns = segment.now_ns;
            }
        } else if self.client_hook().is_some_and(|client| client != segment.hook) && self.syn_ns != 0 {
            if !self.is(TCP_SYN_AGAIN) {
                findings.round_trip(RoundTrip::TcpHandshake, segment.now_ns.wrapping_sub(self.syn_ns));
            }
            self.syn_ns = 0;
            self.state |= TCP_SYN_ANSWERED;
        }
        self.set_next(segment.hook, segment.seq.wrapping_add(1));
    }

    #[inline(always)]
    fn rst(&mut self, segment: &Segment, findings: &mut impl Findings) {
        if self.is(TCP_ENDED) {
            return;
        }
        if self.is(TCP_OPEN) {
            findings.event(TcpEvent::Reset);
        } else if self.syn_ns != 0 && self.client_hook() != Some(segment.hook) {
            findings.event(TcpEvent::Refused);
        }
        self.state |= TCP_ENDED;
    }

    #[inline(always)]
    fn acknowledged(&mut self, segment: &Segment, findings: &mut impl Findings) {
        if self.is(TCP_SYN_ANSWERED) && !self.is(TCP_OPEN) && self.client_hook() == Some(segment.hook) {
            self.state |= TCP_OPEN;
            findings.event(TcpEvent::Opened);
        }
        if segment.hook == INGRESS && self.rtt_ns != 0 && !before(segment.ack, self.rtt_ack) {
            let rtt_ns = segment.now_ns.wrapping_sub(self.rtt_ns);
            findings.round_trip(RoundTrip::TcpRtt, rtt_ns);
            self.latest_rtt_ns = rtt_ns;
            self.rtt_ns = 0;
        }
    }

    #[inline(always)]
    fn data(&mut self, segment: &Segment, findings: &mut impl Findings) {
        let fin = segment.has(FIN);
        let length = segment.payload + u32::from(fin);
        if length == 0 {
            return;
        }
        let end = segment.seq.wrapping_add(length);
        if self.is(TCP_SEQ_KNOWN << segment.hook) && before(segment.seq, self.next(segment.hook)) {
            if !self.is_keep_alive(segment, length) {
                self.count_retransmit(segment, findings);
            }
            if segment.hook == EGRESS {
                self.rtt_ns = 0;
            }
            if !before(self.next(segment.hook), end) {
                return;
            }
        } else if segment.hook == EGRESS && self.rtt_ns == 0 && segment.payload > 0 {
            self.rtt_ns = segment.now_ns;
            self.rtt_ack = end;
        }
        self.set_next(segment.hook, end);
        if segment.payload > 0 {
            self.request_or_response(segment, findings);
        }
        if fin {
            self.state |= TCP_FIN << segment.hook;
            if self.is(TCP_FIN | TCP_FIN << 1) {
                self.state |= TCP_ENDED;
                findings.event(TcpEvent::Closed);
            }
        }
    }

    #[inline(always)]
    fn request_or_response(&mut self, segment: &Segment, findings: &mut impl Findings) {
        match self.client_hook() {
            Some(client) if client == segment.hook => self.request_ns = segment.now_ns,
            Some(_) if self.request_ns != 0 => {
                findings.round_trip(RoundTrip::TcpResponse, segment.now_ns.wrapping_sub(self.request_ns));
                self.request_ns = 0;
            }
            // Without a SYN it is unknown which side sends requests.
            _ => {}
        }
    }

    #[inline(always)]
    fn count_retransmit(&mut self, segment: &Segment, findings: &mut impl Findings) {
        let hook = if segment.hook == EGRESS { EGRESS } else { INGRESS };
        self.retransmits[hook] = self.retransmits[hook].wrapping_add(segment.segments);
        findings.retransmits(hook, segment.segments);
    }

    /// A keep-alive probe repeats the last byte (RFC 9293, 3.8.4). It does not mean a loss.
    #[inline(always)]
    fn is_keep_alive(&self, segment: &Segment, length: u32) -> bool {
        length == 1 && !segment.has(FIN) && segment.seq.wrapping_add(1) == self.next(segment.hook)
    }
}

/// Returns whether `a` is before `b` in sequence space (RFC 9293, 3.4).
#[inline(always)]
const fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}
