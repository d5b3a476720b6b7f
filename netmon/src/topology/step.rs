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

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Remove a link of ours that is not wanted, or not wanted like this; named by one of its ends.
    RemoveLink(Place),
    /// Remove a bridge of ours that is not wanted.
    RemoveBridge(Place),
    /// Remove a namespace of ours that is not wanted.
    RemoveNamespace {
        /// The namespace.
        namespace: NsName,
    },
    /// Remove half a name, left by a process that was killed.
    ClearName {
        /// The name.
        namespace: NsName,
    },
    /// Remove a file of ours that is not wanted.
    RemoveResolvConf {
        /// Whose.
        namespace: NsName,
    },
    /// Make a namespace: marked, lo up.
    CreateNamespace {
        /// The namespace.
        namespace: NsName,
    },
    /// Write /etc/netns/NAMESPACE/resolv.conf.
    WriteResolvConf {
        /// Whose.
        namespace: NsName,
        /// Its lines.
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
    /// Make a bridge.
    CreateBridge(Place),
    /// Make a veth pair, each end where it belongs.
    CreateLink {
        /// The link.
        link: LinkName,
        /// End `a`.
        a: Place,
        /// End `b`.
        b: Place,
        /// The MTU of both ends.
        #[serde(skip_serializing_if = "Option::is_none")]
        mtu: Option<u32>,
    },
    /// Mark an end of ours.
    Mark(Place),
    /// Set the link-layer address of an end.
    SetMac {
        /// The end.
        #[serde(flatten)]
        place: Place,
        /// The address.
        mac: Mac,
    },
    /// Set the MTU of an end.
    SetMtu {
        /// The end.
        #[serde(flatten)]
        place: Place,
        /// In bytes.
        mtu: u32,
    },
    /// Make an end a port of a bridge.
    SetBridge {
        /// The end.
        #[serde(flatten)]
        place: Place,
        /// The bridge, in the same namespace.
        bridge: IfName,
    },
    /// Take an end off a bridge of ours.
    LeaveBridge(Place),
    /// Take an address away.
    RemoveAddress {
        /// The end.
        #[serde(flatten)]
        place: Place,
        /// The address.
        address: IpNet,
    },
    /// Give an address.
    AddAddress {
        /// The end.
        #[serde(flatten)]
        place: Place,
        /// The address.
        address: IpNet,
    },
    /// Have an end do this, and no more, to the packets that leave through it.
    Impair {
        /// The end.
        #[serde(flatten)]
        place: Place,
        /// What queues are reckoned for, in bytes.
        mtu: u32,
        /// What is done.
        #[serde(rename = "impair")]
        impairment: Impairment,
    },
    /// Set an end up; before the first of these, the programs are attached.
    SetUp(Place),
    /// Take a route away.
    RemoveRoute {
        /// The namespace.
        namespace: NsName,
        /// The route.
        #[serde(flatten)]
        route: Route,
    },
    /// Give a route.
    AddRoute {
        /// The namespace.
        namespace: NsName,
        /// The route.
        #[serde(flatten)]
        route: Route,
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
            Self::SetSysctl { .. } => Phase::SetNamespaceSysctls,
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
            Self::AddRoute { .. } => Phase::AddRoutes,
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
            Self::ClearName { namespace } => write!(f, "- remains of namespace {namespace}"),
            Self::RemoveResolvConf { namespace } => write!(f, "- /etc/netns/{namespace}/resolv.conf"),
            Self::CreateNamespace { namespace } => write!(f, "+ namespace {namespace}"),
            Self::WriteResolvConf { namespace, nameservers } => {
                write!(f, "+ /etc/netns/{namespace}/resolv.conf")?;
                nameservers.iter().try_for_each(|server| write!(f, " {server}"))
            }
            Self::SetSysctl { namespace, key, value } => write!(f, "~ {namespace}: {key} = {value}"),
            Self::CreateBridge(place) => write!(f, "+ bridge {place}"),
            Self::CreateLink { link, a, b, mtu } => {
                write!(f, "+ link {link}: {a} <-> {b}")?;
                mtu.map_or(Ok(()), |mtu| write!(f, " mtu {mtu}"))
            }
            Self::Mark(place) => write!(f, "~ {place}: mark"),
            Self::SetMac { place, mac } => write!(f, "~ {place}: link-layer address {mac}"),
            Self::SetMtu { place, mtu } => write!(f, "~ {place}: mtu {mtu}"),
            Self::SetBridge { place, bridge } => write!(f, "~ {place}: port of bridge {bridge}"),
            Self::LeaveBridge(place) => write!(f, "~ {place}: port of no bridge"),
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
        }
    }
}
