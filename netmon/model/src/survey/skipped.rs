//! Why interfaces are no ends of links, and why interfaces are left out.

use serde::{Deserialize, Serialize};

use crate::names::NsName;

/// At most this many interfaces that were left out are listed. All of them are counted.
pub const MAX_LEFT_OUT: usize = 1000;

/// Why an interface is no end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoneReason {
    /// Its peer is in a namespace that could not be listed.
    PeerOutOfReach,
    /// Its peer is not where it points to, or does not point back: it is being moved or deleted.
    PeerMissing,
    /// It belongs to another interface, with which it forms no pair: macvlan, ipvlan and the like.
    OnLowerDevice,
    /// Its other side is a program: tap or tun.
    Program,
    /// `--include-kind` asks for interfaces of its kind.
    Asked,
}

impl LoneReason {
    /// Returns the reason in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PeerOutOfReach => "the namespace of its peer cannot be listed",
            Self::PeerMissing => "its peer is not where it points to",
            Self::OnLowerDevice => "on another interface, not a pair",
            Self::Program => "its other side is a program",
            Self::Asked => "watched alone, as --include-kind asks",
        }
    }
}

/// An interface that is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    /// The name of its namespace.
    pub netns: NsName,
    /// Its name.
    pub interface: String,
    /// The kernel's name for its kind. `physical` for one of hardware.
    pub kind: String,
    /// Why it is left out.
    pub reason: SkipReason,
}

/// Why interfaces are left out: of a survey, or of what an agent watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// `--include` or `--exclude` says so.
    Selection,
    /// Beyond `--discover-limit`.
    Limit,
    /// It belongs to a lab with an agent of its own, which counts it.
    Lab,
    /// Its namespace could not be opened, so its identity is not known.
    Unreadable,
    /// As [`LoneReason::PeerOutOfReach`].
    PeerOutOfReach,
    /// As [`LoneReason::PeerMissing`].
    PeerMissing,
    /// As [`LoneReason::OnLowerDevice`].
    OnLowerDevice,
    /// As [`LoneReason::Program`].
    Program,
}

impl SkipReason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Selection,
        Self::Limit,
        Self::Lab,
        Self::Unreadable,
        Self::PeerOutOfReach,
        Self::PeerMissing,
        Self::OnLowerDevice,
        Self::Program,
    ];

    /// Returns the reason in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Selection => "left out by --include or --exclude",
            Self::Limit => "beyond --discover-limit",
            Self::Lab => "left to the agent of its lab",
            Self::Unreadable => "its namespace cannot be opened",
            Self::PeerOutOfReach => LoneReason::PeerOutOfReach.as_str(),
            Self::PeerMissing => LoneReason::PeerMissing.as_str(),
            Self::OnLowerDevice => LoneReason::OnLowerDevice.as_str(),
            Self::Program => LoneReason::Program.as_str(),
        }
    }

    /// Returns the metric label's value, which is also the word in JSON.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Selection => "selection",
            Self::Limit => "limit",
            Self::Lab => "lab",
            Self::Unreadable => "unreadable",
            Self::PeerOutOfReach => "peer-out-of-reach",
            Self::PeerMissing => "peer-missing",
            Self::OnLowerDevice => "on-lower-device",
            Self::Program => "program",
        }
    }
}

impl LoneReason {
    /// Returns the reason for which an end without a peer is left out, unless ends of its kind are asked for. `None` if it was
    /// asked for.
    #[must_use]
    pub const fn skips(self) -> Option<SkipReason> {
        match self {
            Self::PeerOutOfReach => Some(SkipReason::PeerOutOfReach),
            Self::PeerMissing => Some(SkipReason::PeerMissing),
            Self::OnLowerDevice => Some(SkipReason::OnLowerDevice),
            Self::Program => Some(SkipReason::Program),
            Self::Asked => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_the_same_word_in_json_and_as_a_label() {
        for reason in SkipReason::ALL {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{}\"", reason.label()));
        }
        assert_eq!(LoneReason::Asked.skips(), None);
    }
}
