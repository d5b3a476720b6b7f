//! Marks on objects, which distinguish a lab's own from all others.
//!
//! A namespace carries the mark as the alias of its lo, an interface as its alias, a file in its first line.

use std::fmt;

use netmon_model::names::LabName;
use serde::Serialize;

/// Every mark begins with this. The name of the lab follows.
pub const PREFIX: &str = "netmon:";

/// The mark of one lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(String);

impl Mark {
    /// Returns the mark of `lab`.
    #[must_use]
    pub fn of(lab: &LabName) -> Self {
        Self(format!("{PREFIX}{lab}"))
    }

    /// Returns the text that is written on objects.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the lab whose mark this text is, or `None` if it is not a mark.
    #[must_use]
    pub fn lab_in(text: &str) -> Option<LabName> {
        text.strip_prefix(PREFIX)?.parse().ok()
    }

    /// Returns whether an object with this alias is the lab's.
    #[must_use]
    pub fn is_on(&self, alias: Option<&str>) -> bool {
        alias == Some(self.as_str())
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether an object belongs to the lab in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The lab's.
    Ours,
    /// Another lab's, or not netmon's at all.
    Foreign,
}

impl Owner {
    /// Returns `Ours` if the condition holds.
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
