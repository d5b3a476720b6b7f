//! How a link is, as a sign, a word and a sentence.

use netmon_model::names::Side;

use super::{
    data::{End, Link, SIDES},
    figures,
    glyphs::Glyphs,
    palette::Tone,
    window::Window,
};

/// What is to be said of a link, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Condition {
    /// An end is down or was deleted.
    Down,
    /// The peer of the first end is not known.
    NoPeer,
    /// An end differs from the lab because of another program.
    Changed,
    /// A hook has no program.
    Unwatched,
    /// Packets were lost in the last seconds.
    Loses,
    /// A declared impairment is in place.
    Impaired,
    /// None of these.
    Up,
}

impl Condition {
    /// Returns the most urgent condition of a link. `recent` has its last seconds.
    pub(crate) fn of(link: &Link, recent: &Window) -> Self {
        let any = |is: fn(&End) -> bool| link.ends().any(is);
        if any(|end| !end.is_up) {
            Self::Down
        } else if link.ends.b.is_none() {
            Self::NoPeer
        } else if any(|end| !end.drift.is_empty()) {
            Self::Changed
        } else if any(|end| !end.is_watched) {
            Self::Unwatched
        } else if recent.loses() {
            Self::Loses
        } else if link.is_impaired() {
            Self::Impaired
        } else {
            Self::Up
        }
    }

    /// Returns the word for a column.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::NoPeer => "no peer",
            Self::Changed => "changed",
            Self::Unwatched => "unwatched",
            Self::Loses => "loses",
            Self::Impaired => "impaired",
            Self::Up => "up",
        }
    }

    /// Returns the sign before a row.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Down => "x",
            Self::NoPeer | Self::Unwatched => "?",
            Self::Changed | Self::Loses => "!",
            Self::Impaired => "~",
            Self::Up => " ",
        }
    }

    /// Returns the tone of sign and word.
    pub(crate) fn tone(self) -> Tone {
        match self {
            Self::Down | Self::Loses => Tone::Bad,
            Self::NoPeer | Self::Changed | Self::Unwatched | Self::Impaired => Tone::Warn,
            Self::Up => Tone::Good,
        }
    }
}

/// Returns everything that is unusual about a link, in words, each with its tone.
pub(crate) fn remarks(link: &Link, recent: &Window, glyphs: &Glyphs) -> Vec<(Tone, String)> {
    let mut remarks: Vec<_> = link.ends().flat_map(of_end).collect();
    if link.ends.b.is_none() {
        remarks.push((Tone::Warn, "its peer is not known".to_owned()));
    }
    if recent.loses() {
        remarks.push((Tone::Bad, "loses packets".to_owned()));
    }
    for side in SIDES {
        if let Some(amounts) = link.impairments[side] {
            let text = format!("impaired {} {}", arrow(side, glyphs), figures::impairment(amounts));
            remarks.push((Tone::Warn, text));
        }
    }
    remarks
}

fn of_end(end: &End) -> Vec<(Tone, String)> {
    let name = end.name();
    let mut remarks: Vec<_> = end.drift.iter().map(|drift| (Tone::Bad, format!("{name} {drift}"))).collect();
    if !end.is_up && end.drift.is_empty() {
        remarks.push((Tone::Bad, format!("{name} is down or missing")));
    }
    if !end.is_watched {
        remarks.push((Tone::Warn, format!("{name} is not fully watched")));
    }
    remarks
}

/// Returns the arrow of a direction, by the end that packets leave.
pub(crate) fn arrow(from: Side, glyphs: &Glyphs) -> &'static str {
    match from {
        Side::A => glyphs.right,
        Side::B => glyphs.left,
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::drift::Drift;

    use super::*;
    use crate::{render::terminal::Charset, top::example};

    fn of(change: impl FnOnce(&mut Link)) -> (Condition, Vec<String>) {
        let mut link = example::link("core", ("root", "veth0"), ("red", "eth0"));
        change(&mut link);
        let window = Window::default();
        let remarks = remarks(&link, &window, &Glyphs::of(Charset::Ascii));
        (Condition::of(&link, &window), remarks.into_iter().map(|(_, text)| text).collect())
    }

    #[test]
    fn the_most_urgent_condition_is_shown_and_all_are_said() {
        let (condition, remarks) = of(|link| {
            link.impairments.b = Some(crate::api::Amounts { loss_ppm: Some(10_000), ..Default::default() });
            link.ends.b.as_mut().unwrap().drift = vec![Drift::Renamed { to: "eth9".to_owned() }];
        });
        assert_eq!(condition, Condition::Changed);
        assert_eq!(
            remarks,
            ["red:eth0 is called eth9 now; it is still watched, under its old name", "impaired < loss 1%"]
        );
    }

    #[test]
    fn a_link_without_remarks_is_up() {
        assert_eq!(of(|_| ()), (Condition::Up, Vec::new()));
    }

    #[test]
    fn an_end_that_is_down_comes_before_everything_else() {
        let (condition, remarks) = of(|link| {
            link.ends.b = None;
            link.ends.a.as_mut().unwrap().is_up = false;
        });
        assert_eq!(condition, Condition::Down);
        assert_eq!(remarks, ["root:veth0 is down or missing", "its peer is not known"]);
    }
}
