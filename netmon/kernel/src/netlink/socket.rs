//! The transport: requests out, answers in, matched by sequence number.

use std::{cell::RefCell, io, os::fd::BorrowedFd};

use rtnetlink::{
    packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload},
    packet_route::RouteNetlinkMessage,
    sys::{Socket, protocols::NETLINK_ROUTE},
};
use thiserror::Error;

use crate::{
    netns::{Cookie, NetNs},
    sys::namespaces,
};

/// How many requests are under way at once: their answers must fit the socket's buffer (212,992 bytes by
/// default, of which an answer takes about 800).
const WINDOW: usize = 64;
/// The most that one read returns; the kernel fills dumps up to this (`NLMSG_GOODSIZE` and the size it was
/// last asked for).
const READ_SIZE: usize = 64 * 1024;
/// The answer is marked so when a dump changed under the kernel's hands (`linux/netlink.h`).
const NLM_F_DUMP_INTR: u16 = 0x10;
/// How often a dump that was interrupted is begun anew.
const DUMP_ATTEMPTS: usize = 16;

thread_local! {
    /// What was read last. One a thread and not one a socket: an agent keeps a socket for each of a thousand namespaces.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(READ_SIZE));
}

/// A request was refused, or could not be sent.
#[derive(Debug, Error)]
#[error("cannot {what}{}", explained(.explanation))]
pub struct NetlinkError {
    what: String,
    /// The kernel's extended acknowledgement, where it gives one.
    explanation: Option<String>,
    source: io::Error,
}

fn explained(explanation: &Option<String>) -> String {
    explanation.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
}

impl NetlinkError {
    pub(super) fn new(what: impl Into<String>, source: io::Error) -> Self {
        Self { what: what.into(), explanation: None, source }
    }

    /// The kernel's errno, as rustix names them.
    #[must_use]
    pub fn errno(&self) -> Option<rustix::io::Errno> {
        rustix::io::Errno::from_io_error(&self.source)
    }

    /// Whether the thing that the request was about is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        use rustix::io::Errno;
        matches!(self.errno(), Some(Errno::NODEV | Errno::NOENT | Errno::SRCH | Errno::ADDRNOTAVAIL))
    }

    /// Whether the thing that should be made is there already.
    #[must_use]
    pub fn is_already_there(&self) -> bool {
        self.errno() == Some(rustix::io::Errno::EXIST)
    }
}

/// One change to ask the kernel for.
#[derive(Clone, Debug)]
pub struct Request {
    what: String,
    message: RouteNetlinkMessage,
    flags: u16,
}

impl Request {
    /// `what` completes the sentence "cannot ..."; `flags` come on top of REQUEST and ACK.
    pub(super) fn new(what: impl Into<String>, message: RouteNetlinkMessage, flags: u16) -> Self {
        Self { what: what.into(), message, flags }
    }

    /// What it asks for: the end of a sentence that begins with "cannot".
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

/// A socket for the namespace it was opened in.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// For the namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// When the kernel gives no socket.
    pub fn open() -> Result<Self, NetlinkError> {
        Self::open_bound().map_err(|e| NetlinkError::new("open a netlink socket", e))
    }

    /// For `namespace`, by way of a thread that enters it.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered, or the kernel gives no socket.
    pub fn open_in(namespace: &NetNs) -> Result<Self, NetlinkError> {
        namespace
            .run(Self::open)
            .map_err(|e| NetlinkError::new("open a netlink socket in a namespace", io::Error::other(e)))?
    }

    fn open_bound() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        // Both shape the answers only: shorter ones, with a reason. Kernels since 4.12 know them.
        socket.set_cap_ack(true)?;
        socket.set_ext_ack(true)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// The cookie of the namespace that this socket is in.
    ///
    /// # Errors
    ///
    /// Before Linux 5.14.
    pub fn cookie(&self) -> Result<Cookie, NetlinkError> {
        namespaces::netns_cookie(self.as_fd())
            .map(Cookie)
            .map_err(|e| NetlinkError::new("read a namespace's cookie", e))
    }

    /// Asks for one change and waits for the answer.
    ///
    /// # Errors
    ///
    /// The kernel's refusal, with its reason where it gives one.
    pub fn request(&mut self, request: &Request) -> Result<(), NetlinkError> {
        self.pipeline(std::slice::from_ref(request)).pop().unwrap_or(Ok(()))
    }

    /// Asks for all of `requests`, in order, with many under way at once. A refusal does not stop those
    /// behind it: every request has its own answer, at its own place.
    pub fn pipeline(&mut self, requests: &[Request]) -> Vec<Result<(), NetlinkError>> {
        let mut answers = Vec::with_capacity(requests.len());
        for window in requests.chunks(WINDOW) {
            match self.exchange(window) {
                Ok(codes) => answers.extend(codes),
                Err(broken) => {
                    let kind = broken.kind();
                    answers.extend(window.iter().map(|r| Err(NetlinkError::new(&r.what, kind.into()))));
                }
            }
        }
        answers
    }

    fn exchange(&mut self, window: &[Request]) -> io::Result<Vec<Result<(), NetlinkError>>> {
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::with_capacity(window.len() * 160);
        for request in window {
            self.append(&mut bytes, request.message.clone(), request.flags | NLM_F_ACK);
        }
        send_all(&self.socket, &bytes)?;
        let mut answers: Vec<Option<Result<(), NetlinkError>>> = window.iter().map(|_| None).collect();
        let mut outstanding = window.len();
        while outstanding > 0 {
            for message in read(&self.socket)? {
                let index = message.header.sequence_number.wrapping_sub(first) as usize;
                let (Some(slot), NetlinkPayload::Error(answer)) = (answers.get_mut(index), message.payload)
                else {
                    continue;
                };
                if slot.is_none() {
                    outstanding -= 1;
                }
                *slot = Some(match answer.code {
                    None => Ok(()),
                    Some(_) => Err(NetlinkError {
                        what: window[index].what.clone(),
                        explanation: explanation(&answer.header),
                        source: answer.to_io(),
                    }),
                });
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Reads a whole table, of which `row` takes what is wanted: a row as it comes is ten times as large. Begins anew
    /// when it changed meanwhile, so that nothing is missed or seen twice.
    pub(super) fn dump<T>(
        &mut self,
        what: &str,
        message: &RouteNetlinkMessage,
        row: fn(RouteNetlinkMessage) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..DUMP_ATTEMPTS {
            let table = self.dump_once(message, row).map_err(|e| NetlinkError::new(what, e))?;
            if let Some(table) = table {
                return Ok(table);
            }
        }
        Err(NetlinkError::new(what, io::Error::other("the table changed faster than it could be read")))
    }

    fn dump_once<T>(
        &mut self,
        message: &RouteNetlinkMessage,
        row: fn(RouteNetlinkMessage) -> Option<T>,
    ) -> io::Result<Option<Vec<T>>> {
        let mut bytes = Vec::new();
        self.append(&mut bytes, message.clone(), NLM_F_DUMP);
        let sequence = self.sequence;
        send_all(&self.socket, &bytes)?;
        let (mut table, mut interrupted) = (Vec::new(), false);
        loop {
            for message in read(&self.socket)? {
                if message.header.sequence_number != sequence {
                    continue;
                }
                interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(message) => table.extend(row(message)),
                    NetlinkPayload::Done(_) => return Ok((!interrupted).then_some(table)),
                    NetlinkPayload::Error(answer) => return Err(answer.to_io()),
                    _ => {}
                }
            }
        }
    }

    /// Reads one row of a table, which `message` names. Returns `None` if there is no such row.
    pub(super) fn get<T>(
        &mut self,
        what: &str,
        message: RouteNetlinkMessage,
        row: fn(RouteNetlinkMessage) -> Option<T>,
    ) -> Result<Option<T>, NetlinkError> {
        match self.get_once(message, row) {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            other => other.map_err(|error| NetlinkError::new(what, error)),
        }
    }

    fn get_once<T>(
        &mut self,
        message: RouteNetlinkMessage,
        row: fn(RouteNetlinkMessage) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let mut bytes = Vec::new();
        self.append(&mut bytes, message, 0);
        let sequence = self.sequence;
        send_all(&self.socket, &bytes)?;
        loop {
            for message in read(&self.socket)? {
                if message.header.sequence_number != sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(message) => return Ok(row(message)),
                    NetlinkPayload::Error(answer) => return Err(answer.to_io()),
                    _ => {}
                }
            }
        }
    }

    fn append(&mut self, bytes: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.sequence_number = self.sequence;
        header.flags = NLM_F_REQUEST | flags;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let start = bytes.len();
        bytes.resize(start + aligned(message.buffer_len()), 0);
        message.serialize(&mut bytes[start..]);
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd as _;
        self.socket.as_fd()
    }
}

/// All messages of one read, which waits for them unless the socket does not.
pub(super) fn read(socket: &Socket) -> io::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
    BUFFER.with_borrow_mut(|buffer| {
        loop {
            buffer.clear();
            match socket.recv(buffer, 0) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map(|_| ())?,
            }
        }
        parse_all(buffer)
    })
}

fn parse_all(mut bytes: &[u8]) -> io::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let message = NetlinkMessage::deserialize(bytes)
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
        let length = aligned(message.header.length as usize).clamp(1, bytes.len());
        bytes = &bytes[length..];
        messages.push(message);
    }
    Ok(messages)
}

fn send_all(socket: &Socket, bytes: &[u8]) -> io::Result<()> {
    loop {
        match socket.send(bytes, 0) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map(|_| ()),
        }
    }
}

/// Messages and attributes start at multiples of four bytes.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// The kernel's own words in an answer: behind the 16 bytes of the request's header, `NLMSGERR_ATTR_MSG`.
fn explanation(answer: &[u8]) -> Option<String> {
    const HEADER: usize = 16;
    const MESSAGE: u16 = 1;
    let mut attributes = answer.get(HEADER..)?;
    while let [l0, l1, t0, t1, rest @ ..] = attributes {
        let length = usize::from(u16::from_ne_bytes([*l0, *l1]));
        let value = rest.get(..length.checked_sub(4)?)?;
        if u16::from_ne_bytes([*t0, *t1]) == MESSAGE {
            let text = value.strip_suffix(&[0]).unwrap_or(value);
            return Some(String::from_utf8_lossy(text).into_owned());
        }
        attributes = attributes.get(aligned(length)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_words_are_found_behind_the_header() {
        let mut answer = vec![0_u8; 16];
        answer.extend_from_slice(&[9, 0, 1, 0]);
        answer.extend_from_slice(b"nope\0\0\0\0");
        assert_eq!(explanation(&answer).as_deref(), Some("nope"));
        assert_eq!(explanation(&answer[..16]), None);
        assert_eq!(explanation(&[0; 17]), None);
        // A length of 1 is shorter than its own header: not a reason to loop or to panic.
        answer[16] = 1;
        assert_eq!(explanation(&answer), None);
    }
}
