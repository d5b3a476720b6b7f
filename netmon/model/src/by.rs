//! Small tables with one value for each end of a link, each hook of an endpoint or each protocol. They are indexed by the
//! enum itself, so that no two places can disagree about the meaning of an index.

use std::ops::{Index, IndexMut};

use netmon_ebpf::{Protocol, protocol::PROTOCOLS};
use serde::{Deserialize, Serialize};

use crate::names::{Direction, Side};

/// A value for each end of a link.
///
/// ```
/// use netmon_model::{by::Ends, names::Side};
///
/// let interfaces = Ends { a: "veth0", b: "veth1" };
/// assert_eq!(interfaces[Side::A.peer()], "veth1");
/// assert_eq!(interfaces.map(str::len), Ends { a: 5, b: 5 });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends<T> {
    /// End `a`.
    pub a: T,
    /// End `b`.
    pub b: T,
}

impl<T> Ends<T> {
    /// Creates the value of each end.
    pub fn from_fn(mut value: impl FnMut(Side) -> T) -> Self {
        Self { a: value(Side::A), b: value(Side::B) }
    }

    /// Borrows both values.
    pub fn as_ref(&self) -> Ends<&T> {
        Ends { a: &self.a, b: &self.b }
    }

    /// Applies `work` to both values.
    pub fn map<U>(self, mut work: impl FnMut(T) -> U) -> Ends<U> {
        Ends { a: work(self.a), b: work(self.b) }
    }

    /// Iterates over both values, `a` first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.a, &self.b].into_iter()
    }

    /// Iterates over both values, `a` first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        [&mut self.a, &mut self.b].into_iter()
    }
}

impl<T> IntoIterator for Ends<T> {
    type Item = T;
    type IntoIter = std::array::IntoIter<T, 2>;

    fn into_iter(self) -> Self::IntoIter {
        [self.a, self.b].into_iter()
    }
}

impl<T> Index<Side> for Ends<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }
}

impl<T> IndexMut<Side> for Ends<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}

/// A value for each hook of an endpoint.
///
/// ```
/// use netmon_model::{by::Hooks, names::Direction};
///
/// let mut packets = Hooks { ingress: 3, egress: 5 };
/// packets[Direction::Egress] += 1;
/// assert_eq!(packets.into_iter().sum::<u64>(), 9);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooks<T> {
    /// Arriving in the namespace.
    pub ingress: T,
    /// Leaving the namespace.
    pub egress: T,
}

impl<T> Hooks<T> {
    /// Creates the value of each hook.
    pub fn from_fn(mut value: impl FnMut(Direction) -> T) -> Self {
        Self { ingress: value(Direction::Ingress), egress: value(Direction::Egress) }
    }

    /// Applies `work` to both values.
    pub fn map<U>(self, mut work: impl FnMut(T) -> U) -> Hooks<U> {
        Hooks { ingress: work(self.ingress), egress: work(self.egress) }
    }

    /// Iterates over both values, ingress first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.ingress, &self.egress].into_iter()
    }

    /// Iterates over both values, ingress first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        [&mut self.ingress, &mut self.egress].into_iter()
    }
}

impl<T> IntoIterator for Hooks<T> {
    type Item = T;
    type IntoIter = std::array::IntoIter<T, 2>;

    fn into_iter(self) -> Self::IntoIter {
        [self.ingress, self.egress].into_iter()
    }
}

impl<T> Index<Direction> for Hooks<T> {
    type Output = T;

    fn index(&self, direction: Direction) -> &T {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

impl<T> IndexMut<Direction> for Hooks<T> {
    fn index_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }
}

/// A value for each protocol that is counted separately.
///
/// ```
/// use netmon_ebpf::Protocol;
/// use netmon_model::by::ByProtocol;
///
/// let mut packets = ByProtocol::<u64>::default();
/// packets[Protocol::Tcp] = 7;
/// let seen: Vec<_> = packets.iter().filter(|(_, packets)| **packets > 0).collect();
/// assert_eq!(seen, [(Protocol::Tcp, &7)]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByProtocol<T>([T; PROTOCOLS]);

impl<T> ByProtocol<T> {
    /// Creates the value of each protocol.
    pub fn from_fn(value: impl FnMut(Protocol) -> T) -> Self {
        Self(Protocol::ALL.map(value))
    }

    /// Iterates over the protocols and their values, in display order.
    pub fn iter(&self) -> impl Iterator<Item = (Protocol, &T)> {
        Protocol::ALL.into_iter().zip(&self.0)
    }
}

impl<T> Index<Protocol> for ByProtocol<T> {
    type Output = T;

    fn index(&self, protocol: Protocol) -> &T {
        &self.0[protocol as usize]
    }
}

impl<T> IndexMut<Protocol> for ByProtocol<T> {
    fn index_mut(&mut self, protocol: Protocol) -> &mut T {
        &mut self.0[protocol as usize]
    }
}
