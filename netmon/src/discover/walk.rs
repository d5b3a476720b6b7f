//! The walk: from every numbered namespace to those that its interfaces lead to, until nothing new is found.

use std::collections::{BTreeMap, BTreeSet};

use netmon_kernel::netlink::{
    NetlinkError,
    observer::{Nsid, ObservedInterface, Questions},
};
use rustix::io::Errno;

/// The interfaces of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// All of them.
    Interfaces(Vec<ObservedInterface>),
    /// Why they cannot be listed.
    Unreadable(String),
}

impl Listing {
    /// Returns the interfaces. None are known of a namespace that cannot be listed.
    pub(super) fn interfaces(&self) -> &[ObservedInterface] {
        match self {
            Self::Interfaces(interfaces) => interfaces,
            Self::Unreadable(_) => &[],
        }
    }
}

/// The interfaces of all namespaces, by the observer's numbers.
pub(super) type Table = BTreeMap<Nsid, Listing>;

/// Lists `starts` and every namespace that they lead to and that is not in the table yet. A namespace that has ended is
/// removed from it.
pub(super) fn walk(questions: &mut Questions, starts: impl IntoIterator<Item = Nsid>, table: &mut Table) {
    let mut to_do: Vec<Nsid> = starts.into_iter().collect();
    let mut listed = BTreeSet::new();
    while let Some(nsid) = to_do.pop() {
        if !listed.insert(nsid) {
            continue;
        }
        match list(questions, nsid) {
            Some(listing) => {
                to_do.extend(leads_to(&listing).filter(|next| !table.contains_key(next)));
                table.insert(nsid, listing);
            }
            None => drop(table.remove(&nsid)),
        }
    }
}

/// Returns the namespaces that the interfaces of a listing lead to.
pub(super) fn leads_to(listing: &Listing) -> impl Iterator<Item = Nsid> {
    // A negative number stands for a namespace that the kernel could not number.
    listing.interfaces().iter().filter_map(|interface| interface.link_nsid).filter(|nsid| nsid.0 >= 0)
}

/// Returns `None` if the namespace has ended.
fn list(questions: &mut Questions, nsid: Nsid) -> Option<Listing> {
    match questions.interfaces(nsid) {
        Ok(interfaces) => Some(Listing::Interfaces(interfaces)),
        Err(error) if has_ended(&error) => None,
        Err(error) => Some(Listing::Unreadable(netmon_model::error::chain(&error))),
    }
}

fn has_ended(error: &NetlinkError) -> bool {
    error.errno() == Some(Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_lead_to_the_namespaces_of_their_peers() {
        let interface = |link_nsid| ObservedInterface { link_nsid, ..ObservedInterface::default() };
        let listing = Listing::Interfaces(vec![
            interface(Some(Nsid(4))),
            interface(None),
            interface(Some(Nsid(-1))),
            interface(Some(Nsid(0))),
        ]);
        assert_eq!(leads_to(&listing).collect::<Vec<_>>(), [Nsid(4), Nsid(0)]);
        assert_eq!(leads_to(&Listing::Unreadable("no".to_owned())).count(), 0);
    }
}
