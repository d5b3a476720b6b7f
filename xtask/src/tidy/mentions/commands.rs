//! Commands of netmon and of xtask, with their options.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory as _;

use super::{Known, Tree};
use crate::Cli;

/// The page that is made from netmon's own help.
const PAGE: &str = "docs/COMMANDS.md";
/// The options that clap adds to every command.
const OF_CLAP: [&str; 4] = ["-h", "--help", "-V", "--version"];
/// A command that netmon starts by itself, and its help does not list.
const HIDDEN: &str = "supervise";

/// The options of each command by its name. Those that every command has are under an empty name.
type Options = BTreeMap<String, BTreeSet<String>>;

pub(super) struct Commands {
    netmon: Options,
    xtask: Options,
}

impl Commands {
    pub(super) fn new(tree: &Tree) -> Self {
        let page = tree.file(PAGE).map_or("", |file| file.text.as_str());
        Self { netmon: of_page(page), xtask: of_xtask() }
    }
}

impl Known for Commands {
    fn missing(&self, code: &str) -> Vec<String> {
        let commands = code.split(['|', ';', '&', '>', '(', ')']).map(|command| command.split_whitespace());
        commands.filter_map(|words| self.wrong(&words.collect::<Vec<_>>())).collect()
    }
}

impl Commands {
    /// Returns what is wrong with one command, or `None` if it is of another program or right.
    fn wrong(&self, words: &[&str]) -> Option<String> {
        let words = words.strip_prefix(&["sudo"]).unwrap_or(words);
        match words {
            ["cargo", "xtask", rest @ ..] => wrong("cargo xtask", &self.xtask, rest),
            [program, rest @ ..] if program.rsplit('/').next() == Some("netmon") => {
                wrong("netmon", &self.netmon, rest)
            }
            _ => None,
        }
    }
}

fn wrong(program: &str, known: &Options, words: &[&str]) -> Option<String> {
    let (name, words) = match words {
        [name, rest @ ..] if name.starts_with(|c: char| c.is_ascii_lowercase()) => (*name, rest),
        _ => ("", words),
    };
    let Some(own) = known.get(name) else { return Some(format!("there is no `{program} {name}`")) };
    let every = known.get("");
    // Behind the namespace of `netmon exec` stands a command of another program.
    let options = words.iter().take_while(|word| **word != "--" && (name != "exec" || word.starts_with('-')));
    let mut options = options.filter(|word| word.starts_with('-') && word.len() > 1);
    let missing = options.find(|word| {
        let option = word.split(['=', '[']).next().unwrap_or(word);
        !own.contains(option)
            && !every.is_some_and(|every| every.contains(option))
            && !OF_CLAP.contains(&option)
    })?;
    Some(format!("`{program} {name}` has no option `{missing}`"))
}

/// Reads the page: a section for each command, and in it an item for each option.
fn of_page(page: &str) -> Options {
    let mut options = Options::new();
    let mut name = String::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.strip_prefix("netmon ").unwrap_or_default().clone_into(&mut name);
            options.entry(name.clone()).or_default();
        } else if let Some(item) = line.strip_prefix("- `").and_then(|item| item.split('`').next()) {
            let names = item.split([',', ' ', '[', '=']).filter(|word| word.starts_with('-'));
            options.entry(name.clone()).or_default().extend(names.map(str::to_owned));
        }
    }
    options.entry(HIDDEN.to_owned()).or_default();
    options
}

/// Asks the parser of this program.
fn of_xtask() -> Options {
    let mut options = Options::from([(String::new(), BTreeSet::new())]);
    for command in Cli::command().get_subcommands() {
        options.insert(command.get_name().to_owned(), names(command));
    }
    options
}

/// Returns the options of a command of xtask, and of the commands inside it.
fn names(command: &clap::Command) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = command.get_subcommands().flat_map(names).collect();
    for argument in command.get_arguments() {
        found.extend(argument.get_long().map(|long| format!("--{long}")));
        found.extend(argument.get_short().map(|short| format!("-{short}")));
    }
    found
}
