//! Damaged lab files: one mistake is one error at its place, and nothing makes the parser panic.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may")]

use std::{collections::BTreeMap, fs, path::Path};

use netmon_labfile::{Diagnostic, parse};
use proptest::{collection::vec, prelude::*, sample};

/// Characters without which a line is not TOML, or means something else.
const PUNCTUATION: &str = "\"[]{}=,";

/// What is inserted: parts of the format, and what it has no place for.
const PIECES: &[&str] = &[
    "[[namespace]]\n",
    "[[link]]\n",
    "[[bridge]]\n",
    "[[service]]\n",
    "[[expect]]\n",
    "[[probe]]\n",
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "#",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\\",
    "\\u0000",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\0",
    "\u{feff}",
    "\u{1b}[2J",
    "é",
    "星",
    "\u{10ffff}",
    "-1",
    "99999999999999999999",
    "1e400",
    "nan",
    "true",
    "2021-01-01",
    "10.0.0.1/24",
    "fd00::1/64",
    "0.0.0.0/0",
    "name = \"root\"\n",
    "mtu = 68\n",
    "routes = [{}]\n",
    "sysctls = {}\n",
    "../../etc",
    "a = ",
    "b = {",
    "[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// The example labs, each with its name.
fn labs() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|is| is == "toml"));
    paths.sort();
    assert!(paths.len() >= 9, "{paths:?}");
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

fn errors(text: &str) -> Vec<Diagnostic> {
    parse(text, "f.toml", "f").err().unwrap_or_default()
}

/// Every text that lacks one character of the punctuation outside comments and strings, with its line.
fn without_one(text: &str) -> impl Iterator<Item = (String, usize)> {
    let at = text.char_indices().filter(|(at, c)| {
        let line = &text[text[..*at].rfind('\n').map_or(0, |newline| newline + 1)..*at];
        let is_in_string = !line.matches('"').count().is_multiple_of(2);
        PUNCTUATION.contains(*c) && !line.contains('#') && (*c == '"' || !is_in_string)
    });
    at.map(|(at, c)| {
        ([&text[..at], &text[at + c.len_utf8()..]].concat(), text[..at].matches('\n').count() + 1)
    })
}

/// Whether an error is about a character that is missing on `line`: reported there, before the next token, or at the
/// bracket that should be closed.
fn is_about(error: &Diagnostic, line: usize) -> bool {
    (line..=line + 1).contains(&error.line) || (error.line < line && error.message.ends_with("is not closed"))
}

#[test]
fn a_missing_character_is_one_error_on_its_line() {
    let mut counts = BTreeMap::<usize, usize>::new();
    for (name, text) in labs() {
        for (damaged, line) in without_one(&text) {
            let errors = errors(&damaged);
            let shown = || errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            // The comma behind the last element of a list is not missed.
            if !errors.is_empty() {
                assert!(errors.iter().any(|error| is_about(error, line)), "{name}:{line}\n{}", shown());
                *counts.entry(errors.len()).or_default() += 1;
            }
        }
    }
    let all: usize = counts.values().sum();
    println!("files by number of errors: {counts:?}");
    // The rest has two, after a `{`: for the missing table, and for the key without one.
    assert!(counts[&1] * 100 >= all * 95, "{counts:?}");
    assert!(counts.keys().all(|count| *count <= 6), "{counts:?}");
}

#[test]
fn mistakes_in_two_sections_are_both_reported() {
    let two = "[[namespace]]\nname = \"web\nnameservers = [\"10.0.0.1\"]\n\n[[namespace]]\nname = \"db\"\nnameservers = [\"10.0.0.1\"\n";
    let places: Vec<_> = errors(two).iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(2, 12), (7, 15)]);
}

#[test]
fn a_text_with_very_many_errors_is_not_read_to_its_end() {
    let lines = ["x\n", "\"\n", "a = b c\n", "a = 1\r", "'''\n\"\"\"\n", "[[link]]\n", "a = 1\n"];
    let list = format!("[[namespace]]\nname = \"a\"\nnameservers = [{}]", "1, ".repeat(50_000));
    for text in lines.map(|line| line.repeat(50_000)).into_iter().chain([list]) {
        let errors = errors(&text);
        assert_eq!(errors.len(), 10_000, "{:?}", &text[..20]);
        let shown = netmon_labfile::LoadError::Invalid(errors).to_string();
        assert!(shown.ends_with("... and at least 9000 more errors"), "{}", &shown[shown.len() - 200..]);
    }
}

/// One change to a text.
#[derive(Clone, Debug)]
struct Change {
    at: sample::Index,
    length: usize,
    put: String,
}

fn change() -> impl Strategy<Value = Change> {
    let put = prop_oneof![
        4 => sample::select(PIECES).prop_map(str::to_owned),
        1 => Just(String::new()),
        1 => any::<char>().prop_map(String::from),
    ];
    (any::<sample::Index>(), 0..40_usize, put).prop_map(|(at, length, put)| Change { at, length, put })
}

fn damaged() -> impl Strategy<Value = String> {
    let texts = labs().into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    (sample::select(texts), vec(change(), 1..5)).prop_map(|(text, changes)| {
        let mut text: Vec<char> = text.chars().collect();
        for Change { at, length, put } in changes {
            let at = at.index(text.len() + 1);
            let end = (at + length).min(text.len());
            text.splice(at..end, put.chars());
        }
        text.into_iter().collect()
    })
}

/// Asserts that every error has words and a place in the text, and can be shown.
fn check(text: &str) -> Result<(), TestCaseError> {
    let lines: Vec<&str> = text.split('\n').collect();
    let errors = errors(text);
    for error in &errors {
        prop_assert!((1..=lines.len()).contains(&error.line), "{error:?}");
        prop_assert!((1..=lines[error.line - 1].chars().count() + 1).contains(&error.column), "{error:?}");
        prop_assert!(!error.message.is_empty() && !error.help.is_empty(), "{error:?}");
        let shown = error.to_string();
        let shown: Vec<_> = shown.lines().collect();
        let first = format!("f.toml:{}:{}: error: {}", error.line, error.column, error.message);
        prop_assert_eq!(shown[0], first);
        prop_assert_eq!(shown.len(), if text.is_empty() { 2 } else { 5 }, "{:?}", shown);
        prop_assert!(!shown.concat().contains(|c: char| c.is_control()), "{shown:?}");
    }
    prop_assert!(errors.is_sorted_by_key(|error| (error.line, error.column)), "{errors:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_error_of_a_damaged_lab_has_a_place_in_its_text(text in damaged()) {
        check(&text)?;
    }

    #[test]
    fn every_error_of_any_text_has_a_place_in_it(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn every_error_of_pieces_has_a_place_in_them(pieces in vec(sample::select(PIECES), 0..30)) {
        check(&pieces.concat())?;
    }
}
