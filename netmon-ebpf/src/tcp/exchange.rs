//! Requests and responses of HTTP/1 in the clear.
//!
//! TCP does not say what answers what: a server may push, and a client may ask several times before the first response.
//! HTTP/1 does, as long as there is one request at a time. So a request begins with a method. A response begins with the
//! first byte from the server after it. Where that is not certain, nothing is timed, and the reason is counted.

use super::{Findings, Payload, Place, Segment, SharedHalfWords, client_hook, track::change};
use crate::{
    endpoint::{RoundTrip, Unsure},
    flow::{TCP_ANSWERED, TCP_ASKED, TCP_BODY, TCP_CONTINUE, TCP_TORN, TCP_UNSURE, TcpFlow},
};

/// The longest pause within a request without a body. Nagle's algorithm holds back the rest of a request until the first
/// part is acknowledged, which Linux delays by at most 200 ms (`TCP_DELACK_MAX`).
const PAUSE_NS: u64 = 200_000_000;
/// All bits about the present request.
const REQUEST: u32 = TCP_ASKED | TCP_ANSWERED | TCP_BODY | TCP_CONTINUE | TCP_TORN;

impl TcpFlow {
    /// Follows requests and responses through new payload.
    #[inline(always)]
    pub(super) fn exchange<const HOOK: usize>(
        &mut self,
        segment: &Segment,
        place: Place,
        payload: &impl Payload,
        words: impl SharedHalfWords,
        findings: &mut impl Findings,
    ) {
        let state = words.load_u32(&self.state);
        match client_hook(state) {
            Some(client) if client == HOOK && state & TCP_UNSURE == 0 => {
                self.client_data::<HOOK>(segment, place, state, payload, words, findings);
            }
            Some(client) if client != HOOK && state & TCP_ASKED != 0 => {
                self.server_data(segment, place, state, payload, words, findings);
            }
            // Without a SYN it is unknown which side sends requests.
            _ => {}
        }
    }

    #[inline(always)]
    fn client_data<const HOOK: usize>(
        &mut self,
        segment: &Segment,
        place: Place,
        state: u32,
        payload: &impl Payload,
        words: impl SharedHalfWords,
        findings: &mut impl Findings,
    ) {
        if !matches!(place, Place::Next) {
            change(&self.state, TCP_ASKED | TCP_TORN, TCP_ANSWERED | TCP_CONTINUE, words);
            return;
        }
        let outcome = if let Some(body) = method(payload.word(0)) {
            if state & TCP_ASKED != 0 || self.response_is_unfinished::<HOOK>(segment, state, words) {
                Err(Unsure::Pipelined)
            } else {
                Ok(TCP_ASKED | body)
            }
        } else if state & TCP_ASKED != 0 {
            let pause_ns = segment.now_ns.wrapping_sub(self.request_ns);
            let belongs = state & (TCP_BODY | TCP_TORN) != 0 || pause_ns <= PAUSE_NS;
            if belongs { Ok(state & REQUEST) } else { Err(Unsure::Interleaved) }
        } else if state & TCP_CONTINUE != 0 {
            Ok(TCP_ASKED | TCP_BODY)
        } else if state & TCP_ANSWERED != 0 {
            Err(Unsure::Interleaved)
        } else {
            Err(Unsure::UnknownProtocol)
        };
        match outcome {
            Ok(request) => {
                self.request_ns = segment.now_ns;
                if request != state & REQUEST {
                    change(&self.state, request, REQUEST, words);
                }
            }
            Err(reason) => {
                change(&self.state, TCP_UNSURE, REQUEST, words);
                findings.unsure(reason);
            }
        }
    }

    /// Returns whether the client has not acknowledged all of the previous response that has passed. Then it cannot know
    /// where that response ends, so it does not wait for responses.
    #[inline(always)]
    fn response_is_unfinished<const HOOK: usize>(
        &self,
        segment: &Segment,
        state: u32,
        words: impl SharedHalfWords,
    ) -> bool {
        state & TCP_ANSWERED != 0 && segment.ack != words.load_u32(&self.next[1 - HOOK])
    }

    #[inline(always)]
    fn server_data(
        &mut self,
        segment: &Segment,
        place: Place,
        state: u32,
        payload: &impl Payload,
        words: impl SharedHalfWords,
        findings: &mut impl Findings,
    ) {
        let goes_on = if state & TCP_BODY != 0 && is_continue(payload) { TCP_CONTINUE } else { 0 };
        let old = change(&self.state, TCP_ANSWERED | goes_on, TCP_ASKED | TCP_TORN, words);
        if old & TCP_ASKED == 0 {
            // Another CPU has seen the beginning of the response.
        } else if old & TCP_TORN != 0 || !matches!(place, Place::Next) {
            findings.unsure(Unsure::OutOfOrder);
        } else {
            findings.round_trip(RoundTrip::TcpResponse, segment.now_ns.wrapping_sub(self.request_ns));
        }
    }
}

/// Returns up to eight bytes of text as [`Payload::word`] does.
const fn text(text: &str) -> u64 {
    let (bytes, mut word, mut index) = (text.as_bytes(), 0, 0);
    while index < bytes.len() {
        word |= (bytes[index] as u64) << (8 * index);
        index += 1;
    }
    word
}

/// Returns whether a payload begins with a method that allows for a body: [`TCP_BODY`], or 0 if it does not. `None` if
/// it does not begin with a method (RFC 9110, 9.3; RFC 5789).
#[inline(always)]
const fn method(word: u64) -> Option<u32> {
    if is::<{ text("GET") }>(word)
        || is::<{ text("HEAD") }>(word)
        || is::<{ text("OPTIONS") }>(word)
        || is::<{ text("TRACE") }>(word)
        || is::<{ text("DELETE") }>(word)
    {
        Some(0)
    } else if is::<{ text("POST") }>(word) || is::<{ text("PUT") }>(word) || is::<{ text("PATCH") }>(word) {
        Some(TCP_BODY)
    } else {
        None
    }
}

/// Returns whether `word` begins with a method. A space follows, or the payload ends.
#[inline(always)]
const fn is<const NAME: u64>(word: u64) -> bool {
    let bits = const { (u64::BITS - NAME.leading_zeros()).next_multiple_of(8) };
    let next = word >> bits & 0xff;
    word & ((1 << bits) - 1) == NAME && (next == 0 || next == b' ' as u64)
}

/// Returns whether a response has status 100, with or without the version in front (RFC 9110, 15.2.1).
#[inline(always)]
fn is_continue(payload: &impl Payload) -> bool {
    const VERSION: u64 = text("HTTP/1.1");
    const STATUS: u64 = text(" 100");
    const BARE: u64 = text("100");
    match payload.word(0) {
        VERSION => payload.word(8) & 0xffff_ffff == STATUS,
        first => first & 0xff_ffff == BARE,
    }
}
