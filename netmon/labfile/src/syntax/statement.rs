//! A text cut into statements (headers and `key = value`), whether or not they are well-formed.
//!
//! A statement ends with its line unless a bracket is open. If a bracket was never closed, it ends before the next
//! line that can only be the beginning of another statement. So a mistake damages one statement, not all that follow.

use std::ops::Range;

use toml_parser::{
    Source,
    lexer::{Token, TokenKind},
};

use super::nesting::{Bracket, Nesting};

/// What a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `[[section]]`, even if more follows.
    Section,
    /// `[table]`, `[a.b]` or `[[a.b]]`, even if more follows.
    Table,
    /// A header that is neither. It is not known which section the lines below it belong to.
    BrokenHeader,
    /// `key =`, whatever follows.
    KeyValue,
    /// None of these.
    Fragment,
}

/// One statement.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) kind: Kind,
    /// Its lines, with the last line break.
    pub(super) range: Range<usize>,
    /// Where its first token is.
    pub(super) start: usize,
    /// The innermost bracket that is open at its end.
    pub(super) unclosed: Option<Bracket>,
    /// Whether a quote is missing, so that behind it strings are read as keys and values, and these as strings.
    pub(super) lacks_quote: bool,
}

/// Cuts a text into its statements, without empty lines and comments between them.
pub(super) struct Statements<'i> {
    text: &'i str,
    /// Where the next one begins.
    start: usize,
    /// How many more multi-line strings without an end are taken to end with their first line.
    endless_left: usize,
}

/// Each string without an end is searched for it to the end of the text.
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

/// Reads the statement at `start`, if there is one before the end of the line, and returns where it ends.
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

/// What a statement of these tokens is; white space and comments are not among them.
fn kind(tokens: &[Token]) -> Kind {
    use TokenKind::{LeftSquareBracket as Open, RightSquareBracket as Close};
    let kinds: Vec<_> = tokens.iter().map(Token::kind).collect();
    match &kinds[..] {
        [Open, Open, name, Close, Close, ..] if is_name(*name) => Kind::Section,
        [Open, Open, key @ .., Close, Close] | [Open, key @ .., Close] if is_key(key) => Kind::Table,
        [Open, ..] => Kind::BrokenHeader,
        _ if starts_with_key_value(&kinds) => Kind::KeyValue,
        [.., Close, Close] => Kind::BrokenHeader,
        _ => Kind::Fragment,
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

/// Whether the next line ends a statement in which a bracket is open. `last` is the token before it, and `indentation`
/// that of the statement.
fn ends_before(rest: &str, bracket: TokenKind, last: TokenKind, indentation: usize) -> bool {
    let line = rest.lines().next().unwrap_or_default();
    let is_deeper = self::indentation(line) > indentation;
    let line = line.trim_start();
    // A value cannot be written like this, and keys in braces need a comma between them.
    let may_be_key = bracket == TokenKind::LeftCurlyBracket
        && matches!(last, TokenKind::LeftCurlyBracket | TokenKind::Comma);
    is_header(line) || (!is_deeper && !may_be_key && is_key_value(line))
}

/// Whether a line is a header that cannot be a list in a list.
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

/// Where the line of a place ends, with its line break.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// Whether a token is a string that the end of the line or of the text has cut off.
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
