//! Paths in unparsed tokens: the arguments and bodies of macros, and attributes.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// Returns every path in the tokens with its line, also in groups. `a::{b, c::d}` is two paths.
pub(super) fn of(tokens: &TokenStream) -> Vec<(Vec<String>, usize)> {
    let mut found = Vec::new();
    scan(tokens.clone(), &mut found);
    found
}

/// Splits tokens at commas.
pub(super) fn parts(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![Vec::new()];
    for tree in tokens {
        match (&tree, parts.last_mut()) {
            (TokenTree::Punct(comma), _) if comma.as_char() == ',' => parts.push(Vec::new()),
            (_, Some(last)) => last.push(tree),
            (_, None) => {}
        }
    }
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| part.into_iter().collect()).collect()
}

fn scan(tokens: TokenStream, found: &mut Vec<(Vec<String>, usize)>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        match &trees[at] {
            TokenTree::Ident(_) => at = path(&[], &trees, at, found),
            TokenTree::Group(group) => {
                scan(group.stream(), found);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Reads the path that begins at an identifier, and returns the index after it.
fn path(before: &[String], trees: &[TokenTree], from: usize, found: &mut Vec<(Vec<String>, usize)>) -> usize {
    let mut words = before.to_vec();
    let line = trees[from].span().start().line;
    let mut at = from;
    loop {
        match trees.get(at) {
            Some(TokenTree::Ident(word)) => words.push(word.to_string()),
            Some(TokenTree::Punct(star)) if star.as_char() == '*' && !words.is_empty() => {
                words.push("*".to_owned());
            }
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace && !words.is_empty() => {
                for part in parts(group.stream()) {
                    let part: Vec<TokenTree> = part.into_iter().collect();
                    path(&words, &part, 0, found);
                }
                return at + 1;
            }
            // `::<` and the like end the path.
            _ => break,
        }
        at += 1;
        if !is_separator(trees, at) {
            break;
        }
        at += 2;
    }
    found.push((words, line));
    at.max(from + 1)
}

/// Returns whether the tokens at `at` are `::`.
fn is_separator(trees: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize, spacing: Option<Spacing>| {
        matches!(trees.get(at), Some(TokenTree::Punct(mark))
            if mark.as_char() == ':' && spacing.is_none_or(|wanted| mark.spacing() == wanted))
    };
    colon(at, Some(Spacing::Joint)) && colon(at + 1, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> Vec<String> {
        let tokens = source.parse().expect("tokens");
        of(&tokens).into_iter().map(|(path, line)| format!("{} {line}", path.join("::"))).collect()
    }

    #[test]
    fn paths_are_found_in_groups_and_lists() {
        assert_eq!(
            shown("f(crate::a::B, [\nx.y(), ::aya::c])"),
            ["f 1", "crate::a::B 1", "x 2", "y 2", "aya::c 2"]
        );
        assert_eq!(
            shown("use crate::{a, b::{c, *}};"),
            ["use 1", "crate::a 1", "crate::b::c 1", "crate::b::* 1"]
        );
        assert_eq!(shown("$crate::a::<T>::b()"), ["crate::a 1", "T 1", "b 1"]);
    }

    #[test]
    fn a_type_after_a_colon_is_another_path() {
        assert_eq!(shown("a: crate::B"), ["a 1", "crate::B 1"]);
    }

    #[test]
    fn parts_are_separated_by_commas() {
        assert_eq!(parts("a(b, c), d,".parse().expect("tokens")).len(), 2);
        assert_eq!(parts(TokenStream::new()).len(), 0);
    }
}
