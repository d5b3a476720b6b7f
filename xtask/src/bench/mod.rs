//! `cargo xtask bench`: measurements that take longer than a test should, and whose result is a figure.
//!
//! A program of its own measures: `netmon-bench` in `tests/bench`, which links the library and runs as root. It is
//! built here in release mode and started. With `--against`, the same program of another commit is built too, and
//! both alternate ([`against`]). `docs/BENCHMARKS.md` explains the figures.

mod against;
mod commit;
mod figures;
mod interval;
mod observer_table;
mod programs;
mod report;

use anyhow::Result;
use clap::{Args, Subcommand};

use self::programs::Programs;
pub(crate) use self::programs::verify;
use crate::provision::{self, Want, runtimes};

/// A benchmark, and the commit to compare with.
#[derive(Debug, Args)]
pub(crate) struct Wish {
    /// Build this commit too, alternate both, and compare their figures
    #[arg(long, global = true, value_name = "COMMIT")]
    against: Option<String>,
    /// Runs of each commit; fewer than 6 yield no interval
    #[arg(long, global = true, default_value_t = 9, requires = "against", value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,
    #[command(subcommand)]
    bench: Bench,
}

/// The benchmarks.
#[derive(Debug, Subcommand)]
enum Bench {
    /// What watching changes: round trips of ping, alternating with and without hooks
    Observer {
        /// Runs with hooks, and without
        #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
        pairs: u32,
        /// Maximum number of flows to follow; 0 turns off round trips and shows what they cost
        #[arg(long, default_value_t = 65_536)]
        flow_entries: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Nanoseconds per packet, by kind and hook, next to an empty program and one that reads the clock
    Datapath {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What watching costs end to end: TCP stream, small datagrams, ping-pong, alternating with and without hooks
    Veth {
        /// Runs with hooks, and without
        #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(9..))]
        pairs: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What watching costs the end of a container: `docker rm -f`, `docker stop`, `ip netns delete`, with and without
    Ends {
        /// Runs with netmon, and without
        #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
        pairs: u32,
    },
    /// What looking costs: processor time of `top` and of the history, and scrapes beside streams that read nothing
    Live {
        /// The length of each window, in seconds
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(10..))]
        seconds: u64,
        /// How many links the history is of
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        links: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What watching the links of a host costs: a start with many, an idle agent, a new pair, and the end of a container
    Discover {
        /// Pairs that are there when the agent starts
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        pairs: u32,
        /// New pairs, and ends of a container each way
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// The length of the idle window, in seconds
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(10..))]
        seconds: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// How often `netmon compare` finds a service that is 10 % slower, and how often it calls equal runs worse
    Compare {
        /// Rounds of three recordings, for each of two services
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// The length of a recording in seconds
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(6..))]
        seconds: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Building and removing labs of many namespaces, next to raw netlink and a script of `ip`; and watching one
    Topology {
        /// Numbers of namespaces
        #[arg(short = 'n', long, value_delimiter = ',', default_values_t = [200, 1000, 2000],
              value_parser = clap::value_parser!(u32).range(1..=16_000))]
        namespaces: Vec<u32>,
        /// How often each lab is built and removed, by each way
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// Which of these numbers the script of `ip` commands builds, once (45 s for 1,000); 0 skips the script
        #[arg(long, default_value_t = 1000, value_name = "N")]
        script: u32,
        /// How many links to watch afterwards; 0 skips it
        #[arg(long, default_value_t = 1000, value_name = "N")]
        watched: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Bench {
    /// Returns its name in `netmon-bench`.
    fn name(&self) -> &'static str {
        match self {
            Self::Observer { .. } => "observer",
            Self::Datapath { .. } => "datapath",
            Self::Veth { .. } => "veth",
            Self::Ends { .. } => "ends",
            Self::Live { .. } => "live",
            Self::Discover { .. } => "discover",
            Self::Compare { .. } => "compare",
            Self::Topology { .. } => "topology",
        }
    }

    fn json(&self) -> bool {
        match *self {
            Self::Ends { .. } => false,
            Self::Observer { json, .. }
            | Self::Datapath { json }
            | Self::Veth { json, .. }
            | Self::Live { json, .. }
            | Self::Discover { json, .. }
            | Self::Compare { json, .. }
            | Self::Topology { json, .. } => json,
        }
    }

    /// Returns the arguments of `netmon-bench`, except `--json`.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![self.name().to_owned()];
        match self {
            Self::Observer { pairs, flow_entries, .. } => {
                arguments.extend([pairs, flow_entries].map(u32::to_string));
            }
            Self::Datapath { .. } => {}
            Self::Live { seconds, links, .. } => arguments.extend([seconds.to_string(), links.to_string()]),
            Self::Discover { pairs, rounds, seconds, .. } => {
                arguments.extend([pairs.to_string(), rounds.to_string(), seconds.to_string()]);
            }
            Self::Compare { rounds, seconds, .. } => {
                arguments.extend([rounds.to_string(), seconds.to_string()]);
            }
            Self::Veth { pairs, .. } | Self::Ends { pairs } => arguments.push(pairs.to_string()),
            Self::Topology { namespaces, rounds, script, watched, .. } => {
                arguments.push(namespaces.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
                arguments.extend([rounds, script, watched].map(u32::to_string));
            }
        }
        arguments
    }
}

/// Runs a benchmark, or compares it with that of another commit.
pub(crate) fn run(wish: &Wish) -> Result<()> {
    if matches!(wish.bench, Bench::Live { .. }) {
        // It runs `top` inside tmux.
        provision::ensure(&[Want::Peers])?;
    }
    let runtimes = matches!(wish.bench, Bench::Ends { .. }).then(runtimes::provide).transpose()?;
    let programs = Programs { runtimes, ..Programs::of_this_tree()? };
    match &wish.against {
        Some(commit) => against::run(&wish.bench, &programs, commit, wish.turns),
        None => programs.run(&wish.bench),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netmon_bench_gets_every_number() {
        let observer = Bench::Observer { pairs: 3, flow_entries: 0, json: true };
        assert_eq!(observer.arguments(), ["observer", "3", "0"]);
        let discover = Bench::Discover { pairs: 500, rounds: 20, seconds: 30, json: true };
        assert_eq!(discover.arguments(), ["discover", "500", "20", "30"]);
        let namespaces = vec![10, 20];
        let topology = Bench::Topology { namespaces, rounds: 1, script: 0, watched: 10, json: false };
        assert_eq!(topology.arguments(), ["topology", "10,20", "1", "0", "10"]);
    }
}
