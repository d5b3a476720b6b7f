//! TCP connections, from the table that forgets: listed on request, and no part of a snapshot.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::names::{IfName, LinkName, NsName};

/// A TCP connection as one endpoint sees it, from the table that forgets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// The link that it is seen on.
    pub link: LinkName,
    /// The namespace of the endpoint that sees it.
    pub namespace: NsName,
    /// The endpoint's interface.
    pub interface: IfName,
    /// Address and port on this side.
    pub local: SocketAddr,
    /// Address and port on the other side.
    pub remote: SocketAddr,
    /// Who asked for it; none when nobody saw the SYN.
    pub opened_by: Option<Opener>,
    /// How far it is.
    pub state: FlowState,
    /// Since when it is in the table, nanoseconds before the reading.
    pub age_ns: u64,
    /// Since when nothing passed, nanoseconds before the reading.
    pub idle_ns: u64,
    /// What came in, as the hook saw it.
    pub ingress: FlowCounts,
    /// What left.
    pub egress: FlowCounts,
    /// The latest round trip of data that left here, nanoseconds; none without a sample.
    pub rtt_ns: Option<u64>,
}

/// What passed of a flow in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowCounts {
    /// Packets as the hook saw them.
    pub packets: u64,
    /// Bytes from the link-layer header on.
    pub bytes: u64,
    /// Segments that were seen again.
    pub retransmits: u64,
}

/// Which side opened a connection, seen from the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opener {
    /// The client is on this side.
    Local,
    /// The client is on the other side.
    Remote,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowState {
    /// A SYN was seen, and no complete handshake.
    Opening,
    /// Data may flow.
    Open,
    /// Closed, reset or refused.
    Ended,
}
