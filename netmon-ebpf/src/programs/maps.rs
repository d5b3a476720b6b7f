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
    endpoint::{Counters, RoundTrips},
    flow::{FLOW_WAYS, Flow, FlowSet},
    record::{AuditRecord, EndRecord, Settings, TALLIES as TALLY_KINDS},
    requests::RequestSet,
};

/// Says by its size which version of keys and values these programs were compiled with: that can be read
/// of the object, of the loaded map, and of one that was pinned by another agent.
#[btf_map]
static NETMON_ABI: Array<u32, { ABI_VERSION as usize }> = Array::new();

/// Values as words, and not as the structures that they are. The agent makes chunks without types, and Linux before
/// 6.2 takes such a map for another than a typed one as soon as the type is a structure: it could have a timer.
type Chunk<const WORDS: usize> = PerCpuArray<[u64; WORDS], { CHUNK_ENDPOINTS as usize }>;

/// How many words a value has, which is all of it.
const fn words<T>() -> usize {
    assert!(size_of::<T>().is_multiple_of(size_of::<u64>()) && align_of::<T>() <= align_of::<u64>());
    size_of::<T>() / size_of::<u64>()
}

/// All programs, by [`stage_index`]: for the dispatchers, and for each other.
#[btf_map]
static JUMP_TABLE: ProgramArray<{ HOOKS * STAGES }> = ProgramArray::new();

/// The program at the tracepoint of drops, in the only place: whoever is at the tracepoint jumps through this, so
/// that a program can take another's place without a drop that is not counted, or counted twice.
#[btf_map]
static DROP_TABLE: ProgramArray<1> = ProgramArray::new();

/// What these programs are set up with. For the next agent, as are the three below: no program looks at them.
#[btf_map]
static SETTINGS: Array<Settings, 1> = Array::new();

/// The endpoints, by their slots; as many as the agent says.
#[btf_map]
static ENDS: HashMap<u32, EndRecord, 1, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// The accounts of the endpoints, by their slots; likewise.
#[btf_map]
static AUDITS: HashMap<u32, AuditRecord, 1, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// What the agent counts itself.
#[btf_map]
static TALLIES: Array<u64, TALLY_KINDS> = Array::new();

/// What every packet touches, by endpoint.
#[btf_map]
static COUNTERS: ArrayOfMaps<Chunk<{ words::<Counters>() }>, { MAX_CHUNKS as usize }> = ArrayOfMaps::new();

/// What the ends of round trips touch, by endpoint.
#[btf_map]
static ROUND_TRIPS: ArrayOfMaps<Chunk<{ words::<RoundTrips>() }>, { MAX_CHUNKS as usize }> =
    ArrayOfMaps::new();

/// Early exits by reason.
#[btf_map]
static EXITS_BY_REASON: PerCpuArray<u64, PARSE_STOPS> = PerCpuArray::new();

/// `CLOCK_REALTIME` less `CLOCK_MONOTONIC`, nanoseconds, kept current by the agent. The only variable, so
/// it is all of the map `.bss`: no look-up finds it.
#[unsafe(no_mangle)]
static NETMON_CLOCK_OFFSET: AtomicU64 = AtomicU64::new(0);

/// Which TCP connection is in which entry of [`TCP_FLOWS`], set by set. The agent sets the size of all
/// three tables, and reads these two where they lie.
#[btf_map]
static FLOW_SETS: Array<FlowSet, 1, { BPF_F_MMAPABLE as usize }> = Array::new();

/// TCP connections, [`FLOW_WAYS`] to a set.
#[btf_map]
static TCP_FLOWS: Array<Flow, 1, { BPF_F_MMAPABLE as usize }> = Array::new();

/// Requests that wait for their answer (ICMP echo, DNS), with the time at which they passed.
#[btf_map]
static REQUESTS: Array<RequestSet, 1, { BPF_F_MMAPABLE as usize }> = Array::new();

/// What had to make room in these tables.
#[btf_map]
static EVICTED: PerCpuArray<u64, EVICTIONS> = PerCpuArray::new();

/// Whether departures are stamped at all (Linux 5.18).
#[unsafe(no_mangle)]
static NETMON_STAMP: Global<u8> = Global::new(1);
/// Whether conversations are followed.
#[unsafe(no_mangle)]
static NETMON_FLOWS: Global<u8> = Global::new(1);
/// One less than the number of sets of [`FLOW_SETS`], a power of two.
#[unsafe(no_mangle)]
static NETMON_FLOW_MASK: Global<u32> = Global::new(0);
/// One less than the number of sets of [`REQUESTS`], a power of two.
#[unsafe(no_mangle)]
static NETMON_REQUEST_MASK: Global<u32> = Global::new(0);
/// What conversations are hashed with.
#[unsafe(no_mangle)]
static NETMON_HASH_KEY: Global<u64> = Global::new(0);

// The kernel knows these as constants when it verifies: what is switched off is not even translated.
#[inline(always)]
pub(super) fn stamping() -> bool {
    NETMON_STAMP.load() != 0
}

#[inline(always)]
pub(super) fn flows() -> bool {
    NETMON_FLOWS.load() != 0
}

#[inline(always)]
pub(super) fn hash_key() -> u64 {
    NETMON_HASH_KEY.load()
}

/// The set in which requests with this hash wait.
#[inline(always)]
pub(super) fn requests(hash: u64) -> Option<&'static RequestSet> {
    // The lookup checks the index against the size of the map.
    REQUESTS.get(hash as u32 & NETMON_REQUEST_MASK.load())
}

/// The number of the set in which connections with this hash are, and its tags.
#[inline(always)]
pub(super) fn flow_set(hash: u64) -> Option<(u32, &'static FlowSet)> {
    let index = hash as u32 & NETMON_FLOW_MASK.load();
    Some((index, FLOW_SETS.get(index)?))
}

/// An entry of a set of connections.
#[inline(always)]
pub(super) fn flow(set: u32, way: usize) -> Option<*mut Flow> {
    TCP_FLOWS.get_ptr_mut(set * FLOW_WAYS as u32 + way as u32)
}

/// Counts what had to make room.
#[inline(always)]
pub(super) fn count_evicted(what: Evicted) {
    if let Some(count) = EVICTED.get_ptr_mut(what as u32) {
        // SAFETY: a u64 of this CPU's.
        unsafe { *count += 1 };
    }
}

/// This CPU's counters of an endpoint.
#[inline(always)]
pub(super) fn counters(endpoint: u32) -> Option<&'static mut Counters> {
    let value = COUNTERS.get_value_ptr_mut(chunk_of(endpoint), &slot_of(endpoint))?;
    // SAFETY: the map's values are `Counters`, as the agent knows them; this CPU's is touched by one program at a
    // time, since the hooks run with soft interrupts off.
    Some(unsafe { &mut *value.cast() })
}

/// This CPU's round trips of an endpoint.
#[inline(always)]
pub(super) fn round_trips(endpoint: u32) -> Option<&'static mut RoundTrips> {
    let value = ROUND_TRIPS.get_value_ptr_mut(chunk_of(endpoint), &slot_of(endpoint))?;
    // SAFETY: as in `counters`.
    Some(unsafe { &mut *value.cast() })
}

/// Counts an early exit.
#[inline(always)]
pub(super) fn count_stop(stop: ParseStop) {
    if let Some(count) = EXITS_BY_REASON.get_ptr_mut(stop as u32) {
        // SAFETY: a u64 of this CPU's.
        unsafe { *count += 1 };
    }
}

/// What is added to monotonic time to get wall-clock time, nanoseconds.
#[inline(always)]
pub(super) fn clock_offset() -> u64 {
    // SAFETY: a u64 that the agent replaces as a whole.
    unsafe { NETMON_CLOCK_OFFSET.as_ptr().read_volatile() }
}

/// The element of an array in a map value. The compiler may know that an index is within bounds when the
/// verifier, who sees less, does not: this keeps the check that both agree on.
#[inline(always)]
pub(super) fn element<T>(array: &mut [T], index: usize) -> Option<&mut T> {
    // SAFETY: a local variable.
    let index = unsafe { core::ptr::read_volatile(&raw const index) };
    array.get_mut(index)
}

/// Goes on in the program of a stage; returns only when there is none in the table.
///
/// Written as instructions, so that the number of the program stays a constant of each place that goes on:
/// the kernel makes such a call a jump (Linux 5.5). The compiler would merge places into one that computes it,
/// and a computed jump is several times as slow where the kernel guards those (retpolines).
#[inline(always)]
pub(super) fn go_on<const HOOK: usize, const STAGE: usize>(ctx: &TcContext) {
    // SAFETY: the helper takes the context, a program array and a number, and like any other leaves r6 to r9
    // and the stack alone; nothing that is owned here has a destructor.
    unsafe {
        asm!(
            "r3 = {index}",
            "call {tail_call}",
            index = const stage_index(STAGE, HOOK),
            tail_call = const BPF_FUNC_tail_call,
            inout("r1") ctx.skb.skb => _,
            inout("r2") &raw const JUMP_TABLE => _,
            out("r0") _, out("r3") _, out("r4") _, out("r5") _,
        );
    }
}
