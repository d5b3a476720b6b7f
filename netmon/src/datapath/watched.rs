//! An endpoint that is watched: its slot, its attachments, and what both ends of its link know of each other.

use std::{
    collections::HashSet,
    os::fd::{BorrowedFd, OwnedFd},
    path::PathBuf,
};

use netmon_ebpf::{
    drops::DropPlace,
    epoch::{ANSWER_EPOCH_SHIFT, ANSWER_EPOCHS, LOSS_EPOCH_SHIFT, LOSS_EPOCHS},
};
use netmon_model::{
    names::{Direction, EndpointId, LinkName},
    snapshot::AttachMode,
};

use super::{
    DatapathError,
    attach::{Attached, users_of_delivery_time},
    closed_epochs::ClosedEpochs,
    dispatcher::{self, Hook},
};
use crate::topology::Endpoint;

/// One end of a link that is watched.
pub(super) struct WatchedEndpoint {
    pub(super) id: EndpointId,
    pub(super) endpoint: Endpoint,
    pub(super) attached: Option<Attached>,
    /// The programs that are attached, ingress first; only while their run times are wanted.
    pub(super) programs: Option<[OwnedFd; 2]>,
    /// Where the links of its hooks are pinned, ingress first; nowhere when they go with the agent.
    pub(super) hook_pins: Option<[PathBuf; 2]>,
    /// The other end of its link; none before the two know of each other.
    pub(super) peer: Option<EndpointId>,
    /// How often they were taken off for a while.
    pub(super) pauses: u64,
    /// How long what leaves here may be held on purpose, nanoseconds.
    pub(super) held_ns: u64,
    /// Whether departures are stamped here.
    pub(super) stamps: bool,
    /// Whether the other end stamps its departures.
    pub(super) peer_stamps: bool,
    /// Echo requests that passed here and were not answered.
    pub(super) unanswered: ClosedEpochs<ANSWER_EPOCHS>,
}

impl WatchedEndpoint {
    pub(super) fn new(id: EndpointId, endpoint: Endpoint, hook_pins: Option<[PathBuf; 2]>) -> Self {
        Self {
            id,
            endpoint,
            attached: None,
            programs: None,
            hook_pins,
            peer: None,
            pauses: 0,
            held_ns: 0,
            stamps: false,
            peer_stamps: false,
            unanswered: ClosedEpochs::new(ANSWER_EPOCH_SHIFT),
        }
    }

    /// Whether this is the interface that `endpoint` means.
    pub(super) fn is(&self, endpoint: &Endpoint) -> bool {
        self.endpoint.cookie == endpoint.cookie && self.endpoint.ifindex == endpoint.ifindex
    }

    /// What the dispatcher of a hook has to know.
    pub(super) fn hook(&self, direction: Direction) -> Hook {
        match direction {
            Direction::Ingress => Hook::Ingress { peer_stamps: self.peer_stamps },
            Direction::Egress => Hook::Egress { stamps: self.stamps },
        }
    }

    /// Whether there is a program on both hooks.
    pub(super) fn is_whole(&self) -> bool {
        self.attached.as_ref().is_some_and(Attached::is_whole)
    }

    /// How the kernel's tracepoint of drops knows it.
    pub(super) fn drop_place(&self) -> DropPlace {
        DropPlace { cookie: self.endpoint.cookie.0, ifindex: self.endpoint.ifindex.0, padding: 0 }
    }

    pub(super) fn shown(&self) -> String {
        format!("{} in {}", self.endpoint.interface, self.endpoint.namespace)
    }

    pub(super) fn dispatchers(&self, jump_table: BorrowedFd<'_>) -> Result<[OwnedFd; 2], DatapathError> {
        let one = |direction| {
            dispatcher::load(self.id, self.hook(direction), &[], jump_table)
                .map_err(|source| DatapathError::Dispatcher { endpoint: self.shown(), source })
        };
        Ok([one(Direction::Ingress)?, one(Direction::Egress)?])
    }
}

impl WatchedEndpoint {
    /// Puts the end's program onto one hook, unless it is there, from a thread in its namespace.
    pub(super) fn enter(&mut self, mode: AttachMode, direction: Direction) -> Result<(), DatapathError> {
        let Some([ingress, egress]) = &self.programs else { return Ok(()) };
        let program = match direction {
            Direction::Ingress => ingress,
            Direction::Egress => egress,
        };
        let Endpoint { ifindex, interface, .. } = &self.endpoint;
        let nowhere = || Attached::nowhere(mode, *ifindex, interface, self.hook_pins.clone());
        let attached = self.attached.get_or_insert_with(nowhere);
        let entered = if attached.has(direction) { Ok(()) } else { attached.enter(direction, program) };
        entered.map_err(|source| DatapathError::Attach { endpoint: self.shown(), source })
    }
}

/// Both ends of a link, and what is known of the packets between them.
pub(super) struct WatchedLink {
    pub(super) name: LinkName,
    pub(super) a: WatchedEndpoint,
    pub(super) b: WatchedEndpoint,
    /// Loss from a to b.
    pub(super) a_to_b: ClosedEpochs<LOSS_EPOCHS>,
    /// Loss from b to a.
    pub(super) b_to_a: ClosedEpochs<LOSS_EPOCHS>,
}

impl WatchedLink {
    pub(super) fn new(a: WatchedEndpoint, b: WatchedEndpoint) -> Self {
        let name = a.endpoint.link.clone();
        let loss = ClosedEpochs::new(LOSS_EPOCH_SHIFT);
        Self { name, a, b, a_to_b: loss.clone(), b_to_a: loss }
    }

    pub(super) fn ends(&self) -> impl Iterator<Item = &WatchedEndpoint> {
        [&self.a, &self.b].into_iter()
    }

    pub(super) fn ends_mut(&mut self) -> impl Iterator<Item = &mut WatchedEndpoint> {
        [&mut self.a, &mut self.b].into_iter()
    }

    /// Each end learns which the other is, and whether it stamps.
    pub(super) fn tell_each_other(&mut self) {
        self.a.peer = Some(self.b.id);
        self.b.peer = Some(self.a.id);
        self.a.peer_stamps = self.b.stamps;
        self.b.peer_stamps = self.a.stamps;
    }
}

/// Visits the namespace that all of `ends` are in.
pub(super) fn visit<T: Send>(
    mut ends: Vec<&mut WatchedEndpoint>,
    work: impl FnOnce(&mut [&mut WatchedEndpoint]) -> Result<T, DatapathError> + Send,
) -> Result<Option<T>, DatapathError> {
    let Some(first) = ends.first() else { return Ok(None) };
    let netns = first.endpoint.netns.clone();
    netns.run(|| work(&mut ends))?.map(Some)
}

/// Asks whether departures may be stamped at each of `ends`, which share a namespace.
pub(super) fn ask_stamps(ends: Vec<&mut WatchedEndpoint>) -> Result<(), DatapathError> {
    visit(ends, |ends| {
        let unstamped = users_of_delivery_time()
            .map_err(|source| DatapathError::Qdiscs { namespace: name_of(ends), source })?;
        for end in ends {
            end.stamps = !unstamped.contains(&end.endpoint.ifindex);
            if !end.stamps {
                log::warn!(
                    "{}: its qdisc uses departure times itself, so packets leave it without a stamp: \
                     no latency and no loss in this direction",
                    end.shown()
                );
            }
        }
        Ok(())
    })
    .map(drop)
}

/// The attaching of many ends, one namespace after the other.
pub(super) struct Attaching<'a> {
    mode: AttachMode,
    jump_table: BorrowedFd<'a>,
    keeps_programs: bool,
    /// Ends at which arrivals are seen.
    arrivals: HashSet<EndpointId>,
    /// Ends at which departures are seen.
    departures: HashSet<EndpointId>,
}

impl<'a> Attaching<'a> {
    pub(super) fn new(mode: AttachMode, jump_table: BorrowedFd<'a>, keeps_programs: bool) -> Self {
        let (arrivals, departures) = (HashSet::new(), HashSet::new());
        Self { mode, jump_table, keeps_programs, arrivals, departures }
    }

    /// Puts onto the hooks of `ends`, which share a namespace, what may be there by now: a second visit
    /// completes what the first could not.
    pub(super) fn visit(&mut self, ends: Vec<&mut WatchedEndpoint>) -> Result<(), DatapathError> {
        let mut ends: Vec<_> = ends.into_iter().filter(|end| !self.departures.contains(&end.id)).collect();
        // Of a link with both ends here, either may be the first.
        for _ in 0..2 {
            visit(ends.iter_mut().map(|end| &mut **end).collect(), |ends| {
                ends.iter_mut().try_for_each(|end| self.attach(end))
            })?;
            ends.retain(|end| !self.departures.contains(&end.id) && self.may_depart(end));
        }
        Ok(())
    }

    fn may_depart(&self, end: &WatchedEndpoint) -> bool {
        end.peer.is_some_and(|peer| self.arrivals.contains(&peer))
    }

    fn attach(&mut self, end: &mut WatchedEndpoint) -> Result<(), DatapathError> {
        if !self.arrivals.contains(&end.id) {
            end.programs = Some(end.dispatchers(self.jump_table)?);
            end.enter(self.mode, Direction::Ingress)?;
            self.arrivals.insert(end.id);
        }
        if self.may_depart(end) && self.departures.insert(end.id) {
            end.enter(self.mode, Direction::Egress)?;
            end.programs = end.programs.take().filter(|_| self.keeps_programs);
        }
        Ok(())
    }
}

/// Detaches from each of `ends`, which share a namespace. Goes on after an error, and tells the first.
pub(super) fn detach(ends: Vec<&mut WatchedEndpoint>) -> Result<(), DatapathError> {
    visit(ends, |ends| {
        let mut first = Ok(());
        for end in ends {
            let Some(attached) = end.attached.take() else { continue };
            if let Err(source) = attached.detach() {
                first = first.and(Err(DatapathError::Attach { endpoint: end.shown(), source }));
            }
        }
        first
    })
    .map(drop)
}

/// Where somebody went before us, among `ends`, which share a namespace.
pub(super) fn overtaken(
    ends: Vec<&mut WatchedEndpoint>,
) -> Result<Vec<(Endpoint, Direction)>, DatapathError> {
    let found = visit(ends, |ends| {
        let mut found = Vec::new();
        for end in ends {
            let Some(attached) = &end.attached else { continue };
            match attached.overtaken() {
                Ok(hooks) => found.extend(hooks.into_iter().map(|hook| (end.endpoint.clone(), hook))),
                // The interface is gone, and the chain with it; that is told elsewhere.
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
                Err(source) => return Err(DatapathError::Chain { endpoint: end.shown(), source }),
            }
        }
        Ok(found)
    })?;
    Ok(found.unwrap_or_default())
}

fn name_of(ends: &[&mut WatchedEndpoint]) -> String {
    ends.first().map(|end| end.endpoint.namespace.to_string()).unwrap_or_default()
}
