//! Compares two commits in one run: their programs alternate, and their figures are compared pair by pair.
//!
//! Two consecutive runs see the same machine; two runs hours apart do not. The order changes from pair to pair, so that
//! a drift of the machine favours neither commit. Each commit runs its own `netmon-bench`, since that links the library
//! that is measured.

use anyhow::{Context as _, Result};

use super::{
    Bench,
    commit::Commit,
    figures::{self, Figure},
    observer_table,
    programs::Programs,
    report::Report,
};

/// One of the two commits with its runs.
struct Side<'p> {
    name: String,
    programs: &'p Programs,
    json: bool,
    runs: Vec<Vec<Figure>>,
}

/// Alternates the programs of this tree with those of another commit, and prints the comparison.
pub(super) fn run(bench: &Bench, programs: &Programs, revision: &str, turns: u32) -> Result<()> {
    let commit = Commit::build(revision)?;
    let mut old = Side::new(bench, &commit.programs, &commit.name);
    let mut new = Side::new(bench, programs, "this tree");
    let done = alternate(bench, &mut old, &mut new, turns);
    // The runs before a failure took minutes, so their comparison is printed all the same.
    if !new.runs.is_empty() {
        let report = Report::new(bench.name(), &commit.name, &old.runs, &new.runs);
        if bench.json() { println!("{:#}", report.json()) } else { print!("{report}") }
    }
    done
}

fn alternate(bench: &Bench, old: &mut Side<'_>, new: &mut Side<'_>, turns: u32) -> Result<()> {
    for turn in 1..=turns {
        eprintln!("xtask: {}, pair {turn} of {turns}", bench.name());
        let (before, after) = if turn.is_multiple_of(2) {
            let after = new.measure(bench)?;
            (old.measure(bench)?, after)
        } else {
            (old.measure(bench)?, new.measure(bench)?)
        };
        old.runs.push(before);
        new.runs.push(after);
    }
    Ok(())
}

impl<'p> Side<'p> {
    fn new(bench: &Bench, programs: &'p Programs, name: &str) -> Self {
        Self { name: name.to_owned(), programs, json: programs.has_json(bench), runs: Vec::new() }
    }

    fn measure(&self, bench: &Bench) -> Result<Vec<Figure>> {
        let failed = || format!("{} of {}", bench.name(), self.name);
        let said = self.programs.output(bench, self.json).with_context(failed)?;
        // The observer of an old commit prints no JSON, so its table is parsed. The other benchmarks always did.
        let values = if self.json { serde_json::from_str(&said)? } else { observer_table::parse(&said)? };
        Ok(figures::of(&values))
    }
}
