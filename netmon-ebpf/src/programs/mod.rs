//! What happens to a packet at a hook: parse it, count it, and stamp it or read its stamp ([`measure`]). For few
//! packets, the conversation is followed afterwards ([`conversation`], [`tcp`], [`udp`]), or the bytes of a super-packet are corrected ([`super_bytes`]).
//! Drops are counted apart ([`drops`]). Links that netmon did not make are measured at tracepoints ([`tracing`]).

pub(crate) mod conversation;
pub(crate) mod drops;
mod headers;
mod kernel;
mod maps;
pub(crate) mod measure;
mod requests;
mod shared_words;
mod skb;
mod source;
pub(crate) mod super_bytes;
pub(crate) mod tcp;
pub(crate) mod tracing;
pub(crate) mod udp;
mod wire;

use netmon_ebpf::histogram::{Histogram, bucket};

pub(crate) use self::kernel::{Copied, Probed};
pub(crate) use self::skb::{Frame, HookFrame, Linear, NonLinear};

/// Adds one observation to a histogram.
#[inline(always)]
fn record(histogram: &mut Histogram, ns: u64) {
    histogram.sum_ns = histogram.sum_ns.wrapping_add(ns);
    if let Some(count) = maps::element(&mut histogram.buckets, bucket(ns)) {
        *count += 1;
    }
}
