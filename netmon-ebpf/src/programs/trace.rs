//! What is reported of a packet at a tracepoint: when, where, and which packet of the trace it is.
//!
//! The packet is read with offsets that the command takes from the kernel's own types, so no layout is compiled in.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _, Global,
    bindings::BPF_RB_NO_WAKEUP,
    btf_maps::{Array, RingBuf},
    helpers::{bpf_ktime_get_ns, bpf_probe_read_kernel},
    macros::btf_map,
    programs::RawTracePointContext,
};
use netmon_ebpf::{
    drops::{DECLARED_LOSS, LOSS_MARK},
    trace::{Bytes, DROPPED, Event, Sequences, TraceOffsets, Wanted, identify, network_header},
};

/// `sk_buff.mac_header` of a packet that has no link-layer header yet.
const UNSET: u16 = u16::MAX;

/// What to look for.
#[btf_map]
static TRACE_WANTED: Array<Wanted, 1> = Array::new();

/// The sequence numbers of the traced connection, as far as they are known.
#[btf_map]
static TRACE_SEQUENCES: Array<Sequences, 1> = Array::new();

/// The number of events that did not fit in the ring buffer.
#[btf_map]
static TRACE_MISSED: Array<u64, 1> = Array::new();

/// The events.
#[btf_map]
static TRACE_EVENTS: RingBuf<Event, { 256 * 1024 }> = RingBuf::new();

/// Where the running kernel keeps the fields that are read here.
#[unsafe(no_mangle)]
static NETMON_TRACE_OFFSETS: Global<TraceOffsets> = Global::new(TraceOffsets {
    skb_head: 0,
    skb_mac_header: 0,
    skb_network_header: 0,
    skb_dev: 0,
    skb_sk: 0,
    skb_mark: 0,
    dev_ifindex: 0,
    dev_net: 0,
    sock_net: 0,
    net_cookie: 0,
});

/// The bytes of a packet in the kernel's memory, from this address on.
struct Memory(u64);

impl Bytes for Memory {
    #[inline(always)]
    fn byte(&self, at: usize) -> Option<u8> {
        read(self.0, at as u32)
    }

    #[inline(always)]
    fn half(&self, at: usize) -> Option<u16> {
        read(self.0, at as u32).map(u16::from_be)
    }

    #[inline(always)]
    fn word(&self, at: usize) -> Option<u32> {
        read(self.0, at as u32).map(u32::from_be)
    }

    #[inline(always)]
    fn long(&self, at: usize) -> Option<u64> {
        read(self.0, at as u32).map(u64::from_be)
    }
}

/// Reports the packet of a tracepoint, if it is part of the trace.
#[inline(always)]
pub(crate) fn report<const HOOK: u8>(ctx: &RawTracePointContext) -> Option<()> {
    let now_ns = now();
    let offsets = NETMON_TRACE_OFFSETS.load();
    // SAFETY: each of the three tracepoints has the packet as its first argument.
    let skb = unsafe { *ctx.as_ptr().cast::<u64>() };
    let wanted = TRACE_WANTED.get(0)?;
    let sequences = TRACE_SEQUENCES.get_ptr_mut(0)?;
    let head = Memory(read(skb, offsets.skb_head)?);
    let network = network_of(&head, skb, &offsets)?;
    // SAFETY: the map has one element, which is never removed. The client waits for each answer before it sends more,
    // so two processors do not learn at once.
    let seen = identify(&head, network, wanted, unsafe { &mut *sequences })?;
    let (netns, ifindex) = place_of(skb, &offsets);
    let reason = if HOOK == DROPPED { reason_of(ctx, skb, &offsets) } else { 0 };
    let event = Event {
        time_ns: now_ns,
        netns,
        ifindex,
        run: seen.run,
        reason,
        hook: HOOK,
        leg: seen.leg,
        answer: seen.answer,
        padding: 0,
    };
    // The command reads between two runs. Waking it up would cost each packet a microsecond.
    if TRACE_EVENTS.output(event, u64::from(BPF_RB_NO_WAKEUP)).is_err()
        && let Some(missed) = TRACE_MISSED.get_ptr_mut(0)
    {
        // SAFETY: the map has one element, which is never removed.
        unsafe { *missed += 1 };
    }
    Some(())
}

#[inline(always)]
fn now() -> u64 {
    // SAFETY: the helper takes nothing and returns a number.
    unsafe { bpf_ktime_get_ns() }
}

/// Returns where the network header begins, from the packet's head. A packet that never left its namespace has no
/// link-layer header.
#[inline(always)]
fn network_of(head: &Memory, skb: u64, offsets: &TraceOffsets) -> Option<usize> {
    let link: u16 = read(skb, offsets.skb_mac_header)?;
    if link != UNSET {
        return network_header(head, usize::from(link));
    }
    let network: u16 = read(skb, offsets.skb_network_header)?;
    Some(usize::from(network))
}

/// Returns the namespace's cookie and the interface. The namespace is the socket's if the packet has no interface.
#[inline(always)]
fn place_of(skb: u64, offsets: &TraceOffsets) -> (u64, u32) {
    let cookie = |net: Option<u64>| net.and_then(|net| read(net, offsets.net_cookie)).unwrap_or(0);
    let device: u64 = read(skb, offsets.skb_dev).unwrap_or(0);
    if device != 0 {
        let ifindex = read(device, offsets.dev_ifindex).unwrap_or(0);
        return (cookie(read(device, offsets.dev_net)), ifindex);
    }
    let socket: u64 = read(skb, offsets.skb_sk).unwrap_or(0);
    if socket == 0 { (0, 0) } else { (cookie(read(socket, offsets.sock_net)), 0) }
}

/// Returns why the kernel drops the packet.
#[inline(always)]
fn reason_of(ctx: &RawTracePointContext, skb: u64, offsets: &TraceOffsets) -> u32 {
    // SAFETY: the tracepoint's third argument is the reason (Linux 5.17). If there are fewer, the kernel refuses to
    // attach the program.
    let reason = unsafe { *ctx.as_ptr().cast::<u64>().add(2) } as u32;
    let mark: u32 = read(skb, offsets.skb_mark).unwrap_or(0);
    if mark == LOSS_MARK { DECLARED_LOSS } else { reason }
}

/// Reads from a structure of the kernel. Returns `None` if the address is invalid.
#[inline(always)]
fn read<T>(structure: u64, offset: u32) -> Option<T> {
    let address = (structure + u64::from(offset)) as *const c_void;
    // SAFETY: the helper checks the address itself.
    unsafe { bpf_probe_read_kernel(address.cast::<T>()) }.ok()
}
