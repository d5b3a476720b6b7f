//! An endpoint that programs are attached to: where it is, what is on its hooks, and what was worked out of its counters.
//!
//! Known by its [`EndpointId`] alone. What it is called is not the datapath's business.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    os::fd::{BorrowedFd, OwnedFd},
    path::PathBuf,
    sync::Arc,
};

use netmon_ebpf::{
    drops::DropPlace,
    epoch::{ANSWER_EPOCH_SHIFT, ANSWER_EPOCHS, LOSS_EPOCH_SHIFT, LOSS_EPOCHS},
};
use netmon_kernel::netns::{NetNs, NetnsId};
use netmon_model::{
    by::Hooks,
    names::{Direction, EndpointId, InterfaceId},
    snapshot::AttachMode,
};

use super::{
    DatapathError,
    attach::{Attached, users_of_delivery_time},
    closed_epochs::ClosedEpochs,
    dispatcher::{self, Hook},
};

/// An interface to attach to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The slot that it is counted in: one that no other endpoint uses.
    pub id: EndpointId,
    /// The interface.
    pub at: InterfaceId,
    /// Its namespace, which stays alive as long as the endpoint is attached.
    pub netns: Arc<NetNs>,
    /// The other end of its link; `None` if it is not known.
    pub peer: Option<EndpointId>,
}

/// All endpoints that programs are attached to.
pub(super) type Endpoints = BTreeMap<EndpointId, Endpoint>;

/// An endpoint with its attachments.
pub(super) struct Endpoint {
    pub(super) id: EndpointId,
    pub(super) at: InterfaceId,
    pub(super) netns: Arc<NetNs>,
    /// The other end of its link.
    pub(super) peer: Option<EndpointId>,
    pub(super) attached: Option<Attached>,
    /// The programs that are attached, ingress first; kept only while their run times are wanted.
    pub(super) programs: Option<Hooks<OwnedFd>>,
    /// Where the links of its hooks are pinned, ingress first; `None` if they end with the agent.
    pub(super) hook_pins: Option<Hooks<PathBuf>>,
    /// How often the programs were taken off for a comparison.
    pub(super) pauses: u64,
    /// How long packets that leave here may be held on purpose, nanoseconds.
    pub(super) held_ns: u64,
    /// Whether departures are stamped here.
    pub(super) stamps: bool,
    /// Whether the peer stamps its departures.
    pub(super) peer_stamps: bool,
    /// Segments that left here and did not arrive at the peer.
    pub(super) lost: ClosedEpochs<LOSS_EPOCHS>,
    /// Echo requests that passed here and were not answered.
    pub(super) unanswered: ClosedEpochs<ANSWER_EPOCHS>,
}

impl Endpoint {
    /// An endpoint with nothing on its hooks yet.
    pub(super) fn new(target: Target, hook_pins: Option<Hooks<PathBuf>>) -> Self {
        let Target { id, at, netns, peer } = target;
        Self {
            id,
            at,
            netns,
            peer,
            attached: None,
            programs: None,
            hook_pins,
            pauses: 0,
            held_ns: 0,
            stamps: false,
            peer_stamps: false,
            lost: ClosedEpochs::new(LOSS_EPOCH_SHIFT),
            unanswered: ClosedEpochs::new(ANSWER_EPOCH_SHIFT),
        }
    }

    /// The dispatcher that belongs on a hook.
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

    /// The key by which the programs find the endpoint of a drop.
    pub(super) fn drop_place(&self) -> DropPlace {
        drop_place(self.at)
    }

    /// Loads a dispatcher for each hook, ingress first.
    pub(super) fn dispatchers(&self, jump_table: BorrowedFd<'_>) -> Result<Hooks<OwnedFd>, DatapathError> {
        let one = |direction| {
            dispatcher::load(self.id, self.hook(direction), &[], jump_table)
                .map_err(|source| DatapathError::Dispatcher { endpoint: self.id, source })
        };
        Ok(Hooks { ingress: one(Direction::Ingress)?, egress: one(Direction::Egress)? })
    }

    /// Puts the program onto one hook, unless it is there, from a thread in the endpoint's namespace.
    pub(super) fn attach(&mut self, mode: AttachMode, direction: Direction) -> Result<(), DatapathError> {
        let Some(programs) = &self.programs else { return Ok(()) };
        let nothing = || Attached::nothing(mode, self.at.ifindex, self.hook_pins.clone());
        let attached = self.attached.get_or_insert_with(nothing);
        let entered =
            if attached.has(direction) { Ok(()) } else { attached.enter(direction, &programs[direction]) };
        entered.map_err(|source| DatapathError::Attach { endpoint: self.id, source })
    }
}

/// The key by which the programs find the endpoint of a drop.
pub(super) fn drop_place(at: InterfaceId) -> DropPlace {
    DropPlace { cookie: at.netns.0, ifindex: at.ifindex.0, padding: 0 }
}

/// Groups endpoints by the namespace that they are in.
pub(super) fn by_namespace<'e>(
    endpoints: impl IntoIterator<Item = &'e mut Endpoint>,
) -> HashMap<NetnsId, Vec<&'e mut Endpoint>> {
    let mut groups: HashMap<NetnsId, Vec<&mut Endpoint>> = HashMap::new();
    for endpoint in endpoints {
        groups.entry(endpoint.netns.identity()).or_default().push(endpoint);
    }
    groups
}

/// Enters the namespace that all of `endpoints` are in, and works on them there.
pub(super) fn visit<T: Send>(
    mut endpoints: Vec<&mut Endpoint>,
    work: impl FnOnce(&mut [&mut Endpoint]) -> Result<T, DatapathError> + Send,
) -> Result<Option<T>, DatapathError> {
    let Some(first) = endpoints.first() else { return Ok(None) };
    let netns = Arc::clone(&first.netns);
    netns.run(|| work(&mut endpoints))?.map(Some)
}

/// Finds out whether departures may be stamped at each of `endpoints`, which share a namespace. Returns those at which
/// they may not, because a qdisc there uses departure times itself.
pub(super) fn ask_stamps(endpoints: Vec<&mut Endpoint>) -> Result<Vec<EndpointId>, DatapathError> {
    let unstamped = visit(endpoints, |endpoints| {
        let users = users_of_delivery_time().map_err(|source| DatapathError::Qdiscs {
            endpoint: endpoints.first().map_or(EndpointId(0), |first| first.id),
            source,
        })?;
        for endpoint in &mut *endpoints {
            endpoint.stamps = !users.contains(&endpoint.at.ifindex);
        }
        Ok(endpoints.iter().filter(|endpoint| !endpoint.stamps).map(|endpoint| endpoint.id).collect())
    })?;
    Ok(unstamped.unwrap_or_default())
}

/// The attaching of many endpoints, one namespace after the other.
pub(super) struct Attaching<'a> {
    mode: AttachMode,
    jump_table: BorrowedFd<'a>,
    keeps_programs: bool,
    /// Endpoints whose arrivals are seen by now.
    arrivals: HashSet<EndpointId>,
    /// Endpoints whose departures are seen by now.
    departures: HashSet<EndpointId>,
}

impl<'a> Attaching<'a> {
    pub(super) fn new(mode: AttachMode, jump_table: BorrowedFd<'a>, keeps_programs: bool) -> Self {
        let (arrivals, departures) = (HashSet::new(), HashSet::new());
        Self { mode, jump_table, keeps_programs, arrivals, departures }
    }

    /// Attaches what may be attached by now to the hooks of `endpoints`, which share a namespace. A second visit
    /// completes what the first could not.
    pub(super) fn visit(&mut self, endpoints: Vec<&mut Endpoint>) -> Result<(), DatapathError> {
        let mut open: Vec<_> =
            endpoints.into_iter().filter(|endpoint| !self.departures.contains(&endpoint.id)).collect();
        // Of a link with both ends here, either may come first.
        for _ in 0..2 {
            visit(open.iter_mut().map(|endpoint| &mut **endpoint).collect(), |endpoints| {
                endpoints.iter_mut().try_for_each(|endpoint| self.attach(endpoint))
            })?;
            open.retain(|endpoint| !self.departures.contains(&endpoint.id) && self.may_depart(endpoint));
        }
        Ok(())
    }

    /// Whether departures may be stamped: only once the peer sees arrivals, or there is no peer to see them.
    fn may_depart(&self, endpoint: &Endpoint) -> bool {
        endpoint.peer.is_none_or(|peer| self.arrivals.contains(&peer))
    }

    fn attach(&mut self, endpoint: &mut Endpoint) -> Result<(), DatapathError> {
        if !self.arrivals.contains(&endpoint.id) {
            endpoint.programs = Some(endpoint.dispatchers(self.jump_table)?);
            endpoint.attach(self.mode, Direction::Ingress)?;
            self.arrivals.insert(endpoint.id);
        }
        if self.may_depart(endpoint) && self.departures.insert(endpoint.id) {
            endpoint.attach(self.mode, Direction::Egress)?;
            endpoint.programs = endpoint.programs.take().filter(|_| self.keeps_programs);
        }
        Ok(())
    }
}

/// Detaches from each of `endpoints`, which share a namespace. Goes on after an error, and returns the first.
pub(super) fn detach(endpoints: Vec<&mut Endpoint>) -> Result<(), DatapathError> {
    visit(endpoints, |endpoints| {
        let mut first = Ok(());
        for endpoint in endpoints {
            let Some(attached) = endpoint.attached.take() else { continue };
            if let Err(source) = attached.detach() {
                first = first.and(Err(DatapathError::Attach { endpoint: endpoint.id, source }));
            }
        }
        first
    })
    .map(drop)
}

/// Returns the hooks of `endpoints`, which share a namespace, at which another program runs ahead of netmon's.
pub(super) fn overtaken(
    endpoints: Vec<&mut Endpoint>,
) -> Result<Vec<(EndpointId, Direction)>, DatapathError> {
    let found = visit(endpoints, |endpoints| {
        let mut found = Vec::new();
        for endpoint in endpoints {
            let Some(attached) = &endpoint.attached else { continue };
            match attached.overtaken() {
                Ok(hooks) => found.extend(hooks.into_iter().map(|hook| (endpoint.id, hook))),
                // The interface is gone, and the chain with it; that is reported elsewhere.
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
                Err(source) => return Err(DatapathError::Chain { endpoint: endpoint.id, source }),
            }
        }
        Ok(found)
    })?;
    Ok(found.unwrap_or_default())
}
