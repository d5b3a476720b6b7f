//! Segments that do not continue their direction: what is repeated, what is late, and what that means for samples.

use super::{
    FIN, Findings, Passed, Place, Segment, SharedHalfWords, Track,
    holes::{greater, lesser},
    track::before,
};
use crate::{
    abi::EGRESS,
    flow::{TCP_SEQ_KNOWN, TCP_ZERO_WINDOW, TcpFlow},
};

/// What a segment did to its direction.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) place: Place,
    /// Segments that have passed before.
    pub(super) repeated: u32,
    /// Segments that passed after later ones.
    pub(super) late: u32,
}

impl Step {
    pub(super) const NEXT: Self = Self { place: Place::Next, repeated: 0, late: 0 };
    pub(super) const IGNORED: Self = Self { place: Place::Unknown, repeated: 0, late: 0 };

    /// Returns this as one word, because a function on the eBPF target returns no more. A super-packet has fewer than
    /// 65,536 segments. `salt` is any number: without it the verifier would know the place, and follow all that comes
    /// after the call once for each.
    #[inline(always)]
    const fn packed(self, salt: u32) -> u64 {
        (self.place as u64 | (self.repeated as u64) << 16 | (self.late as u64) << 32) ^ salt as u64
    }

    #[inline(always)]
    pub(super) const fn unpacked(word: u64, salt: u32) -> Self {
        let word = word ^ salt as u64;
        let place = match word & 0xff {
            0 => Place::Next,
            1 => Place::Gap,
            2 => Place::Old,
            3 => Place::First,
            _ => Place::Unknown,
        };
        Self { place, repeated: (word >> 16 & 0xffff) as u32, late: (word >> 32 & 0xffff) as u32 }
    }

    /// Returns whether the segment has bytes beyond all that passed before it.
    #[inline(always)]
    pub(super) const fn is_new(self) -> bool {
        matches!(self.place, Place::Next | Place::Gap | Place::First)
    }
}

impl TcpFlow {
    /// Begins to time data that left, if nothing else is being timed and its ACK waits for nothing else: a hole below
    /// it would delay the ACK.
    #[inline(always)]
    pub(super) fn time(&mut self, segment: &Segment, step: Step) {
        if step.repeated > 0 || matches!(step.place, Place::Unknown) {
            self.rtt_ns = 0;
        } else if self.rtt_ns == 0
            && segment.payload > 0
            && matches!(step.place, Place::Next | Place::First)
            && !before(self.acked[EGRESS], self.gap_end[EGRESS])
        {
            self.rtt_ack = segment.seq.wrapping_add(segment.payload + u32::from(segment.has(FIN)));
            self.rtt_ns = segment.now_ns;
        }
    }

    #[inline(always)]
    pub(super) fn track<const HOOK: usize, S: SharedHalfWords>(&self, words: S) -> Track<'_, S> {
        Track {
            words,
            state: &self.state,
            known: TCP_SEQ_KNOWN << HOOK,
            next: &self.next[HOOK],
            lock: &self.locks[HOOK],
            holes: &self.holes[HOOK],
        }
    }

    /// Passes a segment that does not continue its direction, and returns a packed [`Step`].
    #[cold]
    #[inline(never)]
    pub(super) fn out_of_order<const HOOK: usize>(
        &mut self,
        seq: u32,
        payload: u32,
        segments: u32,
        fin: bool,
        words: impl SharedHalfWords,
    ) -> u64 {
        if payload == 1 && !fin && self.is_probe::<HOOK>(seq, words) {
            return Step::IGNORED.packed(seq);
        }
        let end = seq.wrapping_add(payload + u32::from(fin));
        let passed = self.track::<HOOK, _>(words).pass(seq, end);
        match passed.place {
            Place::First => (self.acked[HOOK], self.gap_end[HOOK]) = (seq, seq),
            Place::Gap => self.gap_end[HOOK] = seq,
            Place::Next | Place::Old | Place::Unknown => {}
        }
        let (repeated, late) = in_segments(passed, payload, segments, seq, words);
        self.retransmits[HOOK] = self.retransmits[HOOK].wrapping_add(repeated);
        self.reordered[HOOK] = self.reordered[HOOK].wrapping_add(late);
        Step { place: passed.place, repeated, late }.packed(seq)
    }

    /// Returns whether a segment of one byte is a probe, which does not mean a loss. A keep-alive repeats a byte that
    /// was acknowledged (RFC 9293, 3.8.4). A window probe repeats the byte that the window has no room for (3.8.6.1).
    #[inline(always)]
    fn is_probe<const HOOK: usize>(&self, seq: u32, words: impl SharedHalfWords) -> bool {
        let (state, next) = (words.load_u32(&self.state), words.load_u32(&self.next[HOOK]));
        state & (TCP_SEQ_KNOWN << HOOK) != 0
            && seq.wrapping_add(1) == next
            && (self.acked[HOOK] == next || state & (TCP_ZERO_WINDOW << HOOK) != 0)
    }
}

/// Returns the bytes that were found out as segments, those that passed before and those that are late. All together
/// are no more than the `segments` of a super-packet. Without branches, as in `holes`; `salt` is any number.
#[inline(always)]
fn in_segments(
    passed: Passed,
    payload: u32,
    segments: u32,
    salt: u32,
    words: impl SharedHalfWords,
) -> (u32, u32) {
    let divided = |number: u64, by: u64| {
        // No divisor is 0, but the compiler does not know it.
        let quotient = (number + by - 1).checked_div(by).unwrap_or(0);
        words.obscured(quotient, salt)
    };
    let segments = u64::from(segments);
    let size = divided(payload.into(), greater(segments, 1, words));
    let size = greater(size, 1, words);
    let repeated = lesser(divided(passed.repeated.into(), size), segments, words);
    let late = lesser(divided(passed.late.into(), size), segments - repeated, words);
    (repeated as u32, late as u32)
}

#[inline(always)]
pub(super) fn report<const HOOK: usize>(step: Step, findings: &mut impl Findings) {
    if step.repeated | step.late != 0 {
        findings.out_of_order(HOOK, step.repeated, step.late);
    }
}
