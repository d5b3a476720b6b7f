//! The characters of boxes, lists and links.

use crate::render::terminal::Charset;

/// The characters of a drawing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glyphs {
    pub(super) line: char,
    pub(super) side: char,
    pub(super) corners: [char; 4],
    /// Where a link leaves a box to the right, and where it enters one from the left.
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

    /// The branch in front of the last link in a list.
    pub(crate) fn branch(self) -> &'static str {
        self.branch
    }

    /// The branch in front of any other link.
    pub(super) fn fork(self) -> &'static str {
        self.fork
    }

    /// A link within a line.
    pub(super) fn wire(self) -> &'static str {
        self.wire
    }
}
