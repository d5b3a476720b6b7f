//! `cargo xtask tidy`: checks the rules of this repository that neither the compiler nor clippy checks.
//!
//! One rule a file: a function from the [`Tree`] to its [`Finding`]s, with a good and a bad sample in its
//! tests. A rule that no program can check is written down in `docs/ARCHITECTURE.md` or CONTRIBUTING.md.

mod adr;
mod arrows;
mod bad_examples;
mod changelog;
mod columns;
mod dashboards;
mod dependencies;
mod licences;
mod links;
pub(crate) mod listed;
mod mentions;
mod metrics;
mod module_doc;
mod named_files;
mod namespace;
mod pages;
mod size;
mod size_allowed;
mod sleep;
mod snapshots;
mod text;
mod tokens;
mod tree;
mod unsafe_code;
mod vendored;
mod words;

use std::fmt;

use anyhow::{Result, bail};
use clap::Args;

use self::tree::Tree;
use crate::workspace;

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Path from the top of the workspace.
    path: String,
    /// Line, from 1; 0 if the whole file is meant.
    line: usize,
    /// What is wrong, and how to mend it.
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line.max(1), self.message)
    }
}

/// The check of a rule.
enum Check {
    /// Reads text only.
    Text(fn(&Tree) -> Vec<Finding>),
    /// Parses files, which may fail.
    Parsed(fn(&Tree) -> Result<Vec<Finding>>),
}

/// A rule with its name.
type Rule = (&'static str, Check);

/// Every rule.
const RULES: &[Rule] = &[
    ("unsafe-code", Check::Parsed(unsafe_code::check)),
    ("module-doc", Check::Text(module_doc::check)),
    ("arrows", Check::Parsed(arrows::check)),
    ("setns", Check::Parsed(namespace::check)),
    ("size", Check::Parsed(size::check)),
    ("sleep", Check::Parsed(sleep::check)),
    ("snapshots", Check::Text(snapshots::check)),
    ("metrics", Check::Parsed(metrics::check)),
    ("dashboards", Check::Parsed(dashboards::check)),
    ("adr", Check::Text(adr::check)),
    ("dependencies", Check::Parsed(dependencies::check)),
    ("licences", Check::Parsed(licences::check)),
    ("links", Check::Text(links::check)),
    ("listed", Check::Text(listed::check)),
    ("mentions", Check::Parsed(mentions::check)),
    ("columns", Check::Text(columns::check)),
    ("changelog", Check::Text(changelog::check)),
    ("text", Check::Text(text::check)),
    ("named-files", Check::Text(named_files::check)),
    ("words", Check::Text(words::check)),
    ("bad-examples", Check::Text(bad_examples::check)),
    ("vendored", Check::Parsed(vendored::check)),
];

/// The options of `cargo xtask tidy`.
#[derive(Debug, Args)]
pub(crate) struct Tidy {
    /// Print the rooms of the code and their imports, in the notation of xtask/src/tidy/arrows/rooms.rs
    #[arg(long)]
    arrows: bool,
    /// Break lines of pages that are wider than 99 columns, and print which pages changed
    #[arg(long)]
    wrap: bool,
}

/// Checks the rules, or prints the rooms of the code, or breaks the lines of pages.
pub(crate) fn run(tidy: &Tidy) -> Result<()> {
    if tidy.arrows {
        print!("{}", arrows::listing(&Tree::read(&workspace::root()?)?)?);
        return Ok(());
    }
    if tidy.wrap {
        return columns::wrap_all();
    }
    check()
}

/// Checks every rule, and prints every finding, not only the first.
pub(crate) fn check() -> Result<()> {
    let tree = Tree::read(&workspace::root()?)?;
    let mut findings = 0;
    for (name, check) in RULES {
        let found = match check {
            Check::Text(check) => check(&tree),
            Check::Parsed(check) => check(&tree)?,
        };
        for finding in found {
            println!("{finding} [{name}]");
            findings += 1;
        }
    }
    if findings > 0 {
        bail!("tidy: {findings} findings");
    }
    eprintln!("xtask: tidy: {} files keep {} rules", tree.len(), RULES.len());
    Ok(())
}
