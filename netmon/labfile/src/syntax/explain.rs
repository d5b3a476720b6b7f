//! Splits the parser's errors into what is wrong and how to correct it.

use std::ops::Range;

use toml::de::DeTable;

use super::SyntaxError;

const UNQUOTED: &str = "string values must be quoted";
const DUPLICATE: &str = "duplicate key";
const NO_VALUE: &str = "missing value";

/// Whether the parser reads the rest of the statement correctly after this error.
pub(super) fn is_independent(error: &SyntaxError) -> bool {
    [UNQUOTED, DUPLICATE].contains(&&*error.message)
}

/// Parses a part of `text` by itself, and returns its errors in their order: one at each place.
pub(super) fn errors_in(text: &str, part: Range<usize>) -> Vec<SyntaxError> {
    let (_, errors) = DeTable::parse_recoverable(&text[part.clone()]);
    let mut errors: Vec<_> = errors.iter().map(|error| explain(error, text, &part)).collect();
    // A missing quote leaves brackets open, too.
    errors.sort_by_key(|error| (error.at.start, !error.message.ends_with("string")));
    errors.dedup_by_key(|error| error.at.start);
    errors
}

fn explain(error: &toml::de::Error, text: &str, part: &Range<usize>) -> SyntaxError {
    let at = error.span().map_or(part.end..part.end, |at| part.start + at.start..part.start + at.end);
    let (problem, expected) = match error.message().split_once(", expected ") {
        Some((problem, expected)) => (problem, expected),
        None => (error.message(), ""),
    };
    let next = text[at.start..].chars().next().filter(|c| !matches!(c, '\r' | '\n' | '#'));
    let problem = match problem {
        UNQUOTED if next.is_none() => NO_VALUE,
        // The parser takes a word for `true`, `inf` or `nan` if it begins like one of them.
        "invalid boolean" | "invalid float" if next.is_some_and(char::is_alphabetic) => UNQUOTED,
        other => other,
    };
    SyntaxError { at, message: problem.to_owned(), help: help(problem, expected) }
}

/// Returns how to correct a problem. `expected` lists what the parser would accept.
fn help(problem: &str, expected: &str) -> String {
    let help = match (problem, expected) {
        (NO_VALUE, _) => "write a value after the `=`",
        (UNQUOTED, _) => "put it between double quotes",
        (DUPLICATE, _) => "a table has each key once: remove one of them",
        (_, "nothing" | "newline, `#`") => "remove it, or start a new line before it",
        (_, "letters, numbers, `-`, `_`") => "a key without quotes has letters, digits, `-` and `_` only",
        (_, "newline") => "end the line with a line feed, or with a carriage return and a line feed",
        (_, control) if control.starts_with("non-") => {
            "write control characters as escapes, for example \\u0000"
        }
        (_, "") => "https://toml.io describes the format",
        (_, expected) => return format!("write {} here", either(expected)),
    };
    help.to_owned()
}

/// The list of what the parser would accept, as a phrase.
fn either(expected: &str) -> String {
    let phrases = expected.split(", ").map(|one| match one {
        "value" => "a value",
        "key" => "a key",
        other => other,
    });
    phrases.collect::<Vec<_>>().join(" or ")
}
