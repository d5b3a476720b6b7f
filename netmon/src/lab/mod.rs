//! The lab file: what a person writes, and the checked [`Lab`] that the rest of netmon works with.
//!
//! A [`Lab`] that exists is valid: names fit the kernel's rules, references lead somewhere, nothing is
//! there twice. Nothing here touches the host.
//!
//! [`file`] finds and reads the text, `parse` turns it into a lab section by section (`namespace`, `bridge`, `link`,
//! `route`, `service`, `expect`, `probe`) by the grammar in `schema`, and [`diagnostic`] says what is wrong with it and where.

mod address;
mod bridge;
mod bytes;
pub mod diagnostic;
mod expect;
pub mod file;
mod impair;
mod index;
mod interface;
mod json_schema;
mod link;
mod mac;
#[cfg(test)]
mod mutations;
mod namespace;
mod parse;
mod probe;
mod ready;
#[cfg(test)]
mod reference;
mod route;
mod schema;
mod section;
mod service;
pub(crate) mod suggest;
mod syntax;
mod sysctl;
mod time;
mod traffic;
#[cfg(test)]
mod wrong_files;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub(crate) use self::bridge::MOST_PORTS;
pub use self::{
    diagnostic::Diagnostic,
    expect::Expectation,
    file::{BUILT_IN, LoadError, open},
    json_schema::json_schema,
    probe::Probe,
    ready::Ready,
    sysctl::proc_path as sysctl_path,
    traffic::{Query, RecordType, Traffic, Url},
};
use crate::{
    impairment::Impairment,
    names::{IfName, LabName, LinkName, NsName, Side},
    netlink::Mac,
};

/// A topology that netmon builds and owns, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lab {
    /// The lab's name; by default the file's stem.
    pub name: LabName,
    /// Where it was read: a path, or `built-in`.
    pub source: String,
    /// The folder of the lab file, absolute: where services start, so that relative paths in their commands
    /// work from wherever netmon is called. None for a lab that is not in a file.
    pub directory: Option<PathBuf>,
    /// Namespaces to make, in the file's order; never `root`.
    pub namespaces: Vec<Namespace>,
    /// Bridges to make, in the file's order.
    pub bridges: Vec<Bridge>,
    /// Links, in the file's order.
    pub links: Vec<Link>,
    /// Processes and built-in servers to run, in the file's order.
    pub services: Vec<Service>,
    /// What has to be so while the lab is up, in the file's order.
    pub expectations: Vec<Expectation>,
    /// What is tried again and again while the lab is watched, in the file's order.
    pub probes: Vec<Probe>,
}

/// A namespace that the lab makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Namespace {
    /// Its name in `ip netns list`.
    pub name: NsName,
    /// Lines of /etc/netns/NAME/resolv.conf: none means no file, empty means an empty file.
    pub nameservers: Option<Vec<IpAddr>>,
    /// Routes beside those that addresses bring along.
    pub routes: Vec<Route>,
    /// Keys as `sysctl` writes them (`net.ipv4.ip_forward`), set inside the namespace; [`sysctl_path`] has
    /// the file of each.
    pub sysctls: BTreeMap<String, String>,
}

/// A static route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The destination; `0.0.0.0/0` or `::/0` for `default`, by the family of `via`.
    pub to: IpNet,
    /// The next hop.
    pub via: IpAddr,
}

/// A bridge without the spanning tree protocol, as docker0 is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bridge {
    /// The interface's name, unique in its namespace.
    pub name: IfName,
    /// The namespace it is in: `root`, or one of the lab's.
    pub namespace: NsName,
    /// Addresses with their prefix.
    pub addresses: Vec<IpNet>,
}

impl fmt::Display for Bridge {
    /// Its name, and its addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        self.addresses.iter().try_for_each(|address| write!(f, " {address}"))
    }
}

/// A veth pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The link's name, unique in the lab.
    pub name: LinkName,
    /// End `a`.
    pub a: End,
    /// End `b`.
    pub b: End,
    /// The MTU of both ends; none leaves the kernel's default (1500).
    pub mtu: Option<u32>,
}

impl Link {
    /// The end on `side`.
    #[must_use]
    pub fn end(&self, side: Side) -> &End {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }
}

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct End {
    /// The namespace it is in: `root`, or one of the lab's.
    pub namespace: NsName,
    /// The interface's name, unique in its namespace.
    pub interface: IfName,
    /// The bridge of the same namespace that it is a port of; it has no addresses then.
    pub bridge: Option<IfName>,
    /// Its link-layer address; none for one of its own that nobody else has.
    pub mac: Option<Mac>,
    /// Addresses with their prefix.
    pub addresses: Vec<IpNet>,
    /// What is done to the packets that leave through it.
    #[serde(skip_serializing_if = "Impairment::is_none")]
    pub impairment: Impairment,
}

/// Something that runs inside a namespace for as long as the lab does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// What it is called in the log and in the state; unique in the lab.
    pub name: String,
    /// Where it runs: `root`, or one of the lab's namespaces.
    pub namespace: NsName,
    /// What runs.
    pub kind: ServiceKind,
    /// How it is told that it does its work; none for a service that is not waited for.
    #[serde(default)]
    pub ready: Option<Ready>,
}

impl fmt::Display for Service {
    /// Its name, and where the built-in server listens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ServiceKind::Http(address) => write!(f, "{} {address}", self.name),
            ServiceKind::Command(_) => f.write_str(&self.name),
        }
    }
}

/// What a service is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// A program and its arguments; never a shell line. At least one word.
    Command(Vec<String>),
    /// The built-in web server, on this address.
    Http(SocketAddr),
}
