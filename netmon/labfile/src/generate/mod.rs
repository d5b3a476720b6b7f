//! Lab files of the usual shapes, for any number of namespaces.
//!
//! Pure: a shape and a few wishes in, the text of a lab file out. [`plan`] gives out addresses, `kinds` has a file
//! for each shape, [`limit`] says how many namespaces of it there can be, and [`text`] writes it down for people.

mod draft;
mod kinds;
mod limit;
mod plan;
#[cfg(test)]
mod tests;
mod text;

use clap::ValueEnum;
use ipnet::Ipv4Net;
use netmon_model::names::LabName;
use thiserror::Error;

pub use self::limit::Bound;
use self::{draft::Draft, plan::Plan};

/// The shape of a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The built-in lab: one namespace, one link to root, a web server.
    Direct,
    /// Namespaces on one bridge `br0` in root.
    Bridge,
    /// Namespaces with one link each to root.
    Star,
    /// Namespaces in a row, each a router for those beside it.
    Chain,
    /// A chain whose last namespace is joined to the first.
    Ring,
    /// Namespaces with a link from each to each other.
    Mesh,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Direct, Self::Bridge, Self::Star, Self::Chain, Self::Ring, Self::Mesh];

    /// As it is written, and the lab's name where none is given.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Bridge => "bridge",
            Self::Star => "star",
            Self::Chain => "chain",
            Self::Ring => "ring",
            Self::Mesh => "mesh",
        }
    }

    /// How many namespaces there are where nobody says.
    const fn usual(self) -> usize {
        match self {
            Self::Direct => 1,
            _ => 3,
        }
    }

    /// The network of the address plan where none is given: each kind has its own, so that labs of two kinds can be
    /// up at once.
    fn usual_subnet(self) -> Ipv4Net {
        let (third, prefix) = match self {
            Self::Direct => (200, 24),
            Self::Bridge => (201, 16),
            Self::Star => (202, 16),
            Self::Chain => (203, 16),
            Self::Ring => (204, 16),
            Self::Mesh => (205, 16),
        };
        Ipv4Net::new_assert([10, third, 0, 0].into(), prefix)
    }
}

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The shape.
    pub kind: Kind,
    /// How many namespaces; none for a few.
    pub namespaces: Option<usize>,
    /// The lab's name, which its namespaces and root's interfaces begin with; none for the kind's.
    pub name: Option<LabName>,
    /// The network that all addresses are in; none for the kind's.
    pub subnet: Option<Ipv4Net>,
    /// Whether every namespace has the built-in web server.
    pub http: bool,
}

/// Why there is no such lab.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GenerateError {
    /// Nothing was wanted.
    #[error("a lab of no namespaces would be empty: write -n 1 or more")]
    Nothing,
    /// Not even one namespace fits.
    #[error("no {kind} fits into {subnet}: {bound}", kind = .kind.as_str())]
    TooSmall {
        /// The shape.
        kind: Kind,
        /// The address plan's network.
        subnet: Ipv4Net,
        /// What is in the way.
        bound: Bound,
    },
    /// Fewer namespaces would fit.
    #[error("{wanted} namespaces do not fit: the largest {kind} in {subnet} has {largest} ({bound})",
        kind = .kind.as_str())]
    TooMany {
        /// The shape.
        kind: Kind,
        /// What was wanted.
        wanted: usize,
        /// The most that fit.
        largest: usize,
        /// The address plan's network.
        subnet: Ipv4Net,
        /// What is in the way.
        bound: Bound,
    },
    /// The network is not one that hosts have addresses in.
    #[error("{0} is no network for hosts: give one such as 10.200.0.0/16")]
    NotForHosts(Ipv4Net),
}

/// The text of a lab file.
///
/// # Errors
///
/// When so many namespaces do not fit.
pub fn lab_file(wish: &Wish) -> Result<String, GenerateError> {
    let wanted = wish.namespaces.unwrap_or(wish.kind.usual());
    let subnet = wish.subnet.unwrap_or(wish.kind.usual_subnet());
    check_subnet(subnet)?;
    let plan = Plan::new(subnet);
    limit::check(wish.kind, wanted, plan, |count| text::render(wish, count, &draft(wish, count, plan)))
}

fn draft(wish: &Wish, count: usize, plan: Plan) -> Draft {
    let usual = || wish.kind.as_str().to_owned();
    let name = wish.name.as_ref().map_or_else(usual, LabName::to_string);
    match wish.kind {
        Kind::Direct => kinds::direct::draft(&name, plan),
        Kind::Bridge => kinds::bridge::draft(&name, count, plan),
        Kind::Star => kinds::star::draft(&name, count, plan),
        Kind::Chain => kinds::chain::draft(&name, count, plan),
        Kind::Ring => kinds::ring::draft(&name, count, plan),
        Kind::Mesh => kinds::mesh::draft(&name, count, plan),
    }
}

/// Refuses what no interface can be given an address of.
fn check_subnet(subnet: Ipv4Net) -> Result<(), GenerateError> {
    let (first, last) = (subnet.network(), subnet.broadcast());
    let is_for_hosts =
        |address: std::net::Ipv4Addr| !matches!(address.octets()[0], 0 | 127 | 224..=239 | 255);
    if subnet.prefix_len() < 8 || !is_for_hosts(first) || !is_for_hosts(last) {
        return Err(GenerateError::NotForHosts(subnet));
    }
    Ok(())
}
