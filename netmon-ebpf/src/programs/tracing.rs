//! The tracing programs: what is done to a packet at three tracepoints, for every interface of the host.
//!
//! `net_dev_queue` is behind the egress hook and before the queue, `net_dev_start_xmit` before the driver, and
//! `netif_receive_skb` before the ingress hook. A packet is counted where the interface's own counters count it: when it
//! is given to the driver, and when it arrives. Nothing is changed, not even the packet's metadata.
//!
//! The interface comes first: a packet of one that is not watched costs a few loads
//! ([`netmon_ebpf::tracing::KnownInterfaces`]). What is done to a packet of one that is watched is in [`measure`], and
//! what follows for its conversation is that of the hooks, for a [`Traced`] packet.

mod local;
mod measure;
mod traced;

use aya_ebpf::{
    Global,
    bindings::BPF_F_NO_PREALLOC,
    btf_maps::{Array, ArrayOfMaps, HashMap},
    helpers::generated::bpf_ktime_get_ns,
    macros::btf_map,
    programs::BtfTracePointContext,
};
use netmon_ebpf::{
    abi::{self, EGRESS, INGRESS, MAX_CHUNKS, ParseStop, chunk_of, netns_number, slot_of},
    epoch::loss_slot,
    tracing::{
        Crossings, Departed, DepartureSet, NO_ENDPOINT, Place, Watched, departure_hash, departure_tag,
    },
};

use self::local::{Local, local};
pub(crate) use self::traced::Traced;
use super::{
    kernel::{self, Skb, Typed},
    maps::{self, Chunk, words},
    record,
    shared_words::Instructions,
};

/// The watched interfaces, as the agent says. It sets the size.
#[btf_map]
static WATCHED: HashMap<Place, Watched, 1, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// The generation of [`WATCHED`], as the only entry. The agent makes it greater after each change.
#[btf_map]
static WATCHED_GENERATION: Array<u64, 1> = Array::new();

/// Packets under way. The agent sets the size.
#[btf_map]
static DEPARTURES: Array<DepartureSet, 1> = Array::new();

/// The number of sets in [`DEPARTURES`], a power of two, minus one.
#[unsafe(no_mangle)]
static NETMON_DEPARTURE_MASK: Global<u32> = Global::new(0);

/// Whether packets are counted, and nothing else. The agent sets it, and does not attach the program of the queue then.
#[unsafe(no_mangle)]
static NETMON_COUNT_ONLY: Global<u8> = Global::new(0);

/// The counters of endpoints that are measured by tracing.
#[btf_map]
static CROSSINGS: ArrayOfMaps<Chunk<{ words::<Crossings>() }>, { MAX_CHUNKS as usize }> = ArrayOfMaps::new();

/// A packet of a watched interface.
struct Passing {
    skb: Skb,
    local: &'static mut Local,
    watched: Watched,
    now_ns: u64,
}

impl Passing {
    /// Returns the packet, if its interface is watched.
    #[inline(always)]
    fn new(skb: Skb, device: Typed) -> Option<Self> {
        let local = local()?;
        let place = kernel::place(device);
        let watched = local.known.get(place, generation()?, ask);
        if watched.endpoint == NO_ENDPOINT {
            return None;
        }
        local.place = abi::place(watched.endpoint, netns_number(place.cookie));
        // SAFETY: the helper has no preconditions.
        let now_ns = unsafe { bpf_ktime_get_ns() };
        Some(Self { skb, local, watched, now_ns })
    }

    /// Returns the set in which the departure of the packet from `endpoint` is, and its tag there.
    #[inline(always)]
    fn departure(&mut self, endpoint: u32) -> Option<(&'static DepartureSet, u64)> {
        let address = self.skb.address(&mut self.local.address);
        let set = DEPARTURES.get(departure_hash(address) & NETMON_DEPARTURE_MASK.load())?;
        Some((set, departure_tag(address, endpoint)))
    }

    /// Returns whether what departed at this time is compared with what arrived.
    #[inline(always)]
    fn is_compared(&self, departed_ns: u64) -> bool {
        self.watched.peer != NO_ENDPOINT && departed_ns >= self.watched.compared_from_ns
    }
}

/// A constant to the verifier, like the settings in [`maps`].
#[inline(always)]
fn counts_only() -> bool {
    NETMON_COUNT_ONLY.load() != 0
}

#[inline(always)]
fn generation() -> Option<u64> {
    let word: *const u64 = WATCHED_GENERATION.get(0)?;
    // SAFETY: an aligned word of a map, which the agent replaces as a whole.
    Some(unsafe { word.read_volatile() })
}

/// Returns what the agent says of an interface.
#[inline(always)]
fn ask(place: &Place) -> Watched {
    // SAFETY: a map value. The agent replaces an entry as a whole, and never changes one.
    WATCHED.get_ptr(*place).map_or(Watched::NOT, |watched| unsafe { *watched })
}

/// Returns this CPU's crossings of an endpoint.
#[inline(always)]
fn crossings(endpoint: u32) -> Option<&'static mut Crossings> {
    let value = CROSSINGS.get_value_ptr_mut(chunk_of(endpoint), &slot_of(endpoint))?;
    // SAFETY: the map's values are `Crossings`, in the agent as well, and this CPU's are used by one program at a time.
    Some(unsafe { &mut *value.cast() })
}

/// A packet is given to the queue of its interface.
#[inline(always)]
pub(crate) fn queued(ctx: &BtfTracePointContext) -> Option<()> {
    let skb = Skb::of(ctx);
    let mut passing = Passing::new(skb, skb.device())?;
    let (now_ns, endpoint) = (passing.now_ns, passing.watched.endpoint);
    let (set, tag) = passing.departure(endpoint)?;
    set.queue(tag, now_ns, Instructions);
    if passing.is_compared(now_ns) {
        count_epoch::<EGRESS>(&passing, now_ns);
    }
    Some(())
}

/// A packet is given to the driver of its interface.
#[inline(always)]
pub(crate) fn sent(ctx: &BtfTracePointContext) -> Option<()> {
    let mut passing = Passing::new(Skb::of(ctx), ctx.arg(1))?;
    if !counts_only() {
        depart(&mut passing)?;
    }
    measure::measure::<EGRESS>(ctx, passing);
    Some(())
}

/// Notes that a packet departs, and how long it was in the queue.
#[inline(always)]
fn depart(passing: &mut Passing) -> Option<()> {
    let (now_ns, endpoint) = (passing.now_ns, passing.watched.endpoint);
    let (set, tag) = passing.departure(endpoint)?;
    if let Some(queued_ns) = set.send(tag, now_ns, Instructions) {
        record(&mut crossings(endpoint)?.queue, now_ns.saturating_sub(queued_ns));
    }
    Some(())
}

/// A packet arrives at its interface.
#[inline(always)]
pub(crate) fn received(ctx: &BtfTracePointContext) -> Option<()> {
    let skb = Skb::of(ctx);
    let mut passing = Passing::new(skb, skb.device())?;
    if skb.is_looped_back() {
        maps::count_stop(ParseStop::LoopedBack);
        return None;
    }
    let peer = passing.watched.peer;
    if peer != NO_ENDPOINT {
        let (set, tag) = passing.departure(peer)?;
        let departed = set.arrive(tag, Instructions);
        arrived(&passing, departed)?;
    }
    measure::measure::<INGRESS>(ctx, passing);
    Some(())
}

/// Accounts for the departure of a packet that has arrived. One that is not known is counted, and taken to be of this
/// moment where the packets of an epoch are counted.
#[inline(always)]
fn arrived(passing: &Passing, departed: Option<Departed>) -> Option<()> {
    let now_ns = passing.now_ns;
    let crossings = crossings(passing.watched.endpoint)?;
    let departed_ns = match departed {
        Some(departed) => {
            record(&mut crossings.crossing, now_ns.saturating_sub(departed.sent_ns));
            let counters = maps::counters(passing.watched.endpoint)?;
            record(&mut counters.latency, now_ns.saturating_sub(departed.queued_ns));
            if departed.queued_ns > counters.latest_departure_ns {
                counters.latest_departure_ns = departed.queued_ns;
            }
            departed.queued_ns
        }
        None => {
            crossings.unjoined += 1;
            now_ns
        }
    };
    if passing.is_compared(departed_ns) {
        count_epoch::<INGRESS>(passing, departed_ns);
    }
    Some(())
}

/// Counts the segments of a packet in the epoch of its departure. At both ends, a packet that does not say how many it is
/// counts as one.
#[inline(always)]
fn count_epoch<const HOOK: usize>(passing: &Passing, departed_ns: u64) {
    let Some(counters) = maps::counters(passing.watched.endpoint) else { return };
    let skb = passing.skb;
    let segments = if skb.gso_size() == 0 { 1 } else { skb.gso_segs().max(1) };
    let count = &mut counters.epochs[HOOK][loss_slot(departed_ns)];
    *count = count.wrapping_add(segments);
}
