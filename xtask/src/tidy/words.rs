//! Words that hide who does something, or say it in a way that no engineer of the field would.
//!
//! The subject of a sentence is the program, the kernel or the user: a process is not a person, and `None` is
//! returned "if", not "none when". The rule reads comments, strings and names alike, since a test's name is a sentence
//! as well. It holds a short list, not good style: `docs/STYLE.md` has that, with the bad examples that this rule
//! has to skip.

use super::{
    Finding,
    tree::{File, Tree},
};

/// What is refused, in lower case, and what to write instead.
const REFUSED: &[(&str, &str)] = &[
    ("somebody", PERSON),
    ("someone", PERSON),
    ("anybody", PERSON),
    ("anyone", PERSON),
    ("nobody", PERSON),
    ("whoever", PERSON),
    ("whomever", PERSON),
    ("none when", "`None` if"),
    ("go on with", CONTINUE),
    ("goes on with", CONTINUE),
    ("going on with", CONTINUE),
    ("gone on with", CONTINUE),
    ("went on with", CONTINUE),
    ("let go", RELEASE),
    ("lets go", RELEASE),
    ("letting go", RELEASE),
    ("look after", WATCH),
    ("looks after", WATCH),
    ("looked after", WATCH),
    ("looking after", WATCH),
];
const PERSON: &str = "name the process, the program, the caller or the user";
const CONTINUE: &str = "continue, resume, reuse";
const RELEASE: &str = "release, close, detach";
const WATCH: &str = "maintain, watch, handle";

/// Pages in which the words may stand: this list, and the style page's bad examples.
const EXEMPT: [&str; 2] = ["xtask/src/tidy/words.rs", "docs/STYLE.md"];
/// What is read beside Rust: pages at the top, and all of these folders.
const PAGES: [&str; 2] = ["README.md", "CONTRIBUTING.md"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().filter(|file| !EXEMPT.contains(&file.path.as_str())) {
        findings.extend(of_file(file));
    }
    findings
}

fn of_file(file: &File) -> Vec<Finding> {
    let path = file.path.as_str();
    if path.starts_with("labs/") && path.ends_with(".toml") {
        return refused(path, &comments(&file.text));
    }
    let is_page = PAGES.contains(&path) || (path.starts_with("docs/") && path.ends_with(".md"));
    if path.ends_with(".rs") || is_page { refused(path, &file.text) } else { Vec::new() }
}

/// The same lines with nothing but their comments.
fn comments(toml: &str) -> String {
    toml.lines()
        .map(|line| line.split_once('#').map_or("", |(_, comment)| comment))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A word of a text.
#[derive(Clone, Copy, Debug)]
struct Word<'t> {
    text: &'t str,
    /// Where it begins, in bytes.
    start: usize,
    end: usize,
}

fn refused(path: &str, text: &str) -> Vec<Finding> {
    let words: Vec<Word<'_>> = words(text).collect();
    let mut findings = Vec::new();
    for at in 0..words.len() {
        for (phrase, instead) in REFUSED {
            if stands_at(text, &words[at..], phrase) && !is_the_user(text, words[at]) {
                let line = text[..words[at].start].matches('\n').count() + 1;
                findings.push(Finding::new(path, line, format!("\"{phrase}\": {instead}")));
            }
        }
    }
    findings
}

/// Runs of letters. An underscore ends one: names are made of words.
fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut start = 0;
    text.split(|character: char| !character.is_alphabetic()).filter_map(move |word| {
        let begins = start;
        // Behind the word is one character that is no letter, of one byte or more.
        let end = begins + word.len();
        start = end + text[end..].chars().next().map_or(0, char::len_utf8);
        (!word.is_empty()).then_some(Word { text: word, start: begins, end })
    })
}

/// Whether the words of a phrase are the next ones, with nothing between them but blanks, the break of a comment's
/// line, or an underscore.
fn stands_at(text: &str, words: &[Word<'_>], phrase: &str) -> bool {
    let wanted: Vec<&str> = phrase.split(' ').collect();
    let Some(words) = words.get(..wanted.len()) else { return false };
    let is_gap =
        |gap: &str| gap.chars().all(|character| character.is_whitespace() || "/!_\\".contains(character));
    words.iter().zip(&wanted).all(|(word, wanted)| word.text.eq_ignore_ascii_case(wanted))
        && words.windows(2).all(|two| is_gap(&text[two[0].end..two[1].start]))
}

/// Whether it is the Unix user of that name: in quotes of its own, or in a piece of code.
fn is_the_user(text: &str, word: Word<'_>) -> bool {
    if word.text != "nobody" {
        return false;
    }
    let (before, after) = (&text[..word.start], &text[word.end..]);
    let line = before.rsplit('\n').next().unwrap_or(before);
    let in_code = line.matches('`').count() % 2 == 1;
    let quoted = before.ends_with(['"', '\'']) && after.starts_with(['"', '\'']);
    in_code || quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn plain_sentences_pass() {
        let good = "//! Returns `None` when no process holds it, and none, when asked.\n// Body of some one: anybodys.\n\
                    fn let_it_go() {}\n";
        assert_eq!(lines("netmon/src/a.rs", good), [0; 0]);
    }

    #[test]
    fn persons_are_found_in_comments_strings_and_names() {
        let bad = "//! What somebody did.\nfn nobody_answers() {\n    f(\"Whoever asks\"); // anybody's\n}\n";
        assert_eq!(lines("netmon/src/a.rs", bad), [1, 2, 3, 3]);
    }

    #[test]
    fn a_phrase_is_found_across_the_break_of_a_comment() {
        assert_eq!(
            lines("a.rs", "/// The end; none\n    /// when it is open.\nfn goes_on_with_it() {}\n"),
            [1, 3]
        );
        assert_eq!(lines("a.rs", "/// There are none. When it is open, more.\n"), [0; 0]);
    }

    #[test]
    fn the_user_of_that_name_passes() {
        let good = "// As the user `nobody`, by `chown nobody:nogroup a`.\nfn f() { run(\"nobody\"); }\n";
        assert_eq!(lines("a.rs", good), [0; 0]);
        assert_eq!(
            lines("a.rs", "// Between `a` nobody and `b`.\nconst A: &str = \"nobody answers\";\n"),
            [1, 2]
        );
    }

    #[test]
    fn pages_and_the_comments_of_example_labs_are_read() {
        let bad = "Nobody.\n";
        for path in ["README.md", "CONTRIBUTING.md", "docs/API.md", "docs/adr/0001-a.md"] {
            assert_eq!(lines(path, bad), [1], "{path}");
        }
        for path in ["CHANGELOG.md", "docs/STYLE.md", "docs/a.json", "Cargo.toml"] {
            assert_eq!(lines(path, bad), [0; 0], "{path}");
        }
        assert_eq!(lines("labs/a.toml", "user = \"is nobody here\"\n# for whoever asks\n"), [2]);
    }
}
