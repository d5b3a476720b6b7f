//! An endpoint with its location, its attachments, and the totals derived from its counters.
//!
//! The datapath knows it by its [`EndpointId`] alone, and has no names.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    os::fd::{BorrowedFd, OwnedFd},
    path::PathBuf,
    sync::Arc,
};

use netmon_ebpf::{
    drops::DropPlace,
    epoch::{ANSWER_EPOCH_SHIFT, ANSWER_EPOCHS, LOSS_EPOCH_SHIFT, LOSS_EPOCHS},
    stamp::{Expected, number_of},
};
use netmon_kernel::{
    netlink::Netlink,
    netns::{NetNs, NetnsId},
};
use netmon_model::{
    by::Hooks,
    names::{Direction, EndpointId, IfIndex, InterfaceId},
    snapshot::AttachMode,
};

use super::{
    DatapathError,
    attach::{Attached, users_of_delivery_time},
    clock::monotonic_ns,
    closed_epochs::ClosedEpochs,
    dispatcher::{self, Hook},
};

/// An interface to attach to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The slot of its counters, which no other endpoint uses.
    pub id: EndpointId,
    /// The interface.
    pub at: InterfaceId,
    /// Its namespace, which stays alive as long as the endpoint is attached.
    pub netns: Arc<NetNs>,
    /// The other end of its link. `None` if it is not known.
    pub peer: Option<EndpointId>,
}

/// All endpoints with attached programs.
pub(super) type Endpoints = BTreeMap<EndpointId, Endpoint>;

/// An endpoint with its attachments.
pub(super) struct Endpoint {
    pub(super) id: EndpointId,
    pub(super) at: InterfaceId,
    pub(super) netns: Arc<NetNs>,
    /// The other end of its link.
    pub(super) peer: Option<EndpointId>,
    pub(super) attached: Option<Attached>,
    /// The attached programs, ingress first. Held only while their run times are recorded.
    pub(super) programs: Option<Hooks<OwnedFd>>,
    /// The paths of the pinned links of its hooks, ingress first. `None` if the links end with the agent.
    pub(super) hook_pins: Option<Hooks<PathBuf>>,
    /// How often the programs were detached for a comparison.
    pub(super) pauses: u64,
    /// How long packets that leave here may be held by an impairment, nanoseconds.
    pub(super) held_ns: u64,
    /// Whether departures are stamped here.
    pub(super) stamps: bool,
    /// Whether the peer stamps its departures.
    pub(super) peer_stamps: bool,
    /// Segments that left here and did not arrive at the peer.
    pub(super) lost: ClosedEpochs<LOSS_EPOCHS>,
    /// Echo requests that passed here and were not answered.
    pub(super) echoes_unanswered: ClosedEpochs<ANSWER_EPOCHS>,
    /// DNS queries that passed here and were not answered.
    pub(super) dns_unanswered: ClosedEpochs<ANSWER_EPOCHS>,
}

impl Endpoint {
    /// Returns an endpoint without programs on its hooks.
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
            echoes_unanswered: ClosedEpochs::new(ANSWER_EPOCH_SHIFT),
            dns_unanswered: ClosedEpochs::new(ANSWER_EPOCH_SHIFT),
        }
    }

    /// Returns the dispatcher settings of a hook.
    pub(super) fn hook(&self, direction: Direction) -> Hook {
        match direction {
            Direction::Ingress => Hook::Ingress { expected: self.expected() },
            Direction::Egress => Hook::Egress { number: if self.stamps { number_of(self.id.0) } else { 0 } },
        }
    }

    /// Returns which stamps are read here, from now on.
    fn expected(&self) -> Option<Expected> {
        let peer = self.peer.filter(|_| self.peer_stamps)?;
        Some(Expected::new(number_of(peer.0), monotonic_ns()))
    }

    /// Returns whether both hooks have a program.
    pub(super) fn is_whole(&self) -> bool {
        self.attached.as_ref().is_some_and(Attached::is_whole)
    }

    /// Returns whether a total derived from the counters has changed since the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        self.lost.take_changed() | self.echoes_unanswered.take_changed() | self.dns_unanswered.take_changed()
    }

    /// Returns the key by which the programs find the endpoint of a drop.
    pub(super) fn drop_place(&self) -> DropPlace {
        drop_place(self.at)
    }

    /// Loads a dispatcher for each hook, ingress first.
    pub(super) fn dispatchers(&self, jump_table: BorrowedFd<'_>) -> Result<Hooks<OwnedFd>, DatapathError> {
        let one = |direction| {
            dispatcher::load((self.id, self.at.netns), self.hook(direction), &[], jump_table)
                .map_err(|source| DatapathError::Dispatcher { endpoint: self.id, source })
        };
        Ok(Hooks { ingress: one(Direction::Ingress)?, egress: one(Direction::Egress)? })
    }

    /// Attaches the program to one hook unless it is attached. Call from a thread in the endpoint's namespace.
    pub(super) fn attach(&mut self, mode: AttachMode, direction: Direction) -> Result<(), DatapathError> {
        let Some(programs) = &self.programs else { return Ok(()) };
        let nothing = || Attached::nothing(mode, self.at.ifindex, self.hook_pins.clone());
        let attached = self.attached.get_or_insert_with(nothing);
        let entered =
            if attached.has(direction) { Ok(()) } else { attached.enter(direction, &programs[direction]) };
        entered.map_err(|source| DatapathError::Attach { endpoint: self.id, source })
    }
}

/// Returns the key by which the programs find the endpoint of a drop.
pub(super) fn drop_place(at: InterfaceId) -> DropPlace {
    DropPlace { cookie: at.netns.0, ifindex: at.ifindex.0, padding: 0 }
}

/// Groups endpoints by their namespace.
pub(super) fn by_namespace<'e>(
    endpoints: impl IntoIterator<Item = &'e mut Endpoint>,
) -> HashMap<NetnsId, Vec<&'e mut Endpoint>> {
    let mut groups: HashMap<NetnsId, Vec<&mut Endpoint>> = HashMap::new();
    for endpoint in endpoints {
        groups.entry(endpoint.netns.identity()).or_default().push(endpoint);
    }
    groups
}

/// Enters the namespace that all of `endpoints` share, and runs `work` there.
pub(super) fn visit<T: Send>(
    mut endpoints: Vec<&mut Endpoint>,
    work: impl FnOnce(&mut [&mut Endpoint]) -> Result<T, DatapathError> + Send,
) -> Result<Option<T>, DatapathError> {
    let Some(first) = endpoints.first() else { return Ok(None) };
    let netns = Arc::clone(&first.netns);
    netns.run(|| work(&mut endpoints))?.map(Some)
}

/// Determines whether departures may be stamped at each of `endpoints`, which share a namespace. Returns those at which
/// they may not, because a qdisc there uses departure times itself.
pub(super) fn ask_stamps(endpoints: Vec<&mut Endpoint>) -> Result<Vec<EndpointId>, DatapathError> {
    let unstamped = visit(endpoints, |endpoints| {
        let interfaces: Vec<IfIndex> = endpoints.iter().map(|endpoint| endpoint.at.ifindex).collect();
        let users = users_of_delivery_time(&interfaces).map_err(|source| DatapathError::Qdiscs {
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

/// Returns those of `endpoints`, which share a namespace, whose qdisc holds no packet. One that cannot be read is not among
/// them.
pub(super) fn idle(endpoints: Vec<&mut Endpoint>) -> Vec<EndpointId> {
    let idle = visit(endpoints, |endpoints| {
        let interfaces: Vec<IfIndex> = endpoints.iter().map(|endpoint| endpoint.at.ifindex).collect();
        let idle = Netlink::open().and_then(|mut netlink| netlink.idle(&interfaces)).unwrap_or_default();
        let is_idle = |endpoint: &&&mut Endpoint| idle.contains(&endpoint.at.ifindex);
        Ok(endpoints.iter().filter(is_idle).map(|endpoint| endpoint.id).collect())
    });
    idle.ok().flatten().unwrap_or_default()
}

/// Attaches to many endpoints, one namespace after the other.
pub(super) struct Attaching<'a> {
    mode: AttachMode,
    jump_table: BorrowedFd<'a>,
    keeps_programs: bool,
    /// Endpoints whose arrivals are already counted.
    arrivals: HashSet<EndpointId>,
    /// Endpoints whose departures are already counted.
    departures: HashSet<EndpointId>,
}

impl<'a> Attaching<'a> {
    pub(super) fn new(mode: AttachMode, jump_table: BorrowedFd<'a>, keeps_programs: bool) -> Self {
        let (arrivals, departures) = (HashSet::new(), HashSet::new());
        Self { mode, jump_table, keeps_programs, arrivals, departures }
    }

    /// Attaches to those hooks of `endpoints`, which share a namespace, that may be attached to by now. A second visit
    /// completes the rest.
    pub(super) fn visit(&mut self, endpoints: Vec<&mut Endpoint>) -> Result<(), DatapathError> {
        let mut open: Vec<_> =
            endpoints.into_iter().filter(|endpoint| !self.departures.contains(&endpoint.id)).collect();
        // If both ends of a link are here, either may come first.
        for _ in 0..2 {
            visit(open.iter_mut().map(|endpoint| &mut **endpoint).collect(), |endpoints| {
                endpoints.iter_mut().try_for_each(|endpoint| self.attach(endpoint))
            })?;
            open.retain(|endpoint| !self.departures.contains(&endpoint.id) && self.may_depart(endpoint));
        }
        Ok(())
    }

    /// Returns whether departures may be stamped: only once the peer counts arrivals, or if there is no peer.
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

/// Detaches from each of `endpoints`, which share a namespace. Continues after an error, and returns the first.
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
