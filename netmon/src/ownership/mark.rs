//! How a lab's own things are told from everybody else's: a mark on the object itself.
//!
//! Namespaces carry it as the alias of their lo, links as their alias, files as their first line.

use std::fmt;

use netmon_model::names::LabName;
use serde::Serialize;

/// What every mark begins with; the lab's name follows.
pub const PREFIX: &str = "netmon:";

/// The mark of one lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(String);

impl Mark {
    /// The mark of `lab`.
    #[must_use]
    pub fn of(lab: &LabName) -> Self {
        Self(format!("{PREFIX}{lab}"))
    }

    /// The mark as it is written on objects.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The lab whose mark this text is, if it is a mark at all.
    #[must_use]
    pub fn lab_in(text: &str) -> Option<LabName> {
        text.strip_prefix(PREFIX)?.parse().ok()
    }

    /// Whether an object whose alias is `alias` is this lab's.
    #[must_use]
    pub fn is(&self, alias: Option<&str>) -> bool {
        alias == Some(self.as_str())
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whose an object is, seen from one lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// This lab's.
    Ours,
    /// Another lab's, or nothing to do with netmon.
    Foreign,
}

impl Owner {
    /// `Ours` when the condition holds.
    #[must_use]
    pub fn ours_if(ours: bool) -> Self {
        if ours { Self::Ours } else { Self::Foreign }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_names_its_lab_and_nothing_else_does() {
        let lab: LabName = "direct".parse().unwrap();
        assert_eq!(Mark::lab_in(Mark::of(&lab).as_str()), Some(lab));
        for text in ["", "netmon:", "netmon", "direct", "xnetmon:direct", "netmon:../etc", "netmon:a b"] {
            assert_eq!(Mark::lab_in(text), None, "{text:?}");
        }
    }
}
