//! The kernel's side of netmon: the eBPF object, its attachments, and typed readings of its maps.
//!
//! [`Datapath::load`] loads the object once; [`Datapath::attach`] puts it onto any number of endpoints, at any
//! time; [`Datapath::read`] reads every counter and histogram into the plain data of a
//! [`Snapshot`](netmon_model::snapshot::Snapshot). It builds nothing and exports nothing.

mod attach;
mod chunks;
mod clock;
mod closed_epochs;
mod costs;
mod dispatcher;
mod drops;
mod dry_run;
mod error;
pub mod features;
mod flow_tables;
mod flows;
mod hooks;
mod kernel_types;
mod logs;
mod map_use;
pub mod memory;
mod object;
mod pause;
mod persistence;
mod places;
mod reading;
mod recover;
mod run_time;
mod slots;
mod sums;
mod tallies;
mod watched;

use std::{cmp::Reverse, collections::HashMap, os::fd::AsFd as _, time::Duration};

use log::Level;
use netmon_ebpf::record::Tally;
use netmon_kernel::{netns::NetnsId, pins::Folder};
use netmon_model::{
    error::chain,
    names::{Direction, LinkName, Side},
    snapshot::{AttachMode, Features},
};

pub use self::{
    attach::AttachError, dry_run::ProgramCost, error::DatapathError, reading::Reading, tallies::Failure,
};
use self::{
    clock::ClockKeeper,
    logs::LogPump,
    object::Object,
    persistence::{Opened, Persistence, Stage},
    run_time::RunTime,
    slots::Slots,
    watched::{Attaching, WatchedEndpoint, WatchedLink},
};
use crate::topology::Endpoint;

/// Whether a program of this name is one that netmon puts onto hooks.
#[must_use]
pub fn is_hook_program(name: &str) -> bool {
    Direction::BOTH.into_iter().any(|direction| dispatcher::name(direction) == name)
}

/// How the datapath is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// How to attach; none means the best that the kernel has.
    pub mode: Option<AttachMode>,
    /// Most connections that are followed at once, and as many requests, rounded up to a power of two;
    /// 0 switches round trips off.
    pub flow_entries: u32,
    /// What the programs may log, as [`aya_log::Level`] counts: 0 nothing, 1 errors ... 5 traces. What is
    /// above it is not even translated into the kernel.
    pub log_level: u8,
    /// Whether the kernel keeps the programs' run times, which costs time in each run.
    pub run_time: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { mode: None, flow_entries: 65_536, log_level: 0, run_time: false }
    }
}

impl Options {
    /// The programs log what the agent logs, from `debug` on: below that they have nothing to say.
    #[must_use]
    pub fn log_level_of(level: Option<Level>) -> u8 {
        match level {
            Some(Level::Trace) => 5,
            Some(Level::Debug) => 4,
            _ => 0,
        }
    }
}

/// The loaded object and everything that it is attached to.
pub struct Datapath {
    // Attachments go before the programs that they jump to.
    links: Vec<WatchedLink>,
    object: Object,
    features: Features,
    slots: Slots,
    /// What outlives this; none when all goes with it.
    persistence: Option<Persistence>,
    run_time: Option<RunTime>,
    _clock: ClockKeeper,
    _logs: Option<LogPump>,
}

impl Datapath {
    /// Finds out what the kernel can do, and loads the object.
    ///
    /// # Errors
    ///
    /// When a privilege is missing, or the kernel refuses the object.
    pub fn load(options: &Options) -> Result<Self, DatapathError> {
        Self::load_into(options, None)
    }

    /// The same, with everything pinned in a lab's folder: counting goes on when this is gone. What is pinned there
    /// already is gone on with, set up as it is; what is of no use to this version is replaced.
    ///
    /// # Errors
    ///
    /// When there is no bpf file system, or somebody else's folder is in the way; and as [`Self::load`].
    pub fn load_pinned(options: &Options, folder: Folder) -> Result<Self, DatapathError> {
        let opened = Opened::open(folder)?;
        let made = opened.settings().is_none().then(|| opened.folder().clone());
        Self::load_into(options, Some(opened)).inspect_err(|_| {
            for error in made.iter().flat_map(Folder::remove) {
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
            links: Vec::new(),
            object,
            features,
            slots: Slots::holding(persistence.iter().flat_map(Persistence::slots)),
            persistence,
            run_time: options.run_time.then(RunTime::start).transpose()?,
            _clock: clock,
            _logs: logs,
        })
    }

    /// What this kernel can do, and how programs are attached.
    #[must_use]
    pub fn features(&self) -> Features {
        self.features
    }

    /// Why packets that the kernel drops are not told by reason; none when they are.
    #[must_use]
    pub fn why_no_drops(&self) -> Option<&str> {
        self.object.no_drops.as_deref()
    }

    /// Where everything is pinned, and whether this made the folder; none when nothing is.
    #[must_use]
    pub fn pinned(&self) -> Option<(&Folder, bool)> {
        self.persistence.as_ref().map(|persistence| (persistence.folder(), persistence.is_new()))
    }

    /// Bytes that the endpoints' maps take in the kernel.
    #[must_use]
    pub fn map_bytes(&self) -> usize {
        self.object.counters.bytes() + self.object.round_trips.bytes()
    }

    /// Hooks that a program is attached to.
    #[must_use]
    pub fn hooks_attached(&self) -> usize {
        2 * self.links.iter().flat_map(WatchedLink::ends).filter(|end| end.attached.is_some()).count()
    }

    /// Asks how long packets that leave through each end of each link may be held on purpose: what is not there
    /// before is not lost yet.
    pub fn expect_held(&mut self, longest: impl Fn(&LinkName, Side) -> Duration) {
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        for link in &mut self.links {
            link.a.held_ns = ns(longest(&link.name, Side::A));
            link.b.held_ns = ns(longest(&link.name, Side::B));
        }
    }

    /// Attaches to both hooks of every endpoint that is not watched yet. All or nothing: after an error
    /// only those are watched that were before.
    ///
    /// # Errors
    ///
    /// When an end has no peer among `endpoints`, or the kernel refuses a program or an attachment.
    pub fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), DatapathError> {
        let mut added = Vec::new();
        let pairs = self.new_pairs(endpoints)?;
        let attached = self
            .add_all(pairs, &mut added)
            .and_then(|()| self.attach_all(&mut added))
            .and_then(|()| self.complete(&added));
        if attached.is_err() {
            // The first error is the one to tell.
            self.forget(added);
            return attached;
        }
        self.links.append(&mut added);
        Ok(())
    }

    /// Attaches to these and to no others: as [`Self::attach`], and lets go of what is watched beside them. An end
    /// that stays keeps its counters, and is called what it is called now.
    ///
    /// # Errors
    ///
    /// As [`Self::attach`].
    pub fn attach_only(&mut self, endpoints: &[Endpoint]) -> Result<(), DatapathError> {
        let wanted: HashMap<_, &Endpoint> =
            endpoints.iter().map(|endpoint| ((&endpoint.namespace, &endpoint.interface), endpoint)).collect();
        let now = |end: &WatchedEndpoint| {
            let there = wanted.get(&(&end.endpoint.namespace, &end.endpoint.interface))?;
            (end.is(there) && end.endpoint.link == there.link).then_some(*there)
        };
        let stays = |link: &WatchedLink| link.ends().into_iter().all(|end| now(end).is_some());
        let (mut staying, going): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.links).into_iter().partition(stays);
        for end in staying.iter_mut().flat_map(WatchedLink::ends_mut) {
            if let Some(now) = now(end) {
                end.endpoint = now.clone();
            }
        }
        self.links = staying;
        // Their interfaces are gone, and their hooks with them.
        for error in self.forget(going) {
            log::debug!("{}", chain(&error));
        }
        self.adopt(endpoints)?;
        self.attach(endpoints)
    }

    /// The links of `endpoints` that are not watched, as pairs of ends.
    fn new_pairs(&self, endpoints: &[Endpoint]) -> Result<Vec<(Endpoint, Endpoint)>, DatapathError> {
        let mut halves: HashMap<&LinkName, &Endpoint> = HashMap::new();
        let mut pairs = Vec::new();
        for endpoint in endpoints.iter().filter(|endpoint| !self.watches(endpoint)) {
            match (halves.remove(&endpoint.link), endpoint.side) {
                (Some(other), Side::B) => pairs.push((other.clone(), endpoint.clone())),
                (Some(other), Side::A) => pairs.push((endpoint.clone(), other.clone())),
                (None, _) => {
                    halves.insert(&endpoint.link, endpoint);
                }
            }
        }
        match halves.into_keys().next() {
            Some(link) => Err(DatapathError::Unpaired(link.clone())),
            None => Ok(pairs),
        }
    }

    fn watches(&self, endpoint: &Endpoint) -> bool {
        self.links.iter().flat_map(WatchedLink::ends).any(|end| end.is(endpoint))
    }

    /// Attaches to all ends of `links`. Whether a departure is stamped is known at both ends before either
    /// is attached, and no end stamps before the other sees what arrives: the link may be in use, and what
    /// left stamped and arrived unseen would be lost.
    fn attach_all(&self, links: &mut [WatchedLink]) -> Result<(), DatapathError> {
        if self.features.packet_stamp {
            for ends in by_namespace(links).into_values() {
                watched::ask_stamps(ends)?;
            }
        }
        for link in &mut *links {
            link.tell_each_other();
        }
        let mut attaching =
            Attaching::new(self.features.mode, self.object.jump_table.as_fd(), self.run_time.is_some());
        // With the namespace first that has most ends, one more visit to that one is all it takes for a star.
        let mut groups: Vec<_> = by_namespace(links).into_values().collect();
        groups.sort_by_key(|ends| Reverse(ends.len()));
        for ends in groups {
            attaching.visit(ends)?;
        }
        for ends in by_namespace(links).into_values() {
            attaching.visit(ends)?;
        }
        Ok(())
    }

    /// Detaches from every link, which ends its series. What cannot be detached is told, and the rest goes on.
    pub fn detach_all(&mut self) -> Vec<DatapathError> {
        let links = std::mem::take(&mut self.links);
        self.forget(links)
    }

    /// Detaches from the links that `goes` chooses.
    pub fn detach(&mut self, goes: impl Fn(&LinkName) -> bool) -> Vec<DatapathError> {
        let (going, staying) = std::mem::take(&mut self.links).into_iter().partition(|l| goes(&l.name));
        self.links = staying;
        self.forget(going)
    }

    /// Lets go of everything as it is: what is pinned goes on, and what is not goes.
    pub fn leave(&mut self) {
        self.links.clear();
    }

    fn forget(&mut self, mut links: Vec<WatchedLink>) -> Vec<DatapathError> {
        let mut errors = Vec::new();
        if let Some(persistence) = &mut self.persistence {
            let record = |link| persistence.record_link(link, Stage::Unfinished).err();
            errors.extend(links.iter().filter_map(record));
        }
        let detached = by_namespace(&mut links).into_values().filter_map(|ends| watched::detach(ends).err());
        errors.extend(detached);
        for end in links.iter_mut().flat_map(WatchedLink::ends_mut) {
            if self.run_time.is_some() {
                errors.extend(RunTime::retire(end, &mut self.object.tallies).err());
            }
            errors.extend(self.release(end.id, end.drop_place()));
        }
        errors
    }

    /// Looks whether our programs are still the first of their chains, and says where not. Counted as
    /// errors of kind `overtaken`.
    ///
    /// # Errors
    ///
    /// When a namespace cannot be entered, or the kernel does not tell.
    pub fn check_chain_position(&mut self) -> Result<Vec<(Endpoint, Direction)>, DatapathError> {
        let mut found = Vec::new();
        for ends in by_namespace(&mut self.links).into_values() {
            found.extend(watched::overtaken(ends)?);
        }
        self.object.tallies.add(Tally::Overtaken, found.len() as u64)?;
        Ok(found)
    }
}

/// The ends of links, by the namespace that they are in.
fn by_namespace(links: &mut [WatchedLink]) -> HashMap<NetnsId, Vec<&mut WatchedEndpoint>> {
    let mut ends: HashMap<NetnsId, Vec<&mut WatchedEndpoint>> = HashMap::new();
    for end in links.iter_mut().flat_map(WatchedLink::ends_mut) {
        ends.entry(end.endpoint.netns.identity()).or_default().push(end);
    }
    ends
}
