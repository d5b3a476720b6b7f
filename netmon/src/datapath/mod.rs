//! The kernel's side of netmon: the eBPF object, its attachments, and typed readings of its maps.
//!
//! [`Datapath::load`] loads the object once. [`Datapath::attach`] attaches it to any number of endpoints, at any time.
//! [`Datapath::counts`] reads every counter and histogram as plain data. Endpoints are known by their ids alone: names,
//! links and labs are the business of [`crate::watch`]. The datapath creates no interfaces and exports no metrics.

mod attach;
mod chunks;
mod clock;
mod closed_epochs;
mod costs;
mod counts;
mod dispatcher;
mod drops;
mod dry_run;
mod endpoint;
mod error;
pub mod features;
mod flow_tables;
mod flows;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod hooks;
mod kernel_types;
mod logs;
mod map_use;
pub mod memory;
mod object;
mod pause;
mod persistence;
mod position;
mod recover;
mod reserve;
mod run_time;
mod sums;
mod tallies;
mod tracing;

use std::{cmp::Reverse, os::fd::AsFd as _, sync::Arc, time::Duration};

use log::Level;
use netmon_kernel::{netns::NetNs, pins::PinDirectory};
use netmon_model::{
    error::chain,
    names::{Direction, EndpointId, InterfaceId},
    snapshot::{AttachMode, Features},
};

pub use self::{
    attach::{AttachError, uses_delivery_time},
    counts::{Counts, Departures, EndpointCounts, HookCounts},
    dry_run::ProgramCost,
    endpoint::Target,
    error::DatapathError,
    flows::Connection,
    hooks::{HookTotals, Passed},
    position::{Overtaken, Positions},
    tracing::{TracedTarget, TracingDepth},
};
use self::{
    clock::ClockKeeper,
    endpoint::{Attaching, Endpoint, Endpoints, by_namespace},
    logs::LogPump,
    object::Object,
    persistence::{Opened, Persistence, Stage},
    run_time::RunTime,
    tracing::{TracedEndpoints, Tracing},
};
pub(crate) use self::{drops::reasons as drop_reasons, kernel_types::KernelTypes};

/// Returns whether netmon attaches programs of this name to hooks.
#[must_use]
pub fn is_hook_program(name: &str) -> bool {
    Direction::BOTH.into_iter().any(|direction| dispatcher::name(direction) == name)
}

/// The options of the datapath.
#[derive(Clone, Debug)]
pub struct Options {
    /// How to attach. `None` for the best mode of the kernel.
    pub mode: Option<AttachMode>,
    /// The maximum number of connections that are followed at once, and of requests, rounded up to a power of two. 0
    /// disables round trips.
    pub flow_entries: u32,
    /// The maximum number of conversations over UDP that are followed at once, rounded up to a power of two. 0 follows
    /// none, and costs nothing.
    pub udp_flows: u32,
    /// The programs' log level, as in [`aya_log::Level`]: 0 nothing, 1 errors ... 5 traces. Statements above it are not
    /// even loaded into the kernel.
    pub log_level: u8,
    /// Whether the kernel records the programs' run times, which costs time in each run.
    pub run_time: bool,
    /// How links that netmon did not make are measured ([`Datapath::watch`]). `None` to load no tracing programs.
    pub tracing: Option<TracingDepth>,
}

impl Default for Options {
    fn default() -> Self {
        Self { mode: None, flow_entries: 65_536, udp_flows: 0, log_level: 0, run_time: false, tracing: None }
    }
}

impl Options {
    /// Returns the programs' log level for the agent's. They log nothing at `info` and more severe levels.
    #[must_use]
    pub fn log_level_of(level: Option<Level>) -> u8 {
        match level {
            Some(Level::Trace) => 5,
            Some(Level::Debug) => 4,
            _ => 0,
        }
    }
}

/// The loaded object and its attachments.
pub struct Datapath {
    // Dropped first: the attachments jump to the programs of the object.
    endpoints: Endpoints,
    /// Endpoints that are measured by tracing. Nothing is attached to them.
    traced: TracedEndpoints,
    object: Object,
    features: Features,
    /// The pinned state, which outlives this. `None` if nothing is pinned.
    persistence: Option<Persistence>,
    run_time: Option<RunTime>,
    _clock: ClockKeeper,
    _logs: Option<LogPump>,
}

impl Datapath {
    /// Probes the kernel's features, and loads the object.
    ///
    /// # Errors
    ///
    /// Fails if a privilege is missing or the kernel refuses the object.
    pub fn load(options: &Options) -> Result<Self, DatapathError> {
        Self::load_into(options, None)
    }

    /// Like [`Self::load`], but pins everything in a lab's directory, so that counting outlives this. Reuses the objects
    /// that are pinned there already, with their settings. Replaces those that this version cannot use.
    ///
    /// # Errors
    ///
    /// Fails if there is no bpf file system or a foreign directory is in the way, and like [`Self::load`].
    pub fn load_pinned(options: &Options, folder: PinDirectory) -> Result<Self, DatapathError> {
        let opened = Opened::open(folder)?;
        let made = opened.settings().is_none().then(|| opened.folder().clone());
        Self::load_into(options, Some(opened)).inspect_err(|_| {
            for error in made.iter().flat_map(PinDirectory::remove) {
                log::warn!("{}", chain(&error));
            }
        })
    }

    fn load_into(options: &Options, opened: Option<Opened>) -> Result<Self, DatapathError> {
        let mut features = features::probe(options.mode)?;
        if let Some(opened) = &opened {
            opened.prevail(options, &mut features);
        }
        let (mut object, persistence) = Object::load(options, features, opened)?;
        let offset = object.clock_offset.take().ok_or(DatapathError::Missing(object::CLOCK_OFFSET))?;
        let clock = ClockKeeper::start(offset).map_err(DatapathError::Clock)?;
        let logs = (options.log_level > 0).then(|| LogPump::start(&mut object.ebpf)).transpose()?;
        Ok(Self {
            endpoints: Endpoints::new(),
            traced: TracedEndpoints::new(),
            object,
            features,
            persistence,
            run_time: options.run_time.then(RunTime::start).transpose()?,
            _clock: clock,
            _logs: logs,
        })
    }

    /// Returns the kernel's features and the attach mode.
    #[must_use]
    pub fn features(&self) -> Features {
        self.features
    }

    /// Returns why dropped packets are not counted by reason. `None` if they are.
    #[must_use]
    pub fn why_no_drops(&self) -> Option<&str> {
        self.object.no_drops.as_deref()
    }

    /// Returns the pin directory, and whether this datapath created it. `None` if nothing is pinned.
    #[must_use]
    pub fn pinned(&self) -> Option<(&PinDirectory, bool)> {
        self.persistence.as_ref().map(|persistence| (persistence.folder(), persistence.is_new()))
    }

    /// Returns the kernel memory of the endpoints' maps in bytes.
    #[must_use]
    pub fn map_bytes(&self) -> usize {
        let crossings = self.object.tracing.as_ref().map_or(0, Tracing::bytes);
        self.object.counters.bytes() + self.object.round_trips.bytes() + crossings
    }

    /// Returns the number of hooks with a program. An endpoint that is measured by tracing counts as two.
    #[must_use]
    pub fn hooks_attached(&self) -> usize {
        let attached = self.endpoints.values().filter(|endpoint| endpoint.attached.is_some()).count();
        2 * (attached + self.traced.len())
    }

    /// Returns the namespace of an attached endpoint.
    #[must_use]
    pub fn netns(&self, id: EndpointId) -> Option<&Arc<NetNs>> {
        self.endpoints.get(&id).map(|endpoint| &endpoint.netns)
    }

    /// Sets how long an impairment may hold packets that leave through an endpoint. Until then, a packet that has not
    /// arrived does not count as lost.
    pub fn expect_held(&mut self, id: EndpointId, longest: Duration) {
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.held_ns = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        }
    }

    /// Attaches to both hooks of every target, none of which may be attached already. After an error, only endpoints that
    /// were attached before are attached.
    ///
    /// A target that an earlier agent counted in the same slot ([`Self::recorded`]) keeps its counters.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses a program or an attachment.
    pub fn attach(&mut self, targets: Vec<Target>) -> Result<AttachReport, DatapathError> {
        let mut report = AttachReport::default();
        let new = self.adopt(targets, &mut report)?;
        let mut added = Endpoints::new();
        let attached = self.add_all(new, &mut added).and_then(|()| self.attach_all(&mut added, &mut report));
        let ids: Vec<EndpointId> = added.keys().copied().collect();
        if let Err(error) = attached {
            // The first error is the one to report.
            self.forget(added);
            return Err(error);
        }
        // Unlike `append`, this does not rebuild the whole map.
        self.endpoints.extend(added);
        // From here on, they are counted even if this process ends.
        if let Err(error) = self.record(&ids, Stage::Complete) {
            self.detach(&ids);
            return Err(error);
        }
        Ok(report)
    }

    /// Reserves map space for each target.
    fn add_all(&mut self, targets: Vec<Target>, added: &mut Endpoints) -> Result<(), DatapathError> {
        for target in targets {
            let pins = self.persistence.as_ref().map(|persistence| persistence.hooks(target.id));
            let endpoint = Endpoint::new(target, pins);
            let reserved = self.reserve(&endpoint);
            added.insert(endpoint.id, endpoint);
            reserved?;
        }
        Ok(())
    }

    /// Attaches to all of `endpoints`. Before either end of a link is attached, it is known at both whether departures are
    /// stamped. No end stamps before the other counts arrivals: the link may be in use, and a packet that left stamped and
    /// arrived uncounted would count as lost.
    fn attach_all(&self, endpoints: &mut Endpoints, report: &mut AttachReport) -> Result<(), DatapathError> {
        if self.features.packet_stamp {
            for group in by_namespace(endpoints.values_mut()).into_values() {
                report.unstamped.extend(endpoint::ask_stamps(group)?);
            }
        }
        let stamps: Vec<_> = endpoints.values().map(|one| (one.peer, one.stamps)).collect();
        for (peer, stamps) in stamps {
            if let Some(peer) = peer.and_then(|peer| endpoints.get_mut(&peer)) {
                peer.peer_stamps = stamps;
            }
        }
        let mut attaching =
            Attaching::new(self.features.mode, self.object.jump_table.as_fd(), self.run_time.is_some());
        // With the largest namespace first, a star needs only one more visit to that one.
        let mut groups: Vec<_> = by_namespace(endpoints.values_mut()).into_values().collect();
        groups.sort_by_key(|group| Reverse(group.len()));
        for group in groups {
            attaching.visit(group)?;
        }
        for group in by_namespace(endpoints.values_mut()).into_values() {
            attaching.visit(group)?;
        }
        Ok(())
    }

    /// Detaches from these endpoints, or stops measuring them by tracing, and clears their counters. Continues after an error, and returns all errors.
    pub fn detach(&mut self, ids: &[EndpointId]) -> Vec<DatapathError> {
        let going = ids.iter().filter_map(|id| self.endpoints.remove_entry(id)).collect();
        let mut errors = self.forget(going);
        errors.extend(self.unwatch(ids));
        errors
    }

    /// Drops all endpoints without detaching. Pinned programs keep counting, others end.
    pub fn leave(&mut self) {
        self.endpoints.clear();
    }

    fn forget(&mut self, mut endpoints: Endpoints) -> Vec<DatapathError> {
        let mut errors = Vec::new();
        if let Some(persistence) = &mut self.persistence {
            let record = |endpoint| persistence.record(endpoint, Stage::Unfinished).err();
            errors.extend(endpoints.values().filter_map(record));
        }
        let groups = by_namespace(endpoints.values_mut());
        errors.extend(groups.into_values().filter_map(|group| endpoint::detach(group).err()));
        for endpoint in endpoints.values_mut() {
            if self.run_time.is_some() {
                errors.extend(RunTime::retire(endpoint, &mut self.object.tallies).err());
            }
            errors.extend(self.release(endpoint.id, endpoint.drop_place()));
        }
        errors
    }

    /// Returns the slots of an earlier agent's records, until the first [`Self::attach`].
    pub fn recorded_slots(&self) -> impl Iterator<Item = EndpointId> {
        self.persistence.iter().flat_map(Persistence::slots)
    }

    /// Returns the slots in which an earlier agent counted the two ends of a link, if it completed the record of both.
    #[must_use]
    pub fn recorded(&self, a: InterfaceId, b: InterfaceId) -> Option<[EndpointId; 2]> {
        self.persistence.as_ref()?.recorded_pair(a, b)
    }
}

/// The result of [`Datapath::attach`].
#[derive(Clone, Debug, Default)]
pub struct AttachReport {
    /// Endpoints whose departures are not stamped, because a qdisc there uses departure times itself. No latency and no loss
    /// is measured from them.
    pub unstamped: Vec<EndpointId>,
    /// The number of endpoints that resumed the counters of an earlier agent.
    pub adopted: usize,
    /// Endpoints whose programs were no longer attached. Their counters restart from zero.
    pub restarted: Vec<EndpointId>,
    /// Freed slots, of endpoints that an earlier agent counted and that are not among the targets.
    pub freed: Vec<EndpointId>,
}
