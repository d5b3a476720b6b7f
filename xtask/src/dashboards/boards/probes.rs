//! Probes: do they succeed, and how long do they take.

use crate::dashboards::{
    names,
    panel::{Board, Item, Judgement, Panel},
    query::{heat, mean, observations, quantile, select, sum_rate},
};

/// Its address in Grafana.
pub(super) const UID: &str = "netmon-probes";
/// The labels of a probe.
const PROBE: &str = "instance, from, target, kind";
/// The namespaces that probes are sent from.
const FROM: &str = "from=~\"$netns\"";
/// A probe in a legend.
const LEGEND: &str = "{{kind}} {{from}} to {{target}}";

pub(super) fn board() -> Board {
    Board {
        file: "probes",
        uid: UID,
        title: "netmon / Probes",
        description: "The [[probe]] sections of the lab file: what succeeds, and how long it takes.",
        shown: &["netns"],
        items: [state(), durations()].into_iter().flatten().collect(),
    }
}

fn state() -> Vec<Item> {
    let success = select(names::PROBE_SUCCESS, FROM);
    let failures = sum_rate(PROBE, names::PROBE_FAILURES, FROM);
    vec![
        Panel::stat(1, "Probes", "none", Judgement::Neutral)
            .says("Probes that have made an attempt.")
            .draw("", format!("count({success})"))
            .item(),
        Panel::stat(2, "Every probe succeeds", "none", Judgement::YesIsGood)
            .says("Whether the last attempt of every probe succeeded.")
            .draw("", format!("min({success})"))
            .item(),
        Panel::stat(3, "Failed attempts", "reqps", Judgement::ZeroIsGood)
            .says("Attempts that failed or timed out, per second, of all probes.")
            .draw("", format!("sum({failures})"))
            .item(),
        Panel::table(4, "Last attempts", "none")
            .says("1: the last attempt succeeded. 0: it failed.")
            .wide(12)
            .draw("", success.clone())
            .item(),
        Panel::lines(5, "Success", "none")
            .says("1 while the last attempt succeeded.")
            .draw(LEGEND, success)
            .item(),
        Panel::lines(6, "Failed attempts by probe", "reqps")
            .says("Attempts that failed, or took longer than the probe's timeout.")
            .draw(LEGEND, failures)
            .item(),
    ]
}

fn durations() -> Vec<Item> {
    let at = |share| quantile(share, PROBE, names::PROBE_DURATION, FROM);
    vec![
        Item::Row(10, "Duration, as user space sees it"),
        Panel::lines(11, "Quantiles", "s")
            .says(
                "Attempts that succeeded, from the call to the answer: with the sockets and the scheduler on both sides, \
                 so above what the hooks measure on the same way.",
            )
            .draw("p50 {{kind}} {{from}} to {{target}}", at("0.5"))
            .draw("p99 {{kind}} {{from}} to {{target}}", at("0.99"))
            .item(),
        Panel::heat_map(12, "Distribution")
            .says("All selected probes together. Colour: attempts in a bucket.")
            .draw("{{le}}", heat(names::PROBE_DURATION, FROM))
            .item(),
        Panel::lines(13, "Mean", "s")
            .says("Attempts that succeeded. Exact: the sum over the number.")
            .draw(LEGEND, mean(PROBE, names::PROBE_DURATION, FROM))
            .item(),
        Panel::lines(14, "Successful attempts", "reqps")
            .says("By probe, per second.")
            .draw(LEGEND, observations(PROBE, names::PROBE_DURATION, FROM))
            .item(),
    ]
}
