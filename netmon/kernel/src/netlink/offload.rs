//! Offloads of an interface, as far as they affect what the kernel counts: whether super-packets are segmented before
//! they leave, and whether packets are merged when they arrive.

use std::sync::OnceLock;

use super::{Netlink, NetlinkError};
use crate::sys::ethtool;

/// The names of the kernel's features, read once.
static NAMES: OnceLock<Vec<String>> = OnceLock::new();

/// What an interface does to super-packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offloads {
    /// Which super-packets of TCP and UDP leave unsegmented.
    pub whole: Whole,
    /// Whether packets that arrive are merged (GRO).
    pub merges: bool,
}

/// Which super-packets leave unsegmented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// All of them.
    All,
    /// Those of some protocols.
    Some,
    /// None.
    None,
}

impl Netlink {
    /// Returns the offloads of the interface that has this name now.
    ///
    /// # Errors
    ///
    /// Fails if there is no such interface.
    pub fn offloads(&self, interface: &str) -> Result<Offloads, NetlinkError> {
        let failed = |e| NetlinkError::new(format!("read the offloads of {interface}"), e);
        let names = match NAMES.get() {
            Some(names) => names,
            None => {
                let names = ethtool::feature_names(self.as_fd(), interface).map_err(failed)?;
                NAMES.get_or_init(|| names)
            }
        };
        let active = ethtool::active_features(self.as_fd(), interface, names.len()).map_err(failed)?;
        Ok(Offloads::from_features(names.iter().map(String::as_str).zip(active)))
    }
}

impl Offloads {
    fn from_features<'n>(features: impl Iterator<Item = (&'n str, bool)>) -> Self {
        let (mut on, mut off, mut merges) = (false, false, false);
        for (name, active) in features {
            if segments(name) {
                on |= active;
                off |= !active;
            }
            merges |= active && name == "rx-gro";
        }
        let whole = match (on, off) {
            (true, false) => Whole::All,
            (true, true) => Whole::Some,
            (false, _) => Whole::None,
        };
        Self { whole, merges }
    }
}

/// Returns whether a feature concerns super-packets of TCP or UDP.
fn segments(feature: &str) -> bool {
    feature == "tx-udp-segmentation" || (feature.starts_with("tx-tcp") && feature.ends_with("-segmentation"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tcp: bool, udp: bool, gro: bool) -> Offloads {
        let features = [
            ("tx-tcp-segmentation", tcp),
            ("tx-tcp6-segmentation", tcp),
            ("tx-udp-segmentation", udp),
            ("tx-esp-segmentation", false),
            ("rx-gro", gro),
            ("rx-gro-list", true),
        ];
        Offloads::from_features(features.into_iter())
    }

    #[test]
    fn only_features_of_tcp_and_udp_decide_what_leaves_unsegmented() {
        assert_eq!(of(true, true, false), Offloads { whole: Whole::All, merges: false });
        assert_eq!(of(false, true, true), Offloads { whole: Whole::Some, merges: true });
        assert_eq!(of(false, false, false).whole, Whole::None);
    }
}
