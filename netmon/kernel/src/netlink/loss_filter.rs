//! The filter that drops packets for a declared loss: on the clsact qdisc, at egress, behind the measuring filter.
//!
//! Filters on a clsact outlive the process that attached them and run after all TCX programs, so a loss needs no agent.
//! The filter's name has the share of packets that are dropped, and whether the clsact was added for it. So the installed
//! loss can be read from the kernel, and a clsact that existed before is not deleted.

use std::os::fd::BorrowedFd;

use netmon_model::names::{Direction, IfIndex};

use super::{
    Request,
    clsact::{self, Filter, PRIORITY as MEASURING},
};

/// Right behind the measuring filter: a filter in between could end the packet's path before it.
pub const PRIORITY: u16 = MEASURING + 1;
/// "nl": distinguishes netmon's filter from others of the same priority.
pub const HANDLE: u32 = 0x6e6c;
/// The beginning of the name. The millionths that are lost follow.
const NAME: &str = "netmon:loss=";
const UNIT: &str = "ppm";
const ALL: u32 = 1_000_000;
/// The end of the name if the clsact was added for the filter.
const WITH_CLSACT: &str = ",clsact";

/// What a filter's name encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossFilter {
    /// Millionths of the packets that are dropped.
    pub ppm: u32,
    /// Whether the clsact qdisc was added for it.
    pub made_clsact: bool,
}

impl LossFilter {
    /// Returns what the name of netmon's filter encodes. `None` for any other filter.
    #[must_use]
    pub fn from_filter(filter: &Filter) -> Option<Self> {
        let is_ours = filter.priority == PRIORITY && filter.handle == HANDLE && filter.kind == "bpf";
        let text = filter.name.as_deref().filter(|_| is_ours)?.strip_prefix(NAME)?;
        let (number, rest) = text.split_once(UNIT)?;
        let made_clsact = match rest {
            "" => false,
            WITH_CLSACT => true,
            _ => return None,
        };
        let ppm = number.parse().ok().filter(|ppm| *ppm <= ALL)?;
        Some(Self { ppm, made_clsact })
    }

    fn name(self) -> String {
        let Self { ppm, made_clsact } = self;
        format!("{NAME}{ppm}{UNIT}{}", if made_clsact { WITH_CLSACT } else { "" })
    }
}

/// Attaches the filter, or replaces the one that is attached without letting a packet pass in between.
#[must_use]
pub fn set(index: IfIndex, name: &str, loss: LossFilter, program: BorrowedFd<'_>) -> Request {
    let message = clsact::filter(index, Direction::Egress, PRIORITY, HANDLE);
    clsact::set(message, format!("impose a loss on {name}"), &loss.name(), program)
}

/// Detaches the filter.
#[must_use]
pub fn delete(index: IfIndex, name: &str) -> Request {
    let message = clsact::filter(index, Direction::Egress, PRIORITY, HANDLE);
    clsact::delete(message, format!("remove the loss from {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_encodes_the_loss_and_no_other_filter_is_taken_for_netmons() {
        let filter = |priority, handle, name: &str| Filter {
            priority,
            handle,
            kind: "bpf".to_owned(),
            name: Some(name.to_owned()),
            program: None,
        };
        for made_clsact in [false, true] {
            let loss = LossFilter { ppm: 12_345, made_clsact };
            assert_eq!(LossFilter::from_filter(&filter(PRIORITY, HANDLE, &loss.name())), Some(loss));
            assert_eq!(LossFilter::from_filter(&filter(PRIORITY, 1, &loss.name())), None);
            assert_eq!(LossFilter::from_filter(&filter(9, HANDLE, &loss.name())), None);
        }
        for other in ["netmon", "netmon:loss=ppm", "netmon:loss=1ppm,else", "netmon:loss=1000001ppm", ""] {
            assert_eq!(LossFilter::from_filter(&filter(PRIORITY, HANDLE, other)), None, "{other}");
        }
    }
}
