//! Refuses a few words and phrases that do not belong in technical English.
//!
//! The subject of a sentence is the program, the kernel or the user: a process is not a person. The rule reads
//! comments, strings and names alike, since the name of a test is a sentence too. It is a short list and no
//! substitute for style: `docs/STYLE.md` explains that, with bad examples, which this rule skips.

use super::{
    Finding,
    tree::{File, Tree},
};

/// The refused phrases in lower case, with a hint for each.
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

/// Files that may contain the words: this list, and the bad examples of the style page.
const EXEMPT: [&str; 2] = ["xtask/src/tidy/words.rs", "docs/STYLE.md"];
/// The pages at the top level that are read. All pages in `docs/` are read too.
const PAGES: [&str; 3] = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().filter(|file| !EXEMPT.contains(&file.path.as_str())) {
        findings.extend(of_file(file));
    }
    findings
}

/// Returns whether a file belongs to the page in the browser and is ours.
fn is_of_the_web(path: &str) -> bool {
    !path.contains("/vendor/") && [".js", ".css", ".html"].iter().any(|ending| path.ends_with(ending))
}

fn of_file(file: &File) -> Vec<Finding> {
    let path = file.path.as_str();
    if path.starts_with("labs/") && path.ends_with(".toml") {
        return refused(path, &comments(&file.text));
    }
    let is_page = PAGES.contains(&path) || (path.starts_with("docs/") && path.ends_with(".md"));
    let is_code = path.ends_with(".rs") || is_of_the_web(path);
    if is_code || is_page { refused(path, &file.text) } else { Vec::new() }
}

/// Returns the same lines, reduced to their comments.
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
    /// Its byte offset.
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

/// Returns the runs of letters. An underscore separates words.
fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut start = 0;
    text.split(|character: char| !character.is_alphabetic()).filter_map(move |word| {
        let begins = start;
        // The separator is one character of one or more bytes.
        let end = begins + word.len();
        start = end + text[end..].chars().next().map_or(0, char::len_utf8);
        (!word.is_empty()).then_some(Word { text: word, start: begins, end })
    })
}

/// Returns whether the text continues with a phrase. Its words may be separated by blanks, by an underscore, or by a
/// line break in a comment.
fn stands_at(text: &str, words: &[Word<'_>], phrase: &str) -> bool {
    let wanted: Vec<&str> = phrase.split(' ').collect();
    let Some(words) = words.get(..wanted.len()) else { return false };
    let is_gap =
        |gap: &str| gap.chars().all(|character| character.is_whitespace() || "/!_\\".contains(character));
    words.iter().zip(&wanted).all(|(word, wanted)| word.text.eq_ignore_ascii_case(wanted))
        && words.windows(2).all(|two| is_gap(&text[two[0].end..two[1].start]))
}

/// Returns whether a word is the Unix user `nobody`: quoted by itself, or in backticks.
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
        let good = "//! Returns `None` when no process has it, and none, when asked.\n// Body of some one: anybodys.\n\
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
        for path in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/API.md", "docs/adr/0001-a.md"] {
            assert_eq!(lines(path, bad), [1], "{path}");
        }
        for path in ["docs/STYLE.md", "docs/a.json", "Cargo.toml"] {
            assert_eq!(lines(path, bad), [0; 0], "{path}");
        }
        assert_eq!(lines("labs/a.toml", "user = \"is nobody here\"\n# for whoever asks\n"), [2]);
    }
}
