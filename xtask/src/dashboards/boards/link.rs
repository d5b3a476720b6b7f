//! A link: both directions, what is declared beside what is measured, the round trip taken apart, loss and drops.

use super::{ARROW, AT, DIRECTION, END, LEAVING, ONE_WAY, overview};
use crate::dashboards::{
    names::{self, Metric},
    panel::{Board, Item, Panel},
    query::{heat, mean, quantile, rate, select, series, sum_rate},
};

/// Its address in Grafana.
pub(super) const UID: &str = "netmon-link";

pub(super) fn board() -> Board {
    let items = [traffic(), latency(), apart(), declared(), losses()].into_iter().flatten().collect();
    Board {
        file: "link",
        uid: UID,
        title: "netmon / Link",
        description: "Both directions of a link: traffic, one-way latency, loss, and what a round trip is made of.",
        shown: &["netns", "link"],
        items,
    }
}

/// Median and 99th percentile of a round trip at each end.
fn round_trip(id: u32, title: &'static str, metric: Metric, says: &str) -> Panel {
    Panel::lines(id, title, "s")
        .says(says)
        .draw("p50 {{netns}}:{{interface}}", quantile("0.5", END, metric, ""))
        .draw("p99 {{netns}}:{{interface}}", quantile("0.99", END, metric, ""))
}

fn traffic() -> Vec<Item> {
    let by_protocol = format!("{END}, protocol");
    vec![
        Item::Row(1, "Traffic, both directions"),
        Panel::lines(2, "Packets", "pps")
            .says("Packets that left through each end: a curve is a direction. A super-packet (GSO) is one.")
            .draw("from {{netns}}:{{interface}}", sum_rate(END, names::PACKETS, LEAVING))
            .item(),
        Panel::lines(3, "Bytes", "Bps")
            .says("Bytes that left through each end, link-layer header included.")
            .draw("from {{netns}}:{{interface}}", sum_rate(END, names::BYTES, LEAVING))
            .item(),
        Panel::lines(4, "Packets by protocol", "pps")
            .says("Packets that left through each end, by protocol.")
            .draw("{{protocol}} from {{netns}}:{{interface}}", sum_rate(&by_protocol, names::PACKETS, LEAVING))
            .item(),
        Panel::lines(5, "Segments on the wire", "pps")
            .says("A super-packet counts as the segments it is cut into. What leaves one end enters the other, less what is lost.")
            .draw("{{direction}} {{netns}}:{{interface}}", sum_rate(&format!("{END}, direction"), names::SEGMENTS, ""))
            .item(),
    ]
}

fn latency() -> Vec<Item> {
    vec![
        Item::Row(10, "One-way latency"),
        Panel::lines(11, "One-way latency", "s")
            .says(&format!("{ONE_WAY} Quantiles are interpolated within half octaves."))
            .draw(
                "p50 {{from}}:{{from_interface}} → {{to}}:{{to_interface}}",
                quantile("0.5", DIRECTION, names::LINK_LATENCY, ""),
            )
            .draw(
                "p99 {{from}}:{{from_interface}} → {{to}}:{{to_interface}}",
                quantile("0.99", DIRECTION, names::LINK_LATENCY, ""),
            )
            .item(),
        Panel::heat_map(12, "One-way latency, distribution")
            .says("All selected directions together. Colour: packets in a bucket.")
            .draw("{{le}}", heat(names::LINK_LATENCY, ""))
            .item(),
        Panel::lines(13, "Queue and crossing (p99)", "s")
            .says(
                "The two parts of the latency of links that were found: the time in the queue of the interface that \
                 packets leave through, and from its driver to their arrival.",
            )
            .empty_unless("links are found (netmon run --discover)")
            .draw("queue {{from}} → {{to}}", quantile("0.99", DIRECTION, names::LINK_QUEUE, ""))
            .draw("crossing {{from}} → {{to}}", quantile("0.99", DIRECTION, names::LINK_CROSSING, ""))
            .item(),
    ]
}

fn apart() -> Vec<Item> {
    vec![
        Item::Row(20, "Round trips, taken apart"),
        Panel::lines(21, "What an ICMP round trip is made of (means)", "s")
            .says(
                "At the end that asks, a round trip is the whole; at the end that answers, the turnaround in its \
                 namespace. The difference is the way there and back: the two one-way means. These cover all packets, \
                 not only echo requests, so the sum is near, not exact.",
            )
            .draw("round trip at {{netns}}:{{interface}}", mean(END, names::ICMP_RTT, ""))
            .draw(ARROW, mean(DIRECTION, names::LINK_LATENCY, ""))
            .item(),
        round_trip(22, "ICMP round trip", names::ICMP_RTT,
            "Echo request to reply. A repeated request is not sampled.").item(),
        round_trip(23, "TCP handshake", names::TCP_HANDSHAKE,
            "SYN to SYN/ACK: the way there and back and the kernel that answers, without the server program.").item(),
        round_trip(24, "TCP round trip", names::TCP_RTT,
            "Data that left through this end to its acknowledgement: the round trip beyond it, delayed acknowledgements \
             included.").item(),
        round_trip(25, "TCP response", names::TCP_RESPONSE,
            "Last byte of an HTTP/1 request in the clear to the first byte of its response: the way there and back and \
             the server program.").item(),
        round_trip(26, "DNS", names::DNS_LATENCY, "Query over UDP to its response. A repeated query is not sampled.").item(),
    ]
}

/// Draws an impairment beside what is measured of it.
fn beside(id: u32, title: &'static str, unit: &'static str, metric: Metric, measured: String) -> Panel {
    Panel::lines(id, title, unit)
        .draw("declared {{from}}:{{from_interface}} → {{to}}:{{to_interface}}", select(metric, ""))
        .draw("measured {{from}}:{{from_interface}} → {{to}}:{{to_interface}}", measured)
}

fn declared() -> Vec<Item> {
    let wire = sum_rate(END, names::WIRE_BYTES, "direction=\"ingress\"");
    vec![
        Item::Row(30, "Declared beside measured"),
        beside(31, "Delay", "s", names::IMPAIRMENT_DELAY, mean(DIRECTION, names::LINK_LATENCY, ""))
            .draw("declared jitter {{from}} → {{to}}", select(names::IMPAIRMENT_JITTER, ""))
            .says("The mean one-way latency is the declared delay, the queue, and the link itself.")
            .item(),
        beside(32, "Loss", "percentunit", names::IMPAIRMENT_LOSS, overview::loss_share())
            .says("The measured loss is the declared one and that of full queues.")
            .item(),
        Panel::lines(33, "Rate", "Bps")
            .says("Bytes on the wire that arrived, beside the declared rate of the direction.")
            .draw(
                "declared {{from}}:{{from_interface}} → {{to}}:{{to_interface}}",
                select(names::IMPAIRMENT_RATE, ""),
            )
            .draw("arrived at {{netns}}:{{interface}}", wire)
            .item(),
    ]
}

fn losses() -> Vec<Item> {
    let drops = format!(
        "sum by (instance, netns, interface, reason) ({}) and on (instance, netns, interface) {}",
        rate(&select(names::DROPS, "")),
        select(names::ENDPOINT_UP, "")
    );
    let directed = format!("{END}, direction");
    vec![
        Item::Row(40, "Loss and drops"),
        Panel::lines(41, "Lost packets", "pps")
            .says("Packets, counted as segments, that left one end and did not arrive at the other. Known a second later.")
            .draw(ARROW, sum_rate(DIRECTION, names::LINK_LOST, ""))
            .item(),
        Panel::lines(42, "Drops by the kernel", "pps")
            .says("At the ends of the link, by the kernel's own reason. Not each is a loss.")
            .empty_unless("the kernel dropped a packet at an end of the link since the agent started")
            .draw("{{netns}}:{{interface}} {{reason}}", drops)
            .item(),
        Panel::lines(43, "TCP retransmitted and reordered", "pps")
            .says("Segments that passed the hook a second time, and segments that passed after later ones.")
            .draw("again, {{direction}} {{netns}}:{{interface}}", sum_rate(&directed, names::TCP_RETRANSMITS, ""))
            .draw("late, {{direction}} {{netns}}:{{interface}}", sum_rate(&directed, names::TCP_REORDERED, ""))
            .item(),
        Panel::lines(44, "Unanswered and repeated requests", "reqps")
            .says("ICMP echo requests and DNS queries without an answer after five seconds, and those that passed again before it.")
            .draw("ICMP unanswered {{netns}}:{{interface}}", sum_rate(END, names::ICMP_UNANSWERED, ""))
            .draw("ICMP repeated {{netns}}:{{interface}}", sum_rate(END, names::ICMP_REPEATED, ""))
            .draw("DNS unanswered {{netns}}:{{interface}}", sum_rate(END, names::DNS_UNANSWERED, ""))
            .draw("DNS repeated {{netns}}:{{interface}}", sum_rate(END, names::DNS_REPEATED, ""))
            .item(),
        Panel::lines(45, "Packets without a latency sample", "pps")
            .says("Packets that left without a stamp (ARP, other frames that are not IP), and those that arrived with a delivery time that is not netmon's.")
            .draw("no stamp {{netns}}:{{interface}}", sum_rate(END, names::UNSTAMPED_PACKETS, ""))
            .draw("refused {{netns}}:{{interface}} {{reason}}", sum_rate(&format!("{END}, reason"), names::REFUSED_STAMPS, ""))
            .item(),
        Panel::lines(46, "Ends up", "none")
            .says("1 while the interface exists and is up.")
            .draw(AT, series(names::ENDPOINT_UP.name, "link=~\"$link\""))
            .item(),
    ]
}
