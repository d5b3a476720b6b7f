//! The clsact qdisc and eBPF filters on it: how programs are attached to a hook without TCX (before Linux 6.6).
//!
//! netmon's filter is identified by its priority and handle together. No other filter is ever deleted, and a clsact that
//! existed before stays.

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
/// The highest priority: a filter in front of netmon's could keep packets from it.
pub const PRIORITY: u16 = 1;
/// "nm": distinguishes netmon's filter from others of the same priority.
pub const HANDLE: u32 = 0x6e6d;
/// The name of netmon's filters.
pub const NAME: &str = "netmon";
/// Every ethertype (`linux/if_ether.h`), in network byte order as tc expects it.
const ETH_P_ALL: u16 = 0x0003_u16.to_be();

/// Adds a clsact qdisc to an interface. The kernel refuses if it has one.
#[must_use]
pub fn add_qdisc(index: IfIndex, name: &str) -> Request {
    let mut message = TcMessage::with_index(index.0.cast_signed());
    message.header.parent = TcHandle::CLSACT;
    message.header.handle = TcHandle { major: 0xffff, minor: 0 };
    message.attributes.push(TcAttribute::Kind(KIND.to_owned()));
    Request::new(
        format!("add a clsact qdisc to {name}"),
        RouteNetlinkMessage::NewQueueDiscipline(message),
        NLM_F_CREATE | NLM_F_EXCL,
    )
}

/// Deletes the clsact qdisc of an interface, with every filter on it.
#[must_use]
pub fn delete_qdisc(index: IfIndex, name: &str) -> Request {
    let mut message = TcMessage::with_index(index.0.cast_signed());
    message.header.parent = TcHandle::CLSACT;
    message.header.handle = TcHandle { major: 0xffff, minor: 0 };
    Request::new(
        format!("delete the clsact qdisc of {name}"),
        RouteNetlinkMessage::DelQueueDiscipline(message),
        0,
    )
}

/// Attaches a program to a hook, as a filter in direct-action mode. Replaces netmon's filter if there is one.
#[must_use]
pub fn set_filter(index: IfIndex, name: &str, direction: Direction, program: BorrowedFd<'_>) -> Request {
    set(filter(index, direction, PRIORITY, HANDLE), format!("attach to {direction} of {name}"), NAME, program)
}

/// Adds the filter that `message` identifies, or replaces it.
pub(super) fn set(
    mut message: TcMessage,
    what: String,
    filter_name: &str,
    program: BorrowedFd<'_>,
) -> Request {
    message.attributes.push(TcAttribute::Kind(TcFilterBpf::KIND.to_owned()));
    message.attributes.push(TcAttribute::Options(vec![
        TcOption::Bpf(TcFilterBpfOption::ProgFd(program.as_raw_fd().cast_unsigned())),
        TcOption::Bpf(TcFilterBpfOption::ProgName(filter_name.to_owned())),
        TcOption::Bpf(TcFilterBpfOption::Flags(TcBpfFlags::DirectAction)),
    ]));
    Request::new(what, RouteNetlinkMessage::NewTrafficFilter(message), NLM_F_CREATE)
}

/// Detaches netmon's filter from a hook.
#[must_use]
pub fn delete_filter(index: IfIndex, name: &str, direction: Direction) -> Request {
    delete(filter(index, direction, PRIORITY, HANDLE), format!("detach from {direction} of {name}"))
}

/// Deletes the filter that `message` identifies.
pub(super) fn delete(mut message: TcMessage, what: String) -> Request {
    message.attributes.push(TcAttribute::Kind(TcFilterBpf::KIND.to_owned()));
    Request::new(what, RouteNetlinkMessage::DelTrafficFilter(message), 0)
}

/// Identifies a filter.
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
    /// Its priority: the lowest runs first.
    pub priority: u16,
    /// Its number among those of its priority.
    pub handle: u32,
    /// `bpf`, `u32`, `flower` and so on.
    pub kind: String,
    /// Its name. `None` if it has none.
    pub name: Option<String>,
    /// The kernel's id of its program. `None` if it is not an eBPF filter.
    pub program: Option<u32>,
}

impl Filter {
    pub(super) fn from_message(message: &TcMessage) -> Self {
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

    /// Returns whether netmon attached it, by priority, handle and name together.
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
    /// Returns whether the clsact qdisc of an interface has no filter.
    ///
    /// # Errors
    ///
    /// Fails if the filters cannot be listed.
    pub fn has_no_filters(&mut self, index: IfIndex) -> Result<bool, NetlinkError> {
        for direction in Direction::BOTH {
            if !self.filters(index, direction)?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns whether netmon's filter is the first of a hook. A filter of the same priority that was added later runs
    /// before it.
    ///
    /// # Errors
    ///
    /// Fails if the filters cannot be listed.
    pub fn our_filter_is_first(
        &mut self,
        index: IfIndex,
        direction: Direction,
    ) -> Result<bool, NetlinkError> {
        let filters = self.filters(index, direction)?;
        // The kernel lists each priority itself before its filters, with handle zero.
        let first = filters.iter().find(|filter| filter.header.handle != TcHandle::UNSPEC);
        Ok(first.is_some_and(|filter| {
            filter.header.handle == TcHandle::from(HANDLE) && filter.header.info >> 16 == u32::from(PRIORITY)
        }))
    }

    /// Returns the filters of a hook in the order in which they run, with what identifies their owner.
    ///
    /// # Errors
    ///
    /// Fails if the filters cannot be listed.
    pub fn hook_filters(
        &mut self,
        index: IfIndex,
        direction: Direction,
    ) -> Result<Vec<Filter>, NetlinkError> {
        let rows = self.filters(index, direction)?;
        Ok(rows
            .iter()
            .filter(|row| row.header.handle != TcHandle::UNSPEC)
            .map(Filter::from_message)
            .collect())
    }

    /// Returns the filters of a hook, in the order in which they run.
    fn filters(&mut self, index: IfIndex, direction: Direction) -> Result<Vec<TcMessage>, NetlinkError> {
        let mut request = TcMessage::with_index(index.0.cast_signed());
        request.header.parent = parent(direction);
        self.dump("list filters", &RouteNetlinkMessage::GetTrafficFilter(request), |row| match row {
            RouteNetlinkMessage::NewTrafficFilter(filter) => Some(filter),
            _ => None,
        })
    }
}
