//! Text that is not TOML: reports each mistake once, and makes the rest readable.
//!
//! The parser continues after an error. But after a missing quote or bracket it reports errors in the lines that follow,
//! and loses what they mean (docs/adr/0020). So the text is cut into statements, and each is parsed by itself. Those that
//! the parser misreads are replaced by spaces, which keeps all offsets.

mod explain;
mod nesting;
mod statement;

use std::{borrow::Cow, ops::Range};

use toml::de::DeTable;
use toml_parser::lexer::TokenKind;

use self::{
    explain::{errors_in, is_independent},
    nesting::{MAX_DEPTH, too_deep},
    statement::{Kind, Statement, Statements},
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
    /// Where sections start; empty if there are no errors.
    pub(super) sections: Vec<usize>,
    /// Whether a whole section may be missing.
    pub(super) lacks_sections: bool,
}

const HEADER_HELP: &str = "a section begins with a line of its name in double brackets, for example [[link]]";

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
        // Whether the section of the statement is not known.
        let mut is_orphan = false;
        for statement in Statements::new(text) {
            is_orphan &= !matches!(statement.kind, Kind::Section | Kind::Table);
            let errors = statement.errors(text);
            let is_misread = statement.is_fragment() || !errors.iter().all(is_independent);
            if is_orphan || (is_misread && !matches!(statement.kind, Kind::Section | Kind::Table)) {
                self.unread.push(statement.range.clone());
            }
            is_orphan |= statement.kind == Kind::BrokenHeader;
            if statement.kind == Kind::Section {
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

    /// Adds the errors that no statement has by itself, such as a key that is there twice.
    fn add_remaining(&mut self, repaired: &str) {
        let known = self.errors.len();
        for error in errors_in(repaired, 0..repaired.len()) {
            let is_known =
                |known: &[SyntaxError]| known.binary_search_by_key(&error.at.start, |is| is.at.start).is_ok();
            if !self.errors.get(..known).is_some_and(is_known) {
                self.errors.push(error);
            }
        }
        self.errors.sort_by_key(|error| error.at.start);
    }

    fn give_up(&mut self, text: &str) {
        self.text = Cow::Borrowed("");
        self.unread.clear();
        self.unread.push(0..text.len());
        self.lacks_sections = true;
    }
}

impl Statement {
    /// Whether it is not the beginning of anything, or has no end.
    fn is_fragment(&self) -> bool {
        self.unclosed.is_some() || matches!(self.kind, Kind::Fragment | Kind::BrokenHeader)
    }

    /// Returns its errors: all up to the first after which the rest is a guess.
    fn errors(&self, text: &str) -> Vec<SyntaxError> {
        if let Some(bracket) =
            self.unclosed.as_ref().filter(|_| self.kind == Kind::KeyValue && !self.lacks_quote)
        {
            let is_table = bracket.kind == TokenKind::LeftCurlyBracket;
            let (open, close) = if is_table { ("{", "}") } else { ("[", "]") };
            let message = format!("this `{open}` is not closed");
            return vec![SyntaxError {
                at: bracket.at.clone(),
                message,
                help: format!("write the `{close}`"),
            }];
        }
        let mut errors = errors_in(text, self.range.clone());
        let certain = errors.iter().take_while(|error| is_independent(error) && !self.lacks_quote).count();
        errors.truncate(if self.is_fragment() { 1 } else { certain + 1 });
        let is_unclear = |error: &&mut SyntaxError| {
            self.kind == Kind::BrokenHeader && !error.message.starts_with("unclosed")
        };
        for error in errors.iter_mut().filter(is_unclear) {
            HEADER_HELP.clone_into(&mut error.help);
        }
        errors
    }
}

/// The text with spaces in place of `ranges`, which are sorted; line breaks stay.
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
