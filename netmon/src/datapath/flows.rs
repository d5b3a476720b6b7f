//! The connections and the conversations over UDP in the flow tables, as plain data.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use netmon_ebpf::{
    abi::{EGRESS, INGRESS},
    flow::{Flow as Entry, FlowKey, TCP_CLIENT_LOCAL, TCP_CLIENT_REMOTE, TCP_ENDED, TCP_OPEN, TcpFlow},
    udp::UdpFlow,
};
use netmon_model::{
    by::Hooks,
    names::EndpointId,
    snapshot::{FlowCounts, FlowState, Opener, Transport},
};

use super::{Datapath, clock::monotonic_ns};

/// A TCP connection, or a conversation over UDP, as one endpoint sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its protocol.
    pub protocol: Transport,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The address and port on the endpoint's side.
    pub local: SocketAddr,
    /// The address and port on the other side.
    pub remote: SocketAddr,
    /// The side that opened it: with UDP, the one that sent the first packet. `None` if the SYN was not seen.
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
    /// Returns every TCP connection and conversation over UDP in the tables, as seen by each attached endpoint on its path.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        let tables = &self.object.flow_tables;
        let tcp: Vec<_> = tables.connections().collect();
        let udp: Vec<_> = tables.conversations().collect();
        // Read the clock last, so that no timestamp in the tables is later.
        let now_ns = monotonic_ns();
        let is_watched = |id: &EndpointId| self.endpoints.contains_key(id) || self.traced.contains_key(id);
        let tcp = tcp.into_iter().map(|(id, entry)| connection(id, &entry, now_ns));
        let udp = udp.into_iter().map(|(id, entry)| conversation(id, &entry, now_ns));
        tcp.chain(udp).filter(|one| is_watched(&one.endpoint)).collect()
    }
}

fn connection(endpoint: EndpointId, entry: &Entry<u32>, now_ns: u64) -> Connection {
    let Entry { tcp, key, .. } = entry;
    let (local, remote) = addresses(key);
    Connection {
        protocol: Transport::Tcp,
        endpoint,
        local,
        remote,
        opened_by: opener(tcp.state),
        state: state(tcp.state),
        age_ns: now_ns.saturating_sub(tcp.first_ns),
        idle_ns: now_ns.saturating_sub(tcp.last_ns),
        counts: Hooks { ingress: counts(tcp, INGRESS), egress: counts(tcp, EGRESS) },
        rtt_ns: Some(tcp.latest_rtt_ns).filter(|&ns| ns > 0),
    }
}

fn conversation(endpoint: EndpointId, entry: &UdpFlow<u64>, now_ns: u64) -> Connection {
    let (local, remote) = addresses(&entry.key);
    let counts = |hook: usize| FlowCounts {
        packets: entry.packets[hook],
        bytes: entry.bytes[hook],
        ..FlowCounts::default()
    };
    Connection {
        protocol: Transport::Udp,
        endpoint,
        local,
        remote,
        opened_by: Some(if entry.opened_at == EGRESS as u64 { Opener::Local } else { Opener::Remote }),
        state: match (entry.has_ended(now_ns), entry.is_answered()) {
            (true, _) => FlowState::Ended,
            (false, true) => FlowState::Open,
            (false, false) => FlowState::Opening,
        },
        age_ns: now_ns.saturating_sub(entry.first_ns),
        idle_ns: now_ns.saturating_sub(entry.last_ns),
        counts: Hooks { ingress: counts(INGRESS), egress: counts(EGRESS) },
        rtt_ns: None,
    }
}

/// Returns the addresses and ports of both sides, this one first.
fn addresses(key: &FlowKey) -> (SocketAddr, SocketAddr) {
    (address(key.local, key.local_port), address(key.remote, key.remote_port))
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

#[cfg(test)]
mod tests {
    use netmon_ebpf::udp::SHORT_SILENCE_NS;

    use super::*;

    fn asked() -> UdpFlow<u64> {
        let mut local = [0; 16];
        local[10..].copy_from_slice(&[0xff, 0xff, 10, 0, 0, 1]);
        let key = FlowKey { local, remote_port: 53_u16.to_be(), ..FlowKey::default() };
        let (packets, bytes) = ([0, 2], [0, 140]);
        UdpFlow {
            key,
            first_ns: 1_000,
            last_ns: 5_000,
            packets,
            bytes,
            opened_at: EGRESS as u64,
            ..UdpFlow::default()
        }
    }

    #[test]
    fn a_query_is_opening_until_it_is_answered_and_ended_after_a_silence() {
        let of = |flow: &UdpFlow<u64>, now_ns| conversation(EndpointId(3), flow, now_ns);
        let mut flow = asked();
        let seen = of(&flow, 6_000);
        assert_eq!((seen.protocol, seen.state), (Transport::Udp, FlowState::Opening));
        assert_eq!((seen.opened_by, seen.rtt_ns), (Some(Opener::Local), None));
        assert_eq!((seen.age_ns, seen.idle_ns), (5_000, 1_000));
        assert_eq!((seen.counts.egress.packets, seen.counts.egress.bytes), (2, 140));
        assert_eq!((seen.local.to_string(), seen.remote.port()), ("10.0.0.1:0".to_owned(), 53));
        flow.packets[INGRESS] = 1;
        assert_eq!(of(&flow, 6_000).state, FlowState::Open);
        assert_eq!(of(&flow, 5_001 + SHORT_SILENCE_NS).state, FlowState::Ended);
    }
}
