//! A lab as plain data: the content of a lab file after it was checked.
//!
//! A [`Lab`] from `netmon-labfile` is valid: names follow the kernel's rules, references resolve, nothing is declared
//! twice.

mod capability;
mod expectation;
mod probe;
mod record;
mod service;
mod traffic;

use std::{collections::BTreeMap, fmt, net::IpAddr, path::PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize, Serializer};

pub use self::{
    capability::{CAPABILITIES, SERVICE_CAPABILITIES, capability_bits, capability_names},
    expectation::Expectation,
    probe::Probe,
    record::{RECORD_TYPES, RecordType},
    service::{Execution, Ready, Service, ServiceKind, ServiceLimits},
    traffic::{Query, Traffic, Url},
};
use crate::{
    impairment::Impairment,
    mac::Mac,
    names::{IfName, LabName, LinkName, NsName, Place, Side},
};

/// A checked topology that netmon builds and owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lab {
    /// The lab's name. By default, the file's stem.
    pub name: LabName,
    /// The source that it was read from.
    pub source: Source,
    /// The absolute directory of the lab file. Services start in it, so that relative paths in their commands do not depend
    /// on where netmon is called. `None` for a lab that is not in a file.
    pub directory: Option<PathBuf>,
    /// Its namespaces, in the file's order, without `root`.
    pub namespaces: Vec<Namespace>,
    /// Namespaces of running containers that its links lead into, in the file's order. The lab does not own them.
    pub containers: Vec<ContainerNamespace>,
    /// Its bridges, in the file's order.
    pub bridges: Vec<Bridge>,
    /// Bridges in root that its links are ports of and that the lab does not own, in the file's order.
    pub foreign_bridges: Vec<IfName>,
    /// Its links, in the file's order.
    pub links: Vec<Link>,
    /// Processes and built-in servers that run in it, in the file's order.
    pub services: Vec<Service>,
    /// Its expectations, in the file's order.
    pub expectations: Vec<Expectation>,
    /// Its probes, in the file's order.
    pub probes: Vec<Probe>,
}

impl Lab {
    /// Returns whether this is the namespace of a container, in which nothing may be held.
    #[must_use]
    pub fn is_container(&self, namespace: &NsName) -> bool {
        self.containers.iter().any(|there| there.name == *namespace)
    }

    /// Returns whether a link leads into a container.
    #[must_use]
    pub fn leads_into_container(&self, link: &Link) -> bool {
        self.is_container(&link.a.namespace) || self.is_container(&link.b.namespace)
    }

    /// Returns what an agent runs that builds nothing, and watches the links of the host.
    #[must_use]
    pub fn of_host() -> Self {
        Self {
            name: LabName::discover(),
            source: Source::Host,
            directory: None,
            namespaces: Vec::new(),
            containers: Vec::new(),
            bridges: Vec::new(),
            foreign_bridges: Vec::new(),
            links: Vec::new(),
            services: Vec::new(),
            expectations: Vec::new(),
            probes: Vec::new(),
        }
    }
}

/// The source of a lab. Displays and serialises as the path, as `built-in`, or as `host`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The lab is part of netmon.
    BuiltIn,
    /// A lab file, by the path that was given.
    File(PathBuf),
    /// None: an agent that builds no lab, and watches the links that it finds on the host.
    Host,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.pad("built-in"),
            Self::File(path) => path.display().fmt(f),
            Self::Host => f.pad("host"),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A namespace of the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Namespace {
    /// Its name in `ip netns list`.
    pub name: NsName,
    /// The name servers in /etc/netns/NAME/resolv.conf. `None` means no file, and empty means a file without any.
    pub nameservers: Option<Vec<IpAddr>>,
    /// Static routes, beside those that the kernel adds for addresses.
    pub routes: Vec<Route>,
    /// Kernel settings inside the namespace, by the keys of sysctl(8) (`net.ipv4.ip_forward`). [`sysctl_path`] returns the
    /// file of a key.
    pub sysctls: BTreeMap<String, String>,
}

/// The namespace of a running container, in which the lab has ends of links and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContainerNamespace {
    /// What the lab calls it. No file in /run/netns has this name on account of the lab.
    pub name: NsName,
    /// The container's name, or its id, or the beginning of its id.
    pub container: String,
}

/// A static route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The destination; `0.0.0.0/0` or `::/0` for `default`, by the family of `via`.
    pub to: IpNet,
    /// The next hop.
    pub via: IpAddr,
}

/// A bridge without the spanning tree protocol, like docker0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bridge {
    /// The interface's name, unique in its namespace.
    pub name: IfName,
    /// Its namespace: `root`, or one of the lab's.
    pub namespace: NsName,
    /// Addresses with their prefix.
    pub addresses: Vec<IpNet>,
}

impl Bridge {
    /// Returns the namespace and the name of the bridge's interface.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { namespace: self.namespace.clone(), interface: self.name.clone() }
    }
}

impl fmt::Display for Bridge {
    /// Writes its name and its addresses.
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
    /// The MTU of both ends. `None` for the kernel's default (1500).
    pub mtu: Option<u32>,
}

impl Link {
    /// Returns the end on `side`.
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
    /// Its namespace: `root`, or one of the lab's.
    pub namespace: NsName,
    /// The interface's name, unique in its namespace.
    pub interface: IfName,
    /// The bridge in the same namespace that it is a port of. A port has no addresses.
    pub bridge: Option<IfName>,
    /// Its link-layer address. `None` for a random one.
    pub mac: Option<Mac>,
    /// Addresses with their prefix.
    pub addresses: Vec<IpNet>,
    /// The impairment of packets that leave through it.
    #[serde(skip_serializing_if = "Impairment::is_none")]
    pub impairment: Impairment,
}

impl End {
    /// Returns the namespace and the name of the end's interface.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { namespace: self.namespace.clone(), interface: self.interface.clone() }
    }
}

/// Returns the file of a key under /proc/sys.
///
/// As in sysctl(8), `.` separates the parts, and `/` inside a part means `.`: `net.ipv4.conf.eth0/100.forwarding` belongs
/// to the interface `eth0.100`. The key must be one of a checked lab: any other could lead out of the directory.
#[must_use]
pub fn sysctl_path(key: &str) -> PathBuf {
    let parts = key.split('.').map(|part| part.replace('/', "."));
    std::iter::once("/proc/sys".to_owned()).chain(parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_in_a_sysctl_key_is_a_dot_in_its_path() {
        assert_eq!(sysctl_path("net.ipv4.ip_forward"), PathBuf::from("/proc/sys/net/ipv4/ip_forward"));
        let vlan = PathBuf::from("/proc/sys/net/ipv4/conf/eth0.100/rp_filter");
        assert_eq!(sysctl_path("net.ipv4.conf.eth0/100.rp_filter"), vlan);
    }
}
