//! Collects the errors of a lab file while it is read.
//!
//! Reading continues after an error. The [`Report`] collects findings by byte offset, and turns them into
//! [`Diagnostic`]s with lines and columns in one pass at the end, so that a file with very many errors on one line
//! costs no more than one with few. It does not decide what is an error.

use std::{borrow::Cow, ops::Range, sync::Arc};

use super::{
    diagnostic::{Diagnostic, SourceSpan},
    syntax::{Readable, SyntaxError},
};

/// An error before its place is turned into line and column.
struct Finding {
    at: Range<usize>,
    message: String,
    help: String,
}

/// Collects the errors of a lab file while it is read.
pub(super) struct Report<'i> {
    text: &'i str,
    line_starts: Vec<usize>,
    /// Where the text is not TOML, sorted and apart. What was read there is a guess.
    unread: Vec<Range<usize>>,
    /// Where sections start, sorted. Each reaches to the next one. Empty if all of the text was read.
    sections: Vec<usize>,
    /// Whether a whole section may be missing from what was read.
    lacks_sections: bool,
    findings: Vec<Finding>,
    /// How many more names may be compared for "did you mean", so that hostile files stay cheap.
    pub(super) comparisons_left: usize,
}

/// A text with so many errors is something other than a lab file: more are neither collected nor counted.
pub(super) const MAX_ERRORS: usize = 10_000;
/// Enough for every suggestion in a file that a person wrote.
const COMPARISONS: usize = 500_000;

impl<'i> Report<'i> {
    pub(super) fn new(text: &'i str) -> Self {
        let after_newlines =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self {
            text,
            line_starts: std::iter::once(0).chain(after_newlines).collect(),
            unread: Vec::new(),
            sections: Vec::new(),
            lacks_sections: false,
            findings: Vec::new(),
            comparisons_left: COMPARISONS,
        }
    }

    /// Reports an error at `at`, unless the text there is not TOML anyway.
    pub(super) fn error(&mut self, at: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        if !self.is_full() && !self.has_syntax_error_in(&at) {
            self.findings.push(Finding { at, message: message.into(), help: help.into() });
        }
    }

    /// Returns whether there are so many errors that no more are collected.
    pub(super) fn is_full(&self) -> bool {
        self.findings.len() >= MAX_ERRORS
    }

    /// Reports text that is not TOML, before anything else is reported, and returns the text that is left.
    pub(super) fn syntax_errors<'t>(&mut self, readable: Readable<'t>) -> Cow<'t, str> {
        let Readable { text, errors, mut unread, sections, lacks_sections } = readable;
        for SyntaxError { at, message, help } in errors.into_iter().take(MAX_ERRORS) {
            self.findings.push(Finding { at: at.clone(), message, help });
            unread.push(at);
        }
        self.unread = union(unread);
        (self.sections, self.lacks_sections) = (sections, lacks_sections);
        text
    }

    /// Reports a text that is not parsed at all.
    pub(super) fn too_deep(&mut self, SyntaxError { at, message, help }: SyntaxError) {
        self.findings.push(Finding { at, message, help });
    }

    /// Returns whether all of the table at `at` was read. If not, an absent key may just be unread.
    pub(super) fn is_whole(&self, at: &Range<usize>) -> bool {
        let is_inline = self.text.as_bytes().get(at.start) == Some(&b'{');
        let next = self.sections.partition_point(|section| *section <= at.start);
        let end = self.sections.get(next).copied().unwrap_or(self.text.len() + 1);
        !self.has_syntax_error_in(&if is_inline { at.clone() } else { at.start..end })
    }

    /// Returns whether a whole section may be unread, so that an unknown name may be declared there.
    pub(super) fn may_lack_sections(&self) -> bool {
        self.lacks_sections
    }

    /// Returns the line of a byte offset, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    fn has_syntax_error_in(&self, range: &Range<usize>) -> bool {
        let end = range.end.max(range.start + 1);
        let next = self.unread.partition_point(|at| at.end.max(at.start + 1) <= range.start);
        self.unread.get(next).is_some_and(|at| at.start < end)
    }

    /// Returns every error, in the order of the text.
    pub(super) fn into_diagnostics(self, source: &str) -> Vec<Diagnostic> {
        let Self { text, line_starts, mut findings, .. } = self;
        if findings.is_empty() {
            return Vec::new();
        }
        let (source, shared): (Arc<str>, Arc<str>) = (source.into(), text.into());
        findings.sort_by_key(|finding| finding.at.start);
        let mut walk = Walk { text, line_starts, line: 0, column: 1, at: 0 };
        let diagnostic = |Finding { at, message, help }| {
            let (line, column) = walk.to(at.start);
            let span = SourceSpan { text: Arc::clone(&shared), at };
            Diagnostic { source: Arc::clone(&source), line, column, message, help, span }
        };
        findings.into_iter().map(diagnostic).collect()
    }
}

/// The same places as ranges that are sorted and do not overlap.
fn union(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    ranges.dedup_by(|next, range| {
        let is_within = next.start <= range.end;
        if is_within {
            range.end = range.end.max(next.end);
        }
        is_within
    });
    ranges
}

/// Turns ascending offsets into lines and columns, and reads every character at most once.
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
        // Continuation bytes of UTF-8 do not begin a character.
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
    }

    #[test]
    fn overlapping_ranges_are_united() {
        assert_eq!(union(vec![5..6, 0..100, 200..200, 90..120]), [0..120, 200..200]);
    }

    #[test]
    fn an_error_at_the_end_of_the_text_has_a_place() {
        let mut report = Report::new("a\n");
        report.error(2..2, "wrong", "right");
        let found = report.into_diagnostics("f");
        assert_eq!((found[0].line, found[0].column), (2, 1));
    }
}
