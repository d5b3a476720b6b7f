//! The connections in the flow table, as plain data.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use netmon_ebpf::{
    abi::{EGRESS, INGRESS},
    flow::{Flow as Entry, TCP_CLIENT_LOCAL, TCP_CLIENT_REMOTE, TCP_ENDED, TCP_OPEN, TcpFlow},
};
use netmon_model::{
    by::Hooks,
    names::EndpointId,
    snapshot::{FlowCounts, FlowState, Opener},
};

use super::{Datapath, clock::monotonic_ns};

/// A TCP connection as one endpoint sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The address and port on the endpoint's side.
    pub local: SocketAddr,
    /// The address and port on the other side.
    pub remote: SocketAddr,
    /// The side that opened it. `None` if the SYN was not seen.
    pub opened_by: Option<Opener>,
    /// The state of the connection.
    pub state: FlowState,
    /// Time since it entered the table, nanoseconds.
    pub age_ns: u64,
    /// Time since its last packet, nanoseconds.
    pub idle_ns: u64,
    /// Traffic at each hook.
    pub counts: Hooks<FlowCounts>,
    /// The latest round trip of data that left here, nanoseconds. `None` without a sample.
    pub rtt_ns: Option<u64>,
}

impl Datapath {
    /// Returns every TCP connection in the table, as seen by each attached endpoint on its path.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        let entries: Vec<_> = self.object.flow_tables.connections().collect();
        // Read the clock last, so that no timestamp in the table is later.
        let now_ns = monotonic_ns();
        let of = |(id, entry): (EndpointId, Entry<u32>)| {
            (self.endpoints.contains_key(&id) || self.traced.contains_key(&id))
                .then(|| connection(id, &entry, now_ns))
        };
        entries.into_iter().filter_map(of).collect()
    }
}

fn connection(endpoint: EndpointId, entry: &Entry<u32>, now_ns: u64) -> Connection {
    let Entry { tcp, key, .. } = entry;
    Connection {
        endpoint,
        local: address(key.local, key.local_port),
        remote: address(key.remote, key.remote_port),
        opened_by: opener(tcp.state),
        state: state(tcp.state),
        age_ns: now_ns.saturating_sub(tcp.first_ns),
        idle_ns: now_ns.saturating_sub(tcp.last_ns),
        counts: Hooks { ingress: counts(tcp, INGRESS), egress: counts(tcp, EGRESS) },
        rtt_ns: Some(tcp.latest_rtt_ns).filter(|&ns| ns > 0),
    }
}

/// Decodes an address, where IPv4 is mapped into IPv6, and a port in network byte order.
fn address(address: [u8; 16], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::from(address)).to_canonical(), u16::from_be(port))
}

fn opener(state: u32) -> Option<Opener> {
    if state & TCP_CLIENT_LOCAL != 0 {
        Some(Opener::Local)
    } else if state & TCP_CLIENT_REMOTE != 0 {
        Some(Opener::Remote)
    } else {
        None
    }
}

fn state(state: u32) -> FlowState {
    if state & TCP_ENDED != 0 {
        FlowState::Ended
    } else if state & TCP_OPEN != 0 {
        FlowState::Open
    } else {
        FlowState::Opening
    }
}

fn counts(tcp: &TcpFlow<u32>, hook: usize) -> FlowCounts {
    FlowCounts {
        packets: tcp.packet_count(hook),
        bytes: tcp.bytes[hook],
        retransmits: tcp.retransmits[hook].into(),
        reordered: tcp.reordered[hook].into(),
    }
}
