//! The clsact qdisc and eBPF filters on it: the way onto a hook before TCX (Linux 6.6).
//!
//! A filter of ours is known by its priority and handle together; nothing else is ever deleted, and a
//! clsact that was there before stays.

use std::os::fd::{AsRawFd as _, BorrowedFd};

use netmon_model::names::{Direction, IfIndex};
use rtnetlink::{
    packet_core::{NLM_F_CREATE, NLM_F_EXCL},
    packet_route::{
        RouteNetlinkMessage,
        tc::{TcAttribute, TcBpfFlags, TcFilterBpf, TcFilterBpfOption, TcHandle, TcMessage, TcOption},
    },
};

use super::{Netlink, NetlinkError, Request};

/// The kind of the qdisc.
pub const KIND: &str = "clsact";
/// The first of all: whoever is in front may keep packets from us.
pub const PRIORITY: u16 = 1;
/// "nm": tells our filter from others of the same priority.
pub const HANDLE: u32 = 0x6e6d;
/// What our filters are called.
pub const NAME: &str = "netmon";
/// Every ethertype (`linux/if_ether.h`), in network byte order as tc wants it.
const ETH_P_ALL: u16 = 0x0003_u16.to_be();

/// Puts a clsact qdisc on an interface; it is an error if there is one.
#[must_use]
pub fn add_qdisc(index: IfIndex, name: &str) -> Request {
    let mut message = TcMessage::with_index(index.0.cast_signed());
    message.header.parent = TcHandle::CLSACT;
    message.header.handle = TcHandle { major: 0xffff, minor: 0 };
    message.attributes.push(TcAttribute::Kind(KIND.to_owned()));
    Request::new(
        format!("put a clsact qdisc on {name}"),
        RouteNetlinkMessage::NewQueueDiscipline(message),
        NLM_F_CREATE | NLM_F_EXCL,
    )
}

/// Takes the clsact qdisc away, with every filter on it.
#[must_use]
pub fn delete_qdisc(index: IfIndex, name: &str) -> Request {
    let mut message = TcMessage::with_index(index.0.cast_signed());
    message.header.parent = TcHandle::CLSACT;
    message.header.handle = TcHandle { major: 0xffff, minor: 0 };
    Request::new(
        format!("take the clsact qdisc from {name}"),
        RouteNetlinkMessage::DelQueueDiscipline(message),
        0,
    )
}

/// Puts a program on a hook, as a filter in direct-action mode. A filter of ours that is there already is
/// replaced.
#[must_use]
pub fn set_filter(index: IfIndex, name: &str, direction: Direction, program: BorrowedFd<'_>) -> Request {
    set(filter(index, direction, PRIORITY, HANDLE), format!("attach to {direction} of {name}"), NAME, program)
}

/// Makes a filter of `message`, or replaces the one that is there.
pub(super) fn set(mut message: TcMessage, what: String, called: &str, program: BorrowedFd<'_>) -> Request {
    message.attributes.push(TcAttribute::Kind(TcFilterBpf::KIND.to_owned()));
    message.attributes.push(TcAttribute::Options(vec![
        TcOption::Bpf(TcFilterBpfOption::ProgFd(program.as_raw_fd().cast_unsigned())),
        TcOption::Bpf(TcFilterBpfOption::ProgName(called.to_owned())),
        TcOption::Bpf(TcFilterBpfOption::Flags(TcBpfFlags::DirectAction)),
    ]));
    Request::new(what, RouteNetlinkMessage::NewTrafficFilter(message), NLM_F_CREATE)
}

/// Takes our filter from a hook.
#[must_use]
pub fn delete_filter(index: IfIndex, name: &str, direction: Direction) -> Request {
    delete(filter(index, direction, PRIORITY, HANDLE), format!("detach from {direction} of {name}"))
}

/// Deletes the filter of `message`.
pub(super) fn delete(mut message: TcMessage, what: String) -> Request {
    message.attributes.push(TcAttribute::Kind(TcFilterBpf::KIND.to_owned()));
    Request::new(what, RouteNetlinkMessage::DelTrafficFilter(message), 0)
}

/// Which filter is meant.
pub(super) fn filter(index: IfIndex, direction: Direction, priority: u16, handle: u32) -> TcMessage {
    let mut message = TcMessage::with_index(index.0.cast_signed());
    message.header.parent = parent(direction);
    message.header.handle = TcHandle::from(handle);
    message.header.info = u32::from(TcHandle { major: priority, minor: ETH_P_ALL });
    message
}

fn parent(direction: Direction) -> TcHandle {
    let minor = match direction {
        Direction::Ingress => TcHandle::MIN_INGRESS,
        Direction::Egress => TcHandle::MIN_EGRESS,
    };
    TcHandle { major: 0xffff, minor }
}

/// A filter on a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Its priority: the lowest is asked first.
    pub priority: u16,
    /// Its number among those of its priority.
    pub handle: u32,
    /// `bpf`, `u32`, `flower` and so on.
    pub kind: String,
    /// What it is called, if it is called anything.
    pub name: Option<String>,
    /// The kernel's id of its program, if it is one.
    pub program: Option<u32>,
}

impl Filter {
    fn of(message: &TcMessage) -> Self {
        let mut filter = Self {
            priority: (message.header.info >> 16) as u16,
            handle: message.header.handle.into(),
            kind: String::new(),
            name: None,
            program: None,
        };
        for attribute in &message.attributes {
            match attribute {
                TcAttribute::Kind(kind) => filter.kind.clone_from(kind),
                TcAttribute::Options(options) => {
                    filter.name = options.iter().find_map(name_in);
                    filter.program = options.iter().find_map(program_in);
                }
                _ => {}
            }
        }
        filter
    }

    /// Whether netmon put it there: priority and handle decide which filter is deleted, the name makes sure.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.priority == PRIORITY
            && self.handle == HANDLE
            && self.kind == TcFilterBpf::KIND
            && self.name.as_deref() == Some(NAME)
    }
}

fn name_in(option: &TcOption) -> Option<String> {
    match option {
        TcOption::Bpf(TcFilterBpfOption::ProgName(name)) => Some(name.clone()),
        _ => None,
    }
}

fn program_in(option: &TcOption) -> Option<u32> {
    match option {
        TcOption::Bpf(TcFilterBpfOption::ProgId(id)) => Some(*id),
        _ => None,
    }
}

impl Netlink {
    /// Whether no filter is left on the clsact qdisc of an interface.
    ///
    /// # Errors
    ///
    /// When the filters cannot be listed.
    pub fn has_no_filters(&mut self, index: IfIndex) -> Result<bool, NetlinkError> {
        for direction in Direction::BOTH {
            if !self.filters(index, direction)?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether ours is the first filter that a packet meets at a hook; it is not when it is gone. Another of
    /// the same priority that came later is asked before it.
    ///
    /// # Errors
    ///
    /// When the filters cannot be listed.
    pub fn our_filter_is_first(
        &mut self,
        index: IfIndex,
        direction: Direction,
    ) -> Result<bool, NetlinkError> {
        let filters = self.filters(index, direction)?;
        // A priority is listed before its filters, as one with handle zero.
        let first = filters.iter().find(|filter| filter.header.handle != TcHandle::UNSPEC);
        Ok(first.is_some_and(|filter| {
            filter.header.handle == TcHandle::from(HANDLE) && filter.header.info >> 16 == u32::from(PRIORITY)
        }))
    }

    /// The filters of a hook in the order in which they are asked, as far as tells whose they are.
    ///
    /// # Errors
    ///
    /// When the filters cannot be listed.
    pub fn hook_filters(
        &mut self,
        index: IfIndex,
        direction: Direction,
    ) -> Result<Vec<Filter>, NetlinkError> {
        let rows = self.filters(index, direction)?;
        Ok(rows.iter().filter(|row| row.header.handle != TcHandle::UNSPEC).map(Filter::of).collect())
    }

    /// The filters of a hook in the order in which they are asked.
    fn filters(&mut self, index: IfIndex, direction: Direction) -> Result<Vec<TcMessage>, NetlinkError> {
        let mut question = TcMessage::with_index(index.0.cast_signed());
        question.header.parent = parent(direction);
        self.dump("list filters", &RouteNetlinkMessage::GetTrafficFilter(question), |row| match row {
            RouteNetlinkMessage::NewTrafficFilter(filter) => Some(filter),
            _ => None,
        })
    }
}
