//! What the observer asks the kernel: numbers of namespaces, and their interfaces by number.

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _},
};

use rtnetlink::{
    packet_core::NLM_F_DUMP,
    packet_route::{
        RouteNetlinkMessage,
        link::{LinkAttribute, LinkExtentMask, LinkMessage},
        nsid::{NsidAttribute, NsidMessage},
    },
};

use super::{
    super::{
        Netlink, NetlinkError, Request,
        raw::{RawMessage, attributes, word},
        socket::DUMP_ATTEMPTS,
    },
    Nsid, ObservedInterface,
};

/// Numbers of `linux/rtnetlink.h` and `linux/net_namespace.h`.
const RTM_NEWNSID: u16 = 88;
const NETNSA_NSID: u16 = 1;
const NSID_HEADER: usize = 4;
/// "The kernel chooses", in a request, and "it has none", in an answer.
const UNNUMBERED: i32 = -1;
/// How many answers fit the socket's buffer with room to spare: 340 did not.
const BATCH: usize = 64;

/// The observer's socket for questions.
#[derive(Debug)]
pub struct Questions {
    netlink: Netlink,
}

impl Questions {
    /// Opens the socket in the calling thread's namespace.
    pub(super) fn open() -> Result<Self, NetlinkError> {
        let netlink = Netlink::open()?;
        // Without it the kernel ignores the namespace that a dump asks for.
        netlink
            .transport()
            .set_netlink_get_strict_chk(true)
            .map_err(|e| NetlinkError::new("have netlink requests checked (needs Linux 4.20)", e))?;
        Ok(Self { netlink })
    }

    /// Returns the number of an open namespace. Gives it one if it has none.
    ///
    /// # Errors
    ///
    /// The kernel's answer: EINVAL if it is no network namespace.
    pub fn number(&mut self, namespace: impl AsFd) -> Result<Nsid, NetlinkError> {
        self.number_by(&NsidAttribute::Fd(namespace.as_fd().as_raw_fd().cast_unsigned()))
    }

    /// Returns the number of a process's namespace. Gives it one if it has none. Needs no right to inspect the process.
    ///
    /// # Errors
    ///
    /// The kernel's answer: EINVAL or ESRCH if there is no such process.
    pub fn number_of_process(&mut self, pid: u32) -> Result<Nsid, NetlinkError> {
        self.number_by(&NsidAttribute::Pid(pid))
    }

    fn number_by(&mut self, which: &NsidAttribute) -> Result<Nsid, NetlinkError> {
        const WHAT: &str = "number a namespace";
        if let Some(known) = self.known(which)? {
            return Ok(known);
        }
        let request = nsid_message(vec![NsidAttribute::Id(UNNUMBERED), which.clone()]);
        match self.netlink.request(&Request::new(WHAT, RouteNetlinkMessage::NewNsId(request), 0)) {
            // Numbered meanwhile, by a listing that met it.
            Err(error) if error.is_already_there() => {}
            other => other?,
        }
        let ended = || NetlinkError::new(WHAT, io::ErrorKind::NotFound.into());
        self.known(which)?.ok_or_else(ended)
    }

    fn known(&mut self, which: &NsidAttribute) -> Result<Option<Nsid>, NetlinkError> {
        const WHAT: &str = "read the number of a namespace";
        let answers = self.ask(vec![which.clone()]).map_err(|e| NetlinkError::new(WHAT, e))?;
        let answer = answers.into_iter().next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
        answer.map_err(|e| NetlinkError::new(WHAT, e))
    }

    /// Returns the number of each process's namespace, at the same index. `None` if it has none, or the process has exited.
    ///
    /// # Errors
    ///
    /// Fails if the socket does.
    pub fn numbers_of_processes(&mut self, pids: &[u32]) -> Result<Vec<Option<Nsid>>, NetlinkError> {
        let mut numbers = Vec::with_capacity(pids.len());
        for batch in pids.chunks(BATCH) {
            let asked = self.ask(batch.iter().map(|pid| NsidAttribute::Pid(*pid)).collect());
            let answers = asked.map_err(|e| NetlinkError::new("read the numbers of namespaces", e))?;
            numbers.extend(answers.into_iter().map(|answer| answer.ok().flatten()));
        }
        Ok(numbers)
    }

    fn ask(&mut self, which: Vec<NsidAttribute>) -> io::Result<Vec<io::Result<Option<Nsid>>>> {
        let message = |which| RouteNetlinkMessage::GetNsId(nsid_message(vec![which]));
        let answers = self.netlink.collect(which.into_iter().map(message).collect(), 0, nsid)?;
        Ok(answers.into_iter().map(|answer| Ok(answer?.rows.into_iter().next().flatten())).collect())
    }

    /// Returns the interfaces of a namespace. A namespace that one of them leads to has a number afterwards.
    ///
    /// # Errors
    ///
    /// The kernel's answer: EINVAL if no namespace has this number any more, EACCES if the caller has no `CAP_NET_ADMIN`
    /// over it.
    pub fn interfaces(&mut self, netns: Nsid) -> Result<Vec<ObservedInterface>, NetlinkError> {
        const WHAT: &str = "list the interfaces of a namespace";
        let failed = |e: io::Error| NetlinkError::new(WHAT, e);
        for _ in 0..DUMP_ATTEMPTS {
            let request = vec![listing(netns)];
            let answers =
                self.netlink.collect(request, NLM_F_DUMP, ObservedInterface::parse).map_err(failed)?;
            for answer in answers {
                let answer = answer.map_err(failed)?;
                if !answer.is_interrupted {
                    return Ok(answer.rows);
                }
            }
        }
        Err(failed(io::Error::other("the interfaces changed faster than they could be listed")))
    }
}

/// Asks for all links of a namespace without their counters, which cost the kernel more than the rest.
fn listing(netns: Nsid) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.attributes =
        vec![LinkAttribute::IfNetnsId(netns.0), LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])];
    RouteNetlinkMessage::GetLink(message)
}

fn nsid_message(attributes: Vec<NsidAttribute>) -> NsidMessage {
    let mut message = NsidMessage::default();
    message.attributes = attributes;
    message
}

/// Reads an answer: `Some(None)` if the namespace has no number.
fn nsid(message: RawMessage<'_>) -> Option<Option<Nsid>> {
    if message.kind != RTM_NEWNSID {
        return None;
    }
    let (_, value) = attributes(message.body.get(NSID_HEADER..)?).find(|(kind, _)| *kind == NETNSA_NSID)?;
    let number = word(value, 0)?.cast_signed();
    Some((number != UNNUMBERED).then_some(Nsid(number)))
}
