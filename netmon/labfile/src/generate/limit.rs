//! The largest number of namespaces of each kind, and what limits it.

use std::fmt;

use super::{GenerateError, LabKind, address_plan::AddressPlan};
use crate::{MAX_PORTS, file::MAX_FILE_BYTES};

/// By the largest time to live, an octet (RFC 791): each router decrements it, and the last one has to receive two.
const MAX_ROUTERS: usize = 254;
/// The text of a link is at least this long, so larger labs than fit by this need not be tried.
const MIN_LINK_BYTES: usize = 128;

/// What limits the size of a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeLimit {
    /// The network has no more addresses.
    Addresses,
    /// The ports of a bridge.
    Ports,
    /// The routers that a packet can cross.
    Routers,
    /// The length of a lab file.
    File,
    /// The kind has a fixed number.
    Kind,
}

impl fmt::Display for SizeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses => f.write_str("it has no more addresses; --subnet takes a larger network"),
            Self::Ports => write!(f, "a bridge has at most {MAX_PORTS} ports"),
            Self::Routers => write!(f, "a packet crosses at most {MAX_ROUTERS} routers"),
            Self::File => write!(f, "a lab file has at most {} MiB", MAX_FILE_BYTES >> 20),
            Self::Kind => f.write_str("it always has one"),
        }
    }
}

/// Returns the text of a lab with `wanted` namespaces, which `render` writes.
pub(super) fn check(
    kind: LabKind,
    wanted: usize,
    plan: AddressPlan,
    render: impl Fn(usize) -> String,
) -> Result<String, GenerateError> {
    if wanted == 0 {
        return Err(GenerateError::NoNamespaces);
    }
    let (mut largest, mut limit) = max_by_rules(kind, plan);
    if wanted <= largest {
        let text = render(wanted);
        if fits_a_file(&text) {
            return Ok(text);
        }
    }
    let of_file = max_in_file(kind, largest, render);
    if of_file < largest {
        (largest, limit) = (of_file, SizeLimit::File);
    }
    let subnet = plan.base();
    Err(match largest {
        0 => GenerateError::TooSmall { kind, subnet, limit },
        _ => GenerateError::TooMany { kind, wanted, largest, subnet, limit },
    })
}

fn fits_a_file(text: &str) -> bool {
    u64::try_from(text.len()).is_ok_and(|length| length <= MAX_FILE_BYTES)
}

/// The largest number of namespaces, at most `largest`, whose text fits in a lab file.
fn max_in_file(kind: LabKind, largest: usize, render: impl Fn(usize) -> String) -> usize {
    let max_links = usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX) / MIN_LINK_BYTES;
    let sensible = if kind == LabKind::Mesh { max_mesh(max_links) } else { max_links };
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

/// The largest number of namespaces that a kind can have with these addresses, whatever the length of its text.
fn max_by_rules(kind: LabKind, plan: AddressPlan) -> (usize, SizeLimit) {
    let links = plan.links();
    let (by_addresses, other) = match kind {
        // Two hosts, and the address that the exercise leaves free for a gateway.
        LabKind::Direct => (if plan.hosts() < 3 { 0 } else { usize::MAX }, (1, SizeLimit::Kind)),
        // Root has the first address.
        LabKind::Bridge => (plan.hosts().saturating_sub(1), (MAX_PORTS, SizeLimit::Ports)),
        LabKind::Star => (links, (usize::MAX, SizeLimit::Addresses)),
        // The first and the last one do not forward.
        LabKind::Chain => (if links == 0 { 0 } else { links + 1 }, (MAX_ROUTERS + 2, SizeLimit::Routers)),
        // The longest path is half the ring.
        LabKind::Ring => (links, (2 * MAX_ROUTERS + 3, SizeLimit::Routers)),
        LabKind::Mesh => (if links == 0 { 0 } else { max_mesh(links) }, (usize::MAX, SizeLimit::Addresses)),
    };
    if other.0 < by_addresses { other } else { (by_addresses, SizeLimit::Addresses) }
}

/// The largest n with n (n - 1) / 2 of at most `links`.
fn max_mesh(links: usize) -> usize {
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

    fn max_of(kind: LabKind, base: &str) -> (usize, SizeLimit) {
        max_by_rules(kind, AddressPlan::new(base.parse().unwrap()))
    }

    #[test]
    fn the_number_of_links_limits_a_mesh() {
        assert_eq!([0, 1, 2, 3, 5, 6, 16_384].map(max_mesh), [1, 2, 2, 3, 3, 4, 181]);
    }

    #[test]
    fn the_scarcest_resource_is_named() {
        use SizeLimit::{Addresses, Kind as One, Ports, Routers};
        let rows = [
            (LabKind::Direct, "10.0.0.0/24", (1, One)),
            (LabKind::Direct, "10.0.0.0/30", (0, Addresses)),
            (LabKind::Bridge, "10.0.0.0/16", (1023, Ports)),
            (LabKind::Bridge, "10.0.0.0/28", (13, Addresses)),
            (LabKind::Star, "10.0.0.0/16", (16_384, Addresses)),
            (LabKind::Chain, "10.0.0.0/16", (256, Routers)),
            (LabKind::Chain, "10.0.0.0/24", (65, Addresses)),
            (LabKind::Chain, "10.0.0.0/31", (0, Addresses)),
            (LabKind::Ring, "10.0.0.0/16", (511, Routers)),
            (LabKind::Ring, "10.0.0.0/24", (64, Addresses)),
            (LabKind::Mesh, "10.0.0.0/16", (181, Addresses)),
        ];
        for (kind, base, expected) in rows {
            assert_eq!(max_of(kind, base), expected, "{kind:?} in {base}");
        }
    }
}
