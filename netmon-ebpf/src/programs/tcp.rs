//! TCP: one lookup for each segment in a table of sets. [`netmon_ebpf::tcp`] interprets the segment.

use netmon_ebpf::{
    abi::{EGRESS, Evicted, INGRESS, ParseStop},
    endpoint::{RoundTrip, TcpEvent, Unsure},
    flow::{FLOW_WAYS, Flow, FlowSet, TCP_ENDED, TcpFlow},
    tag::tag,
    tcp::{Findings, Payload, Segment, SharedHalfWords as _},
};

use super::{
    Frame,
    conversation::{PacketContext, TCP, flow_key, local_first},
    maps::{self, element},
    record,
    shared_words::Instructions,
    source::Source,
};

/// Follows a TCP connection.
#[inline(always)]
pub(crate) fn tcp<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a F::Source) {
    let packet = &PacketContext::<F>::new(ctx);
    let Some([s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, header, flags, w0, w1]) =
        packet.transport::<16>(0)
    else {
        return;
    };
    let segments = ctx.gso_segs().max(1);
    let segment = Segment {
        hook: HOOK,
        now_ns: packet.headers.now_ns,
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
        window: u16::from_be_bytes([w0, w1]),
        payload: packet.headers.payload,
        frame: ctx.len(),
        segments,
    };
    let both = u32::from_ne_bytes([s0, s1, d0, d1]);
    let rest = local_first::<HOOK>(both);
    let Some(hash) = packet.hash::<HOOK>(TCP, packet.within_endpoint(rest.into())) else {
        return;
    };
    let Some(flow) = flow_of::<HOOK, F>(ctx, packet.endpoint, hash, &segment) else {
        return;
    };
    if flow.is_replaced_by(&segment, Instructions) {
        flow.restart(&segment);
    }
    let payload = FromSkb {
        ctx,
        offset: packet.headers.transport_offset as u32 + u32::from(header >> 4) * 4,
        length: segment.payload,
    };
    flow.observe(&segment, &payload, Instructions, &mut ToMaps { ctx, endpoint: packet.endpoint });
}

/// The payload of the segment in an skb.
struct FromSkb<'a, S> {
    ctx: &'a S,
    /// Where it begins.
    offset: u32,
    length: u32,
}

impl<S: Source> Payload for FromSkb<'_, S> {
    #[inline(always)]
    fn word(&self, offset: u32) -> u64 {
        let length = self.length.saturating_sub(offset).min(8);
        if length == 0 { 0 } else { self.ctx.last_bytes(self.offset + offset + length, length) }
    }
}

/// Returns the state of a connection. A connection that is not in the table gets an entry if
/// [`Segment::deserves_entry`].
#[inline(always)]
fn flow_of<'a, const HOOK: usize, F: Frame<'a>>(
    ctx: &'a F::Source,
    endpoint: u32,
    hash: u64,
    segment: &Segment,
) -> Option<&'static mut TcpFlow> {
    let tag = tag(hash, endpoint, false);
    let (index, set) = maps::flow_set(hash)?;
    let entry = match set.find(tag, Instructions) {
        Some(way) => maps::flow(index, way)?,
        None if segment.deserves_entry() => begin::<HOOK, F>(ctx, index, set, tag, segment)?,
        None => return None,
    };
    // SAFETY: a map value. Several CPUs may write to it at once. What has passed, and the bits of the state, are shared
    // words. A sample can be lost, but every other field is written as a whole, and every use of it is checked.
    Some(unsafe { &mut (*entry).tcp })
}

/// Begins an entry.
#[inline(always)]
fn begin<'a, const HOOK: usize, F: Frame<'a>>(
    ctx: &'a F::Source,
    index: u32,
    set: &FlowSet,
    tag: u64,
    segment: &Segment,
) -> Option<*mut Flow> {
    let way = claim::<HOOK, F>(ctx, index, set) as usize;
    if way >= FLOW_WAYS {
        return None;
    }
    let flow = maps::flow(index, way)?;
    // SAFETY: a map value that no other program finds before it is published. A program on another CPU that has found
    // the previous connection may still write to it. At worst, the new connection begins with a wrong time.
    unsafe { (*flow).tcp.restart(segment) };
    set.publish(way, tag, Instructions);
    Some(flow)
}

/// Claims an entry, and writes the addresses and ports of the connection to it. Returns its index in the set, or
/// [`FLOW_WAYS`] if there is none. This is a function of its own because of the stack that it takes.
#[inline(never)]
fn claim<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a F::Source, index: u32, set: &FlowSet) -> u64 {
    let packet = &PacketContext::<F>::new(ctx);
    let Some(key) = flow_key::<HOOK, F>(packet) else {
        return FLOW_WAYS as u64;
    };
    // SAFETY: an aligned word of a map value.
    let last_ns = |way| maps::flow(index, way).map_or(u64::MAX, |flow| unsafe { (*flow).tcp.last_ns });
    let Some(claimed) = set.claim(last_ns, Instructions) else {
        maps::count_stop(ParseStop::FlowRefused);
        return FLOW_WAYS as u64;
    };
    let Some(flow) = maps::flow(index, claimed.way) else {
        return FLOW_WAYS as u64;
    };
    // SAFETY: as in `begin`.
    unsafe {
        if claimed.displaced && Instructions.load_u32(&(*flow).tcp.state) & TCP_ENDED == 0 {
            maps::count_evicted(Evicted::Flow);
        }
        (*flow).key = key;
    }
    claimed.way as u64
}

/// Records findings in the maps of the endpoint.
///
/// Each finding has a function of its own, which is not inlined: findings are rare, and several places have the same.
struct ToMaps<'a, S> {
    ctx: &'a S,
    endpoint: u32,
}

impl<S: Source> Findings for ToMaps<'_, S> {
    #[inline(always)]
    fn round_trip(&mut self, kind: RoundTrip, ns: u64) {
        netmon_round_trip(self.endpoint, kind as u32, ns);
    }

    #[inline(always)]
    fn event(&mut self, event: TcpEvent) {
        self.ctx.count_event(self.endpoint, event);
    }

    #[inline(always)]
    fn out_of_order(&mut self, hook: usize, repeated: u32, late: u32) {
        netmon_out_of_order(self.endpoint, hook as u32, repeated, late);
    }

    #[inline(always)]
    fn unsure(&mut self, reason: Unsure) {
        netmon_unsure(self.endpoint, reason as u32);
    }
}

// The three functions that follow are global, which makes the verifier check each once for any arguments, and not again
// for every path that leads to a call (docs/adr/0045). Before Linux 6.8, such a function has to return a number.

/// What they return.
const DONE: u32 = 0;

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn netmon_round_trip(endpoint: u32, kind: u32, ns: u64) -> u32 {
    // Two CPUs may have written the state at once. A negative time is not a sample.
    if ns <= u64::MAX / 2
        && let Some(round_trips) = maps::round_trips(endpoint)
        && let Some(histogram) = element(&mut round_trips.histograms, kind as usize)
    {
        record(histogram, ns);
    }
    DONE
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn netmon_out_of_order(endpoint: u32, hook: u32, repeated: u32, late: u32) -> u32 {
    if let Some(round_trips) = maps::round_trips(endpoint) {
        let hook = if hook == EGRESS as u32 { EGRESS } else { INGRESS };
        round_trips.tcp_retransmits[hook] += u64::from(repeated);
        round_trips.tcp_reordered[hook] += u64::from(late);
    }
    DONE
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn netmon_unsure(endpoint: u32, reason: u32) -> u32 {
    if let Some(round_trips) = maps::round_trips(endpoint)
        && let Some(count) = element(&mut round_trips.tcp_unsure, reason as usize)
    {
        *count += 1;
    }
    DONE
}
