//! `netmon-bench`: the measuring behind `cargo xtask bench` and `cargo xtask lint`. Needs root.
//!
//! It works in network and mount namespaces of its own, and fails only when it cannot measure: whether a bound
//! held is printed, and judged by the reader, who knows what else the machine was doing.

mod bytecode;
mod datapath;
mod discover;
mod endpoints;
mod ends;
mod figures;
mod live;
mod loads;
mod observer;
mod packets;
mod paired;
mod programs;
mod recordings;
mod topology;
mod tracing;
mod veth;

use std::env;

use anyhow::{Context as _, Result, bail};
use netmon_tests::sandbox::sandbox;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["observer", pairs, flow_entries, ref more @ ..] if matches!(more, [] | ["--json"]) => {
            let pairs = pairs.parse().context("the number of pairs")?;
            let flow_entries = flow_entries.parse().context("the number of flow entries")?;
            sandbox(|| observer::run(pairs, flow_entries, !more.is_empty()))
        }
        ["datapath"] => sandbox(|| datapath::run(false)),
        ["datapath", "--json"] => sandbox(|| datapath::run(true)),
        ["veth", pairs, ref more @ ..] if matches!(more, [] | ["--json"]) => {
            let pairs = pairs.parse().context("the number of pairs")?;
            sandbox(|| veth::run(pairs, !more.is_empty()))
        }
        ["topology", sizes, rounds, script, watched, ref more @ ..] if matches!(more, [] | ["--json"]) => {
            let wish = of_topology([sizes, rounds, script, watched], !more.is_empty())?;
            sandbox(|| topology::run(&wish))
        }
        ["live", seconds, links, ref more @ ..] if matches!(more, [] | ["--json"]) => {
            let wish = live::Wish {
                seconds: seconds.parse().context("the length of a window")?,
                links: links.parse().context("the number of links")?,
                json: !more.is_empty(),
            };
            sandbox(|| live::run(&wish))
        }
        ["discover", pairs, rounds, seconds, ref more @ ..] if matches!(more, [] | ["--json"]) => {
            let wish = discover::Wish {
                pairs: pairs.parse().context("the number of pairs")?,
                rounds: rounds.parse().context("the number of rounds")?,
                seconds: seconds.parse().context("the length of a window")?,
                json: !more.is_empty(),
            };
            sandbox(|| discover::run(&wish))
        }
        ["compare", rounds, seconds, ref more @ ..] if matches!(more, [] | ["--json"]) => {
            let wish = recordings::Wish {
                rounds: rounds.parse().context("the number of rounds")?,
                seconds: seconds.parse().context("the length of a recording")?,
                json: !more.is_empty(),
            };
            sandbox(|| recordings::run(&wish))
        }
        ["ends", pairs] => {
            let pairs = pairs.parse().context("the number of pairs")?;
            sandbox(|| ends::run(pairs))
        }
        ["tracing"] => sandbox(tracing::run),
        ["programs"] => sandbox(programs::run),
        _ => bail!(
            "usage: netmon-bench observer PAIRS FLOW_ENTRIES [--json] | datapath [--json] | veth PAIRS [--json] | \
             topology SIZES ROUNDS SCRIPT WATCHED [--json] | live SECONDS LINKS [--json] | \
             discover PAIRS ROUNDS SECONDS [--json] | compare ROUNDS SECONDS [--json] | ends PAIRS | tracing | programs"
        ),
    }
}

fn of_topology([sizes, rounds, script, watched]: [&str; 4], json: bool) -> Result<topology::Wish> {
    let sizes = sizes.split(',').map(str::parse).collect::<Result<_, _>>();
    Ok(topology::Wish {
        sizes: sizes.context("numbers of namespaces")?,
        rounds: rounds.parse().context("the number of rounds")?,
        script: script.parse().context("the number of namespaces of the script")?,
        watched: watched.parse().context("the number of links to watch")?,
        json,
    })
}
