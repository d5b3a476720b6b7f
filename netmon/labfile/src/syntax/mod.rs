//! Text that is not TOML: reports each mistake once, and makes the rest readable.
//!
//! The parser continues after an error. But after a missing quote or bracket it reports errors in the lines that follow,
//! and loses what they mean (docs/adr/0023). So the text is cut into statements, and each is parsed by itself. Those that
//! the parser misreads are replaced by spaces, which keeps all offsets.

mod explain;
mod nesting;
mod statement;

use std::{borrow::Cow, collections::HashSet, ops::Range};

use toml::de::DeTable;
use toml_parser::lexer::TokenKind;

use self::{
    explain::{errors_in, is_independent},
    nesting::{Bracket, MAX_DEPTH, too_deep},
    statement::{Statement, StatementKind, Statements},
};
use super::report::MAX_ERRORS;

/// A place where the text is not TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) at: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

/// A text that the parser can read, and what is missing from it.
pub(super) struct Readable<'i> {
    pub(super) text: Cow<'i, str>,
    pub(super) errors: Vec<SyntaxError>,
    /// What was left out of the text, in its order.
    pub(super) unread: Vec<Range<usize>>,
    /// Where sections start. Empty if there are no errors.
    pub(super) sections: Vec<usize>,
    /// Whether a whole section may be missing.
    pub(super) lacks_sections: bool,
}

const HEADER_HELP: &str = "a section begins with its name in double brackets, for example [[link]]";

/// Finds the syntax errors of `text`.
///
/// # Errors
///
/// Fails if the text nests so deep that it must not be parsed.
pub(super) fn check(text: &str) -> Result<Readable<'_>, SyntaxError> {
    if let Some(at) = too_deep(text) {
        let message = format!("brackets and dotted keys nest deeper than {MAX_DEPTH} levels");
        return Err(SyntaxError { at, message, help: "a lab file needs four levels at most".to_owned() });
    }
    let mut readable = Readable {
        text: Cow::Borrowed(text),
        errors: Vec::new(),
        unread: Vec::new(),
        sections: Vec::new(),
        lacks_sections: false,
    };
    if DeTable::parse(text).is_err() {
        readable.repair(text);
    }
    Ok(readable)
}

impl Readable<'_> {
    fn repair(&mut self, text: &str) {
        // Whether the section of the statement is unknown.
        let mut is_orphan = false;
        for statement in Statements::new(text) {
            let is_header = matches!(statement.kind, StatementKind::Section | StatementKind::Table);
            is_orphan &= !is_header;
            let errors = statement.errors(text);
            let is_misread = statement.is_fragment() || !errors.iter().all(is_independent);
            if is_orphan || (is_misread && !is_header) {
                self.unread.push(statement.range.clone());
            }
            is_orphan |= statement.kind == StatementKind::BrokenHeader;
            if statement.kind == StatementKind::Section {
                self.sections.push(statement.start);
            }
            self.errors.extend(errors);
            if self.errors.len() >= MAX_ERRORS {
                return self.give_up(text);
            }
        }
        let repaired = blank(text, &self.unread);
        self.add_remaining(&repaired);
        self.text = Cow::Owned(repaired);
        let first = self.sections.first().copied().unwrap_or(text.len());
        self.lacks_sections = self.unread.iter().any(|range| {
            range.start < first || text[range.clone()].lines().any(|line| line.trim_start().starts_with('['))
        });
    }

    /// Adds the errors that no single statement has, such as a repeated key.
    fn add_remaining(&mut self, repaired: &str) {
        let known: HashSet<_> = self.errors.iter().map(|error| error.at.start).collect();
        let remaining = errors_in(repaired, 0..repaired.len());
        self.errors.extend(remaining.into_iter().filter(|error| !known.contains(&error.at.start)));
        self.errors.sort_by_key(|error| error.at.start);
    }

    /// Leaves all of the text unread: with so many errors, it is something other than a lab file.
    fn give_up(&mut self, text: &str) {
        self.text = Cow::Borrowed("");
        self.unread.clear();
        self.unread.push(0..text.len());
        self.lacks_sections = true;
    }
}

impl Statement {
    /// Returns whether it is neither a header nor `key = value`, or has no end.
    fn is_fragment(&self) -> bool {
        self.unclosed.is_some() || matches!(self.kind, StatementKind::Fragment | StatementKind::BrokenHeader)
    }

    /// Returns its errors, up to the first one after which the rest is a guess.
    fn errors(&self, text: &str) -> Vec<SyntaxError> {
        if let Some(bracket) = &self.unclosed
            && self.kind == StatementKind::KeyValue
            && !self.lacks_quote
        {
            return vec![not_closed(bracket)];
        }
        let mut errors = errors_in(text, self.range.clone());
        let is_certain = |error: &&SyntaxError| is_independent(error) && !self.lacks_quote;
        let certain = errors.iter().take_while(is_certain).count();
        errors.truncate(if self.is_fragment() { 1 } else { certain + 1 });
        if let (StatementKind::BrokenHeader, Some(error)) = (self.kind, errors.first_mut())
            && !error.message.starts_with("unclosed")
        {
            HEADER_HELP.clone_into(&mut error.help);
        }
        errors
    }
}

fn not_closed(bracket: &Bracket) -> SyntaxError {
    let is_table = bracket.kind == TokenKind::LeftCurlyBracket;
    let (open, close) = if is_table { ("{", "}") } else { ("[", "]") };
    SyntaxError {
        at: bracket.at.clone(),
        message: format!("this `{open}` is not closed"),
        help: format!("write the `{close}`"),
    }
}

/// Returns the text with spaces in place of `ranges`, which are sorted. Line breaks stay.
fn blank(text: &str, ranges: &[Range<usize>]) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut kept_from = 0;
    for range in ranges {
        blanked.push_str(&text[kept_from..range.start]);
        blanked.extend(text[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        kept_from = range.end;
    }
    blanked.push_str(&text[kept_from..]);
    blanked
}
