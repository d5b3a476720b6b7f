//! The interfaces that a trace knows, and which of them are two ends of one link.

use std::collections::HashMap;

use netmon_model::{names::Direction, trace::HookPlace};

/// The key of an interface in an event: the cookie of its namespace, and its number there.
pub(in crate::trace) type Key = (u64, u32);

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::trace) struct Interface {
    /// Its name.
    pub(in crate::trace) name: String,
    /// The number of a veth's peer in its own namespace. `None` if it is no veth.
    pub(in crate::trace) peer: Option<u32>,
    /// The name of the lab's link that it is an end of. `None` if no lab says so.
    pub(in crate::trace) link: Option<String>,
}

/// Everything that has a name.
#[derive(Clone, Debug, Default)]
pub(in crate::trace) struct Places {
    /// The namespaces, by cookie.
    pub(in crate::trace) namespaces: HashMap<u64, String>,
    /// The interfaces that are hooks of a ladder: not lo, and not a bridge.
    pub(in crate::trace) interfaces: HashMap<Key, Interface>,
}

impl Places {
    /// Returns whether two interfaces are the ends of one veth pair, as far as their numbers tell.
    pub(super) fn are_peers(&self, (one, other): (Key, Key)) -> bool {
        let (Some(a), Some(b)) = (self.interfaces.get(&one), self.interfaces.get(&other)) else {
            return false;
        };
        let same_link = match (&a.link, &b.link) {
            (Some(a), Some(b)) => a == b,
            // An end that was renamed is no longer found in the lab's record.
            _ => true,
        };
        one != other && same_link && a.peer == Some(other.1) && b.peer == Some(one.1)
    }

    /// Returns the name of the namespace of an interface.
    pub(super) fn namespace(&self, key: Key) -> String {
        self.namespaces.get(&key.0).cloned().unwrap_or_else(|| "a namespace without a name".to_owned())
    }

    /// Returns the name of an interface. `None` if it is not known.
    pub(super) fn interface(&self, key: Key) -> Option<&str> {
        self.interfaces.get(&key).map(|interface| interface.name.as_str())
    }

    /// Returns a hook in words.
    pub(super) fn hook(&self, key: Key, hook: Direction) -> HookPlace {
        let interface = self.interface(key).unwrap_or("?").to_owned();
        HookPlace { namespace: self.namespace(key), interface, hook }
    }

    /// Returns the name of the link between two ends.
    pub(super) fn link(&self, from: Key, to: Key) -> String {
        let end = |key| format!("{}:{}", self.namespace(key), self.interface(key).unwrap_or("?"));
        let named = self.interfaces.get(&from).and_then(|interface| interface.link.clone());
        named.unwrap_or_else(|| {
            // One name for both directions.
            let mut ends = [end(from), end(to)];
            ends.sort();
            ends.join("--")
        })
    }
}
