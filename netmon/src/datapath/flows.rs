//! The connections in the table, as plain data: whose link, which addresses, how far, how much.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use netmon_ebpf::{
    abi::{EGRESS, INGRESS},
    flow::{Flow as Entry, TCP_CLIENT_LOCAL, TCP_CLIENT_REMOTE, TCP_ENDED, TCP_OPEN, TcpFlow},
};
use netmon_model::snapshot::{Flow, FlowCounts, FlowState, Opener};

use super::{Datapath, clock::monotonic_ns, watched::WatchedEndpoint};

impl Datapath {
    /// Every TCP connection that is in the table now, as each endpoint of its way sees it.
    #[must_use]
    pub fn flows(&self) -> Vec<Flow> {
        let ends: HashMap<_, _> =
            self.links.iter().flat_map(super::WatchedLink::ends).map(|end| (end.id, end)).collect();
        let entries: Vec<_> = self.object.flow_tables.connections().collect();
        // Read the clock last: nothing in the table is younger.
        let now_ns = monotonic_ns();
        let of_end = |(id, entry)| Some(flow(ends.get(&id)?, &entry, now_ns));
        entries.into_iter().filter_map(of_end).collect()
    }
}

fn flow(end: &WatchedEndpoint, entry: &Entry, now_ns: u64) -> Flow {
    let Entry { tcp, key, .. } = entry;
    Flow {
        link: end.endpoint.link.clone(),
        namespace: end.endpoint.namespace.clone(),
        interface: end.endpoint.interface.clone(),
        local: address(key.local, key.local_port),
        remote: address(key.remote, key.remote_port),
        opened_by: opener(tcp.state),
        state: state(tcp.state),
        age_ns: now_ns.saturating_sub(tcp.first_ns),
        idle_ns: now_ns.saturating_sub(tcp.last_ns),
        ingress: counts(tcp, INGRESS),
        egress: counts(tcp, EGRESS),
        rtt_ns: Some(tcp.latest_rtt_ns).filter(|&ns| ns > 0),
    }
}

/// IPv4 is kept mapped into IPv6; the port is in network byte order.
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

fn counts(tcp: &TcpFlow, hook: usize) -> FlowCounts {
    FlowCounts {
        packets: tcp.packets[hook],
        bytes: tcp.bytes[hook],
        retransmits: tcp.retransmits[hook].into(),
    }
}
