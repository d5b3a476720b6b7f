//! Rust source as a list of tokens. Rules that search tokens never match inside a comment or a string.

use anyhow::{Context as _, Result};
use proc_macro2::{TokenStream, TokenTree};

use super::tree::File;

/// An identifier or a punctuation mark with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its text; empty for a literal. The delimiters of a group are tokens too.
    pub(crate) text: String,
    /// Line, from 1.
    pub(crate) line: usize,
}

/// Returns all tokens of a file, flattened, including the tokens in macros.
pub(crate) fn of(file: &File) -> Result<Vec<Token>> {
    let stream: TokenStream = file
        .text
        .parse()
        .map_err(|error| anyhow::anyhow!("{error}"))
        .with_context(|| format!("{} is not Rust", file.path))?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    Ok(tokens)
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Ident(ident) => tokens.push(Token { text: ident.to_string(), line }),
            TokenTree::Punct(punct) => tokens.push(Token { text: punct.as_char().to_string(), line }),
            TokenTree::Literal(_) => tokens.push(Token { text: String::new(), line }),
            TokenTree::Group(group) => {
                let (open, close) = marks(group.delimiter());
                tokens.push(Token { text: open.to_owned(), line });
                flatten(group.stream(), tokens);
                tokens.push(Token { text: close.to_owned(), line: group.span_close().start().line });
            }
        }
    }
}

fn marks(delimiter: proc_macro2::Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        proc_macro2::Delimiter::Parenthesis => ("(", ")"),
        proc_macro2::Delimiter::Brace => ("{", "}"),
        proc_macro2::Delimiter::Bracket => ("[", "]"),
        proc_macro2::Delimiter::None => ("", ""),
    }
}

/// Returns the lines at which the token sequence `words` begins.
pub(crate) fn lines_of(tokens: &[Token], words: &[&str]) -> Vec<usize> {
    tokens
        .windows(words.len())
        .filter(|window| window.iter().zip(words).all(|(token, word)| token.text == *word))
        .filter_map(|window| window.first().map(|token| token.line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_hold_no_tokens() {
        let file = File {
            path: "a.rs".to_owned(),
            text: "// setns\nfn f() { g(\"setns\"); /* setns */ m!(setns) }\n".to_owned(),
        };
        let tokens = of(&file).expect("valid Rust");
        assert_eq!(lines_of(&tokens, &["setns"]), [2]);
        assert_eq!(lines_of(&tokens, &["m", "!", "(", "setns"]), [2]);
    }
}
