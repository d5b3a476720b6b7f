//! Waits until interfaces that were set up receive IPv6 packets.
//!
//! The end that is set up first has no carrier until its peer is up. The kernel may handle that change of the carrier up
//! to a second later (`linkwatch`), and drops multicast packets until then, neighbour solicitations among them. Its
//! link-local address is what it adds in the same step, so that is waited for.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use netmon_kernel::netlink::{Netlink, NetlinkError, address::InstalledAddress, ipv6::Ipv6State};
use netmon_model::{
    lab::End,
    names::{IfIndex, IfName, NsName},
};
use rustix::{fs::Timespec, thread::nanosleep};

use super::{Build, Step};
use crate::topology::plan::Phase;

/// The longest wait. The kernel postpones a change of the carrier by at most a second.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Between two checks.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };

/// Interfaces by namespace.
type Waiting = BTreeMap<NsName, BTreeSet<IfIndex>>;

impl Build<'_> {
    /// Waits until each interface that this plan set up has a link-local address, or cannot get one.
    ///
    /// Best effort: after [`PATIENCE`] the lab is up all the same, and the first packet may be late.
    pub(super) fn await_ipv6(&mut self) {
        let mut waiting = self.set_up_with_carrier();
        let deadline = Instant::now() + PATIENCE;
        loop {
            waiting.retain(|namespace, interfaces| self.is_waiting(namespace, interfaces));
            if waiting.is_empty() || Instant::now() > deadline {
                break;
            }
            // A signal makes it shorter, which does no harm.
            let _ = nanosleep(&PAUSE);
        }
        if !waiting.is_empty() {
            log::debug!("no link-local address after {PATIENCE:?}: {waiting:?}");
        }
    }

    /// Returns the interfaces that this plan sets up, without bridges that have no port.
    fn set_up_with_carrier(&self) -> Waiting {
        let ends = self.lab.links.iter().flat_map(|link| [&link.a, &link.b]);
        let with_carrier: BTreeSet<(&NsName, &IfName)> =
            ends.flat_map(|end| names(end).map(|name| (&end.namespace, name))).collect();
        let mut waiting = Waiting::new();
        for step in self.plan.steps_of(Phase::SetInterfacesUp) {
            let Step::SetUp(place) = step else { continue };
            let has_carrier = with_carrier.contains(&(&place.namespace, &place.interface));
            if let (true, Ok(index)) = (has_carrier, self.index(place)) {
                waiting.entry(place.namespace.clone()).or_default().insert(index);
            }
        }
        waiting
    }

    /// Removes what is ready, and what will not be. Returns whether something is left.
    fn is_waiting(&mut self, namespace: &NsName, interfaces: &mut BTreeSet<IfIndex>) -> bool {
        let Some(handle) = self.handles.get_mut(namespace) else { return false };
        let checked = handle.netlink().and_then(|netlink| remove_ready(netlink, interfaces));
        checked.is_ok() && !interfaces.is_empty()
    }
}

/// Returns the interfaces that have a carrier because of this end: itself, and its bridge.
fn names(end: &End) -> impl Iterator<Item = &IfName> {
    [Some(&end.interface), end.bridge.as_ref()].into_iter().flatten()
}

fn remove_ready(netlink: &mut Netlink, interfaces: &mut BTreeSet<IfIndex>) -> Result<(), NetlinkError> {
    let is_usable = |there: &InstalledAddress| there.is_link_local() && !there.is_tentative;
    let (own, kernels): (Vec<_>, Vec<_>) =
        netlink.addresses()?.into_iter().filter(is_usable).partition(|there| there.is_own);
    for there in kernels {
        interfaces.remove(&there.index);
    }
    for index in interfaces.clone() {
        // The lab file may declare the very address that the kernel would add.
        let has_own = own.iter().any(|there| there.index == index);
        match netlink.ipv6_state(index)? {
            Ipv6State::Ready if !has_own => {}
            Ipv6State::Starting => {}
            Ipv6State::Absent | Ipv6State::Ready => drop(interfaces.remove(&index)),
        }
    }
    Ok(())
}
