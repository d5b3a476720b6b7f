//! The filter that a declared loss is made with: on the clsact qdisc, at egress, behind the measuring one.
//!
//! Filters on a clsact outlive the process that makes them and run after all TCX programs, so a loss needs no agent. The
//! filter's own name says how much is lost and whether its clsact came with it: what is imposed is read from the
//! kernel, and a clsact that was there before is known.

use std::os::fd::BorrowedFd;

use netmon_model::names::{Direction, IfIndex};

use super::{
    Request,
    clsact::{self, Filter, PRIORITY as MEASURING},
};

/// Right behind the measuring filter: whoever comes later may end a packet's way without asking us.
pub const PRIORITY: u16 = MEASURING + 1;
/// "nl": tells our filter from others of the same priority.
pub const HANDLE: u32 = 0x6e6c;
/// What the name begins with; then come the millionths that are lost.
const NAME: &str = "netmon:loss=";
const UNIT: &str = "ppm";
const ALL: u32 = 1_000_000;
/// What the name ends with when the clsact came with the filter.
const WITH_CLSACT: &str = ",clsact";

/// What a filter's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossFilter {
    /// Millionths of the packets that are dropped.
    pub ppm: u32,
    /// Whether the clsact qdisc was made for it.
    pub made_clsact: bool,
}

impl LossFilter {
    /// What a filter of ours says; none of another.
    #[must_use]
    pub fn of(filter: &Filter) -> Option<Self> {
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

/// Puts the filter on, or in the place of the one that is there: no packet passes in between.
#[must_use]
pub fn set(index: IfIndex, name: &str, loss: LossFilter, program: BorrowedFd<'_>) -> Request {
    let message = clsact::filter(index, Direction::Egress, PRIORITY, HANDLE);
    clsact::set(message, format!("impose a loss on {name}"), &loss.name(), program)
}

/// Takes it off.
#[must_use]
pub fn delete(index: IfIndex, name: &str) -> Request {
    let message = clsact::filter(index, Direction::Egress, PRIORITY, HANDLE);
    clsact::delete(message, format!("take the loss off {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_says_what_it_is_by_its_name_and_no_other_is_taken_for_it() {
        let filter = |priority, handle, name: &str| Filter {
            priority,
            handle,
            kind: "bpf".to_owned(),
            name: Some(name.to_owned()),
            program: None,
        };
        for made_clsact in [false, true] {
            let loss = LossFilter { ppm: 12_345, made_clsact };
            assert_eq!(LossFilter::of(&filter(PRIORITY, HANDLE, &loss.name())), Some(loss));
            assert_eq!(LossFilter::of(&filter(PRIORITY, 1, &loss.name())), None);
            assert_eq!(LossFilter::of(&filter(9, HANDLE, &loss.name())), None);
        }
        for other in ["netmon", "netmon:loss=ppm", "netmon:loss=1ppm,else", "netmon:loss=1000001ppm", ""] {
            assert_eq!(LossFilter::of(&filter(PRIORITY, HANDLE, other)), None, "{other}");
        }
    }
}
