//! Packets that the kernel drops, as its tracepoint `skb:kfree_skb` reports them.
//!
//! The tracepoint fires for every packet on the host that is dropped, and for none that is delivered. Only drops on
//! an endpoint are counted. The packet is read with offsets that the agent takes from the kernel's own types, so no
//! layout is compiled in.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _, Global,
    bindings::BPF_ANY,
    btf_maps::{HashMap, PerCpuHashMap},
    helpers::bpf_probe_read_kernel,
    macros::btf_map,
    programs::RawTracePointContext,
};
use netmon_ebpf::{
    abi::ParseStop,
    drops::{DECLARED_LOSS, DropKey, DropOffsets, DropPlace, LOSS_MARK},
};

use super::maps::count_stop;

/// The endpoints, by their interface as a tracepoint sees it.
#[btf_map]
static DROP_PLACES: HashMap<DropPlace, u32, 65536> = HashMap::new();

/// Dropped packets, by endpoint and reason.
#[btf_map]
static DROPS: PerCpuHashMap<DropKey, u64, 16384> = PerCpuHashMap::new();

/// Where the running kernel keeps the fields that are read here.
#[unsafe(no_mangle)]
static NETMON_DROP_OFFSETS: Global<DropOffsets> =
    Global::new(DropOffsets { skb_dev: 0, skb_mark: 0, dev_ifindex: 0, dev_net: 0, net_cookie: 0 });

/// Counts a packet that is being dropped, if it is on an endpoint.
#[inline(always)]
pub(crate) fn dropped(ctx: &RawTracePointContext) -> Option<()> {
    let arguments = ctx.as_ptr().cast::<u64>();
    // SAFETY: the tracepoint's arguments are the packet, the place in the code, and the reason (Linux 5.17). If there
    // are fewer, the kernel refuses to attach the program.
    let (skb, reason) = unsafe { (*arguments, *arguments.add(2) as u32) };
    let offsets = NETMON_DROP_OFFSETS.load();
    let device: u64 = read(skb, offsets.skb_dev)?;
    if device == 0 {
        return None;
    }
    let ifindex: u32 = read(device, offsets.dev_ifindex)?;
    let net: u64 = read(device, offsets.dev_net)?;
    let cookie: u64 = read(net, offsets.net_cookie)?;
    let place = DropPlace { cookie, ifindex, padding: 0 };
    // SAFETY: the value is written once, when the entry is created.
    let endpoint = DROP_PLACES.get_ptr(place).map(|endpoint| unsafe { *endpoint })?;
    let mark: u32 = read(skb, offsets.skb_mark)?;
    let reason = if mark == LOSS_MARK { DECLARED_LOSS } else { reason };
    count(&DropKey { endpoint, reason });
    Some(())
}

#[inline(always)]
fn count(key: &DropKey) {
    match DROPS.get_ptr_mut(key) {
        // SAFETY: a u64 of this CPU. The kernel does not let the program interrupt itself.
        Some(count) => unsafe { *count += 1 },
        None if DROPS.insert(key, 1, u64::from(BPF_ANY)).is_err() => count_stop(ParseStop::DropRefused),
        None => {}
    }
}

/// Reads from a structure of the kernel. Returns `None` if the address is invalid: a packet in a socket's queue has
/// other data in place of its device.
#[inline(always)]
fn read<T>(structure: u64, offset: u32) -> Option<T> {
    let address = (structure + u64::from(offset)) as *const c_void;
    // SAFETY: the helper checks the address itself.
    unsafe { bpf_probe_read_kernel(address.cast::<T>()) }.ok()
}
