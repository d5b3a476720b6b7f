//! The open brackets of a text, by its tokens alone. It works for text that the parser cannot read, and must not read.

use std::ops::Range;

use toml_parser::{Source, lexer::TokenKind};

/// How deep brackets and dotted keys may nest. A lab needs four levels. The parsed tree is dropped recursively, so
/// thousands of levels would overflow the stack.
pub(super) const MAX_DEPTH: usize = 32;

/// An open bracket.
#[derive(Clone, Debug)]
pub(super) struct Bracket {
    pub(super) kind: TokenKind,
    pub(super) at: Range<usize>,
    /// 1, and 1 for each dot of the key that it is the value of.
    levels: usize,
}

/// The brackets that are open at a place, and how deep it is.
#[derive(Default)]
pub(super) struct Nesting {
    open: Vec<Bracket>,
    /// The levels of all open brackets.
    depth: usize,
    /// The dots of the current key.
    dots: usize,
}

impl Nesting {
    /// Counts the next token.
    pub(super) fn advance(&mut self, kind: TokenKind, at: Range<usize>) {
        match kind {
            TokenKind::Dot => self.dots += 1,
            TokenKind::Comma | TokenKind::Newline => self.dots = 0,
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                let levels = 1 + std::mem::take(&mut self.dots);
                self.depth += levels;
                self.open.push(Bracket { kind, at, levels });
            }
            TokenKind::RightSquareBracket => self.close(TokenKind::LeftSquareBracket),
            TokenKind::RightCurlyBracket => self.close(TokenKind::LeftCurlyBracket),
            _ => {}
        }
    }

    /// Closes only a matching bracket. So the depth is never less than the parser's.
    fn close(&mut self, opener: TokenKind) {
        self.dots = 0;
        if let Some(bracket) = self.open.pop_if(|bracket| bracket.kind == opener) {
            self.depth -= bracket.levels;
        }
    }

    /// Returns the innermost open bracket.
    pub(super) fn innermost(&self) -> Option<&Bracket> {
        self.open.last()
    }
}

/// Returns the first place that is nested too deep to be parsed.
pub(super) fn too_deep(text: &str) -> Option<Range<usize>> {
    let mut nesting = Nesting::default();
    Source::new(text).lex().find_map(|token| {
        let at = token.span().start()..token.span().end();
        nesting.advance(token.kind(), at.clone());
        (nesting.depth + nesting.dots > MAX_DEPTH).then_some(at)
    })
}
