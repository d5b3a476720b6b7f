//! How many namespaces of a kind there can be, and why not more.

use std::fmt;

use super::{GenerateError, Kind, plan::Plan};
use crate::{MOST_PORTS, file::MAX_FILE_BYTES};

/// The largest time to live, an octet (RFC 791): each router takes one, and the last one to forward needs two.
const MOST_ROUTERS: usize = 254;
/// No link is written in fewer bytes, so that there is no need to try what cannot fit into a file.
const LEAST_LINK_BYTES: usize = 128;

/// What keeps a lab from being larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// There are no more addresses.
    Addresses,
    /// A bridge has no more ports.
    Ports,
    /// A packet does not cross more routers.
    Routers,
    /// A lab file is no longer than that.
    File,
    /// The kind has always as many.
    Kind,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses => f.write_str("it has no more addresses; --subnet takes a larger network"),
            Self::Ports => write!(f, "a bridge has {MOST_PORTS} ports at most"),
            Self::Routers => write!(f, "a packet crosses {MOST_ROUTERS} routers at most"),
            Self::File => write!(f, "a lab file has {} MiB at most", MAX_FILE_BYTES >> 20),
            Self::Kind => f.write_str("it has always one"),
        }
    }
}

/// The text of a lab of `wanted` namespaces, which `render` writes.
pub(super) fn check(
    kind: Kind,
    wanted: usize,
    plan: Plan,
    render: impl Fn(usize) -> String,
) -> Result<String, GenerateError> {
    if wanted == 0 {
        return Err(GenerateError::Nothing);
    }
    let (mut largest, mut bound) = most(kind, plan);
    if wanted <= largest {
        let text = render(wanted);
        if fits_a_file(&text) {
            return Ok(text);
        }
    }
    let of_file = largest_file(kind, largest, render);
    if of_file < largest {
        (largest, bound) = (of_file, Bound::File);
    }
    let subnet = plan.base();
    Err(match largest {
        0 => GenerateError::TooSmall { kind, subnet, bound },
        _ => GenerateError::TooMany { kind, wanted, largest, subnet, bound },
    })
}

fn fits_a_file(text: &str) -> bool {
    u64::try_from(text.len()).is_ok_and(|length| length <= MAX_FILE_BYTES)
}

/// The most namespaces up to `largest` whose text is no longer than a lab file.
fn largest_file(kind: Kind, largest: usize, render: impl Fn(usize) -> String) -> usize {
    let most_links = usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX) / LEAST_LINK_BYTES;
    let sensible = if kind == Kind::Mesh { most_meshed(most_links) } else { most_links };
    let (mut fitting, mut too_many) = (0, largest.min(sensible) + 1);
    while too_many - fitting > 1 {
        let middle = fitting.midpoint(too_many);
        if fits_a_file(&render(middle)) {
            fitting = middle;
        } else {
            too_many = middle;
        }
    }
    fitting
}

/// The most namespaces that a kind can have with these addresses, however long its text.
fn most(kind: Kind, plan: Plan) -> (usize, Bound) {
    let links = plan.links();
    let (by_addresses, other) = match kind {
        // Two hosts beside the one that a first exercise leaves free for a gateway.
        Kind::Direct => (if plan.hosts() < 3 { 0 } else { usize::MAX }, (1, Bound::Kind)),
        // Root has the first address.
        Kind::Bridge => (plan.hosts().saturating_sub(1), (MOST_PORTS, Bound::Ports)),
        Kind::Star => (links, (usize::MAX, Bound::Addresses)),
        // Neither the first nor the last is a router on the way.
        Kind::Chain => (if links == 0 { 0 } else { links + 1 }, (MOST_ROUTERS + 2, Bound::Routers)),
        // Half the way round is the longest.
        Kind::Ring => (links, (2 * MOST_ROUTERS + 3, Bound::Routers)),
        Kind::Mesh => (if links == 0 { 0 } else { most_meshed(links) }, (usize::MAX, Bound::Addresses)),
    };
    if other.0 < by_addresses { other } else { (by_addresses, Bound::Addresses) }
}

/// The largest n with n (n - 1) / 2 of at most `links`.
fn most_meshed(links: usize) -> usize {
    let mut n = (2 * links).isqrt();
    while n * (n + 1) / 2 <= links {
        n += 1;
    }
    while n * n.saturating_sub(1) / 2 > links {
        n -= 1;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most_of(kind: Kind, base: &str) -> (usize, Bound) {
        most(kind, Plan::new(base.parse().unwrap()))
    }

    #[test]
    fn a_mesh_is_as_large_as_its_links_allow() {
        assert_eq!([0, 1, 2, 3, 5, 6, 16_384].map(most_meshed), [1, 2, 2, 3, 3, 4, 181]);
    }

    #[test]
    fn what_is_scarce_is_named() {
        use Bound::{Addresses, Kind as One, Ports, Routers};
        let rows = [
            (Kind::Direct, "10.0.0.0/24", (1, One)),
            (Kind::Direct, "10.0.0.0/30", (0, Addresses)),
            (Kind::Bridge, "10.0.0.0/16", (1023, Ports)),
            (Kind::Bridge, "10.0.0.0/28", (13, Addresses)),
            (Kind::Star, "10.0.0.0/16", (16_384, Addresses)),
            (Kind::Chain, "10.0.0.0/16", (256, Routers)),
            (Kind::Chain, "10.0.0.0/24", (65, Addresses)),
            (Kind::Chain, "10.0.0.0/31", (0, Addresses)),
            (Kind::Ring, "10.0.0.0/16", (511, Routers)),
            (Kind::Ring, "10.0.0.0/24", (64, Addresses)),
            (Kind::Mesh, "10.0.0.0/16", (181, Addresses)),
        ];
        for (kind, base, expected) in rows {
            assert_eq!(most_of(kind, base), expected, "{kind:?} in {base}");
        }
    }
}
