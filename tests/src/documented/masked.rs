//! Whether a run printed what a page shows. Numbers and times differ from run to run, so they are masked. Zero is not: a
//! loss must not pass for none. A line of three dots on the page stands for any lines.

/// Returns whether a run printed what the page shows.
#[must_use]
pub fn agree(page: &str, run: &str) -> bool {
    lines_agree(&masked(page), &masked(run))
}

fn lines_agree(page: &[String], run: &[String]) -> bool {
    match page.split_first() {
        None => run.is_empty(),
        Some((line, rest)) if line == "..." => {
            (0..=run.len()).any(|skipped| lines_agree(rest, &run[skipped..]))
        }
        Some((line, rest)) => run.first() == Some(line) && lines_agree(rest, &run[1..]),
    }
}

/// Returns the lines with numbers, times and the widths of columns removed; without empty lines and log lines.
#[must_use]
pub fn masked(text: &str) -> Vec<String> {
    let shown = text.lines().filter(|line| !line.starts_with("[2"));
    shown.map(masked_line).filter(|line| !line.is_empty()).collect()
}

fn masked_line(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace().filter(|word| !is_bar(word)) {
        let is_exit_code = words.ends_with(&["exit".to_owned(), "code".to_owned()]);
        let follows_number = words.last().is_some_and(|last| ends_in_number(last));
        match word.trim_end_matches([',', ';', ':', '.', ')']) {
            unit if follows_number && UNITS.contains(&unit) => {
                words.last_mut().into_iter().for_each(|last| last.push_str(&word[unit.len()..]));
            }
            _ if is_exit_code => words.push(word.to_owned()),
            _ => words.push(masked_word(word)),
        }
    }
    words.join(" ")
}

fn ends_in_number(word: &str) -> bool {
    word.rsplit(SEPARATORS).next().is_some_and(|piece| piece == "N" || piece == "0")
}

const UNITS: [&str; 11] = ["ns", "µs", "ms", "s", "B", "kB", "MB", "B/s", "kB/s", "MB/s", "pkt/s"];

/// Parts of words between which a number may stand.
const SEPARATORS: [char; 6] = ['=', '/', '"', ':', '(', ')'];

fn is_bar(word: &str) -> bool {
    word.chars().all(|c| ('\u{2580}'..='\u{259f}').contains(&c) || c == '─')
}

fn masked_word(word: &str) -> String {
    word.split_inclusive(SEPARATORS).map(masked_piece).collect()
}

/// Masks a piece that is a number, perhaps with a unit, punctuation and a separator behind it.
fn masked_piece(piece: &str) -> String {
    let body = piece.trim_end_matches(SEPARATORS).trim_end_matches([',', ';', '.', '%']);
    let number = UNITS.iter().filter_map(|unit| body.strip_suffix(unit)).find(|rest| is_number(rest));
    if body == "0" || !(is_number(body) || number.is_some() || is_moment(body)) {
        return piece.to_owned();
    }
    format!("N{}", &piece[body.len()..])
}

/// A number has at most one point: an IPv4 address is none.
fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-', '±']);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || c == ',' || c == '.')
        && digits.matches('.').count() <= 1
}

/// The date of a timestamp, up to the first colon.
fn is_moment(text: &str) -> bool {
    text.starts_with("20") && text.matches('-').count() == 2 && text.contains('T')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_times_and_widths_may_differ() {
        assert!(agree("a → b   9.87 µs  ███  1.2 ms", "a → b 124 ns █ 10.3 s"));
        assert!(agree("64 bytes: icmp_seq=1 time=0.07 ms", "64 bytes: icmp_seq=2 time=1.07 ms"));
        assert!(agree("client 10.0.0.1:4711 20/20 (5.1 µs), 3ms", "client 10.0.0.1:52 9/9 (1 ns), 20ms"));
        assert!(agree(
            "time=\"0.2\" timestamp=\"2026-11-29T06:01:05\"",
            "time=\"1\" timestamp=\"2027-01-02T07:11:55\""
        ));
        assert!(agree("±1.20 ms -58.4 % 20,913,448", "±12 µs -5.4 % 1,000"));
        assert!(agree("a\n", "[2026-11-29T06:01:05.583Z INFO  x] logged\n\na"));
    }

    #[test]
    fn names_addresses_zeros_and_exit_codes_may_not() {
        for (page, run) in [
            ("veth0", "veth1"),
            ("10.200.0.2", "10.200.0.3"),
            ("LOST 0", "LOST 3"),
            ("0% packet loss", "5% packet loss"),
            ("exit code 5", "exit code 1"),
            ("a", "a\nb"),
            ("a\nb", "a"),
            ("", "a"),
        ] {
            assert!(!agree(page, run), "{page:?} and {run:?}");
        }
    }

    #[test]
    fn three_dots_stand_for_any_lines() {
        assert!(agree("a\n...\nc", "a\nb\nb\nc"));
        assert!(agree("a\n...\nc", "a\nc"));
        assert!(!agree("a\n...\nc", "a\nb"));
    }
}
