//! The styles of `netmon top`, by what they mean.
//!
//! Only the 16 colours that the user's terminal defines, on its own background: both dark and light backgrounds stay
//! readable. Without colours, attributes (bold, dim, reverse) remain. What a colour says is also said by a word or a
//! sign.

use ratatui::style::{Color, Modifier, Style};

/// What a style says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Ordinary text.
    #[default]
    Plain,
    /// Titles and names.
    Strong,
    /// Of no importance now.
    Dim,
    /// As it should be.
    Good,
    /// Not as usual, on purpose or for now.
    Warn,
    /// Needs attention.
    Bad,
    /// Traffic: bars and lines over time.
    Traffic,
    /// Latency: bars of histograms.
    Latency,
    /// Where the user is: the sorted column, keys.
    Accent,
    /// The selected row, the current view.
    Selected,
}

/// The styles, with colours or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Palette {
    /// Whether colours are used.
    pub(crate) has_colours: bool,
}

impl Palette {
    /// Returns the style of a tone.
    pub(crate) fn style(self, tone: Tone) -> Style {
        let style = Style::new();
        match tone {
            Tone::Plain => style,
            Tone::Strong => style.add_modifier(Modifier::BOLD),
            Tone::Dim => style.add_modifier(Modifier::DIM),
            Tone::Good => self.coloured(style, Color::Green),
            Tone::Warn => self.coloured(style, Color::Yellow).add_modifier(Modifier::BOLD),
            Tone::Bad => self.coloured(style, Color::Red).add_modifier(Modifier::BOLD),
            Tone::Traffic => self.coloured(style, Color::Green),
            Tone::Latency => self.coloured(style, Color::Blue),
            Tone::Accent => self.coloured(style, Color::Cyan).add_modifier(Modifier::BOLD),
            Tone::Selected => style.add_modifier(Modifier::REVERSED),
        }
    }

    fn coloured(self, style: Style, colour: Color) -> Style {
        if self.has_colours { style.fg(colour) } else { style }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TONES: [Tone; 10] = [
        Tone::Plain,
        Tone::Strong,
        Tone::Dim,
        Tone::Good,
        Tone::Warn,
        Tone::Bad,
        Tone::Traffic,
        Tone::Latency,
        Tone::Accent,
        Tone::Selected,
    ];

    #[test]
    fn no_style_has_a_background_or_a_colour_beyond_the_16() {
        for tone in TONES {
            let style = Palette { has_colours: true }.style(tone);
            assert_eq!(style.bg, None, "{tone:?}");
            assert!(!matches!(style.fg, Some(Color::Rgb(..) | Color::Indexed(_))), "{tone:?}");
        }
    }

    #[test]
    fn without_colours_only_attributes_remain() {
        for tone in TONES {
            assert_eq!(Palette { has_colours: false }.style(tone).fg, None, "{tone:?}");
        }
    }
}
