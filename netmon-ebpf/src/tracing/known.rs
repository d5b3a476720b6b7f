//! The interfaces that a CPU has seen, with what the agent says of each: a small table in front of the agent's.
//!
//! The tracing programs run for every packet of the host, so the answer "not watched" must cost next to nothing. An entry
//! is valid for one generation of the agent's table. The agent changes its table first and the generation afterwards, and
//! a program reads the generation before the table, so an outdated answer is never found in a later generation.

use super::{Place, Watched};

/// Number of interfaces that are remembered on each CPU, a power of two.
pub const KNOWN_INTERFACES: usize = 64;

/// An interface, and what the agent's table says of it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KnownInterface {
    /// The interface.
    pub place: Place,
    /// What the agent's table says.
    pub watched: Watched,
    /// The generation of the table. 0 is none, so an empty entry is never valid.
    pub generation: u64,
}

/// The interfaces that one CPU remembers.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KnownInterfaces {
    entries: [KnownInterface; KNOWN_INTERFACES],
}

impl Default for KnownInterfaces {
    fn default() -> Self {
        let place = Place { cookie: 0, ifindex: 0, padding: 0 };
        let empty = KnownInterface { place, watched: Watched::NOT, generation: 0 };
        Self { entries: [empty; KNOWN_INTERFACES] }
    }
}

impl KnownInterfaces {
    /// Returns what the agent's table says of an interface, and asks it only if no entry of this generation does.
    #[inline(always)]
    pub fn get(&mut self, place: Place, generation: u64, ask: impl FnOnce(&Place) -> Watched) -> Watched {
        let entry = &mut self.entries[index(place)];
        // The comparison of two numbers, not of the structure, which would be a loop over bytes.
        let is_known = entry.generation == generation
            && entry.place.cookie == place.cookie
            && entry.place.ifindex == place.ifindex;
        if !is_known {
            *entry = KnownInterface { place, watched: ask(&place), generation };
        }
        entry.watched
    }
}

/// Cookies and interface numbers are given one after the other: the sum spreads the interfaces of one namespace, and
/// namespaces with the same numbers inside.
#[inline(always)]
const fn index(place: Place) -> usize {
    (place.cookie.wrapping_mul(5).wrapping_add(place.ifindex as u64)) as usize % KNOWN_INTERFACES
}

const _: () = assert!(KNOWN_INTERFACES.is_power_of_two() && size_of::<KnownInterface>() == 40);

#[cfg(test)]
mod tests {
    use super::*;

    fn place(cookie: u64, ifindex: u32) -> Place {
        Place { cookie, ifindex, padding: 0 }
    }

    fn endpoint(endpoint: u32) -> Watched {
        Watched { endpoint, ..Watched::NOT }
    }

    #[test]
    fn the_table_is_asked_once_in_each_generation() {
        let mut known = KnownInterfaces::default();
        assert_eq!(known.get(place(7, 2), 1, |_| endpoint(4)), endpoint(4));
        assert_eq!(known.get(place(7, 2), 1, |_| panic!("it is known")), endpoint(4));
        assert_eq!(known.get(place(7, 2), 2, |_| Watched::NOT), Watched::NOT);
        assert_eq!(
            known.get(place(7, 2), 2, |_| panic!("that it is not watched is known, too")),
            Watched::NOT
        );
    }

    #[test]
    fn interfaces_that_share_an_entry_are_not_confused() {
        let mut known = KnownInterfaces::default();
        // The same number in two namespaces, and two pairs with the same index.
        for (cookie, ifindex) in [(7, 2), (8, 2), (7, 2 + KNOWN_INTERFACES as u32), (8, 61)] {
            let own = endpoint(ifindex * 100 + cookie as u32);
            assert_eq!(known.get(place(cookie, ifindex), 1, |_| own), own);
        }
    }

    #[test]
    fn an_empty_entry_is_no_answer() {
        let mut known = KnownInterfaces::default();
        assert_eq!(known.get(place(0, 0), 1, |_| endpoint(9)), endpoint(9));
    }
}
