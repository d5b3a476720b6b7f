//! The observer: a network namespace of its own, from which all others are numbered, listed and heard, and none is entered.
//!
//! A thread makes the namespace, opens two sockets in it and ends; the sockets keep it. The kernel has a table of numbers
//! of other namespaces for each namespace (`NSID`), whose entries hold no reference: a namespace that is numbered here ends
//! when its owner wants it to. Asked from here, a veth's peer is in the observer's own numbers, and a namespace that has
//! none gets one at that moment. So the listing leads from one namespace to the next.
//!
//! `docs/adr/0036` has why, and what was measured.

mod events;
mod interface;
mod questions;

use std::{fmt, io, panic::resume_unwind, thread};

pub use self::{
    events::{LinkChange, NamespaceEvent, NamespaceEvents},
    interface::ObservedInterface,
    questions::Questions,
};
use super::NetlinkError;
use crate::sys::namespaces::unshare_network;

/// The number of a namespace in the observer's table. The kernel gives it to another namespace once this one has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nsid(pub i32);

impl fmt::Display for Nsid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Makes an observer that lists namespaces, and does not follow them.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`.
pub fn open() -> Result<Questions, NetlinkError> {
    inside(Questions::open)
}

/// Makes an observer that follows namespaces, too. Events are received from now on.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`, `CAP_NET_ADMIN` or `CAP_NET_BROADCAST`.
pub fn open_with_events() -> Result<(Questions, NamespaceEvents), NetlinkError> {
    inside(|| Ok((Questions::open()?, NamespaceEvents::open()?)))
}

fn inside<T: Send>(open: impl FnOnce() -> Result<T, NetlinkError> + Send) -> Result<T, NetlinkError> {
    let made = || {
        unshare_network().map_err(|e| NetlinkError::new("create the observer's network namespace", e))?;
        open()
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("observer".to_owned())
            .spawn_scoped(scope, made)
            .map_err(|e: io::Error| NetlinkError::new("start a thread for the observer", e))?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
