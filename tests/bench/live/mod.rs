//! What looking costs: the processor time of `netmon top` and of the agent's history, and how long a scrape takes while
//! every stream is open and unread.
//!
//! Shares are of one processor, from the ticks in `/proc/PID/stat` over a window of many seconds.

mod history;
pub(crate) mod share;
mod streams;
mod top;

use anyhow::Result;
use serde_json::json;

use crate::figures::conditions;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// The window of each share.
    pub(crate) seconds: u64,
    /// The number of links whose history is kept.
    pub(crate) links: u32,
    /// Whether JSON is printed.
    pub(crate) json: bool,
}

/// Numbers of links in `top`, and the share of a processor that it may take, per cent.
const TOPS: [(u32, f64); 2] = [(20, 1.0), (500, 5.0)];
/// The share that the history may take, per cent.
const HISTORY_BOUND: f64 = 0.5;
/// A scrape beside streams that read nothing may take so many times what it takes without them.
const STREAMS_BOUND: f64 = 2.0;

pub(crate) fn run(wish: &Wish) -> Result<()> {
    let mut tops = Vec::new();
    for (links, bound) in TOPS {
        eprintln!("netmon-bench: top with {links} links, {} s", wish.seconds);
        tops.push((links, bound, top::measure(links, wish.seconds)?));
    }
    eprintln!("netmon-bench: history of {} links, twice {} s", wish.links, wish.seconds);
    let history = history::measure(wish.links, wish.seconds)?;
    eprintln!("netmon-bench: scrapes beside streams");
    let scrapes = streams::measure()?;
    if wish.json {
        let tops: Vec<_> = tops
            .iter()
            .map(|(links, bound, share)| json!({ "what": "top", "links": links, "per_cent": share, "bound_per_cent": bound }))
            .collect();
        let all = json!({
            "seconds": wish.seconds, "conditions": conditions(), "tops": tops,
            "history": history.json(wish.links), "scrapes": scrapes.json(),
        });
        println!("{all:#}");
        return Ok(());
    }
    println!("share of a processor over {} s", wish.seconds);
    for (links, bound, share) in &tops {
        print_share(&format!("top, {links} links"), *share, *bound);
    }
    println!("{:<28} {:>8.2} %", format!("agent, {} links, no history", wish.links), history.without);
    println!("{:<28} {:>8.2} %", "agent, with history", history.with);
    print_share("history", history.with - history.without, HISTORY_BOUND);
    scrapes.print(STREAMS_BOUND);
    println!("{}", conditions());
    Ok(())
}

fn print_share(what: &str, share: f64, bound: f64) {
    let held = if share <= bound { "held" } else { "NOT held" };
    println!("{what:<28} {share:>8.2} %   bound {bound} % {held}");
}
