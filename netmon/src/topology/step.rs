//! One change to the host, the phase of a plan that it belongs to, and how it is printed.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;
use netmon_model::{
    impairment::Impairment,
    lab::Route,
    mac::Mac,
    names::{IfName, LinkName, NsName, Place},
};
use serde::Serialize;

use super::{plan::Phase, sysctl};

/// One change to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Remove the link that this interface is an end of.
    RemoveLink(Place),
    /// Remove a bridge.
    RemoveBridge(Place),
    /// Remove a namespace.
    RemoveNamespace {
        /// The namespace.
        namespace: NsName,
    },
    /// Remove a name in /run/netns without a namespace, left by a process that was killed.
    ClearName {
        /// The name.
        namespace: NsName,
    },
    /// Remove /etc/netns/NAMESPACE/resolv.conf.
    RemoveResolvConf {
        /// The namespace.
        namespace: NsName,
    },
    /// Create a namespace: marked, with lo up.
    CreateNamespace {
        /// The namespace.
        namespace: NsName,
    },
    /// Write /etc/netns/NAMESPACE/resolv.conf.
    WriteResolvConf {
        /// The namespace.
        namespace: NsName,
        /// The name servers in it.
        nameservers: Vec<IpAddr>,
    },
    /// Set a kernel setting inside a namespace.
    SetSysctl {
        /// The namespace.
        namespace: NsName,
        /// The setting.
        key: String,
        /// Its value.
        value: String,
    },
    /// Let the kernel keep the secondary IPv4 addresses of an interface when their primary goes.
    PromoteSecondaries(Place),
    /// Create a bridge.
    CreateBridge(Place),
    /// Create a veth pair, each end in its namespace.
    CreateLink {
        /// The link.
        link: LinkName,
        /// End `a`.
        a: Place,
        /// End `b`.
        b: Place,
        /// The MTU of both ends. `None` keeps the kernel's default.
        #[serde(skip_serializing_if = "Option::is_none")]
        mtu: Option<u32>,
    },
    /// Mark an interface as the lab's.
    Mark(Place),
    /// Set the link-layer address of an interface.
    SetMac {
        /// The interface.
        #[serde(flatten)]
        place: Place,
        /// The address.
        mac: Mac,
    },
    /// Set the MTU of an interface.
    SetMtu {
        /// The interface.
        #[serde(flatten)]
        place: Place,
        /// In bytes.
        mtu: u32,
    },
    /// Make an interface a port of a bridge.
    SetBridge {
        /// The interface.
        #[serde(flatten)]
        place: Place,
        /// The bridge, in the same namespace.
        bridge: IfName,
    },
    /// Detach a port from a bridge of the lab.
    LeaveBridge(Place),
    /// Remove an address.
    RemoveAddress {
        /// The interface.
        #[serde(flatten)]
        place: Place,
        /// The address.
        address: IpNet,
    },
    /// Add an address.
    AddAddress {
        /// The interface.
        #[serde(flatten)]
        place: Place,
        /// The address.
        address: IpNet,
    },
    /// Impair the packets that leave through an interface, exactly like this.
    Impair {
        /// The interface.
        #[serde(flatten)]
        place: Place,
        /// The MTU that queue lengths are calculated for, in bytes.
        mtu: u32,
        /// The impairment. Empty removes the one that is installed.
        #[serde(rename = "impair")]
        impairment: Impairment,
    },
    /// Set an interface up.
    SetUp(Place),
    /// Remove a route.
    RemoveRoute {
        /// The namespace.
        namespace: NsName,
        /// The route.
        #[serde(flatten)]
        route: Route,
    },
    /// Add a route.
    AddRoute {
        /// The namespace.
        namespace: NsName,
        /// The route.
        #[serde(flatten)]
        route: Route,
    },
    /// Put a route in the place of another one, which displaced it.
    ReplaceRoute {
        /// The namespace.
        namespace: NsName,
        /// The route.
        #[serde(flatten)]
        route: Route,
        /// Where the other one leads.
        instead: String,
    },
}

impl Step {
    /// Returns the phase in which this step is taken.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Self::RemoveRoute { .. } => Phase::RemoveRoutes,
            Self::RemoveLink(_)
            | Self::RemoveBridge(_)
            | Self::RemoveNamespace { .. }
            | Self::ClearName { .. }
            | Self::RemoveResolvConf { .. } => Phase::RemoveObjects,
            Self::CreateNamespace { .. } => Phase::CreateNamespaces,
            Self::WriteResolvConf { .. } => Phase::WriteFiles,
            // Such a setting exists only while its interface does.
            Self::SetSysctl { key, .. } if sysctl::interface_of(key).is_some() => Phase::SetInterfaceSysctls,
            // Only of an interface that exists already, and before its addresses go.
            Self::SetSysctl { .. } | Self::PromoteSecondaries(_) => Phase::SetNamespaceSysctls,
            Self::CreateBridge(_) => Phase::CreateBridges,
            Self::CreateLink { .. } => Phase::CreateLinks,
            Self::Mark(_)
            | Self::SetMac { .. }
            | Self::SetMtu { .. }
            | Self::SetBridge { .. }
            | Self::LeaveBridge(_)
            | Self::RemoveAddress { .. }
            | Self::AddAddress { .. } => Phase::ConfigureInterfaces,
            Self::Impair { .. } => Phase::SetImpairments,
            Self::SetUp(_) => Phase::SetInterfacesUp,
            Self::AddRoute { .. } | Self::ReplaceRoute { .. } => Phase::AddRoutes,
        }
    }
}

impl Step {
    /// Returns the interface whose state this step changes; `None` for all others, and for one that goes.
    #[must_use]
    pub fn configures(&self) -> Option<&Place> {
        match self {
            Self::SetMac { place, .. } | Self::SetBridge { place, .. } => Some(place),
            Self::Mark(place) | Self::LeaveBridge(place) | Self::SetUp(place) => Some(place),
            _ => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RemoveLink(place) => write!(f, "- link {place}"),
            Self::RemoveBridge(place) => write!(f, "- bridge {place}"),
            Self::RemoveNamespace { namespace } => write!(f, "- namespace {namespace}"),
            Self::ClearName { namespace } => write!(f, "- unfinished namespace {namespace}"),
            Self::RemoveResolvConf { namespace } => write!(f, "- /etc/netns/{namespace}/resolv.conf"),
            Self::CreateNamespace { namespace } => write!(f, "+ namespace {namespace}"),
            Self::WriteResolvConf { namespace, nameservers } => {
                write!(f, "+ /etc/netns/{namespace}/resolv.conf")?;
                nameservers.iter().try_for_each(|server| write!(f, " {server}"))
            }
            Self::SetSysctl { namespace, key, value } => write!(f, "~ {namespace}: {key} = {value}"),
            Self::PromoteSecondaries(place) => {
                write!(f, "~ {place}: keep foreign secondary addresses (promote_secondaries)")
            }
            Self::CreateBridge(place) => write!(f, "+ bridge {place}"),
            Self::CreateLink { link, a, b, mtu } => {
                write!(f, "+ link {link}: {a} <-> {b}")?;
                mtu.map_or(Ok(()), |mtu| write!(f, " mtu {mtu}"))
            }
            Self::Mark(place) => write!(f, "~ {place}: mark"),
            Self::SetMac { place, mac } => write!(f, "~ {place}: link-layer address {mac}"),
            Self::SetMtu { place, mtu } => write!(f, "~ {place}: mtu {mtu}"),
            Self::SetBridge { place, bridge } => write!(f, "~ {place}: port of bridge {bridge}"),
            Self::LeaveBridge(place) => write!(f, "~ {place}: no longer a port"),
            Self::RemoveAddress { place, address } => write!(f, "- address {address} of {place}"),
            Self::AddAddress { place, address } => write!(f, "+ address {address} on {place}"),
            Self::Impair { place, impairment, .. } => write!(f, "~ {place}: impair {impairment}"),
            Self::SetUp(place) => write!(f, "~ {place}: up"),
            Self::RemoveRoute { namespace, route } => {
                write!(f, "- {namespace}: route to {} via {}", route.to, route.via)
            }
            Self::AddRoute { namespace, route } => {
                write!(f, "+ {namespace}: route to {} via {}", route.to, route.via)
            }
            Self::ReplaceRoute { namespace, route, instead } => {
                write!(f, "~ {namespace}: route to {} via {}, not {instead}", route.to, route.via)
            }
        }
    }
}
