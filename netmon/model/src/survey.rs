//! What network namespaces and links there are on a host, with or without netmon: plain data, as a survey found it.
//!
//! A namespace is identified by its cookie, where that could be read, and has a name that is unique within a survey. A link is a
//! pair of interfaces of which each points at the other.

mod change;
mod container;
mod skipped;

use std::{collections::BTreeMap, fmt};

pub use self::{
    change::Change,
    container::{Container, NAME_LABEL},
    skipped::{LeftOut, LoneReason, MAX_LEFT_OUT, SkipReason},
};
use serde::{Deserialize, Serialize};

use crate::{
    mac::Mac,
    names::{Cookie, IfIndex, InterfaceId, LabName, LinkName, NsName},
};

/// The version of the layout in JSON.
pub const VERSION: u32 = 1;

/// How links that were found are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiscoverMode {
    /// By programs at tracepoints of the kernel: counts, latency, loss and conversations.
    #[default]
    Tracing,
    /// By the same programs, which count packets only.
    Count,
}

impl DiscoverMode {
    /// Every mode, the default first.
    pub const ALL: [Self; 2] = [Self::Tracing, Self::Count];

    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tracing => "tracing",
            Self::Count => "count",
        }
    }
}

/// A survey of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// [`VERSION`].
    pub version: u32,
    /// The namespaces, that of the survey first, then by name.
    pub namespaces: Vec<Namespace>,
    /// The links, by name.
    pub links: Vec<Link>,
    /// Interfaces in namespaces other than `root` that lead out of them and are no end of a link.
    pub lone_ends: Vec<LoneEnd>,
    /// How many interfaces were left out, by reason.
    pub skipped: BTreeMap<SkipReason, usize>,
    /// The interfaces that were left out. Not more than [`MAX_LEFT_OUT`] are listed.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    /// What could not be read, and why, as sentences without a full stop.
    pub remarks: Vec<String>,
}

/// A network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Its name, unique within the survey.
    pub name: NsName,
    /// The origin of the name.
    pub named_by: NamedBy,
    /// Its identity. `None` if it could not be opened.
    pub cookie: Option<Cookie>,
    /// What manages it.
    pub runtime: Runtime,
    /// The container that it belongs to. `None` if it belongs to none.
    pub container: Option<Container>,
    /// The pod that it belongs to. `None` if it belongs to none, or the pod's name is not known.
    pub pod: Option<Pod>,
    /// The containers, machines and units whose processes are inside, the owner included.
    pub members: Vec<Member>,
    /// The number of processes inside.
    pub processes: usize,
    /// The files that keep it, such as names in /run/netns.
    pub files: Vec<String>,
    /// The number of its interfaces, `lo` included. `None` if they could not be listed.
    pub interfaces: Option<usize>,
    /// The user whose user namespace owns it. `None` if that is the user namespace of the survey, or not known.
    pub owner_uid: Option<u32>,
    /// Why it has no better name, or what is unusual about it, as a sentence without a full stop.
    pub remark: Option<String>,
}

/// The origin of a namespace's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedBy {
    /// It is the namespace of the survey itself.
    Root,
    /// The label `netmon.name` of the container.
    Label,
    /// The pod.
    Pod,
    /// Project and service of compose.
    Compose,
    /// The container's name.
    Container,
    /// The machine of LXC, nspawn or libvirt.
    Machine,
    /// A name in /run/netns.
    Netns,
    /// The systemd unit.
    Unit,
    /// The container's id, as its name is not known.
    ContainerId,
    /// A process inside, or one that holds it.
    Process,
    /// Its own cookie: no file or process is known that keeps it.
    Cookie,
}

/// What manages a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// The host itself.
    Host,
    /// Docker.
    Docker,
    /// podman.
    Podman,
    /// containerd, without Docker.
    Containerd,
    /// CRI-O.
    CriO,
    /// Kubernetes, with a runtime that is not known.
    Kubernetes,
    /// LXC or Incus.
    Lxc,
    /// A machine of systemd: nspawn, or libvirt.
    Machine,
    /// A name in /run/netns, as `ip netns add` makes it.
    Netns,
    /// A systemd unit.
    Systemd,
    /// A process that is in no container.
    Process,
    /// Not known.
    Unknown,
}

impl Runtime {
    /// Returns the word for it, as in JSON and in a name that would not be unique without it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Kubernetes => "kubernetes",
            Self::Lxc => "lxc",
            Self::Machine => "machine",
            Self::Netns => "netns",
            Self::Systemd => "systemd",
            Self::Process => "process",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A pod of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its Kubernetes namespace.
    pub namespace: String,
    /// Its UID. `None` if that is not known.
    pub uid: Option<String>,
}

/// What has processes in a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Member {
    /// What manages it.
    pub runtime: Runtime,
    /// Its name, or its id if that is not known.
    pub name: String,
}

/// A pair of interfaces that is one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its name, unique within the survey.
    pub name: LinkName,
    /// What kind of pair it is.
    pub kind: PairKind,
    /// The lab of netmon that made it. `None` if none did.
    pub lab: Option<LabName>,
    /// End `a`: the one in `root`, if there is one.
    pub a: End,
    /// End `b`.
    pub b: End,
}

impl Link {
    /// Returns both ends.
    pub fn ends(&self) -> impl Iterator<Item = &End> {
        [&self.a, &self.b].into_iter()
    }
}

/// The kinds of interfaces that come in pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairKind {
    /// veth(4).
    Veth,
    /// netkit, Linux 6.7.
    Netkit,
}

impl PairKind {
    /// Returns the kind with the kernel's name for it. `None` if it does not come in pairs.
    #[must_use]
    pub fn parse(kind: &str) -> Option<Self> {
        match kind {
            "veth" => Some(Self::Veth),
            "netkit" => Some(Self::Netkit),
            _ => None,
        }
    }

    /// Returns the kernel's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Veth => "veth",
            Self::Netkit => "netkit",
        }
    }
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The name of its namespace.
    pub netns: NsName,
    /// The identity of its namespace. `None` if it could not be opened.
    pub cookie: Option<Cookie>,
    /// Its name.
    pub interface: String,
    /// Its number in its namespace.
    pub ifindex: IfIndex,
    /// Its link-layer address. `None` if it has none of six bytes.
    pub mac: Option<Mac>,
    /// Whether it is set up.
    pub is_up: bool,
    /// The bridge, bond or similar that it is a port of. `None` if it is none's.
    pub bridge: Option<String>,
}

impl End {
    /// Returns the identity of the interface. `None` if its namespace could not be opened.
    #[must_use]
    pub fn id(&self) -> Option<InterfaceId> {
        Some(InterfaceId { netns: self.cookie?, ifindex: self.ifindex })
    }
}

/// An interface that leads out of its namespace, and is no end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoneEnd {
    /// The interface.
    pub end: End,
    /// The kernel's name for its kind. `physical` for one of hardware.
    pub kind: String,
    /// Why it is no end of a link.
    pub reason: LoneReason,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_written_in_json_as_in_a_name() {
        for runtime in [Runtime::CriO, Runtime::Docker, Runtime::Host, Runtime::Machine, Runtime::Netns] {
            assert_eq!(serde_json::to_string(&runtime).unwrap(), format!("\"{runtime}\""));
        }
    }
}
