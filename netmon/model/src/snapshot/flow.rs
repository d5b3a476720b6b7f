//! TCP connections and conversations over UDP, from tables of bounded size. They are listed on request, and are not part of a snapshot.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::names::{EndName, LinkName, NsName};

/// A TCP connection, or a conversation over UDP, as one endpoint sees it. It is in a table of bounded size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Its protocol.
    #[serde(default)]
    pub protocol: Transport,
    /// The link on which it is seen.
    pub link: LinkName,
    /// The namespace of the endpoint that sees it.
    pub namespace: NsName,
    /// The endpoint's interface.
    pub interface: EndName,
    /// The address and port on this side.
    pub local: SocketAddr,
    /// The address and port on the other side.
    pub remote: SocketAddr,
    /// The side that opened it: with UDP, the one that sent the first packet. `None` if the SYN was not seen.
    pub opened_by: Option<Opener>,
    /// The state of the connection.
    pub state: FlowState,
    /// Time since it entered the table, nanoseconds. With UDP, time since its first packet.
    pub age_ns: u64,
    /// Time since its last packet, nanoseconds.
    pub idle_ns: u64,
    /// Incoming traffic, as the hook saw it.
    pub ingress: FlowCounts,
    /// Outgoing traffic.
    pub egress: FlowCounts,
    /// The latest round trip of data that left here, nanoseconds. `None` without a sample.
    pub rtt_ns: Option<u64>,
}

/// The traffic of a connection in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowCounts {
    /// Packets as the hook saw them.
    pub packets: u64,
    /// Bytes from the link-layer header on.
    pub bytes: u64,
    /// Segments that were seen again.
    pub retransmits: u64,
    /// Segments that passed after later ones, each for the first time.
    #[serde(default)]
    pub reordered: u64,
}

/// The protocol of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// Returns its name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// The side that opened a connection, relative to the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opener {
    /// The client is on this side.
    Local,
    /// The client is on the other side.
    Remote,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowState {
    /// A SYN was seen, but no complete handshake. With UDP, packets of one direction only.
    Opening,
    /// Data may flow. With UDP, packets of both directions were seen.
    Open,
    /// Closed, reset or refused. With UDP, silent for too long ([`netmon_ebpf::udp::has_ended`]).
    Ended,
}
