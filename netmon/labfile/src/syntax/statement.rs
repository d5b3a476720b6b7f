//! Cuts a text into statements (headers and `key = value`), whether or not they are well-formed.
//!
//! A statement ends with its line unless a bracket is open. If the bracket is never closed, the statement ends before the
//! next line that can only begin another one. So a mistake damages one statement, and not all that follow.

use std::ops::Range;

use toml_parser::{
    Source,
    lexer::{Token, TokenKind},
};

use super::nesting::{Bracket, Nesting};

/// The form of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatementKind {
    /// `[[section]]`, even if more follows.
    Section,
    /// `[table]`, `[a.b]` or `[[a.b]]`, even if more follows.
    Table,
    /// Any other header. The section of the lines below it is unknown.
    BrokenHeader,
    /// `key =`, whatever follows.
    KeyValue,
    /// None of these.
    Fragment,
}

/// One statement.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) kind: StatementKind,
    /// Its lines, with the last line break.
    pub(super) range: Range<usize>,
    /// Where its first token is.
    pub(super) start: usize,
    /// The innermost bracket that is open at its end.
    pub(super) unclosed: Option<Bracket>,
    /// Whether a quote is missing. Behind it, strings are read as keys and values, and these as strings.
    pub(super) lacks_quote: bool,
}

/// Cuts a text into its statements, without empty lines and comments between them.
pub(super) struct Statements<'i> {
    text: &'i str,
    /// Where the next one begins.
    start: usize,
    /// How many more multi-line strings without an end may be treated as ending with their first line.
    endless_left: usize,
}

/// Few, since the lexer searches the rest of the text for the end of each.
const MAX_ENDLESS: usize = 16;

impl<'i> Statements<'i> {
    pub(super) fn new(text: &'i str) -> Self {
        Self { text, start: 0, endless_left: MAX_ENDLESS }
    }
}

impl Iterator for Statements<'_> {
    type Item = Statement;

    fn next(&mut self) -> Option<Statement> {
        while self.start < self.text.len() {
            let (end, statement) = read(self.text, self.start, &mut self.endless_left);
            self.start = end;
            if statement.is_some() {
                return statement;
            }
        }
        None
    }
}

/// Reads the statement at `start`, and returns where it ends. An empty line has no statement.
fn read(text: &str, start: usize, endless_left: &mut usize) -> (usize, Option<Statement>) {
    let mut nesting = Nesting::default();
    let mut tokens: Vec<Token> = Vec::new();
    let mut lacks_quote = false;
    let mut end = text.len();
    let indentation = indentation(&text[start..]);
    for token in Source::new(&text[start..]).lex() {
        let at = start + token.span().start()..start + token.span().end();
        let written = &text[at.clone()];
        let is_open = is_open_string(token.kind(), written);
        lacks_quote |= is_open || (token.kind() == TokenKind::Atom && written.contains(['"', '\'']));
        match token.kind() {
            TokenKind::MlBasicString | TokenKind::MlLiteralString if is_open && *endless_left > 0 => {
                *endless_left -= 1;
                tokens.push(token);
                end = line_end(text, at.start);
                break;
            }
            TokenKind::Newline => {
                let is_header =
                    tokens.first().is_some_and(|first| first.kind() == TokenKind::LeftSquareBracket);
                let innermost = nesting.innermost().filter(|_| !is_header);
                let is_end = innermost.is_none_or(|bracket| {
                    let last = tokens.last().map_or(TokenKind::Newline, Token::kind);
                    ends_before(&text[at.end..], bracket.kind, last, indentation)
                });
                if is_end {
                    end = at.end;
                    break;
                }
            }
            TokenKind::Whitespace | TokenKind::Comment | TokenKind::Eof => {}
            _ => tokens.push(token),
        }
        nesting.advance(token.kind(), at);
    }
    let statement = tokens.first().map(|first| Statement {
        kind: kind(&tokens),
        range: start..end,
        start: start + first.span().start(),
        unclosed: nesting.innermost().cloned(),
        lacks_quote,
    });
    (end, statement)
}

/// Returns the form of a statement by its tokens, which are without white space and comments.
fn kind(tokens: &[Token]) -> StatementKind {
    use TokenKind::{LeftSquareBracket as Open, RightSquareBracket as Close};
    let kinds: Vec<_> = tokens.iter().map(Token::kind).collect();
    match &kinds[..] {
        [Open, Open, name, Close, Close, ..] if is_name(*name) => StatementKind::Section,
        [Open, Open, key @ .., Close, Close] | [Open, key @ .., Close] if is_key(key) => StatementKind::Table,
        [Open, ..] => StatementKind::BrokenHeader,
        _ if starts_with_key_value(&kinds) => StatementKind::KeyValue,
        [.., Close, Close] => StatementKind::BrokenHeader,
        _ => StatementKind::Fragment,
    }
}

fn starts_with_key_value(kinds: &[TokenKind]) -> bool {
    let key = kinds.split(|kind| *kind == TokenKind::Equals).next().unwrap_or_default();
    is_key(key) && key.len() < kinds.len()
}

/// Names with dots between them.
fn is_key(kinds: &[TokenKind]) -> bool {
    kinds.split(|kind| *kind == TokenKind::Dot).all(|part| matches!(part, [name] if is_name(*name)))
}

fn is_name(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Atom | TokenKind::BasicString | TokenKind::LiteralString)
}

/// Whether a statement with an open `bracket` ends before the first line of `rest`. `last` is the last token before that
/// line, and `indentation` is the indentation of the statement.
fn ends_before(rest: &str, bracket: TokenKind, last: TokenKind, indentation: usize) -> bool {
    let line = rest.lines().next().unwrap_or_default();
    let is_deeper = self::indentation(line) > indentation;
    let line = line.trim_start();
    // In a list, no value begins like a key. In a table, a comma precedes a key.
    let may_be_key = bracket == TokenKind::LeftCurlyBracket
        && matches!(last, TokenKind::LeftCurlyBracket | TokenKind::Comma);
    is_header(line) || (!is_deeper && !may_be_key && is_key_value(line))
}

/// Whether a line is a header, and cannot be a list inside a list.
fn is_header(line: &str) -> bool {
    let Some(name) = line.strip_prefix("[[").or_else(|| line.strip_prefix('[')) else { return false };
    let rest = name.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let name = &name[..name.len() - rest.len()];
    let is_value = matches!(name, "true" | "false" | "inf" | "nan");
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_value && rest.starts_with(']')
}

/// Whether a line begins with a key and `=`.
fn is_key_value(line: &str) -> bool {
    let after_key =
        line.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    after_key.len() < line.len() && after_key.trim_start().starts_with('=')
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// The end of the line of a place, with its line break.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// Whether a token is a string without a closing quote.
fn is_open_string(kind: TokenKind, token: &str) -> bool {
    let (quote, escapes) = match kind {
        TokenKind::BasicString => ("\"", true),
        TokenKind::LiteralString => ("'", false),
        TokenKind::MlBasicString => ("\"\"\"", true),
        TokenKind::MlLiteralString => ("'''", false),
        _ => return false,
    };
    let inside = token.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside.is_none_or(|inside| {
        escapes && !(inside.len() - inside.trim_end_matches('\\').len()).is_multiple_of(2)
    })
}
