//! netmon itself: what is attached, what it could not see, and what it costs.

use super::AT;
use crate::dashboards::{
    names::{self, Metric},
    panel::{Board, Item, Judgement, Panel},
    query::{rate, select, series, sum_rate},
};

pub(super) fn board() -> Board {
    Board {
        file: "agent",
        uid: "netmon-agent",
        title: "netmon / netmon itself",
        description: "Whether netmon watches everything, agrees with the kernel, and what it costs.",
        shown: &["netns"],
        items: [state(), discovery(), audit(), trouble(), cost()].into_iter().flatten().collect(),
    }
}

fn state() -> Vec<Item> {
    let stat = |id, title, unit, judgement| Panel::stat(id, title, unit, judgement).wide(6);
    let applied = format!("time() - {}", select(names::LAB_APPLIED, ""));
    vec![
        stat(1, "Version", "none", Judgement::Name)
            .says("The agent's version.")
            .draw("{{version}}", select(names::BUILD_INFO, ""))
            .item(),
        stat(2, "Lab", "none", Judgement::Name)
            .says("The lab that is watched, and its file.")
            .draw("{{lab}} ({{file}})", select(names::LAB_INFO, ""))
            .item(),
        stat(3, "Since the last reload", "s", Judgement::Neutral)
            .says("Since the lab was built, or last changed to what its file says.")
            .draw("", applied)
            .item(),
        stat(4, "Hooks watched", "none", Judgement::Neutral)
            .says("Hooks with a program of netmon's: two for each end of a link.")
            .draw("", format!("sum({})", select(names::PROGRAM_ATTACHED, "")))
            .item(),
        Panel::lines(5, "Attached", "none")
            .says("1 while netmon's program is at the hook; by `mode`: tcx, clsact, tracing or count.")
            .draw("{{netns}}:{{interface}} {{direction}} ({{mode}})", select(names::PROGRAM_ATTACHED, ""))
            .item(),
        Panel::lines(6, "Up", "none")
            .says("1 while the interface exists and is up.")
            .draw(AT, select(names::ENDPOINT_UP, ""))
            .item(),
    ]
}

fn discovery() -> Vec<Item> {
    let found = "links are found (netmon run --discover)";
    let by_kind = format!("count by (instance, kind, mode) ({})", select(names::ENDPOINT_INFO, ""));
    let by_runtime = format!("count by (instance, runtime) ({})", select(names::NETNS_INFO, ""));
    vec![
        Item::Row(40, "What it found"),
        Panel::lines(41, "Endpoints", "short")
            .says("Ends of links that are watched, by the kind of interface and how they are measured.")
            .draw("{{instance}} {{kind}} ({{mode}})", by_kind)
            .item(),
        Panel::lines(42, "Namespaces", "short")
            .says("Namespaces with a watched interface, by what manages them.")
            .empty_unless(found)
            .draw("{{instance}} {{runtime}}", by_runtime)
            .item(),
        Panel::lines(43, "Left out", "short")
            .says("Interfaces of the host that are not watched, by reason. `netmon status --all` lists them.")
            .empty_unless(found)
            .draw("{{instance}} {{reason}}", select(names::DISCOVER_SKIPPED, ""))
            .item(),
        Panel::lines(44, "Arrivals without a latency", "pps")
            .says("Packets of links that were found, whose departure is not known.")
            .empty_unless("such a packet has arrived")
            .draw(AT, rate(&select(names::UNJOINED_PACKETS, "")))
            .item(),
    ]
}

fn audit() -> Vec<Item> {
    let hook = "{{netns}}:{{interface}} {{direction}}";
    vec![
        Item::Row(10, "Does it agree with the kernel?"),
        Panel::lines(11, "Difference to the kernel's counts", "short")
            .says(
                "Packets of a hook, less the kernel's own count, less what is explained. Zero, unless packets vanish \
                 behind the hook (above) or bypass it (below).",
            )
            .empty_unless("a hook has been quiet long enough for one audit")
            .draw(hook, select(names::AUDIT_DIFFERENCE, ""))
            .item(),
        Panel::lines(12, "What explains the rest", "short")
            .says("Packets that passed the hook and that the kernel did not count, by cause; below zero, it counted more.")
            .empty_unless("there was something to explain")
            .draw("{{netns}}:{{interface}} {{direction}} {{cause}}", select(names::AUDIT_EXPLAINED, ""))
            .item(),
    ]
}

fn trouble() -> Vec<Item> {
    vec![
        Item::Row(20, "What it could not do"),
        Panel::lines(21, "Errors", "short")
            .says("netmon's own, by kind, per second.")
            .draw("{{instance}} {{kind}}", sum_rate("instance, kind", names::ERRORS, ""))
            .item(),
        Panel::lines(22, "Packets not looked into", "pps")
            .says("Packets whose parsing stopped early, by reason. They are passed on, and counted.")
            .draw("{{instance}} {{reason}}", sum_rate("instance, reason", names::PARSE_EXITS, ""))
            .item(),
        Panel::lines(23, "Evictions", "short")
            .says("Connections and requests that made room for others too early: they give no round trips.")
            .draw("connections {{instance}}", sum_rate("instance", names::FLOW_EVICTIONS, ""))
            .draw("conversations over UDP {{instance}}", sum_rate("instance", names::UDP_FLOW_EVICTIONS, ""))
            .draw("requests {{instance}}", sum_rate("instance", names::REQUEST_EVICTIONS, ""))
            .item(),
        Panel::lines(24, "Connections followed", "short")
            .says("In the flow table, ended ones whose place is not needed yet included.")
            .draw("{{instance}}", select(names::FLOW_ENTRIES, ""))
            .draw("{{instance}} UDP", select(names::UDP_FLOW_ENTRIES, ""))
            .item(),
    ]
}

/// The rate of a counter by program.
fn by_program(metric: Metric) -> String {
    sum_rate("instance, program", metric, "")
}

fn cost() -> Vec<Item> {
    let per_packet = format!(
        "1e9 * {} / ({} > 0)",
        by_program(names::PROGRAM_RUN_SECONDS),
        by_program(names::PROGRAM_RUNS)
    );
    let processor = rate(&series("process_cpu_seconds_total", ""));
    let descriptors = series("process_open_fds", "");
    let threads = series("process_threads", "");
    let fill = format!("{} / {}", select(names::MAP_ENTRIES, ""), select(names::MAP_MAX_ENTRIES, ""));
    vec![
        Item::Row(30, "What it costs"),
        Panel::lines(31, "Scrapes", "s")
            .says("Time to read the kernel's maps and to render them, and the scrape as Prometheus saw it.")
            .draw("{{instance}} in the agent", select(names::SCRAPE_DURATION, ""))
            .draw("{{instance}} seen by Prometheus", series("scrape_duration_seconds", ""))
            .item(),
        Panel::lines(32, "In the programs, for each packet and hook", "ns")
            .says("The kernel's run-time statistics, which themselves cost 70 to 90 ns a run.")
            .empty_unless("the agent runs with --program-stats")
            .draw("{{instance}} {{program}}", per_packet)
            .item(),
        Panel::lines(33, "Processor time of the agent", "percentunit")
            .says("Of one processor. Without what the kernel spends in the programs.")
            .draw("{{instance}}", processor)
            .item(),
        Panel::lines(34, "Memory of the agent", "bytes")
            .says("Resident.")
            .draw("{{instance}}", series("process_resident_memory_bytes", ""))
            .item(),
        Panel::lines(35, "Memory of the maps", "bytes")
            .says("In the kernel, as it accounts it. COUNTERS and ROUND_TRIPS grow with the number of endpoints.")
            .draw("{{instance}} {{map}}", select(names::MAP_MEMORY, ""))
            .item(),
        Panel::lines(36, "Fill of the maps", "percentunit")
            .says("Entries of a map that can fill up, of what it takes.")
            .draw("{{instance}} {{map}}", fill)
            .item(),
        Panel::lines(37, "Descriptors and threads", "short")
            .says("Of the agent's process. A steady growth is a leak.")
            .draw("{{instance}} descriptors", descriptors)
            .draw("{{instance}} threads", threads)
            .item(),
    ]
}
