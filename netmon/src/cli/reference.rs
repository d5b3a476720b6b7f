//! The page docs/COMMANDS.md: every command with its options, environment variables and examples, as the parser has
//! them. A test keeps the page equal to what this makes.

use std::fmt::Write as _;

use clap::{Arg, Command, builder::StyledStr};

use super::groups::GROUPS;

/// Lines of the page end before this column.
const WIDTH: usize = 100;

/// Renders the page.
#[must_use]
pub fn markdown(mut command: Command) -> String {
    command.build();
    let mut page = String::from(
        "# Commands\n\nMade from the program's own help by the test `the_page_of_commands_is_current`. Options of all\n\
         commands are at the end, exit codes in [the index](README.md#exit-codes).\n",
    );
    for (heading, names) in GROUPS {
        let links: Vec<_> = names.iter().map(|name| format!("[{name}](#netmon-{name})")).collect();
        let _ = write!(page, "\n{}", wrapped(&format!("{heading}: {}.", links.join(", ")), ""));
    }
    for name in GROUPS.iter().flat_map(|(_, names)| *names) {
        if let Some(found) = command.find_subcommand(name) {
            page.push_str(&of_command(found));
        }
    }
    page.push_str("\n## Options of all commands\n\n");
    page.push_str(&list(command.get_arguments()));
    page
}

fn of_command(command: &Command) -> String {
    let name = command.get_name();
    let about = plain(command.get_long_about().or(command.get_about()));
    let mut text = format!("\n## netmon {name}\n\n{}", paragraphs(&about));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let _ = write!(text, "\n```text\n{usage}\n```\n");
    let own = list(command.get_arguments().filter(|argument| !argument.is_global_set()));
    if !own.is_empty() {
        let _ = write!(text, "\n{own}");
    }
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help")
    {
        let about = format!("`netmon {name} {}`: {}", inner.get_name(), plain(inner.get_about()));
        let _ = write!(text, "\n{}", wrapped(&about, ""));
    }
    if let Some(examples) = command.get_after_help() {
        let _ = write!(text, "\n```text\n{}\n```\n", examples.to_string().trim_end());
    }
    text
}

/// Wraps each paragraph of a help text.
fn paragraphs(text: &str) -> String {
    text.split("\n\n").map(|paragraph| wrapped(paragraph, "")).collect::<Vec<_>>().join("\n")
}

fn list<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    arguments.filter(|argument| !is_of_clap(argument)).map(item).collect()
}

fn is_of_clap(argument: &Arg) -> bool {
    argument.is_hide_set() || matches!(argument.get_id().as_str(), "help" | "version")
}

fn item(argument: &Arg) -> String {
    let mut meaning = sentence(&plain(argument.get_help()));
    let values: Vec<String> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy().into()).collect();
    if !values.is_empty() && argument.get_action().takes_values() {
        let _ = write!(meaning, " Default: `{}`.", values.join(" "));
    }
    if let Some(variable) = argument.get_env() {
        let _ = write!(meaning, " Also `{}`.", variable.to_string_lossy());
    }
    wrapped(&format!("- `{}`: {meaning}", shown(argument)), "  ")
}

/// Breaks a paragraph into lines that end before the 100th column. `indent` begins every line but the first.
fn wrapped(text: &str, indent: &str) -> String {
    let (mut lines, mut column) = (String::new(), 0);
    for word in words(text) {
        let width = word.chars().count();
        if column > 0 && column + 1 + width < WIDTH {
            lines.push(' ');
            column += 1;
        } else if column > 0 {
            lines.extend(["\n", indent]);
            column = indent.len();
        }
        lines.push_str(&word);
        column += width;
    }
    lines + "\n"
}

/// Splits at blanks, but not within code.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut in_code = false;
    for piece in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if in_code => last.extend([" ", piece]),
            _ => words.push(piece.to_owned()),
        }
        in_code ^= piece.matches('`').count() % 2 == 1;
    }
    words
}

/// Returns an argument as one types it: `--log LEVEL`, `-o, --output FORMAT`, `[FILE]`.
fn shown(argument: &Arg) -> String {
    let short = match (argument.get_short(), argument.get_long()) {
        (Some(short), Some(_)) => format!("-{short}, "),
        _ => String::new(),
    };
    short + &argument.to_string().replace(['<', '>'], "")
}

/// clap takes the full stop off a help text of one sentence.
fn sentence(text: &str) -> String {
    if text.is_empty() || text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

fn plain(text: Option<&StyledStr>) -> String {
    text.map(|text| text.to_string().trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn a_line_is_broken_before_the_hundredth_column_but_not_in_code() {
        let before = ["word"; 19].join(" ");
        assert_eq!(wrapped(&format!("- {before} `a b` c"), "  "), format!("- {before}\n  `a b` c\n"));
        assert_eq!(wrapped(&format!("{before} abcd"), ""), format!("{before} abcd\n"));
        assert_eq!(wrapped(&format!("{before} abcde"), ""), format!("{before}\nabcde\n"));
    }

    #[test]
    fn the_page_of_commands_is_current() {
        let page = markdown(Cli::command());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/COMMANDS.md");
        if env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            fs::write(&path, &page).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == page,
            "docs/COMMANDS.md is old: INSTA_UPDATE=always cargo test -p netmon --lib reference"
        );
    }
}
