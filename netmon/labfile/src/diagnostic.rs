//! An error of a lab file: what is wrong, where, and how to correct it.

use std::{fmt, ops::Range, sync::Arc};

use super::excerpt;

/// One error of a lab file.
///
/// Displays as `FILE:LINE:COLUMN: error: MESSAGE`, followed by the line with carets below the place, and the help:
///
/// ```
/// let errors = netmon_labfile::parse("name = web\n", "office.toml", "office").unwrap_err();
/// let expected = "\
/// office.toml:1:8: error: string values must be quoted
///   |
/// 1 | name = web
///   |        ^^^
///     help: put it between double quotes";
/// assert_eq!(errors[0].to_string(), expected);
/// assert_eq!((errors[0].line, errors[0].column), (1, 8));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The origin of the text, usually a path.
    pub source: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// How to correct it.
    pub help: String,
    pub(super) span: SourceSpan,
}

/// A part of a text. All errors of a file share the text.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SourceSpan {
    pub(super) text: Arc<str>,
    pub(super) at: Range<usize>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, line, column, message, help, span: SourceSpan { text, at } } = self;
        writeln!(f, "{source}:{line}:{column}: error: {message}")?;
        if !text.is_empty() {
            writeln!(f, "{}", excerpt::draw(text, at, *line))?;
        }
        write!(f, "    help: {help}")
    }
}

impl fmt::Debug for Diagnostic {
    /// Without the text, which is the whole file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, line, column, message, help, .. } = self;
        write!(f, "{source}:{line}:{column}: {message:?}, help: {help:?}")
    }
}
