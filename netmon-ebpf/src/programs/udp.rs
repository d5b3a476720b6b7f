//! UDP: one lookup for each packet in a table of sets, if conversations over UDP are followed at all.

use aya_ebpf::programs::TcContext;
use netmon_ebpf::{
    abi::{Evicted, ParseStop, Stage},
    flow::{FLOW_WAYS, FlowSet},
    parse::DNS_PORT,
    tag::tag,
    udp::UdpFlow,
};

use super::{
    HookFrame,
    conversation::{PacketContext, UDP, flow_key, local_first},
    maps,
    shared_words::Instructions,
};

/// Follows a conversation over UDP. Then hands DNS to its own program.
#[inline(always)]
pub(crate) fn udp<'a, const HOOK: usize, F: HookFrame<'a>>(ctx: &'a TcContext) {
    let packet = &PacketContext::<F>::new(ctx);
    let Some([s0, s1, d0, d1]) = packet.transport::<4>(0) else {
        return;
    };
    let ports = u32::from_ne_bytes([s0, s1, d0, d1]);
    if let Some(flow) = flow_of::<HOOK, F>(ctx, packet, ports) {
        let now_ns = packet.headers.now_ns;
        if flow.is_over(now_ns, Instructions) {
            flow.restart(HOOK, now_ns, Instructions);
        }
        flow.count::<HOOK>(ctx.len(), now_ns, Instructions);
    }
    let is_dns = u16::from_ne_bytes([s0, s1]) == DNS_PORT || u16::from_ne_bytes([d0, d1]) == DNS_PORT;
    if maps::flows() && is_dns {
        if F::NON_LINEAR {
            maps::tail_call::<HOOK, { Stage::DnsNonLinear as usize }>(ctx);
        } else {
            maps::tail_call::<HOOK, { Stage::Dns as usize }>(ctx);
        }
    }
}

/// Returns the entry of a conversation, a new one if it has none.
#[inline(always)]
fn flow_of<'a, const HOOK: usize, F: HookFrame<'a>>(
    ctx: &'a TcContext,
    packet: &PacketContext<F>,
    ports: u32,
) -> Option<&'static mut UdpFlow> {
    let rest = local_first::<HOOK>(ports);
    let hash = packet.hash::<HOOK>(UDP, packet.within_endpoint(rest.into()))?;
    let tag = tag(hash, packet.endpoint, false);
    let (index, set) = maps::udp_set(hash)?;
    let entry = match set.find(tag, Instructions) {
        Some(way) => maps::udp_flow(index, way)?,
        None => {
            let way = claim::<HOOK, F>(ctx, index, set) as usize;
            let entry = maps::udp_flow(index, way)?;
            set.publish(way, tag, Instructions);
            entry
        }
    };
    // SAFETY: a map value. Several CPUs may write to it at once: counts are shared words, and the times are written as a
    // whole.
    Some(unsafe { &mut *entry })
}

/// Claims an entry, and begins a conversation in it. Returns its index in the set, or [`FLOW_WAYS`] if there is none.
/// This is a function of its own because of the stack that it takes.
#[inline(never)]
fn claim<'a, const HOOK: usize, F: HookFrame<'a>>(ctx: &'a TcContext, index: u32, set: &FlowSet) -> u64 {
    let packet = &PacketContext::<F>::new(ctx);
    let Some(key) = flow_key::<HOOK, F>(packet) else {
        return FLOW_WAYS as u64;
    };
    // SAFETY: an aligned word of a map value.
    let last_ns = |way| maps::udp_flow(index, way).map_or(u64::MAX, |flow| unsafe { (*flow).last_ns });
    let Some(claimed) = set.claim(last_ns, Instructions) else {
        maps::count_stop(ParseStop::FlowRefused);
        return FLOW_WAYS as u64;
    };
    let Some(flow) = maps::udp_flow(index, claimed.way) else {
        return FLOW_WAYS as u64;
    };
    let now_ns = packet.headers.now_ns;
    // SAFETY: a map value that no other program finds before it is published. A program on another CPU that has found
    // the previous conversation may still add to it. At worst, the new one begins with a packet too many.
    let flow = unsafe { &mut *flow };
    if claimed.displaced && !flow.is_over(now_ns, Instructions) {
        maps::count_evicted(Evicted::UdpFlow);
    }
    flow.key = key;
    flow.restart(HOOK, now_ns, Instructions);
    claimed.way as u64
}
