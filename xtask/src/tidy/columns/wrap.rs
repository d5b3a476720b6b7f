//! Breaks the paragraphs of a Markdown page that have a wide line. Nothing but line breaks changes.

use super::{WIDTH, is_wide};

/// Returns the page with its wide paragraphs broken anew.
pub(super) fn page(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (mut wrapped, mut at, mut in_code) = (String::with_capacity(text.len()), 0, false);
    while let Some(line) = lines.get(at) {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        let is_text = !in_code && !is_fence && (marker(line).is_some() || !begins_a_block(line));
        let end = if is_text { end_of_paragraph(&lines, at) } else { at + 1 };
        let paragraph = &lines[at..end];
        if is_text && paragraph.iter().any(|line| is_wide(line)) {
            wrapped.push_str(&broken(paragraph));
        } else {
            paragraph.iter().for_each(|line| wrapped.extend([*line, "\n"]));
        }
        at = end;
    }
    wrapped
}

fn end_of_paragraph(lines: &[&str], start: usize) -> usize {
    let rest = lines.iter().skip(start + 1);
    start + 1 + rest.take_while(|line| !begins_a_block(line)).count()
}

/// Returns whether a line cannot continue the paragraph above it.
fn begins_a_block(line: &str) -> bool {
    let text = line.trim_start();
    let starts = ["```", "|", "#", ">", "<!--", "!["];
    text.is_empty() || starts.iter().any(|start| text.starts_with(start)) || marker(line).is_some()
}

/// Returns the indent and the marker of a list item, or `None` if the line begins none.
fn marker(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let width = match text.as_bytes().get(digits..digits + 2)? {
        b". " if digits > 0 => digits + 2,
        b"- " | b"* " | b"+ " if digits == 0 => 2,
        _ => return None,
    };
    line.get(..line.len() - text.len() + width)
}

fn broken(paragraph: &[&str]) -> String {
    let first = paragraph.first().copied().unwrap_or_default();
    let indent = first.len() - first.trim_start().len();
    let start = marker(first).map_or(indent, str::len);
    let text = paragraph.join(" ");
    let (mut lines, mut column) = (first[..start].to_owned(), start);
    for (index, word) in words(&text[start..]).iter().enumerate() {
        let width = word.chars().count();
        if index > 0 && column + 1 + width >= WIDTH && !would_begin_a_block(word) {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', start));
            column = start;
        } else if index > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += width;
    }
    lines + "\n"
}

/// Splits at blanks, but not within code, which rules of tidy read line by line.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut in_code = false;
    for piece in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if in_code => last.extend([" ", piece]),
            _ => words.push(piece.to_owned()),
        }
        in_code ^= piece.matches('`').count() % 2 == 1;
    }
    words
}

/// Returns whether a line that begins with this word would no longer continue the paragraph.
fn would_begin_a_block(word: &str) -> bool {
    begins_a_block(&format!("{word} "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(start: &str, words: usize) -> String {
        format!("{start}{}\n", vec!["word"; words].join(" "))
    }

    #[test]
    fn a_wide_paragraph_is_broken_and_its_indent_kept() {
        assert_eq!(page(&sentence("", 25)), sentence("", 20) + &sentence("", 5));
        assert_eq!(page(&sentence("- ", 25)), sentence("- ", 19) + &sentence("  ", 6));
        assert_eq!(page(&sentence("10. ", 25)), sentence("10. ", 19) + &sentence("    ", 6));
    }

    #[test]
    fn narrow_paragraphs_tables_code_and_headings_stay() {
        let wide = sentence("", 30);
        let text = format!("one\ntwo\n\n```\n{wide}```\n| {wide}# {wide}> {wide}");
        assert_eq!(page(&text), text);
    }

    #[test]
    fn items_are_paragraphs_of_their_own() {
        let text = sentence("- ", 25) + &sentence("- ", 3);
        assert_eq!(page(&text), sentence("- ", 19) + &sentence("  ", 6) + &sentence("- ", 3));
    }

    #[test]
    fn code_is_not_broken_and_no_line_begins_like_a_list() {
        let before = ["word"; 19].join(" ");
        assert_eq!(page(&format!("{before} `a b c d` e\n")), format!("{before}\n`a b c d` e\n"));
        assert_eq!(page(&format!("{before} wor - e\n")), format!("{before} wor -\ne\n"));
    }

    #[test]
    fn a_second_time_changes_nothing() {
        let once = page(&sentence("  - ", 70));
        assert_eq!(page(&once), once);
    }
}
