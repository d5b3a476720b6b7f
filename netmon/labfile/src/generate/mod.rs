//! Generates lab files of the usual shapes, for any number of namespaces.
//!
//! Pure: [`Options`] in, the text of a lab file out. `address_plan` assigns addresses, `kinds` has a file for each shape,
//! `limit` knows how many namespaces of it fit, and `text` writes the file for a human reader.

mod address_plan;
mod draft;
mod kinds;
mod limit;
#[cfg(test)]
mod tests;
mod text;

use std::{fmt, str::FromStr};

use ipnet::Ipv4Net;
use netmon_model::{names::LabName, text::quoted};
use thiserror::Error;

pub use self::limit::SizeLimit;
use self::{address_plan::AddressPlan, draft::LabDraft};

/// The shape of a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabKind {
    /// The built-in lab: one namespace, one link to root, a web server.
    Direct,
    /// Namespaces on one bridge `br0` in root.
    Bridge,
    /// Namespaces with one link each to root.
    Star,
    /// Namespaces in a row, each a router for its neighbours.
    Chain,
    /// A chain whose last namespace is joined to the first.
    Ring,
    /// Namespaces with a link between every two of them.
    Mesh,
}

/// A word that is not the name of a [`LabKind`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{} is not a kind of lab", quoted(.0))]
pub struct UnknownKind(String);

impl LabKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Direct, Self::Bridge, Self::Star, Self::Chain, Self::Ring, Self::Mesh];

    /// Its name on the command line, which is also the default name of the lab.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Bridge => "bridge",
            Self::Star => "star",
            Self::Chain => "chain",
            Self::Ring => "ring",
            Self::Mesh => "mesh",
        }
    }

    /// A phrase that describes it.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Direct => "The built-in lab: one namespace, one link to root, a web server",
            Self::Bridge => "Namespaces on one bridge `br0` in root",
            Self::Star => "Namespaces with one link each to root",
            Self::Chain => "Namespaces in a row, each a router for its neighbours",
            Self::Ring => "A chain whose last namespace is joined to the first",
            Self::Mesh => "Namespaces with a link between every two of them",
        }
    }

    /// The default number of namespaces.
    const fn default_namespaces(self) -> usize {
        match self {
            Self::Direct => 1,
            _ => 3,
        }
    }

    /// The default network of the address plan. Each kind has its own, so that labs of two kinds can be up at the same
    /// time.
    fn default_subnet(self) -> Ipv4Net {
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

impl fmt::Display for LabKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for LabKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

/// What [`lab_file`] generates.
#[derive(Clone, Debug)]
pub struct Options {
    /// The shape.
    pub kind: LabKind,
    /// The number of namespaces. `None` for the default: three, and one for `direct`.
    pub namespaces: Option<usize>,
    /// The lab's name, which is also the prefix of its namespaces and of root's interfaces. `None` for the name of the
    /// kind.
    pub name: Option<LabName>,
    /// The network that contains all addresses. `None` for the default of the kind.
    pub subnet: Option<Ipv4Net>,
    /// Whether every namespace has the built-in web server.
    pub http: bool,
}

impl Options {
    /// Everything by default.
    ///
    /// ```
    /// use netmon_labfile::generate::{LabKind, Options};
    ///
    /// let options = Options { namespaces: Some(5), ..Options::new(LabKind::Star) };
    /// ```
    #[must_use]
    pub const fn new(kind: LabKind) -> Self {
        Self { kind, namespaces: None, name: None, subnet: None, http: false }
    }

    /// The lab's name.
    fn lab_name(&self) -> &str {
        self.name.as_ref().map_or(self.kind.name(), LabName::as_str)
    }
}

/// Why a lab cannot be generated.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GenerateError {
    /// The number of namespaces is zero.
    #[error("a lab without namespaces would be empty: write -n 1 or more")]
    NoNamespaces,
    /// Not even one namespace fits.
    #[error("no {kind} fits into {subnet}: {limit}")]
    TooSmall {
        /// The shape.
        kind: LabKind,
        /// The address plan's network.
        subnet: Ipv4Net,
        /// What limits the size.
        limit: SizeLimit,
    },
    /// Fewer namespaces would fit.
    #[error("{wanted} namespaces do not fit: the largest {kind} in {subnet} has {largest} ({limit})")]
    TooMany {
        /// The shape.
        kind: LabKind,
        /// The requested number.
        wanted: usize,
        /// The largest number that fits.
        largest: usize,
        /// The address plan's network.
        subnet: Ipv4Net,
        /// What limits the size.
        limit: SizeLimit,
    },
    /// Hosts cannot have addresses in this network.
    #[error("{0} is not a network for hosts: give one such as 10.200.0.0/16")]
    NotForHosts(Ipv4Net),
}

/// Returns the text of a lab file.
///
/// # Errors
///
/// Fails if that many namespaces do not fit into the network, the kind or a lab file, and if the network is not one that
/// hosts have addresses in.
///
/// # Examples
///
/// ```
/// use netmon_labfile::generate::{LabKind, Options, lab_file};
///
/// let text = lab_file(&Options { namespaces: Some(5), ..Options::new(LabKind::Chain) })?;
/// let lab = netmon_labfile::parse(&text, "chain.toml", "chain").expect("a generated lab is valid");
/// assert_eq!((lab.namespaces.len(), lab.links.len()), (5, 4));
///
/// let error = lab_file(&Options { namespaces: Some(500), ..Options::new(LabKind::Chain) }).unwrap_err();
/// let expected = "500 namespaces do not fit: the largest chain in 10.203.0.0/16 has 256 \
///                 (a packet crosses at most 254 routers)";
/// assert_eq!(error.to_string(), expected);
/// # Ok::<(), netmon_labfile::generate::GenerateError>(())
/// ```
pub fn lab_file(options: &Options) -> Result<String, GenerateError> {
    let kind = options.kind;
    let wanted = options.namespaces.unwrap_or(kind.default_namespaces());
    let subnet = options.subnet.unwrap_or(kind.default_subnet());
    check_subnet(subnet)?;
    let plan = AddressPlan::new(subnet);
    limit::check(kind, wanted, plan, |count| text::render(options, count, &draft(options, count, plan)))
}

fn draft(options: &Options, count: usize, plan: AddressPlan) -> LabDraft {
    let name = options.lab_name();
    match options.kind {
        LabKind::Direct => kinds::direct::draft(name, plan),
        LabKind::Bridge => kinds::bridge::draft(name, count, plan),
        LabKind::Star => kinds::star::draft(name, count, plan),
        LabKind::Chain => kinds::chain::draft(name, count, plan),
        LabKind::Ring => kinds::ring::draft(name, count, plan),
        LabKind::Mesh => kinds::mesh::draft(name, count, plan),
    }
}

/// Refuses a network in which no interface can have an address.
fn check_subnet(subnet: Ipv4Net) -> Result<(), GenerateError> {
    let (first, last) = (subnet.network(), subnet.broadcast());
    let is_for_hosts =
        |address: std::net::Ipv4Addr| !matches!(address.octets()[0], 0 | 127 | 224..=239 | 255);
    if subnet.prefix_len() < 8 || !is_for_hosts(first) || !is_for_hosts(last) {
        return Err(GenerateError::NotForHosts(subnet));
    }
    Ok(())
}
