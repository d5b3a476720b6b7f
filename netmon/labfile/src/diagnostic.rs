//! What is wrong in a lab file, where, and what would be right.
//!
//! Reading goes on after an error: the [`Report`] collects findings by byte offset, and turns them into
//! [`Diagnostic`]s with lines and columns in one pass at the end, so that a file with very many errors on
//! one line costs no more than one with few. It does not decide what is an error.

use std::{fmt, ops::Range, sync::Arc};

use super::syntax::SyntaxError;

/// One error of a lab file. Displays as `FILE:LINE:COL: error: what is wrong`, and below it, indented, what
/// would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where the text came from: a path, or `built-in`.
    pub source: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, line, column, message, help } = self;
        write!(f, "{source}:{line}:{column}: error: {message}\n    help: {help}")
    }
}

/// A finding before its place is turned into line and column.
struct Finding {
    at: usize,
    message: String,
    help: String,
}

/// Collects what is wrong while a lab file is read.
pub(super) struct Report<'i> {
    text: &'i str,
    line_starts: Vec<usize>,
    /// Where the text is not TOML, sorted: what was read around there is a guess.
    syntax: Vec<Range<usize>>,
    /// Where sections start, sorted: a section reaches to the next one.
    headers: Vec<usize>,
    findings: Vec<Finding>,
    /// Whether all of the text was understood, apart from the places with syntax errors.
    pub(super) is_complete: bool,
    /// How many more names may be compared for "did you mean": keeps hostile files cheap.
    pub(super) comparisons_left: usize,
}

/// Enough for every suggestion in a file that a person wrote.
const COMPARISONS: usize = 500_000;

impl<'i> Report<'i> {
    pub(super) fn new(text: &'i str) -> Self {
        let after_newlines =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self {
            text,
            line_starts: std::iter::once(0).chain(after_newlines).collect(),
            syntax: Vec::new(),
            headers: Vec::new(),
            findings: Vec::new(),
            is_complete: true,
            comparisons_left: COMPARISONS,
        }
    }

    /// Reports an error at the start of `at`, unless the text there was not TOML in the first place.
    pub(super) fn error(&mut self, at: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        if !self.has_syntax_error_in(&at) {
            self.findings.push(Finding { at: at.start, message: message.into(), help: help.into() });
        }
    }

    /// Reports text that is not TOML. To be called before anything else is reported.
    pub(super) fn syntax_errors(&mut self, errors: impl IntoIterator<Item = SyntaxError>) {
        for SyntaxError { at, message, help } in errors {
            self.findings.push(Finding { at: at.start, message, help });
            self.syntax.push(at);
        }
        self.syntax.sort_by_key(|at| at.start);
    }

    /// Tells where sections start, so that [`Self::is_whole`] knows how far each reaches.
    pub(super) fn set_headers(&mut self, mut headers: Vec<usize>) {
        headers.sort_unstable();
        self.headers = headers;
    }

    /// Whether all of the table at `at` was read: only then is a key that is not there really missing.
    pub(super) fn is_whole(&self, at: &Range<usize>) -> bool {
        let is_inline = self.text.as_bytes().get(at.start) == Some(&b'{');
        let next = self.headers.partition_point(|header| *header <= at.start);
        let end = self.headers.get(next).copied().unwrap_or(self.text.len() + 1);
        self.is_complete && !self.has_syntax_error_in(&if is_inline { at.clone() } else { at.start..end })
    }

    /// Whether a whole section may have been lost, so that a name that is not there may just be unread.
    pub(super) fn may_lack_sections(&self) -> bool {
        let first = self.headers.first().copied().unwrap_or(usize::MAX);
        !self.is_complete
            || self
                .syntax
                .iter()
                .any(|at| at.start < first || self.line_text(at.start).trim_start().starts_with('['))
    }

    /// The line of a place, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    fn line_text(&self, at: usize) -> &'i str {
        let start = self.line_starts.get(self.line(at) - 1).copied().unwrap_or(0);
        self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("")
    }

    fn has_syntax_error_in(&self, range: &Range<usize>) -> bool {
        let end = range.end.max(range.start + 1);
        let next = self.syntax.partition_point(|at| at.end.max(at.start + 1) <= range.start);
        self.syntax.get(next).is_some_and(|at| at.start < end)
    }

    /// Every error, in the order of the text.
    pub(super) fn into_diagnostics(self, source: &str) -> Vec<Diagnostic> {
        let source: Arc<str> = source.into();
        let Self { text, line_starts, mut findings, .. } = self;
        findings.sort_by_key(|finding| finding.at);
        let mut walk = Walk { text, line_starts, line: 0, column: 1, at: 0 };
        let place = |Finding { at, message, help }| {
            let (line, column) = walk.to(at);
            Diagnostic { source: Arc::clone(&source), line, column, message, help }
        };
        findings.into_iter().map(place).collect()
    }
}

/// Turns ascending offsets into lines and columns, looking at every character at most once.
struct Walk<'i> {
    text: &'i str,
    line_starts: Vec<usize>,
    line: usize,
    column: usize,
    at: usize,
}

impl Walk<'_> {
    fn to(&mut self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        if line != self.line {
            self.line = line;
            self.column = 1;
            self.at = self.line_starts.get(line - 1).copied().unwrap_or(0);
        }
        let passed = self.text.as_bytes().get(self.at..offset).unwrap_or_default();
        // Continuation bytes of UTF-8 are no characters of their own.
        self.column += passed.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        self.at = offset.max(self.at);
        (self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_not_bytes() {
        let text = "first\naé€x";
        let mut report = Report::new(text);
        let x = text.find('x').unwrap();
        report.error(x..x + 1, "wrong", "right");
        report.error(2..3, "early", "right");
        let found = report.into_diagnostics("f.toml");
        assert_eq!((found[0].line, found[0].column), (1, 3));
        assert_eq!((found[1].line, found[1].column), (2, 4));
        assert_eq!(found[1].to_string(), "f.toml:2:4: error: wrong\n    help: right");
    }

    #[test]
    fn the_end_of_a_text_has_a_place_too() {
        let mut report = Report::new("a\n");
        report.error(2..2, "wrong", "right");
        let found = report.into_diagnostics("f");
        assert_eq!((found[0].line, found[0].column), (2, 1));
    }
}
