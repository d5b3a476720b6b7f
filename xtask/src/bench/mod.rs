//! `cargo xtask bench`: measurements that take longer than a test should, and whose result is a figure.
//!
//! The measuring is done by a program of its own, `netmon-bench` in `tests/bench`, which links the library and
//! runs as root; here it is built, with optimizations, and started. With `--against` the same program of another
//! commit is built too, and both are run in turn ([`against`]). `docs/BENCHMARKS.md` says how to read the figures.

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

/// A benchmark, and what it is compared with.
#[derive(Debug, Args)]
pub(crate) struct Wish {
    /// Build this commit too, run both in turn, and print how their figures compare
    #[arg(long, global = true, value_name = "COMMIT")]
    against: Option<String>,
    /// Runs of each of the two; below 6 there is no interval
    #[arg(long, global = true, default_value_t = 9, requires = "against", value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,
    #[command(subcommand)]
    bench: Bench,
}

/// The benchmarks.
#[derive(Debug, Subcommand)]
enum Bench {
    /// What watching changes: the round trip of a ping with hooks and without, in turn
    Observer {
        /// Runs with hooks, and as many without
        #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
        pairs: u32,
        /// Most conversations that are followed; 0 shows what the round trips cost
        #[arg(long, default_value_t = 65_536)]
        flow_entries: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Nanoseconds a packet, by kind and hook, against an empty program and one that reads the clock
    Datapath {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What watching costs end to end: a TCP stream, small datagrams, a ping-pong, with hooks and without, in turn
    Veth {
        /// Runs with hooks, and as many without
        #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(9..))]
        pairs: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Building and removing labs of many namespaces, beside raw netlink and a script of `ip`; and watching one
    Topology {
        /// Numbers of namespaces
        #[arg(short = 'n', long, value_delimiter = ',', default_values_t = [200, 1000, 2000],
              value_parser = clap::value_parser!(u32).range(1..=16_000))]
        namespaces: Vec<u32>,
        /// How often each is built and removed, by each
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// For which of these numbers the script of `ip` commands is run, once (45 s for 1,000); 0 leaves it out
        #[arg(long, default_value_t = 1000, value_name = "N")]
        script: u32,
        /// How many links are watched afterwards; 0 leaves it out
        #[arg(long, default_value_t = 1000, value_name = "N")]
        watched: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Bench {
    /// The name by which `netmon-bench` knows it.
    fn name(&self) -> &'static str {
        match self {
            Self::Observer { .. } => "observer",
            Self::Datapath { .. } => "datapath",
            Self::Veth { .. } => "veth",
            Self::Topology { .. } => "topology",
        }
    }

    fn json(&self) -> bool {
        match *self {
            Self::Observer { json, .. }
            | Self::Datapath { json }
            | Self::Veth { json, .. }
            | Self::Topology { json, .. } => json,
        }
    }

    /// What `netmon-bench` is given, but for `--json`.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![self.name().to_owned()];
        match self {
            Self::Observer { pairs, flow_entries, .. } => {
                arguments.extend([pairs, flow_entries].map(u32::to_string));
            }
            Self::Datapath { .. } => {}
            Self::Veth { pairs, .. } => arguments.push(pairs.to_string()),
            Self::Topology { namespaces, rounds, script, watched, .. } => {
                arguments.push(namespaces.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
                arguments.extend([rounds, script, watched].map(u32::to_string));
            }
        }
        arguments
    }
}

/// Runs one.
pub(crate) fn run(wish: &Wish) -> Result<()> {
    let programs = Programs::of_this_tree()?;
    match &wish.against {
        Some(commit) => against::run(&wish.bench, &programs, commit, wish.turns),
        None => programs.run(&wish.bench),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measuring_program_is_given_every_number() {
        let observer = Bench::Observer { pairs: 3, flow_entries: 0, json: true };
        assert_eq!(observer.arguments(), ["observer", "3", "0"]);
        let namespaces = vec![10, 20];
        let topology = Bench::Topology { namespaces, rounds: 1, script: 0, watched: 10, json: false };
        assert_eq!(topology.arguments(), ["topology", "10,20", "1", "0", "10"]);
    }
}
