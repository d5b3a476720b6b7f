//! The characters that `netmon top` draws with: one set for UTF-8, one for ASCII.
//!
//! The first uses blocks and arrows of the Basic Multilingual Plane only, which every console font with UTF-8 has; no
//! braille and no icon fonts.

use crate::render::terminal::Charset;

/// Characters for what is not a letter or a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glyphs {
    /// Heights of a bar from empty to full.
    pub(crate) heights: [&'static str; 9],
    /// A cell of a horizontal bar.
    pub(crate) bar: &'static str,
    /// The three parts of a round trip: forward, turnaround, return.
    pub(crate) parts: [&'static str; 3],
    /// Stands for the part of a name that does not fit.
    pub(crate) ellipsis: &'static str,
    /// From the first end to the second.
    pub(crate) right: &'static str,
    /// From the second end to the first.
    pub(crate) left: &'static str,
    /// Both directions, between the names of two ends.
    pub(crate) both: &'static str,
    /// Sorted with the smallest value first.
    pub(crate) ascending: &'static str,
    /// Sorted with the largest value first.
    pub(crate) descending: &'static str,
    /// A horizontal rule.
    pub(crate) rule: &'static str,
    /// Between two columns of text.
    pub(crate) divider: &'static str,
    /// The corners of a frame: above left and right, below left and right.
    pub(crate) corners: [&'static str; 4],
    /// Before a state that is as it should be.
    pub(crate) dot: &'static str,
    /// Whether text may contain other characters than ASCII.
    pub(crate) is_ascii: bool,
}

const UTF8: Glyphs = Glyphs {
    heights: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    bar: "█",
    parts: ["█", "▒", "▓"],
    ellipsis: "…",
    right: "→",
    left: "←",
    both: "↔",
    ascending: "▲",
    descending: "▼",
    rule: "─",
    divider: "│",
    corners: ["┌", "┐", "└", "┘"],
    dot: "●",
    is_ascii: false,
};

const ASCII: Glyphs = Glyphs {
    heights: [" ", ".", ":", "-", "=", "+", "*", "#", "@"],
    bar: "#",
    parts: ["#", ".", "="],
    ellipsis: "~",
    right: ">",
    left: "<",
    both: "--",
    ascending: "^",
    descending: "v",
    rule: "-",
    divider: "|",
    corners: ["+"; 4],
    dot: "*",
    is_ascii: true,
};

impl Glyphs {
    /// Returns the characters of a charset.
    pub(crate) const fn of(charset: Charset) -> Self {
        match charset {
            Charset::Ascii => ASCII,
            Charset::Utf8 => UTF8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ascii_set_is_ascii() {
        let Glyphs { heights, parts, .. } = ASCII;
        let single = [ASCII.bar, ASCII.ellipsis, ASCII.right, ASCII.left, ASCII.both, ASCII.rule, ASCII.dot];
        for glyph in heights.into_iter().chain(parts).chain(single) {
            assert!(glyph.is_ascii(), "{glyph}");
        }
    }
}
