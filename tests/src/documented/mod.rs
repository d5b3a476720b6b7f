//! Pages whose commands are run: what a page says, and whether a real run says the same.
//!
//! What follows the three backquotes of a block says what is done with it, in the order of the page:
//!
//! - `console run`: each command is run, and prints what stands below it;
//! - `console try`: each command is run and succeeds, or fails if a comment behind it begins with `# fails`;
//! - `console`: nothing. Such commands are listed in the test, each with the reason;
//! - `toml file=NAME`: the block is written to a file of that name before all commands.
//!
//! A comment `<!-- run before: COMMAND -->`, which readers do not see, prepares what follows it. The command `stop` ends
//! what still runs.

mod masked;

pub use self::masked::{agree, masked};

/// How a command is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// By what it prints.
    Output,
    /// By its exit code.
    Success,
    /// By its exit code, which is not 0.
    Failure,
    /// It is not run.
    Not,
}

/// A command of a page, and the output that the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line of the page, from 1.
    pub line: usize,
    /// What follows the prompt. A final `&` means that the command runs on while the next ones are tried.
    pub command: String,
    /// How it is judged.
    pub judged: Judged,
    /// The lines below it.
    pub output: String,
}

/// A file that a page shows: its name and its text.
pub type File = (String, String);

/// Returns the commands of a page in their order, also those that are not run.
#[must_use]
pub fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut block = None;
    for (index, text) in page.lines().enumerate() {
        if let Some(info) = text.trim_start().strip_prefix("```") {
            block = judged(info);
        } else if let Some(command) = prepared(text) {
            steps.push(step(index + 1, command, Judged::Success));
        } else if let Some(judged) = block {
            match (typed(text, judged), steps.last_mut()) {
                (Some(command), _) => steps.push(step(index + 1, command, judged)),
                (None, Some(step)) if judged == Judged::Output => step.output.extend([text, "\n"]),
                (None, _) => {}
            }
        }
    }
    steps
}

/// Returns how the commands of a block are judged, or `None` if the block has no commands.
fn judged(info: &str) -> Option<Judged> {
    match info {
        "console run" => Some(Judged::Output),
        "console try" => Some(Judged::Success),
        "console" => Some(Judged::Not),
        _ => None,
    }
}

/// Returns what follows the prompt of a user, or of root where no output is shown, which may begin alike.
fn typed(line: &str, judged: Judged) -> Option<&str> {
    let as_root = line.strip_prefix("# ").filter(|_| judged != Judged::Output);
    line.strip_prefix("$ ").or(as_root)
}

/// Returns the command in a comment of the page.
fn prepared(line: &str) -> Option<&str> {
    line.strip_prefix("<!-- run before: ")?.strip_suffix(" -->")
}

fn step(line: usize, command: &str, judged: Judged) -> Step {
    let fails = judged == Judged::Success && command.contains("# fails");
    let judged = if fails { Judged::Failure } else { judged };
    Step { line, command: command.to_owned(), judged, output: String::new() }
}

/// Returns the files that a page shows.
#[must_use]
pub fn files(page: &str) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    let mut in_file = false;
    for line in page.lines() {
        if let Some(info) = line.strip_prefix("```") {
            let name = info.strip_prefix("toml file=");
            in_file = name.is_some();
            files.extend(name.map(|name| (name.to_owned(), String::new())));
        } else if let (true, Some((_, text))) = (in_file, files.last_mut()) {
            text.extend([line, "\n"]);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Text\n```console\n# not this\n```\n```toml file=a.toml\nname = \"a\"\n```\n\
                        <!-- run before: zero -->\n```console run\n$ one\nout 1\n\nout 2\n$ two &\n```\n$ nor this\n\
                        ```console try\n$ three\n$ four   # fails: no answer\n```\n";

    #[test]
    fn blocks_say_how_their_commands_are_judged() {
        let step = |line, command: &str, judged, output: &str| Step {
            line,
            command: command.into(),
            judged,
            output: output.into(),
        };
        let expected = [
            step(3, "not this", Judged::Not, ""),
            step(8, "zero", Judged::Success, ""),
            step(10, "one", Judged::Output, "out 1\n\nout 2\n"),
            step(14, "two &", Judged::Output, ""),
            step(18, "three", Judged::Success, ""),
            step(19, "four   # fails: no answer", Judged::Failure, ""),
        ];
        assert_eq!(steps(PAGE), expected);
        assert_eq!(files(PAGE), [("a.toml".to_owned(), "name = \"a\"\n".to_owned())]);
    }
}
