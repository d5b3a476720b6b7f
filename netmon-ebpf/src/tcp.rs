//! What the segments of a TCP connection reveal at one endpoint: handshake, round trip, repetitions, events.
//!
//! This is a pure function of state and segment, which reports to a [`Findings`]. It follows RFC 9293 as far as an
//! observer in the middle can, and takes a sample only if it is unambiguous (Karn's rule, RFC 6298, section 3).
//! `track` and `order` know what has passed, `exchange` knows requests and responses, `ending` how connections end.

mod ending;
mod exchange;
mod holes;
mod order;
mod segment;
mod track;

pub use self::{
    holes::HOLES,
    segment::{Payload, Segment},
    track::{Half, Passed, Place, SharedHalfWords, Track},
};
use self::{
    order::{Step, report},
    segment::{ACK, FIN, RST, SYN},
    track::{before, change},
};
use crate::{
    abi::{EGRESS, INGRESS},
    endpoint::{RoundTrip, TcpEvent, Unsure},
    flow::{
        TCP_CLIENT_LOCAL, TCP_CLIENT_REMOTE, TCP_ENDED, TCP_FIN, TCP_FOUND, TCP_OPEN, TCP_RESET,
        TCP_SEQ_KNOWN, TCP_SYN_AGAIN, TCP_SYN_ANSWERED, TCP_ZERO_WINDOW, TcpFlow,
    },
};

/// A receiver of what segments reveal.
pub trait Findings {
    /// A round trip of `ns` nanoseconds ended.
    fn round_trip(&mut self, kind: RoundTrip, ns: u64);
    /// An event of the connection was seen.
    fn event(&mut self, event: TcpEvent);
    /// `repeated` segments passed `hook` a second time, and `late` segments for the first time but after later ones.
    fn out_of_order(&mut self, hook: usize, repeated: u32, late: u32);
    /// A response is not timed.
    fn unsure(&mut self, reason: Unsure);
}

impl TcpFlow {
    /// Returns the state before the first segment that is seen.
    #[inline(always)]
    #[must_use]
    pub fn new(first: &Segment) -> Self {
        let mut flow = Self::default();
        flow.restart(first);
        flow
    }

    /// Resets the state, in place, for another connection that begins with `first`.
    #[inline(always)]
    pub fn restart(&mut self, first: &Segment) {
        // Not `*self = Self::default()`: that is built on the stack and copied. It reads whole words that were just
        // written in halves, which takes a processor longer than all the rest. Fields that are valid only with a bit of
        // the state stay as they are.
        self.last_ns = 0;
        self.packets = [0; 2];
        self.bytes = [0; 2];
        self.rtt_ns = 0;
        self.rtt_ack = 0;
        self.first_ns = first.now_ns;
        self.latest_rtt_ns = 0;
        self.retransmits = [0; 2];
        self.reordered = [0; 2];
        self.packets_high = [0; 2];
        *self.locks[INGRESS].get_mut() = 0;
        *self.locks[EGRESS].get_mut() = 0;
        // No other CPU finds the entry yet, or it has ended: the direction of a SYN begins without atomic instructions.
        *self.state.get_mut() = match (first.is_client_syn(), first.hook) {
            (true, EGRESS) => TCP_CLIENT_LOCAL | self.starts::<EGRESS>(first),
            (true, _) => TCP_CLIENT_REMOTE | self.starts::<INGRESS>(first),
            // The connection is older than its entry, so it is unknown which side is the client.
            (false, _) => TCP_OPEN | TCP_FOUND,
        };
    }

    /// Begins a direction with the first segment, which is a SYN, and returns the bits that say so.
    #[inline(always)]
    fn starts<const HOOK: usize>(&mut self, syn: &Segment) -> u32 {
        self.isn[HOOK] = syn.seq;
        self.acked[HOOK] = syn.seq;
        self.gap_end[HOOK] = syn.seq;
        *self.next[HOOK].get_mut() = syn.seq.wrapping_add(1).wrapping_add(syn.payload);
        TCP_SEQ_KNOWN << HOOK
    }

    /// Returns whether `segment` begins another connection with the same addresses and ports.
    #[inline(always)]
    #[must_use]
    pub fn is_replaced_by(&self, segment: &Segment, words: impl SharedHalfWords) -> bool {
        segment.is_client_syn() && self.last_ns != 0 && !self.is_syn_again(segment, words)
    }

    #[inline(always)]
    fn is_syn_again(&self, segment: &Segment, words: impl SharedHalfWords) -> bool {
        let state = words.load_u32(&self.state);
        let isn = if segment.hook == EGRESS { self.isn[EGRESS] } else { self.isn[INGRESS] };
        client_hook(state) == Some(segment.hook) && state & TCP_ENDED == 0 && isn == segment.seq
    }

    /// Updates the state for one segment.
    ///
    /// ```
    /// # use core::sync::atomic::{AtomicU32, Ordering::SeqCst};
    /// use netmon_ebpf::{
    ///     abi::{EGRESS, INGRESS},
    ///     endpoint::{RoundTrip, TcpEvent, Unsure},
    ///     flow::TcpFlow,
    ///     tcp::{Findings, Payload, Segment, SharedHalfWords},
    /// };
    /// # #[derive(Clone, Copy)]
    /// # struct Atomics;
    /// # impl SharedHalfWords for Atomics {
    /// #     fn load_u32(self, word: &AtomicU32) -> u32 {
    /// #         word.load(SeqCst)
    /// #     }
    /// #     fn store_u32(self, word: &AtomicU32, new: u32) {
    /// #         word.store(new, SeqCst);
    /// #     }
    /// #     fn compare_exchange_u32(self, word: &AtomicU32, old: u32, new: u32) -> bool {
    /// #         word.compare_exchange(old, new, SeqCst, SeqCst).is_ok()
    /// #     }
    /// # }
    ///
    /// #[derive(Default)]
    /// struct RoundTrips(Vec<(RoundTrip, u64)>);
    ///
    /// impl Findings for RoundTrips {
    ///     fn round_trip(&mut self, kind: RoundTrip, ns: u64) {
    ///         self.0.push((kind, ns));
    ///     }
    ///     fn event(&mut self, _: TcpEvent) {}
    ///     fn out_of_order(&mut self, _: usize, _: u32, _: u32) {}
    ///     fn unsure(&mut self, _: Unsure) {}
    /// }
    ///
    /// struct Empty;
    ///
    /// impl Payload for Empty {
    ///     fn word(&self, _: u32) -> u64 {
    ///         0
    ///     }
    /// }
    ///
    /// let nothing = Segment {
    ///     hook: 0, now_ns: 0, seq: 0, ack: 0, flags: 0, window: 1, payload: 0, frame: 66, segments: 1,
    /// };
    /// let syn = Segment { hook: EGRESS, now_ns: 1_000, seq: 7, flags: 0x02, ..nothing };
    /// let syn_ack = Segment { hook: INGRESS, now_ns: 1_250, seq: 40, ack: 8, flags: 0x12, ..nothing };
    ///
    /// let (mut flow, mut found) = (TcpFlow::new(&syn), RoundTrips::default());
    /// flow.observe(&syn, &Empty, Atomics, &mut found);
    /// flow.observe(&syn_ack, &Empty, Atomics, &mut found);
    /// assert_eq!(found.0, [(RoundTrip::TcpHandshake, 250)]);
    /// ```
    #[inline(always)]
    pub fn observe(
        &mut self,
        segment: &Segment,
        payload: &impl Payload,
        words: impl SharedHalfWords,
        findings: &mut impl Findings,
    ) {
        if segment.hook == EGRESS {
            self.observe_at::<EGRESS>(segment, payload, words, findings);
        } else {
            self.observe_at::<INGRESS>(segment, payload, words, findings);
        }
    }

    #[inline(always)]
    fn observe_at<const HOOK: usize>(
        &mut self,
        segment: &Segment,
        payload: &impl Payload,
        words: impl SharedHalfWords,
        findings: &mut impl Findings,
    ) {
        let state = words.load_u32(&self.state);
        if state & TCP_FOUND != 0 && change(&self.state, 0, TCP_FOUND, words) & TCP_FOUND != 0 {
            findings.event(TcpEvent::Found);
        }
        self.count::<HOOK>(segment);
        if segment.has(SYN) {
            self.syn::<HOOK>(segment, payload, words, findings);
        } else if segment.has(RST) {
            self.rst::<HOOK>(segment, state, words, findings);
        } else {
            // First, because the verifier gets here by one path only.
            let step = self.place::<HOOK>(segment, state, words);
            if segment.has(ACK) {
                self.acknowledged::<HOOK>(segment, state, words, findings);
            }
            if let Some(step) = step {
                self.data::<HOOK>(segment, step, state, payload, words, findings);
            }
        }
        self.last_ns = segment.now_ns;
    }

    #[inline(always)]
    fn count<const HOOK: usize>(&mut self, segment: &Segment) {
        let (packets, wrapped) = self.packets[HOOK].overflowing_add(1);
        self.packets[HOOK] = packets;
        if wrapped {
            self.packets_high[HOOK] += 1;
        }
        self.bytes[HOOK] += u64::from(segment.frame);
    }

    #[inline(always)]
    fn syn<const HOOK: usize>(
        &mut self,
        segment: &Segment,
        payload: &impl Payload,
        words: impl SharedHalfWords,
        findings: &mut impl Findings,
    ) {
        let state = words.load_u32(&self.state);
        let is_known = state & (TCP_SEQ_KNOWN << HOOK) != 0 && self.isn[HOOK] == segment.seq;
        // The first segment of an entry has begun its direction already.
        let again = is_known && self.last_ns != 0;
        if is_known && !again {
            // Nothing precedes it.
        } else if again {
            self.retransmits[HOOK] = self.retransmits[HOOK].wrapping_add(1);
            findings.out_of_order(HOOK, 1, 0);
        } else if !segment.has(ACK) || state & TCP_OPEN == 0 && self.covers_syn::<HOOK>(segment, words) {
            self.begin_direction::<HOOK>(segment, words);
        } else {
            // It answers another SYN, or was forged.
            return;
        }
        if segment.has(ACK) {
            self.syn_answered::<HOOK>(segment, state, words, findings);
        } else if again {
            change(&self.state, TCP_SYN_AGAIN, 0, words);
        } else if segment.payload > 0 {
            // Data in the SYN (TCP Fast Open, RFC 7413).
            self.exchange::<HOOK>(segment, Place::Next, payload, words, findings);
        }
    }

    /// Begins a direction with a SYN. Nothing precedes it.
    #[inline(always)]
    fn begin_direction<const HOOK: usize>(&mut self, segment: &Segment, words: impl SharedHalfWords) {
        let end = segment.seq.wrapping_add(1).wrapping_add(segment.payload);
        self.isn[HOOK] = segment.seq;
        self.acked[HOOK] = segment.seq;
        self.gap_end[HOOK] = segment.seq;
        words.store_u32(&self.locks[HOOK], 0);
        words.store_u32(&self.next[HOOK], end);
        change(&self.state, TCP_SEQ_KNOWN << HOOK, 0, words);
    }

    #[inline(always)]
    fn syn_answered<const HOOK: usize>(
        &mut self,
        segment: &Segment,
        state: u32,
        words: impl SharedHalfWords,
        findings: &mut impl Findings,
    ) {
        let is_answer = client_hook(state) == Some(1 - HOOK);
        if !is_answer || change(&self.state, TCP_SYN_ANSWERED, 0, words) & TCP_SYN_ANSWERED != 0 {
            return;
        }
        if state & TCP_SYN_AGAIN == 0 {
            findings.round_trip(RoundTrip::TcpHandshake, segment.now_ns.wrapping_sub(self.first_ns));
        }
    }

    /// Returns whether `segment` acknowledges the SYN of the other side, and no more than has passed.
    #[inline(always)]
    fn covers_syn<const HOOK: usize>(&self, segment: &Segment, words: impl SharedHalfWords) -> bool {
        let (syn, next) = (self.isn[1 - HOOK], words.load_u32(&self.next[1 - HOOK]));
        segment.ack.wrapping_sub(syn).wrapping_sub(1) < next.wrapping_sub(syn)
    }

    #[inline(always)]
    fn acknowledged<const HOOK: usize>(
        &mut self,
        segment: &Segment,
        state: u32,
        words: impl SharedHalfWords,
        findings: &mut impl Findings,
    ) {
        let other = 1 - HOOK;
        if state & (TCP_SYN_ANSWERED | TCP_OPEN) == TCP_SYN_ANSWERED
            && client_hook(state) == Some(HOOK)
            && change(&self.state, TCP_OPEN, 0, words) & TCP_OPEN == 0
        {
            findings.event(TcpEvent::Opened);
        }
        if (segment.window == 0) != (state & (TCP_ZERO_WINDOW << other) != 0) {
            let bit = TCP_ZERO_WINDOW << other;
            change(&self.state, if segment.window == 0 { bit } else { 0 }, bit, words);
        }
        if state & (TCP_SEQ_KNOWN << other) != 0 {
            let (acked, next) = (self.acked[other], words.load_u32(&self.next[other]));
            // Later than what is acknowledged already, and no later than what has passed.
            if segment.ack.wrapping_sub(acked).wrapping_sub(1) < next.wrapping_sub(acked) {
                self.acked[other] = segment.ack;
            }
            if state & (TCP_FIN << other) != 0 && segment.ack == next {
                self.fin_acknowledged::<HOOK>(words, findings);
            }
        }
        if HOOK == INGRESS && self.rtt_ns != 0 && !before(segment.ack, self.rtt_ack) {
            let rtt_ns = segment.now_ns.wrapping_sub(self.rtt_ns);
            findings.round_trip(RoundTrip::TcpRtt, rtt_ns);
            self.latest_rtt_ns = rtt_ns;
            self.rtt_ns = 0;
        }
    }

    /// Passes what takes sequence numbers. Returns `None` if there is nothing.
    #[inline(always)]
    fn place<const HOOK: usize>(
        &mut self,
        segment: &Segment,
        state: u32,
        words: impl SharedHalfWords,
    ) -> Option<Step> {
        let fin = segment.has(FIN);
        let length = segment.payload + u32::from(fin);
        if length == 0 {
            return None;
        }
        if self.track::<HOOK, _>(words).is_next(state, segment.seq, segment.seq.wrapping_add(length)) {
            return Some(Step::NEXT);
        }
        let step = self.out_of_order::<HOOK>(segment.seq, segment.payload, segment.segments, fin, words);
        Some(Step::unpacked(step, segment.seq))
    }

    #[inline(always)]
    fn data<const HOOK: usize>(
        &mut self,
        segment: &Segment,
        step: Step,
        state: u32,
        payload: &impl Payload,
        words: impl SharedHalfWords,
        findings: &mut impl Findings,
    ) {
        report::<HOOK>(step, findings);
        if HOOK == EGRESS {
            self.time(segment, step);
        }
        if segment.payload > 0 && step.is_new() {
            if state & (TCP_RESET << HOOK) != 0 {
                self.revive(words);
            }
            self.exchange::<HOOK>(segment, step.place, payload, words, findings);
        }
        if segment.has(FIN) && state & (TCP_FIN << HOOK) == 0 {
            change(&self.state, TCP_FIN << HOOK, 0, words);
        }
    }
}

/// Returns the hook through which the segments of the client pass, if the SYN was seen.
#[inline(always)]
const fn client_hook(state: u32) -> Option<usize> {
    if state & TCP_CLIENT_LOCAL != 0 {
        Some(EGRESS)
    } else if state & TCP_CLIENT_REMOTE != 0 {
        Some(INGRESS)
    } else {
        None
    }
}
