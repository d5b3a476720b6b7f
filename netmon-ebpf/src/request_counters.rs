//! Counters of requests of one kind, and of what became of them.
//!
//! A request counts in the answer epoch in which it passed, and its answer in the same epoch. When an epoch is too old
//! for another answer, the difference between the two is the number of requests without an answer.

use crate::{
    epoch::{ANSWER_EPOCHS, answer_slot},
    requests::Request,
};

/// Requests of one kind at one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct RequestCounters {
    /// Requests by the answer epoch in which they passed. The counts wrap.
    pub asked: [u32; ANSWER_EPOCHS],
    /// Requests that were answered in time, by the answer epoch in which they passed. The counts wrap.
    pub answered: [u32; ANSWER_EPOCHS],
    /// Requests that passed again while they waited. They are not in `asked`.
    pub repeated: u64,
    /// Answered requests without a sample: they were repeated, or the answer passed another endpoint. The sum over all
    /// CPUs is meaningful; the count of one CPU wraps.
    pub unsampled: u64,
}

impl RequestCounters {
    /// The counters of an endpoint that has seen no request.
    pub const ZERO: Self =
        Self { asked: [0; ANSWER_EPOCHS], answered: [0; ANSWER_EPOCHS], repeated: 0, unsampled: 0 };

    /// Counts a request.
    #[inline(always)]
    pub fn ask(&mut self, now_ns: u64) {
        let count = &mut self.asked[answer_slot(now_ns)];
        *count = count.wrapping_add(1);
    }

    /// Uncounts a request, because its answer will not be recognized.
    #[inline(always)]
    pub fn withdraw(&mut self, request: Request) {
        let count = &mut self.asked[answer_slot(request.at_ns)];
        *count = count.wrapping_sub(1);
    }

    /// Counts an answer at the endpoint that the request passed. Returns the time since the request, if it is a sample.
    #[inline(always)]
    pub fn answer(&mut self, request: Request, now_ns: u64) -> Option<u64> {
        if !request.is_fresh(now_ns) {
            return None;
        }
        if request.is_counted {
            return self.answer_again(request, now_ns);
        }
        self.count_answer(request);
        if request.is_repeated {
            self.unsampled = self.unsampled.wrapping_add(1);
            return None;
        }
        Some(now_ns.wrapping_sub(request.at_ns))
    }

    /// Counts an answer that passed another endpoint of the namespace.
    #[inline(always)]
    pub fn answer_elsewhere(&mut self, request: Request) {
        self.count_answer(request);
        self.unsampled = self.unsampled.wrapping_add(1);
    }

    /// An answer that counts already has come to the endpoint that the request passed.
    #[inline(always)]
    fn answer_again(&mut self, request: Request, now_ns: u64) -> Option<u64> {
        if request.is_repeated {
            return None;
        }
        self.unsampled = self.unsampled.wrapping_sub(1);
        Some(now_ns.wrapping_sub(request.at_ns))
    }

    #[inline(always)]
    fn count_answer(&mut self, request: Request) {
        let count = &mut self.answered[answer_slot(request.at_ns)];
        *count = count.wrapping_add(1);
    }
}

// Without padding: the value of a map.
const _: () = assert!(size_of::<RequestCounters>() == 2 * 4 * ANSWER_EPOCHS + 2 * 8);
