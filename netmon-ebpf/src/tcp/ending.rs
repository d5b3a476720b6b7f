//! How a connection ends: both FINs are acknowledged, or one side resets it.

use super::{ACK, Findings, Segment, SharedHalfWords, client_hook, track::change};
use crate::{
    endpoint::TcpEvent,
    flow::{TCP_ENDED, TCP_FIN_ACKED, TCP_OPEN, TCP_RESET, TCP_SEQ_KNOWN, TCP_SYN_ANSWERED, TcpFlow},
};

impl TcpFlow {
    /// The FIN of the other side, and all that precedes it, was acknowledged at `HOOK`.
    #[inline(always)]
    pub(super) fn fin_acknowledged<const HOOK: usize>(
        &self,
        words: impl SharedHalfWords,
        findings: &mut impl Findings,
    ) {
        let (this, other) = (TCP_FIN_ACKED << (1 - HOOK), TCP_FIN_ACKED << HOOK);
        // Of two CPUs that see the two acknowledgments at once, the second one finds the bit of the first.
        let old = change(&self.state, this, 0, words);
        if old & (this | other) == other && change(&self.state, TCP_ENDED, 0, words) & TCP_ENDED == 0 {
            findings.event(TcpEvent::Closed);
        }
    }

    #[inline(always)]
    pub(super) fn rst<const HOOK: usize>(
        &self,
        segment: &Segment,
        state: u32,
        words: impl SharedHalfWords,
        findings: &mut impl Findings,
    ) {
        if state & TCP_ENDED != 0 || !self.accepts_reset::<HOOK>(segment, state, words) {
            return;
        }
        let old = change(&self.state, TCP_ENDED | TCP_RESET << HOOK, 0, words);
        if old & TCP_ENDED != 0 {
            return;
        }
        if old & TCP_OPEN != 0 {
            findings.event(TcpEvent::Reset);
        } else if is_handshake::<HOOK>(old) {
            findings.event(TcpEvent::Refused);
        }
    }

    /// Returns whether the receiver accepts an RST, as far as can be told here (RFC 5961, 3.2): it has the sequence
    /// number that the receiver expects next. That is the end of what passed, or of what the receiver has acknowledged.
    /// An RST that answers a SYN acknowledges it instead (RFC 9293, 3.10.7.3).
    #[inline(always)]
    fn accepts_reset<const HOOK: usize>(
        &self,
        segment: &Segment,
        state: u32,
        words: impl SharedHalfWords,
    ) -> bool {
        if is_handshake::<HOOK>(state) {
            return segment.has(ACK) && self.covers_syn::<HOOK>(segment, words);
        }
        state & (TCP_SEQ_KNOWN << HOOK) == 0
            || segment.seq == words.load_u32(&self.next[HOOK])
            || segment.seq == self.acked[HOOK]
    }

    /// Reopens a connection after more data from the side that the RST seemed to come from: it did not send that RST.
    #[inline(always)]
    pub(super) fn revive(&self, words: impl SharedHalfWords) {
        change(&self.state, 0, TCP_ENDED | TCP_RESET | TCP_RESET << 1, words);
    }
}

/// Returns whether a segment at `HOOK` comes from a server that has not answered the SYN yet.
#[inline(always)]
fn is_handshake<const HOOK: usize>(state: u32) -> bool {
    state & TCP_SYN_ANSWERED == 0 && client_hook(state) == Some(1 - HOOK)
}
