//! `cargo xtask tidy`: the rules of this repository that neither the compiler nor clippy checks.
//!
//! One rule a file: a function from the [`Tree`] to its [`Finding`]s, with a good and a bad sample in its
//! tests. A rule that cannot be checked by a program stands in `docs/ARCHITECTURE.md` or CONTRIBUTING.md
//! instead.

mod adr;
mod arrows;
mod changelog;
mod dashboards;
mod dependencies;
mod licences;
mod links;
mod metrics;
mod module_doc;
mod named_files;
mod namespace;
mod size;
mod size_allowed;
mod sleep;
mod text;
mod tokens;
mod tree;
mod unsafe_code;
mod words;

use std::fmt;

use anyhow::{Result, bail};
use clap::Args;

use self::tree::Tree;
use crate::workspace;

/// A place where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Path from the top of the workspace.
    path: String,
    /// Line, from 1; 0 if the whole file is meant.
    line: usize,
    /// What is wrong, and what would be right.
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

/// How a rule is checked.
enum Check {
    /// On the text as it is.
    Text(fn(&Tree) -> Vec<Finding>),
    /// On files that are parsed, which may fail.
    Parsed(fn(&Tree) -> Result<Vec<Finding>>),
}

/// A rule with its name.
type Rule = (&'static str, Check);

/// The rules that the tree keeps.
const RULES: &[Rule] = &[
    ("unsafe-code", Check::Parsed(unsafe_code::check)),
    ("module-doc", Check::Text(module_doc::check)),
    ("arrows", Check::Parsed(arrows::check)),
    ("setns", Check::Parsed(namespace::check)),
    ("size", Check::Parsed(size::check)),
    ("sleep", Check::Parsed(sleep::check)),
    ("metrics", Check::Parsed(metrics::check)),
    ("dashboards", Check::Parsed(dashboards::check)),
    ("adr", Check::Text(adr::check)),
    ("dependencies", Check::Parsed(dependencies::check)),
    ("licences", Check::Parsed(licences::check)),
    ("links", Check::Text(links::check)),
    ("changelog", Check::Text(changelog::check)),
    ("text", Check::Text(text::check)),
];

/// Rules that the tree does not keep yet. They are checked with `--pending` only, and move to [`RULES`] when the
/// last finding is gone.
const PENDING: &[Rule] =
    &[("named-files", Check::Text(named_files::check)), ("words", Check::Text(words::check))];

/// What tidy is asked for.
#[derive(Debug, Args)]
pub(crate) struct Tidy {
    /// Print the rooms of the code and the imports between them, in the notation of tidy/arrows/rooms.rs
    #[arg(long)]
    arrows: bool,
    /// Check the rules that the tree does not keep yet, instead of those that it keeps
    #[arg(long, conflicts_with = "arrows")]
    pending: bool,
}

/// Checks the rules, or lists what one of them sees.
pub(crate) fn run(tidy: &Tidy) -> Result<()> {
    if tidy.arrows {
        print!("{}", arrows::listing(&Tree::read(&workspace::root()?)?)?);
        return Ok(());
    }
    check_rules(if tidy.pending { PENDING } else { RULES })
}

/// Checks every rule that the tree keeps.
pub(crate) fn check() -> Result<()> {
    check_rules(RULES)
}

/// Reports every finding, not only the first.
fn check_rules(rules: &[Rule]) -> Result<()> {
    let tree = Tree::read(&workspace::root()?)?;
    let mut findings = 0;
    for (name, check) in rules {
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
    eprintln!("xtask: tidy: {} files keep {} rules", tree.len(), rules.len());
    Ok(())
}
