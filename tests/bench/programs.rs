//! What the kernel's verifier says of each program, and how long the object takes to load.

use std::time::Instant;

use anyhow::Result;
use netmon::datapath::{Datapath, Options};

use crate::figures::{Figure, conditions};

/// The verifier gives up after so many instructions (`BPF_COMPLEXITY_LIMIT_INSNS`).
const LIMIT: u32 = 1_000_000;
const LOADS: u32 = 5;

pub(crate) fn run() -> Result<()> {
    let mut times_ms = Vec::new();
    let mut costs = Vec::new();
    for _ in 0..LOADS {
        let start = Instant::now();
        let datapath = Datapath::load(&Options::default())?;
        times_ms.push(start.elapsed().as_secs_f64() * 1000.0);
        costs = datapath.program_costs()?;
    }
    println!("{:<18} {:>22} {:>14}", "program", "verified instructions", "machine code");
    let shown =
        |number: Option<u32>| number.map_or_else(|| "unknown".to_owned(), |number| number.to_string());
    for cost in &costs {
        let bytes = shown(cost.machine_code_bytes);
        println!("{:<18} {:>22} {bytes:>12} B", cost.name, shown(cost.verified_instructions));
    }
    let all: u32 = costs.iter().filter_map(|cost| cost.verified_instructions).sum();
    println!("together {all}; a single program may have {LIMIT}");
    println!("loading took {} ms", Figure::of(times_ms));
    println!("{}", conditions());
    Ok(())
}
