//! The characters that boxes, lists and links are drawn with.

use crate::render::terminal::Charset;

/// The characters of a drawing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glyphs {
    pub(super) line: char,
    pub(super) side: char,
    pub(super) corners: [char; 4],
    /// Where a link leaves a box to the right, and where it comes in from the left.
    pub(super) joints: [char; 2],
    branch: &'static str,
    fork: &'static str,
    /// A link within a line.
    wire: &'static str,
    /// Away from the hub, and towards it.
    pub(super) arrows: [&'static str; 2],
}

impl Glyphs {
    pub(crate) fn new(charset: Charset) -> Self {
        match charset {
            Charset::Utf8 => Self {
                line: '─',
                side: '│',
                corners: ['┌', '┐', '└', '┘'],
                joints: ['├', '┤'],
                branch: " └─",
                fork: " ├─",
                wire: "──",
                arrows: ["→", "←"],
            },
            Charset::Ascii => Self {
                line: '-',
                side: '|',
                corners: ['+'; 4],
                joints: ['+'; 2],
                branch: " `-",
                fork: " |-",
                wire: "--",
                arrows: ["->", "<-"],
            },
        }
    }

    /// What stands before the far end of a link in a list: the only or the last one.
    pub(crate) fn branch(self) -> &'static str {
        self.branch
    }

    /// The same before any other.
    pub(super) fn fork(self) -> &'static str {
        self.fork
    }

    /// A link within a line.
    pub(super) fn wire(self) -> &'static str {
        self.wire
    }
}
