//! The maps, and the settings that the agent writes before it loads the object.

use core::{arch::asm, sync::atomic::AtomicU64};

use aya_ebpf::{
    Global,
    bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, bpf_func_id::BPF_FUNC_tail_call},
    btf_maps::{Array, ArrayOfMaps, HashMap, PerCpuArray, ProgramArray},
    macros::btf_map,
    programs::TcContext,
};
use netmon_ebpf::{
    abi::{
        ABI_VERSION, CHUNK_ENDPOINTS, EVICTIONS, Evicted, HOOKS, MAX_CHUNKS, PARSE_STOPS, ParseStop, STAGES,
        chunk_of, slot_of, stage_index,
    },
    endpoint::{Counters, RoundTrips, TcpEvent},
    flow::{FLOW_WAYS, Flow, FlowSet},
    record::{AuditRecord, EndRecord, Settings, TALLIES as TALLY_KINDS},
    requests::RequestSet,
    udp::UdpFlow,
};

/// Its size is the version of keys and values that these programs were compiled with. The size can be read from the
/// object, from the loaded map, and from a map that another agent has pinned.
#[btf_map]
static NETMON_ABI: Array<u32, { ABI_VERSION as usize }> = Array::new();

/// A chunk, with values as words instead of structures. The agent creates chunks without types. Linux before 6.2 treats
/// such a map as different from a typed one if the type is a structure, because a structure could contain a timer.
pub(super) type Chunk<const WORDS: usize> = PerCpuArray<[u64; WORDS], { CHUNK_ENDPOINTS as usize }>;

/// Returns the number of words in a value, which consists of whole words.
pub(super) const fn words<T>() -> usize {
    assert!(size_of::<T>().is_multiple_of(size_of::<u64>()) && align_of::<T>() <= align_of::<u64>());
    size_of::<T>() / size_of::<u64>()
}

/// All programs, by [`stage_index`]. The dispatchers and the programs tail-call through it.
#[btf_map]
static JUMP_TABLE: ProgramArray<{ HOOKS * STAGES }> = ProgramArray::new();

/// The program for drops, as the only entry. The program that is attached to the tracepoint tail-calls through it, so
/// the program can be replaced without a drop that is not counted, or counted twice.
#[btf_map]
static DROP_TABLE: ProgramArray<1> = ProgramArray::new();

/// The settings of these programs. This map and the next three are for the next agent; no program reads them.
#[btf_map]
static SETTINGS: Array<Settings, 1> = Array::new();

/// The endpoints, by slot. The agent sets the size.
#[btf_map]
static ENDS: HashMap<u32, EndRecord, 1, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// The audit state of the endpoints, by slot. The agent sets the size.
#[btf_map]
static AUDITS: HashMap<u32, AuditRecord, 1, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// What the agent itself counts.
#[btf_map]
static TALLIES: Array<u64, TALLY_KINDS> = Array::new();

/// The counters that every packet touches, by endpoint.
#[btf_map]
static COUNTERS: ArrayOfMaps<Chunk<{ words::<Counters>() }>, { MAX_CHUNKS as usize }> = ArrayOfMaps::new();

/// The counters of packets that end a round trip, by endpoint.
#[btf_map]
static ROUND_TRIPS: ArrayOfMaps<Chunk<{ words::<RoundTrips>() }>, { MAX_CHUNKS as usize }> =
    ArrayOfMaps::new();

/// Packets that were not measured in full, by reason.
#[btf_map]
static EXITS_BY_REASON: PerCpuArray<u64, PARSE_STOPS> = PerCpuArray::new();

/// `CLOCK_REALTIME` minus `CLOCK_MONOTONIC` in nanoseconds, which the agent keeps up to date. It is the only variable,
/// and therefore all of the map `.bss`, which takes no lookup.
#[unsafe(no_mangle)]
static NETMON_CLOCK_OFFSET: AtomicU64 = AtomicU64::new(0);

/// Which TCP connection is in which entry of [`TCP_FLOWS`], set by set. The agent sets the size of this and the next
/// two tables, and maps this one and the next into its memory.
#[btf_map]
static FLOW_SETS: Array<FlowSet, 1, { BPF_F_MMAPABLE as usize }> = Array::new();

/// TCP connections, [`FLOW_WAYS`] to a set.
#[btf_map]
static TCP_FLOWS: Array<Flow, 1, { BPF_F_MMAPABLE as usize }> = Array::new();

/// Requests that wait for their answer (ICMP echo, DNS), with the time at which they passed.
#[btf_map]
static REQUESTS: Array<RequestSet, 1, { BPF_F_MMAPABLE as usize }> = Array::new();

/// Which conversation over UDP is in which entry of [`UDP_FLOWS`], set by set. The agent sets the size of both tables.
#[btf_map]
static UDP_SETS: Array<FlowSet, 1, { BPF_F_MMAPABLE as usize }> = Array::new();

/// Conversations over UDP, [`FLOW_WAYS`] to a set.
#[btf_map]
static UDP_FLOWS: Array<UdpFlow, 1, { BPF_F_MMAPABLE as usize }> = Array::new();

/// What was evicted from these tables.
#[btf_map]
static EVICTED: PerCpuArray<u64, EVICTIONS> = PerCpuArray::new();

/// Whether departures are stamped at all (Linux 5.18).
#[unsafe(no_mangle)]
static NETMON_STAMP: Global<u8> = Global::new(1);
/// Whether conversations are followed.
#[unsafe(no_mangle)]
static NETMON_FLOWS: Global<u8> = Global::new(1);
/// The number of sets in [`FLOW_SETS`], a power of two, minus one.
#[unsafe(no_mangle)]
static NETMON_FLOW_MASK: Global<u32> = Global::new(0);
/// The number of sets in [`REQUESTS`], a power of two, minus one.
#[unsafe(no_mangle)]
static NETMON_REQUEST_MASK: Global<u32> = Global::new(0);
/// Whether conversations over UDP are followed.
#[unsafe(no_mangle)]
static NETMON_UDP: Global<u8> = Global::new(0);
/// The number of sets in [`UDP_SETS`], a power of two, minus one.
#[unsafe(no_mangle)]
static NETMON_UDP_MASK: Global<u32> = Global::new(0);
/// The key with which conversations are hashed.
#[unsafe(no_mangle)]
static NETMON_HASH_KEY: Global<u64> = Global::new(0);

// These are constants to the verifier. Code that is switched off is not even translated.
#[inline(always)]
pub(super) fn stamping() -> bool {
    NETMON_STAMP.load() != 0
}

#[inline(always)]
pub(super) fn flows() -> bool {
    NETMON_FLOWS.load() != 0
}

#[inline(always)]
pub(super) fn udp() -> bool {
    NETMON_UDP.load() != 0
}

#[inline(always)]
pub(super) fn hash_key() -> u64 {
    NETMON_HASH_KEY.load()
}

/// Returns the set in which requests with this hash wait.
#[inline(always)]
pub(super) fn requests(hash: u64) -> Option<&'static RequestSet> {
    // The lookup checks the index against the size of the map.
    REQUESTS.get(hash as u32 & NETMON_REQUEST_MASK.load())
}

/// Returns the index and the tags of the set for connections with this hash.
#[inline(always)]
pub(super) fn flow_set(hash: u64) -> Option<(u32, &'static FlowSet)> {
    let index = hash as u32 & NETMON_FLOW_MASK.load();
    Some((index, FLOW_SETS.get(index)?))
}

/// Returns an entry of a set of connections.
#[inline(always)]
pub(super) fn flow(set: u32, way: usize) -> Option<*mut Flow> {
    TCP_FLOWS.get_ptr_mut(set * FLOW_WAYS as u32 + way as u32)
}

/// Returns the index and the tags of the set for conversations over UDP with this hash.
#[inline(always)]
pub(super) fn udp_set(hash: u64) -> Option<(u32, &'static FlowSet)> {
    let index = hash as u32 & NETMON_UDP_MASK.load();
    Some((index, UDP_SETS.get(index)?))
}

/// Returns an entry of a set of conversations over UDP. Returns `None` if the set has no such entry.
#[inline(always)]
pub(super) fn udp_flow(set: u32, way: usize) -> Option<*mut UdpFlow> {
    if way < FLOW_WAYS { UDP_FLOWS.get_ptr_mut(set * FLOW_WAYS as u32 + way as u32) } else { None }
}

/// Counts an eviction.
#[inline(always)]
pub(super) fn count_evicted(what: Evicted) {
    if let Some(count) = EVICTED.get_ptr_mut(what as u32) {
        // SAFETY: a u64 of this CPU.
        unsafe { *count += 1 };
    }
}

/// Returns this CPU's counters of an endpoint.
#[inline(always)]
pub(super) fn counters(endpoint: u32) -> Option<&'static mut Counters> {
    let value = COUNTERS.get_value_ptr_mut(chunk_of(endpoint), &slot_of(endpoint))?;
    // SAFETY: the map's values are `Counters`, in the agent as well. One program at a time touches this CPU's value,
    // because hooks run with soft interrupts disabled.
    Some(unsafe { &mut *value.cast() })
}

/// Returns this CPU's round trips of an endpoint.
#[inline(always)]
pub(super) fn round_trips(endpoint: u32) -> Option<&'static mut RoundTrips> {
    let value = ROUND_TRIPS.get_value_ptr_mut(chunk_of(endpoint), &slot_of(endpoint))?;
    // SAFETY: as in `counters`.
    Some(unsafe { &mut *value.cast() })
}

/// Counts an event of a TCP connection. Returns whether the endpoint has counters.
#[inline(always)]
pub(super) fn count_event(endpoint: u32, event: TcpEvent) -> bool {
    let Some(round_trips) = round_trips(endpoint) else {
        return false;
    };
    if let Some(count) = element(&mut round_trips.tcp_events, event as usize) {
        *count += 1;
    }
    true
}

/// Counts a packet that is not measured in full.
#[inline(always)]
pub(super) fn count_stop(stop: ParseStop) {
    if let Some(count) = EXITS_BY_REASON.get_ptr_mut(stop as u32) {
        // SAFETY: a u64 of this CPU.
        unsafe { *count += 1 };
    }
}

/// Returns the difference from monotonic time to wall-clock time, nanoseconds.
#[inline(always)]
pub(super) fn clock_offset() -> u64 {
    // SAFETY: an aligned u64, which the agent replaces as a whole.
    unsafe { NETMON_CLOCK_OFFSET.as_ptr().read_volatile() }
}

/// Returns an element of an array in a map value. The compiler may know that an index is within bounds when the
/// verifier does not. This keeps the compiler from removing the check that the verifier needs.
#[inline(always)]
pub(super) fn element<T>(array: &mut [T], index: usize) -> Option<&mut T> {
    // SAFETY: a local variable.
    let index = unsafe { core::ptr::read_volatile(&raw const index) };
    array.get_mut(index)
}

/// Tail-calls the program of a stage. Returns only if the table has none.
///
/// This is written as instructions, so that the index of the program is a constant at each call. The kernel turns such
/// a call into a direct jump (Linux 5.5). The compiler would merge several calls into one with a computed index, and an
/// indirect jump is several times as slow where the kernel guards it (retpolines).
#[inline(always)]
pub(super) fn tail_call<const HOOK: usize, const STAGE: usize>(ctx: &TcContext) {
    // SAFETY: the helper takes the context, a program array and an index. Like any helper, it preserves r6 to r9 and
    // the stack. Nothing that is owned here has a destructor.
    unsafe {
        asm!(
            "r3 = {index}",
            "call {helper}",
            index = const stage_index(STAGE, HOOK),
            helper = const BPF_FUNC_tail_call,
            inout("r1") ctx.skb.skb => _,
            inout("r2") &raw const JUMP_TABLE => _,
            out("r0") _, out("r3") _, out("r4") _, out("r5") _,
        );
    }
}
