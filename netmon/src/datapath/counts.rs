//! Reads every counter and histogram, as plain data by endpoint id.

use std::collections::{HashMap, HashSet};

use aya::maps::{MapError, PerCpuValues};
use netmon_ebpf::{
    abi::{EGRESS, INGRESS, PARSE_STOPS, ParseStop},
    endpoint::{Counters, RoundTrips as AbiRoundTrips},
    epoch::{ANSWER_EPOCH_SHIFT, ANSWER_EPOCHS, ANSWER_TIMEOUT_NS, LOSS_EPOCH_SHIFT, LOSS_EPOCHS},
    request_counters::RequestCounters,
    stamp::RefusedStamp,
};
use netmon_model::{
    by::{ByProtocol, Hooks},
    cost::Cost,
    histogram::Histogram,
    names::EndpointId,
    snapshot::{AttachMode, ErrorKind, FlowTable, LatencyParts, Requests, RoundTrips, Traffic},
};

use super::{
    Datapath, DatapathError,
    attach::Attached,
    clock::monotonic_ns,
    closed_epochs::{ClosedEpochs, Epoch, Reading},
    endpoint::{self, Endpoint, by_namespace},
    object::Object,
    persistence::Stage,
    sums,
};

/// A request may be answered for five seconds: an epoch of requests is complete when the last of them is that old.
const ANSWER_SETTLE_EPOCHS: u64 = 1 + ANSWER_TIMEOUT_NS.div_ceil(1 << ANSWER_EPOCH_SHIFT);

/// A packet that left this many epochs ago (1.1 s) and is not in the sender's queue has arrived or is lost.
const IDLE_SETTLE_EPOCHS: u64 = 8;

/// One reading of the maps.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Monotonic time at which the reading began, nanoseconds.
    pub monotonic_ns: u64,
    /// Every endpoint with attached programs.
    pub endpoints: HashMap<EndpointId, Box<EndpointCounts>>,
    /// Packets whose parsing stopped early, by reason.
    pub parse_exits: Vec<(ParseStop, u64)>,
    /// State of the flow table.
    pub flows: FlowTable,
    /// netmon's own errors so far, by kind.
    pub errors: Vec<(ErrorKind, u64)>,
    /// The cost of measuring.
    pub cost: Cost,
}

/// The counts of one endpoint.
#[derive(Clone, Debug, Default)]
pub struct EndpointCounts {
    /// How programs are attached. `None` while they are detached.
    pub attached: Option<AttachMode>,
    /// Traffic at each hook.
    pub hooks: Hooks<HookCounts>,
    /// Packets that left without a stamp.
    pub unstamped_packets: u64,
    /// Packets that arrived with a delivery time that is no stamp of the peer, by reason.
    pub refused_stamps: Vec<(RefusedStamp, u64)>,
    /// Packets that arrived and whose departure is not known, so they have no latency. Always 0 without tracing programs.
    pub unjoined_packets: u64,
    /// Packets that the kernel dropped on this interface, by drop reason. `None` if this kernel reports no reasons.
    pub drops: Option<Vec<(String, u64)>>,
    /// Round trips measured here.
    pub round_trips: RoundTrips,
    /// Latency and loss of the packets that left here for the peer. `None` if they are not measured: without a peer, on a
    /// kernel that cannot stamp packets, or behind a qdisc that uses departure times itself.
    pub departures: Option<Departures>,
}

/// Traffic at one hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookCounts {
    /// Packets and bytes by protocol.
    pub protocols: ByProtocol<Traffic>,
    /// Packets on the wire: a super-packet (GSO) counts as the segments it is cut into.
    pub segments: u64,
    /// Bytes on the wire: each segment with its own headers.
    pub wire_bytes: u64,
}

impl HookCounts {
    /// Returns the packets of all protocols.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.protocols.iter().map(|(_, traffic)| traffic.packets).sum()
    }
}

/// Latency and loss of packets from one end of a link to the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Departures {
    /// One-way latency to the peer.
    pub latency: Histogram,
    /// Segments that left and did not arrive.
    pub lost_segments: u64,
    /// The two parts of the latency. `None` if programs at hooks measure it, which see only the whole.
    pub parts: Option<LatencyParts>,
}

/// The values of one endpoint on every CPU.
pub(super) struct Values {
    pub(super) counters: PerCpuValues<Counters>,
    round_trips: PerCpuValues<AbiRoundTrips>,
}

impl Datapath {
    /// Reads everything.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses to read a map.
    pub fn counts(&mut self) -> Result<Counts, DatapathError> {
        let began = monotonic_ns();
        let mut counts = HashMap::with_capacity(self.endpoints.len());
        let mut waiting = Vec::new();
        for group in self.pairs() {
            self.read_group(&group, &mut counts, &mut waiting)?;
        }
        self.settle_idle(&waiting, &mut counts)?;
        self.read_traced(&mut counts)?;
        if let Some(drops) = &self.object.drops {
            let mut drops = drops.read()?;
            for (id, endpoint) in &mut counts {
                endpoint.drops = Some(drops.remove(id).unwrap_or_default());
            }
        }
        let flows = self.object.flow_tables.state()?;
        Ok(Counts {
            monotonic_ns: began,
            endpoints: counts,
            parse_exits: self.object.read_exits()?,
            errors: self.errors()?,
            cost: self.cost(&flows)?,
            flows,
        })
    }

    /// Returns the endpoints in groups that are read together: both ends of a link, or one whose peer is not known.
    fn pairs(&self) -> Vec<Vec<EndpointId>> {
        let first_of_pair = |endpoint: &&Endpoint| {
            endpoint.peer.is_none_or(|peer| endpoint.id < peer || !self.endpoints.contains_key(&peer))
        };
        let group = |endpoint: &Endpoint| {
            let peer = endpoint.peer.filter(|peer| self.endpoints.contains_key(peer));
            std::iter::once(endpoint.id).chain(peer).collect()
        };
        self.endpoints.values().filter(first_of_pair).map(group).collect()
    }

    fn read_group(
        &mut self,
        group: &[EndpointId],
        counts: &mut HashMap<EndpointId, Box<EndpointCounts>>,
        waiting: &mut Vec<Waiting>,
    ) -> Result<(), DatapathError> {
        let before_ns = monotonic_ns();
        let values: Vec<Values> = group.iter().map(|id| self.object.values(*id)).collect::<Result<_, _>>()?;
        let read = (before_ns, monotonic_ns());
        let packet_stamp = self.features.packet_stamp;
        for (at, id) in group.iter().enumerate() {
            let Some(endpoint) = self.endpoints.get_mut(id) else { continue };
            let peer = values.get(1 - at).filter(|_| group.len() == 2);
            let departures = peer.filter(|_| packet_stamp && endpoint.stamps).map(|peer| {
                let held_ns = endpoint.held_ns;
                let epochs =
                    [sums::epochs(&values[at].counters, EGRESS), sums::epochs(&peer.counters, INGRESS)];
                let (departures, reading) = departures(read, (&mut endpoint.lost, held_ns), epochs, peer);
                waiting.extend(reading.map(|reading| Waiting { id: *id, reading }));
                departures
            });
            let attached = endpoint.attached.as_ref().map(Attached::mode);
            let unanswered = (&mut endpoint.echoes_unanswered, &mut endpoint.dns_unanswered);
            let read = endpoint_counts(read, attached, unanswered, &values[at], departures);
            counts.insert(*id, Box::new(read));
        }
        self.record_changes(group)
    }

    /// Settles what left a queue that is empty by now: nothing of it is under way. The queues are read after the counts.
    fn settle_idle(
        &mut self,
        waiting: &[Waiting],
        counts: &mut HashMap<EndpointId, Box<EndpointCounts>>,
    ) -> Result<(), DatapathError> {
        let ids: HashSet<EndpointId> = waiting.iter().map(|one| one.id).collect();
        let endpoints = self.endpoints.values_mut().filter(|endpoint| ids.contains(&endpoint.id));
        let idle: HashSet<EndpointId> =
            by_namespace(endpoints).into_values().flat_map(endpoint::idle).collect();
        for Waiting { id, reading } in waiting.iter().filter(|one| idle.contains(&one.id)) {
            let Some(endpoint) = self.endpoints.get_mut(id) else { continue };
            endpoint.lost.update(reading, is_long_ago);
            let departures = counts.get_mut(id).and_then(|counts| counts.departures.as_mut());
            if let Some(departures) = departures {
                departures.lost_segments = endpoint.lost.total();
            }
            self.record_changes(&[*id])?;
        }
        Ok(())
    }

    /// Persists new differences of a link before they are reported: the next agent must not report less.
    fn record_changes(&mut self, group: &[EndpointId]) -> Result<(), DatapathError> {
        let Some(persistence) = &mut self.persistence else { return Ok(()) };
        let is_whole = |id: EndpointId| self.endpoints.get(&id).is_some_and(Endpoint::is_whole);
        let peer = |id: &EndpointId| self.endpoints.get(id)?.peer;
        let is_complete = group.iter().all(|id| is_whole(*id) && peer(id).is_none_or(is_whole));
        let stage = if is_complete { Stage::Complete } else { Stage::Paused };
        for id in group {
            let Some(endpoint) = self.endpoints.get_mut(id) else { continue };
            if endpoint.take_changed() {
                persistence.record(endpoint, stage)?;
            }
        }
        Ok(())
    }
}

impl Object {
    /// Reads the values of an endpoint on every CPU.
    pub(super) fn values(&self, id: EndpointId) -> Result<Values, DatapathError> {
        let counters =
            self.counters.get(id).map_err(|source| DatapathError::Map { name: "COUNTERS", source })?;
        let round_trips =
            self.round_trips.get(id).map_err(|source| DatapathError::Map { name: "ROUND_TRIPS", source })?;
        Ok(Values { counters, round_trips })
    }

    fn read_exits(&self) -> Result<Vec<(ParseStop, u64)>, DatapathError> {
        let read =
            |index: usize| -> Result<u64, MapError> { Ok(self.exits.get(&(index as u32), 0)?.iter().sum()) };
        (0..PARSE_STOPS)
            .map(|index| Ok((ParseStop::ALL[index], read(index)?)))
            .collect::<Result<_, _>>()
            .map_err(|source| DatapathError::Map { name: "EXITS_BY_REASON", source })
    }
}

/// The departures of an endpoint of which some may wait in its queue.
struct Waiting {
    id: EndpointId,
    reading: Reading<LOSS_EPOCHS>,
}

/// Returns latency and loss from one end of a link to the other, and the reading if some packets neither arrived nor were
/// overtaken for long. Both ends were read between the times `read`.
///
/// Time alone does not make a packet lost, because a queue may stand still. It is lost once something that left later has
/// arrived, and it had as long as any packet before.
///
/// The epochs are those of what left and of what arrived. `lost` are the losses so far, with the time for which packets may be held on purpose, in nanoseconds.
pub(super) fn departures(
    read: (u64, u64),
    (lost, held_ns): (&mut ClosedEpochs<LOSS_EPOCHS>, u64),
    [first, second]: [[u32; LOSS_EPOCHS]; 2],
    arrived: &Values,
) -> (Departures, Option<Reading<LOSS_EPOCHS>>) {
    let latency = sums::histogram(&arrived.counters, |value| &value.latency);
    let reading = Reading { read, first, second };
    let settle = settle_epochs(&latency, held_ns);
    let latest = arrived.counters.iter().map(|value| value.latest_departure_ns).max().unwrap_or(0);
    let latest_epoch = latest >> LOSS_EPOCH_SHIFT;
    lost.update(&reading, |epoch| epoch.age >= settle && epoch.number < latest_epoch);
    let waits = lost.waits(&reading, is_long_ago);
    (Departures { latency, lost_segments: lost.total(), parts: None }, waits.then_some(reading))
}

fn is_long_ago(epoch: Epoch) -> bool {
    epoch.age >= IDLE_SETTLE_EPOCHS
}

/// Returns how many epochs a packet may still be under way: two, and as many as the longest latency so far. A growing
/// queue shows in the latencies before it is longer than this. An imposed delay does not grow, and is known.
fn settle_epochs(latency: &Histogram, held_ns: u64) -> u64 {
    // If a latency is beyond the end of the histogram, wait as long as possible.
    let beyond = if latency.count == 0 { 0 } else { u64::MAX };
    let longest_ns = latency.max_bound_ns().unwrap_or(beyond);
    (2 + (longest_ns.max(held_ns) >> LOSS_EPOCH_SHIFT)).min(LOSS_EPOCHS as u64 / 2)
}

pub(super) fn endpoint_counts(
    read: (u64, u64),
    attached: Option<AttachMode>,
    (echoes_unanswered, dns_unanswered): (&mut ClosedEpochs<ANSWER_EPOCHS>, &mut ClosedEpochs<ANSWER_EPOCHS>),
    values: &Values,
    departures: Option<Departures>,
) -> EndpointCounts {
    let echoes = sums::requests(&values.counters, |value| &value.echoes.requests);
    let queries = sums::requests(&values.round_trips, |value| &value.dns_queries);
    EndpointCounts {
        attached,
        hooks: Hooks::from_fn(|direction| sums::hook(&values.counters, direction)),
        unstamped_packets: values.counters.iter().map(|value| value.unstamped).sum(),
        refused_stamps: sums::refused_stamps(&values.round_trips),
        unjoined_packets: 0,
        drops: None,
        round_trips: RoundTrips {
            icmp_requests: requests(read, echoes_unanswered, &echoes),
            dns_queries: requests(read, dns_unanswered, &queries),
            ..sums::round_trips(&values.counters, &values.round_trips)
        },
        departures,
    }
}

/// Returns what became of the requests of one kind, which were counted between the times `read`.
fn requests(
    read: (u64, u64),
    unanswered: &mut ClosedEpochs<ANSWER_EPOCHS>,
    counted: &RequestCounters,
) -> Requests {
    let reading = Reading { read, first: counted.asked, second: counted.answered };
    unanswered.update(&reading, |epoch| epoch.age >= ANSWER_SETTLE_EPOCHS);
    let unanswered = unanswered.total();
    Requests {
        unanswered,
        waiting: sums::waiting(counted, unanswered),
        repeated: counted.repeated,
        // A reading is not atomic: the CPUs' counts may not fit together.
        unsampled: u64::try_from(counted.unsampled.cast_signed()).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures::histogram_of;

    use super::*;

    #[test]
    fn an_epoch_settles_after_the_longest_latency_seen() {
        assert_eq!(settle_epochs(&Histogram::default(), 0), 2);
        assert_eq!(settle_epochs(&histogram_of([1_000_000]), 0), 2);
        assert_eq!(settle_epochs(&histogram_of([1_000, 1_000_000_000]), 0), 2 + 8);
        assert_eq!(settle_epochs(&histogram_of([20_000_000_000]), 0), LOSS_EPOCHS as u64 / 2);
    }

    #[test]
    fn an_imposed_delay_is_awaited_before_the_first_packet() {
        assert_eq!(settle_epochs(&Histogram::default(), 1_000_000_000), 2 + 7);
        assert_eq!(settle_epochs(&histogram_of([3_000_000_000]), 1_000_000_000), 2 + 24);
    }
}
