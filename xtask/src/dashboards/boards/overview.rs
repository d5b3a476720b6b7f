//! A host, or all of them: is everything well, and if not, which link is the worst.

use super::{ARROW, DIRECTION, END, LEAVING, ONE_WAY, TO_LINK, probes};
use crate::dashboards::{
    names,
    panel::{Board, Drill, Item, Judgement, Panel},
    query::{quantile, rate, relabel, select, series, sum_rate},
};

pub(super) fn board() -> Board {
    let items = [health(), worst(), traffic()].into_iter().flatten().collect();
    Board {
        file: "overview",
        uid: "netmon-overview",
        title: "netmon / Overview",
        description: "All agents at a glance: what is down, and which links are the slowest and lose the most.",
        shown: &["netns", "link"],
        items,
    }
}

/// How many series of an expression are zero.
fn zeros(selection: &str) -> String {
    format!("count({selection} == 0) or vector(0)")
}

fn health() -> Vec<Item> {
    let bad = |id, title, expr: String| Panel::stat(id, title, "none", Judgement::ZeroIsGood).draw("", expr);
    let firing = series("ALERTS", "alertname=~\"Netmon.*\",alertstate=\"firing\"");
    let lab = Panel::stat(6, "Labs", "none", Judgement::Name);
    vec![
        bad(1, "Agents down", zeros(&series("up", "")))
            .says("Agents that Prometheus could not scrape the last time.")
            .item(),
        bad(2, "Endpoints down", zeros(&select(names::ENDPOINT_UP, "")))
            .says("Interfaces that do not exist, or are not up.")
            .item(),
        bad(3, "Hooks not watched", zeros(&series(names::PROGRAM_ATTACHED.name, "netns=~\"$netns\"")))
            .says("Hooks without netmon's program. Packets that pass them are not counted.")
            .item(),
        bad(4, "Probes failing", zeros(&series(names::PROBE_SUCCESS.name, "from=~\"$netns\"")))
            .says("Probes whose last attempt failed.")
            .leads_to(Drill { title: "Probes", uid: probes::UID, variables: &[] })
            .item(),
        bad(5, "Alerts firing", format!("count({firing}) or vector(0)"))
            .says("netmon's alerts that fire now. 0 as well if the rules are not loaded (dashboards/rules).")
            .item(),
        lab.says("The labs that are watched, and their files.")
            .draw("{{lab}} ({{file}})", series(names::LAB_INFO.name, "lab=~\"$lab\""))
            .item(),
    ]
}

/// The ten largest series.
fn top(expr: &str) -> String {
    format!("topk(10, {expr})")
}

/// The share of the packets of each direction that is lost.
pub(super) fn loss_share() -> String {
    let lost = sum_rate(DIRECTION, names::LINK_LOST, "");
    let sent = sum_rate(END, names::SEGMENTS, LEAVING);
    let sent = relabel(&sent, [("netns", "from"), ("interface", "from_interface")]);
    format!("{lost} / on (instance, link, from, from_interface) group_left () ({sent} > 0)")
}

fn worst() -> Vec<Item> {
    let latency = quantile("0.99", DIRECTION, names::LINK_LATENCY, "");
    let sent = sum_rate(END, names::SEGMENTS, LEAVING);
    let again = sum_rate(END, names::TCP_RETRANSMITS, LEAVING);
    vec![
        Item::Row(10, "The worst ten"),
        Panel::table(11, "Slowest directions (p99)", "s")
            .says(ONE_WAY)
            .leads_to(TO_LINK)
            .draw("", top(&format!("{latency} > 0")))
            .item(),
        Panel::table(12, "Most lost", "percentunit")
            .says("Packets, counted as segments, that left one end and did not arrive at the other, of those that left.")
            .leads_to(TO_LINK)
            .draw("", top(&loss_share()))
            .item(),
        Panel::table(13, "Most retransmitted", "percentunit")
            .says("TCP segments that left an end a second time, of all segments that left it.")
            .leads_to(TO_LINK)
            .draw("", top(&format!("{again} / ({sent} > 0)")))
            .item(),
    ]
}

fn traffic() -> Vec<Item> {
    let processor = rate(&series("process_cpu_seconds_total", ""));
    let names_of_drops = sum_rate("instance, reason", names::DROPS, "");
    vec![
        Item::Row(20, "Traffic"),
        Panel::lines(21, "Packets", "pps")
            .says("Packets that left an endpoint, all links of an agent together. A super-packet (GSO) is one.")
            .draw("{{instance}}", sum_rate("instance", names::PACKETS, LEAVING))
            .item(),
        Panel::lines(22, "Bytes on the wire", "Bps")
            .says("Bytes that left an endpoint, each segment with its own headers.")
            .draw("{{instance}}", sum_rate("instance", names::WIRE_BYTES, LEAVING))
            .item(),
        Panel::lines(23, "Median one-way latency", "s")
            .says(ONE_WAY)
            .leads_to(TO_LINK)
            .draw(ARROW, quantile("0.5", DIRECTION, names::LINK_LATENCY, ""))
            .item(),
        Panel::lines(24, "Drops by the kernel", "pps")
            .says("By the kernel's own reason. Not each is a loss: the kernel drops what it has dealt with, too.")
            .empty_unless("the kernel dropped a packet since the agent started")
            .draw("{{instance}} {{reason}}", names_of_drops)
            .item(),
        Item::Row(30, "Agents"),
        Panel::lines(31, "Agents that answer", "none")
            .says("1 while Prometheus can scrape the agent.")
            .draw("{{instance}}", series("up", ""))
            .item(),
        Panel::lines(32, "Processor time of agents", "percentunit")
            .says("Of one processor. Without what the kernel spends in the eBPF programs.")
            .draw("{{instance}}", processor)
            .item(),
    ]
}
