//! Reads the selectors of a PromQL expression: which series, by which labels, over which range, inside which function.
//!
//! Not a parser of the whole language: Prometheus is that, and a test sends it every expression. This reads what the
//! other rules have to know, and refuses brackets that do not match.

use std::iter::Peekable;

/// A series that an expression reads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selector {
    /// The name of the series.
    pub(super) name: String,
    /// The labels that it is selected by, and their values.
    pub(super) matchers: Vec<(String, String)>,
    /// The range in brackets, such as `5m`. `None` if it reads the latest value.
    pub(super) range: Option<String>,
    /// The function or aggregation that it is a direct argument of; empty if it is in none.
    pub(super) function: String,
}

/// An expression.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expression {
    pub(super) selectors: Vec<Selector>,
    /// The labels that it groups or matches by.
    pub(super) grouped: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Symbol(char),
}

/// Words that are no series even though no parenthesis follows.
const KEYWORDS: [&str; 12] = [
    "and",
    "or",
    "unless",
    "offset",
    "bool",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "inf",
];
/// Those that a list of labels follows.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Reads an expression.
///
/// # Errors
///
/// Fails with the fault if brackets or quotes do not match.
pub(super) fn read(text: &str) -> Result<Expression, String> {
    let mut tokens = tokens(text)?.into_iter().peekable();
    let mut expression = Expression::default();
    // The open parentheses, each with the function before it.
    let mut open: Vec<String> = Vec::new();
    let mut before = String::new();
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(word) if LISTS.contains(&word.as_str()) => {
                expression.grouped.extend(list(&mut tokens));
                // `sum by (a) (b)`: the function of what follows is still `sum`.
                continue;
            }
            Token::Word(word) if is_series(&word, tokens.peek()) => {
                let function = open.last().cloned().unwrap_or_default();
                expression.selectors.push(selector(word, function, &mut tokens)?);
            }
            Token::Word(word) => before = word,
            Token::Symbol('(') => open.push(std::mem::take(&mut before)),
            Token::Symbol(')') if open.pop().is_none() => return Err("a `)` too many".to_owned()),
            Token::Symbol('[') => skip(&mut tokens, ']')?,
            Token::Symbol(']' | '{' | '}') => return Err("a bracket that does not match".to_owned()),
            Token::Text(_) | Token::Symbol(_) => before.clear(),
        }
    }
    if open.is_empty() { Ok(expression) } else { Err("a `(` that is not closed".to_owned()) }
}

fn is_series(word: &str, next: Option<&Token>) -> bool {
    let is_name = word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    is_name && !KEYWORDS.contains(&word.to_ascii_lowercase().as_str()) && is_not_called(next)
}

/// Returns whether no parenthesis and no list of labels follows, as they do after a function.
fn is_not_called(next: Option<&Token>) -> bool {
    match next {
        Some(Token::Symbol('(')) => false,
        Some(Token::Word(word)) => !["by", "without"].contains(&word.as_str()),
        _ => true,
    }
}

/// Reads the matchers and the range behind a name.
fn selector<I>(name: String, function: String, tokens: &mut Peekable<I>) -> Result<Selector, String>
where
    I: Iterator<Item = Token>,
{
    let mut selector = Selector { name, function, ..Selector::default() };
    if tokens.next_if_eq(&Token::Symbol('{')).is_some() {
        let mut label = String::new();
        loop {
            match tokens.next() {
                Some(Token::Word(word)) => label = word,
                Some(Token::Text(value)) => selector.matchers.push((std::mem::take(&mut label), value)),
                Some(Token::Symbol('}')) => break,
                Some(Token::Symbol(_)) => {}
                None => return Err("a `{` that is not closed".to_owned()),
            }
        }
    }
    if tokens.next_if_eq(&Token::Symbol('[')).is_some() {
        match (tokens.next(), tokens.next()) {
            (Some(Token::Word(range)), Some(Token::Symbol(']'))) => selector.range = Some(range),
            _ => return Err("a range that is no duration".to_owned()),
        }
    }
    Ok(selector)
}

/// Reads a list of labels in parentheses, if one follows.
fn list(tokens: &mut Peekable<impl Iterator<Item = Token>>) -> Vec<String> {
    let mut labels = Vec::new();
    if tokens.next_if_eq(&Token::Symbol('(')).is_some() {
        for token in tokens.by_ref() {
            match token {
                Token::Word(label) => labels.push(label),
                Token::Symbol(')') => break,
                Token::Text(_) | Token::Symbol(_) => {}
            }
        }
    }
    labels
}

/// Skips the range of a subquery.
fn skip(tokens: &mut impl Iterator<Item = Token>, end: char) -> Result<(), String> {
    let is_end = |token| token == Token::Symbol(end);
    if tokens.any(is_end) { Ok(()) } else { Err(format!("a bracket without its `{end}`")) }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '$' | '.');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            end
        } else if first == '"' {
            let value = quoted(&rest[1..]).ok_or("a quote that is not closed")?;
            tokens.push(Token::Text(value.to_owned()));
            value.len() + 2
        } else {
            tokens.push(Token::Symbol(first));
            first.len_utf8()
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// Returns the text before the closing quote, escapes as they are.
fn quoted(text: &str) -> Option<&str> {
    let mut is_escaped = false;
    let end = text.find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })?;
    Some(&text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        read(text).expect("an expression").selectors.into_iter().map(|selector| selector.name).collect()
    }

    #[test]
    fn functions_keywords_labels_and_numbers_are_no_series() {
        let text = "topk(10, 1e9 * sum by (a, b) (rate(x_total{a=~\"$b\"}[$__rate_interval])) / on (a) group_left () \
                    (y:z:rate5m offset 1h > 0)) or vector(0)";
        assert_eq!(names(text), ["x_total", "y:z:rate5m"]);
        assert_eq!(read(text).expect("an expression").grouped, ["a", "b", "a"]);
    }

    #[test]
    fn a_selector_has_its_matchers_range_and_function() {
        let read = read("sum(rate(x_total{a=\"b,}\", c!~\"d\"}[5m]))").expect("an expression");
        let matchers = [("a", "b,}"), ("c", "d")].map(|(label, value)| (label.to_owned(), value.to_owned()));
        let expected = Selector {
            name: "x_total".to_owned(),
            matchers: matchers.to_vec(),
            range: Some("5m".to_owned()),
            function: "rate".to_owned(),
        };
        assert_eq!(read.selectors, [expected]);
    }

    #[test]
    fn a_subquery_is_no_range_of_its_selector() {
        let read = read("max_over_time(timestamp(up{job=\"netmon\"})[5m:])").expect("an expression");
        assert_eq!(
            (read.selectors[0].range.clone(), read.selectors[0].function.as_str()),
            (None, "timestamp")
        );
    }

    #[test]
    fn brackets_that_do_not_match_are_refused() {
        for text in ["sum(x", "sum(x))", "x{a=\"b\"", "x[5m", "x{a=\"b}", "x]"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
