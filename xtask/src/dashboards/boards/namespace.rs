//! A namespace or a container: what comes in and goes out, by all of its interfaces.

use super::{ARROW, AT, DIRECTION, END, LEAVING, ONE_WAY, TO_LINK};
use crate::dashboards::{
    names::{self, Metric},
    panel::{Board, Item, Judgement, Panel},
    query::{quantile, select, sum_rate},
};

/// Traffic towards the selected namespaces, in metrics of directions.
const TO: &str = "to=~\"$netns\"";
/// Traffic from them.
const FROM: &str = "from=~\"$netns\"";
/// Packets that arrive.
const ARRIVING: &str = "direction=\"ingress\"";
/// The labels of an interface, of metrics without a link.
const INTERFACE: &str = "instance, netns, interface";

pub(super) fn board() -> Board {
    let items = [health(), traffic(), latency(), conversations()].into_iter().flatten().collect();
    Board {
        file: "namespace",
        uid: "netmon-namespace",
        title: "netmon / Namespace",
        description: "A network namespace or container: traffic in and out, latency to and from it, connections, names.",
        shown: &["netns"],
        items,
    }
}

fn health() -> Vec<Item> {
    let drops = sum_rate(&format!("{INTERFACE}, reason"), names::DROPS, "");
    let lost = |way: &str| format!("sum({}) or vector(0)", sum_rate("instance", names::LINK_LOST, way));
    let stat = |id, title, unit, judgement| Panel::stat(id, title, unit, judgement).wide(6);
    vec![
        stat(1, "Every interface is up", "none", Judgement::YesIsGood)
            .says("Whether all interfaces of the namespace that netmon watches exist and are up.")
            .draw("", format!("min({})", select(names::ENDPOINT_UP, "")))
            .item(),
        stat(2, "Every hook is watched", "none", Judgement::YesIsGood)
            .says("Whether a program of netmon's is at both hooks of each of its interfaces.")
            .draw("", format!("min({})", select(names::PROGRAM_ATTACHED, "")))
            .item(),
        stat(3, "Lost on the way here", "pps", Judgement::ZeroIsGood)
            .says(
                "Packets a second, counted as segments, that were sent to the namespace and did not arrive.",
            )
            .draw("", lost(TO))
            .item(),
        stat(4, "Lost on the way from here", "pps", Judgement::ZeroIsGood)
            .says("Packets a second, counted as segments, that left the namespace and did not arrive.")
            .draw("", lost(FROM))
            .item(),
        Panel::lines(5, "Drops by the kernel", "pps")
            .says("By interface and by the kernel's own reason. NO_SOCKET: no program listens there.")
            .empty_unless("the kernel dropped a packet in the namespace since the agent started")
            .draw("{{interface}} {{reason}}", drops)
            .wide(24)
            .item(),
    ]
}

fn traffic() -> Vec<Item> {
    let by_protocol = "instance, netns, protocol";
    let panel = |id, title, unit, says| Panel::lines(id, title, unit).says(says).leads_to(TO_LINK);
    vec![
        Item::Row(10, "Traffic"),
        panel(11, "Bytes in", "Bps", "Bytes on the wire that arrived, by interface.")
            .draw(AT, sum_rate(END, names::WIRE_BYTES, ARRIVING))
            .item(),
        panel(12, "Bytes out", "Bps", "Bytes on the wire that left, by interface.")
            .draw(AT, sum_rate(END, names::WIRE_BYTES, LEAVING))
            .item(),
        Panel::lines(13, "Packets in by protocol", "pps")
            .says("Packets that arrived. A super-packet (GRO) is one.")
            .draw("{{netns}} {{protocol}}", sum_rate(by_protocol, names::PACKETS, ARRIVING))
            .item(),
        Panel::lines(14, "Packets out by protocol", "pps")
            .says("Packets that left. A super-packet (GSO) is one.")
            .draw("{{netns}} {{protocol}}", sum_rate(by_protocol, names::PACKETS, LEAVING))
            .item(),
    ]
}

fn latency() -> Vec<Item> {
    let one_way = |id, title, way| {
        Panel::lines(id, title, "s")
            .says(ONE_WAY)
            .leads_to(TO_LINK)
            .draw(ARROW, quantile("0.99", DIRECTION, names::LINK_LATENCY, way))
            .item()
    };
    vec![
        Item::Row(20, "Latency"),
        one_way(21, "One-way latency to here (p99)", TO),
        one_way(22, "One-way latency from here (p99)", FROM),
    ]
}

/// The 99th percentile of a round trip at each interface.
fn slowest(id: u32, title: &'static str, metric: Metric, says: &str) -> Item {
    Panel::lines(id, title, "s").says(says).draw(AT, quantile("0.99", END, metric, "")).item()
}

fn conversations() -> Vec<Item> {
    vec![
        Item::Row(30, "Conversations"),
        slowest(
            31,
            "TCP response (p99)",
            names::TCP_RESPONSE,
            "Last byte of an HTTP/1 request in the clear to the first byte of its response. Where a program here serves, \
             it is that program's time; where one here asks, the way there and back as well.",
        ),
        slowest(
            32,
            "TCP round trip (p99)",
            names::TCP_RTT,
            "Data that left through the interface to its acknowledgement, delayed acknowledgements included.",
        ),
        slowest(33, "DNS (p99)", names::DNS_LATENCY, "Query over UDP to its response, within five seconds."),
        Panel::lines(34, "TCP connections", "cps")
            .says("Opened, closed by both sides, reset, refused, and found from the middle on, per second.")
            .draw("{{interface}} {{event}}", sum_rate(&format!("{END}, event"), names::TCP_CONNECTIONS, ""))
            .item(),
        Panel::lines(35, "DNS responses by code", "reqps")
            .says("Second and late ones included.")
            .empty_unless("a DNS response has passed")
            .draw("{{interface}} {{rcode}}", sum_rate(&format!("{END}, rcode"), names::DNS_RESPONSES, ""))
            .item(),
        Panel::lines(36, "Responses that were not timed", "reqps")
            .says("Because it was unsure what they answer: TLS and other protocols, pipelining, and so on.")
            .draw("{{interface}} {{reason}}", sum_rate(&format!("{END}, reason"), names::TCP_UNSURE, ""))
            .item(),
    ]
}
