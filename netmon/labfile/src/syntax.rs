//! Text that is not TOML: says so once for each mistake, and gets the rest into a readable state.
//!
//! The parser goes on after an error, but a quote or a brace that is missing makes it see errors in the
//! lines after it, and takes their meaning away. So a line that causes errors in others is blanked, and the
//! parser asked again. Offsets stay what they were.

use std::{borrow::Cow, collections::HashSet, ops::Range};

use toml::de::DeTable;
use toml_parser::{Source, lexer::TokenKind};

/// A place where the text is not TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) at: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

/// A text that the parser can read, and the errors on the way there.
pub(super) struct Readable<'i> {
    pub(super) text: Cow<'i, str>,
    pub(super) errors: Vec<SyntaxError>,
    /// Whether what is absent from the text is really absent, apart from the lines with errors.
    pub(super) is_complete: bool,
}

/// How deep brackets and dotted keys may nest. A lab needs four levels; the parsed tree is dropped
/// recursively, so that thousands of them would overflow the stack.
const MAX_DEPTH: usize = 32;

/// How many bytes may be parsed in search of causes: enough for any file that a person wrote.
const PARSED_BYTES: usize = 16 << 20;
/// With more errors than this the text is something else than a lab file.
const MANY_ERRORS: usize = 100;
/// The parser stops for good after this one.
const STOPPED: &str = "key with no value";

/// Finds the syntax errors of `text`.
///
/// # Errors
///
/// If the text nests so deep that it must not be parsed.
pub(super) fn check(text: &str) -> Result<Readable<'_>, SyntaxError> {
    if let Some(at) = too_deep(text) {
        let message = format!("brackets and dotted keys nest deeper than {MAX_DEPTH} levels");
        return Err(SyntaxError { at, message, help: "a lab file needs four levels at most".to_owned() });
    }
    let mut readable = Readable { text: Cow::Borrowed(text), errors: Vec::new(), is_complete: true };
    let mut remaining = errors_of(text);
    let mut visited = HashSet::new();
    let mut budget = PARSED_BYTES;
    while let Some(cause) = next_cause(&readable.text, &remaining, &visited) {
        let Some(left) = budget.checked_sub(text.len()).filter(|_| remaining.len() <= MANY_ERRORS) else {
            readable.is_complete = false;
            break;
        };
        budget = left;
        visited.insert(cause.lines.start);
        let blanked = blank(&readable.text, &cause.lines);
        let after = errors_of(&blanked);
        if cause.has_effects(&remaining, &after) {
            readable.errors.push(cause.error);
            readable.text = Cow::Owned(blanked);
            remaining = after;
        }
    }
    readable.errors.append(&mut remaining);
    Ok(readable)
}

/// An error that may be the reason for others.
struct Cause {
    error: SyntaxError,
    /// What has to be blanked to find out: whole lines.
    lines: Range<usize>,
}

impl Cause {
    /// Whether blanking its lines took errors away in other lines too.
    fn has_effects(&self, before: &[SyntaxError], after: &[SyntaxError]) -> bool {
        let is_elsewhere = |error: &&SyntaxError| !self.lines.contains(&error.at.start);
        let elsewhere = |errors: &[SyntaxError]| errors.iter().filter(is_elsewhere).count();
        self.error.message == STOPPED || elsewhere(after) < elsewhere(before)
    }
}

/// The first error whose line has not been looked at; or, if that line seems to be inside a bracket that
/// was opened further up and should not be, the bracket.
fn next_cause(text: &str, errors: &[SyntaxError], visited: &HashSet<usize>) -> Option<Cause> {
    let is_new = |at: usize| !visited.contains(&line_of(text, at).start);
    let error = errors.iter().find(|error| is_new(error.at.start))?;
    let line = line_of(text, error.at.start);
    if let Some((kind, at)) = open_bracket(text, line.start)
        && is_new(at.start)
        && (kind == TokenKind::LeftCurlyBracket || is_statement(&text[line.clone()]))
    {
        // A table in braces hardly ever goes over several lines, a list often does.
        let lines = line_of(text, at.start).start..line.start;
        let (open, close) = if kind == TokenKind::LeftCurlyBracket { ("{", "}") } else { ("[", "]") };
        let message = format!("this `{open}` is not closed");
        return Some(Cause {
            error: SyntaxError { at, message, help: format!("write the `{close}`") },
            lines,
        });
    }
    Some(Cause { error: error.clone(), lines: line })
}

/// Whether a line begins as one does that is in no brackets: with a header, or a key and `=`.
fn is_statement(line: &str) -> bool {
    let line = line.trim_start();
    let after_key = line.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    line.starts_with("[[") || (after_key.len() < line.len() && after_key.trim_start().starts_with('='))
}

fn errors_of(text: &str) -> Vec<SyntaxError> {
    let (_, errors) = DeTable::parse_recoverable(text);
    let mut errors: Vec<_> = errors.iter().map(|error| explain(error, text)).collect();
    errors.sort_by_key(|error| error.at.start);
    errors.dedup_by_key(|error| error.at.start);
    errors
}

/// The parser's error, taken apart into what is wrong and what would be right.
fn explain(error: &toml::de::Error, text: &str) -> SyntaxError {
    let at = error.span().unwrap_or(text.len()..text.len());
    let (problem, expected) = match error.message().split_once(", expected ") {
        Some((problem, expected)) => (problem, Some(expected)),
        None => (error.message(), None),
    };
    let help = match (problem, expected) {
        ("duplicate key", _) => "a key may be there once in a table: take one of them out".to_owned(),
        ("string values must be quoted", _) => "put it between double quotes".to_owned(),
        (_, Some("nothing")) => "take it out, or start a new line before it".to_owned(),
        (_, Some(expected)) => format!("write {expected} here"),
        _ => "see https://toml.io for how TOML is written".to_owned(),
    };
    SyntaxError { at, message: problem.to_owned(), help }
}

/// The line of a place, without its line break.
fn line_of(text: &str, at: usize) -> Range<usize> {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    start..before.len() + after.find('\n').unwrap_or(after.len())
}

/// The text with spaces instead of the characters in `range`; lines stay where they are.
fn blank(text: &str, range: &Range<usize>) -> String {
    let (before, rest) = text.split_at(range.start);
    let (blanked, after) = rest.split_at(range.len());
    let spaces = blanked.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    before.chars().chain(spaces).chain(after.chars()).collect()
}

/// Brackets that are open, and how many levels of dotted keys they stand in.
#[derive(Default)]
struct Nesting {
    open: Vec<(TokenKind, Range<usize>, usize)>,
    /// Levels of all that is open.
    depth: usize,
    /// Dots of the key that is being read.
    dots: usize,
}

impl Nesting {
    fn take(&mut self, kind: TokenKind, at: Range<usize>) {
        match kind {
            TokenKind::Dot => self.dots += 1,
            TokenKind::Comma | TokenKind::Newline => self.dots = 0,
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                let levels = 1 + std::mem::take(&mut self.dots);
                self.depth += levels;
                self.open.push((kind, at, levels));
            }
            TokenKind::RightSquareBracket => self.close(TokenKind::LeftSquareBracket),
            TokenKind::RightCurlyBracket => self.close(TokenKind::LeftCurlyBracket),
            _ => {}
        }
    }

    /// Only a bracket that fits closes: so this is never less deep than what the parser makes of it.
    fn close(&mut self, opener: TokenKind) {
        self.dots = 0;
        if let Some((_, _, levels)) = self.open.pop_if(|(kind, ..)| *kind == opener) {
            self.depth -= levels;
        }
    }
}

fn too_deep(text: &str) -> Option<Range<usize>> {
    let mut nesting = Nesting::default();
    Source::new(text).lex().find_map(|token| {
        let at = token.span().start()..token.span().end();
        nesting.take(token.kind(), at.clone());
        (nesting.depth + nesting.dots > MAX_DEPTH).then_some(at)
    })
}

/// The innermost bracket that is open at a place.
fn open_bracket(text: &str, at: usize) -> Option<(TokenKind, Range<usize>)> {
    let mut nesting = Nesting::default();
    for token in Source::new(text).lex().take_while(|token| token.span().start() < at) {
        nesting.take(token.kind(), token.span().start()..token.span().end());
    }
    nesting.open.pop().map(|(kind, at, _)| (kind, at))
}
