//! The transport: sends requests, and matches the answers by sequence number.

use std::{cell::RefCell, io, os::fd::BorrowedFd};

use super::NetlinkError;
use crate::{
    netns::{Cookie, NetNs},
    sys::namespaces,
};
use rtnetlink::{
    packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload},
    packet_route::RouteNetlinkMessage,
    sys::{Socket, protocols::NETLINK_ROUTE},
};

/// How many requests are in flight at once. Their answers must fit the socket's buffer (212,992 bytes by default, of
/// which an answer takes about 800).
const WINDOW: usize = 64;
/// The maximum size of one read. The kernel fills dumps up to it (`NLMSG_GOODSIZE`, and the size of the last read).
const READ_SIZE: usize = 64 * 1024;
/// Marks the answers of a dump during which the table changed (`linux/netlink.h`).
pub(super) const NLM_F_DUMP_INTR: u16 = 0x10;
/// How often an interrupted dump is restarted.
pub(super) const DUMP_ATTEMPTS: usize = 16;

thread_local! {
    /// The last read. There is one for each thread and not for each socket, since an agent has a socket for each of a
    /// thousand namespaces.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(READ_SIZE));
}

/// A request for one change.
#[derive(Clone, Debug)]
pub struct Request {
    what: String,
    message: RouteNetlinkMessage,
    flags: u16,
}

impl Request {
    /// `what` completes the sentence "cannot ...". `flags` are added to REQUEST and ACK.
    pub(super) fn new(what: impl Into<String>, message: RouteNetlinkMessage, flags: u16) -> Self {
        Self { what: what.into(), message, flags }
    }

    /// Returns what it requests: the end of a sentence that begins with "cannot".
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

/// A socket for the namespace in which it was opened.
///
/// # Examples
///
/// ```no_run
/// use netmon_kernel::{netlink::Netlink, netns::NetNs};
///
/// let namespace = NetNs::open(&"web".parse()?)?;
/// let mut netlink = Netlink::open_in(&namespace)?;
/// for interface in netlink.interfaces()? {
///     println!("{} is {}", interface.name, if interface.up { "up" } else { "down" });
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens a socket in the namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// Fails if the kernel provides no socket.
    ///
    /// # Examples
    ///
    /// ```
    /// use netmon_kernel::netlink::Netlink;
    ///
    /// let interfaces = Netlink::open()?.interfaces()?;
    /// assert!(interfaces.iter().any(|interface| interface.name == "lo"));
    /// # Ok::<(), netmon_kernel::netlink::NetlinkError>(())
    /// ```
    pub fn open() -> Result<Self, NetlinkError> {
        Self::open_bound().map_err(|e| NetlinkError::new("open a netlink socket", e))
    }

    /// Opens a socket in `namespace`, on a thread that enters it for this.
    ///
    /// # Errors
    ///
    /// Fails if the namespace cannot be entered or the kernel provides no socket.
    pub fn open_in(namespace: &NetNs) -> Result<Self, NetlinkError> {
        namespace
            .run(Self::open)
            .map_err(|e| NetlinkError::new("open a netlink socket in a namespace", io::Error::other(e)))?
    }

    fn open_bound() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        // Both affect the answers only, which become shorter and have a reason. Linux 4.12 and later know them.
        socket.set_cap_ack(true)?;
        socket.set_ext_ack(true)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Returns the cookie of the socket's namespace.
    ///
    /// # Errors
    ///
    /// Fails before Linux 5.14.
    pub fn cookie(&self) -> Result<Cookie, NetlinkError> {
        namespaces::netns_cookie(self.as_fd())
            .map(Cookie)
            .map_err(|e| NetlinkError::new("read a namespace's cookie", e))
    }

    /// Sends one request and waits for the answer.
    ///
    /// # Errors
    ///
    /// The kernel's answer, with its explanation if it sent one.
    pub fn request(&mut self, request: &Request) -> Result<(), NetlinkError> {
        self.pipeline(std::slice::from_ref(request)).pop().unwrap_or(Ok(()))
    }

    /// Sends all `requests` in order, with many in flight at once. A request that is refused does not stop those after it:
    /// each has its own answer, at the same index.
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

    /// Reads a complete table. `row` keeps the part of each row that is used, which is a tenth of its size. Starts again if
    /// the table changed meanwhile, so that no row is missed or read twice.
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
                    // A dump that fails says so at its end, not in an error message.
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(io::Error::from_raw_os_error(done.code.saturating_neg()));
                    }
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

    /// Adds a request to `bytes`. Its sequence number is the next one.
    pub(super) fn append(&mut self, bytes: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16) {
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

    /// Returns the sequence number of the last request.
    pub(super) fn last_sequence(&self) -> u32 {
        self.sequence
    }

    /// Returns the socket, for requests whose answers are not parsed as a whole.
    pub(super) fn transport(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd as _;
        self.socket.as_fd()
    }
}

/// Returns all messages of one read, which blocks unless the socket is non-blocking.
pub(super) fn read(socket: &Socket) -> io::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
    receive(socket, parse_all)
}

/// Passes the bytes of one read to `parse`.
pub(super) fn receive<T>(socket: &Socket, parse: impl FnOnce(&[u8]) -> io::Result<T>) -> io::Result<T> {
    BUFFER.with_borrow_mut(|buffer| {
        loop {
            buffer.clear();
            match socket.recv(buffer, 0) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map(|_| ())?,
            }
        }
        parse(buffer)
    })
}

pub(super) fn parse_all(mut bytes: &[u8]) -> io::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
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

pub(super) fn send_all(socket: &Socket, bytes: &[u8]) -> io::Result<()> {
    loop {
        match socket.send(bytes, 0) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map(|_| ()),
        }
    }
}

/// Messages and attributes start at multiples of four bytes.
pub(super) fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// Returns the kernel's explanation in an answer: `NLMSGERR_ATTR_MSG`, after the 16 bytes of the request's header.
pub(super) fn explanation(answer: &[u8]) -> Option<String> {
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
    fn the_kernels_explanation_is_found_after_the_header() {
        let mut answer = vec![0_u8; 16];
        answer.extend_from_slice(&[9, 0, 1, 0]);
        answer.extend_from_slice(b"nope\0\0\0\0");
        assert_eq!(explanation(&answer).as_deref(), Some("nope"));
        assert_eq!(explanation(&answer[..16]), None);
        assert_eq!(explanation(&[0; 17]), None);
        // A length of 1 is shorter than its own header, and must cause neither a loop nor a panic.
        answer[16] = 1;
        assert_eq!(explanation(&answer), None);
    }
}
