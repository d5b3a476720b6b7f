//! TCP connections, and HTTP requests over them.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use netmon_ebpf::trace::{TRACE_TCP, Wanted};
use netmon_model::trace::Outcome;
use rustix::{
    event::PollFlags,
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, getsockname, recv, send,
        socket_with, sockopt::socket_error,
    },
};

use super::{Asker, End, Plan, now_ns, told, wait_for};
use crate::trace::{Ask, TraceError, assemble::Attempt, programs::Programs};

/// How long the rest of a response is read after its beginning, so that the server can end well.
const REST: Duration = Duration::from_millis(100);
/// How much of the rest is read.
const MOST: usize = 1 << 20;

/// Opens a connection for each attempt.
pub(super) struct Connections<'a> {
    plan: &'a Plan,
}

impl<'a> Connections<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self { plan }
    }

    fn target(&self) -> SocketAddr {
        SocketAddr::new(self.plan.target, self.plan.ask.port().unwrap_or_default())
    }

    /// Connects, and requests the page if that is the plan.
    fn exchange(&self, socket: &OwnedFd, until: Instant) -> io::Result<End> {
        match connect(socket, &self.target()) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Ok((Outcome::Failed, Some(told(error)))),
        }
        if !wait_for(socket, PollFlags::OUT, until)? {
            return Ok((Outcome::Lost, None));
        }
        if let Err(error) = socket_error(socket)? {
            return Ok((Outcome::Refused, Some(told(error))));
        }
        match &self.plan.ask {
            Ask::Http { path, .. } => self.request(socket, path, until),
            _ => Ok((Outcome::Arrived, None)),
        }
    }

    /// Requests a page, and waits for the first bytes of the response.
    fn request(&self, socket: &OwnedFd, path: &str, until: Instant) -> io::Result<End> {
        let target = self.target();
        let text = format!("GET {path} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n");
        send(socket, text.as_bytes(), SendFlags::NOSIGNAL)?;
        if !wait_for(socket, PollFlags::IN, until)? {
            return Ok((Outcome::Lost, None));
        }
        let mut first = [0_u8; 1];
        match recv(socket, &mut first, RecvFlags::PEEK) {
            Ok((_, 0)) => Ok((Outcome::Refused, Some("the connection was closed".to_owned()))),
            Ok(_) => Ok((Outcome::Arrived, None)),
            Err(error) => Ok((Outcome::Refused, Some(told(error)))),
        }
    }
}

impl Asker for Connections<'_> {
    fn ask(&mut self, run: u32, programs: &mut Programs) -> Result<Attempt, TraceError> {
        let failed = |what| move |error: io::Error| TraceError::Socket(what, error);
        let target = self.target();
        let (socket, port) = open(target.ip()).map_err(failed("open a TCP socket"))?;
        programs.look_for(Wanted {
            run,
            traffic: TRACE_TCP,
            source_port: port.to_be(),
            target_port: target.port().to_be(),
            ..Wanted::default()
        })?;
        let until = Instant::now() + self.plan.timeout;
        let started_ns = now_ns();
        let (outcome, error) = self.exchange(&socket, until).map_err(failed("use a connection"))?;
        let attempt = Attempt { started_ns, ended_ns: now_ns(), outcome, error };
        if matches!(self.plan.ask, Ask::Http { .. }) && attempt.outcome == Outcome::Arrived {
            read_rest(&socket);
        }
        Ok(attempt)
    }
}

/// Opens a socket with a port of its own, which is known before the first packet leaves.
fn open(target: IpAddr) -> io::Result<(OwnedFd, u16)> {
    let (family, any): (_, IpAddr) = match target {
        IpAddr::V4(_) => (AddressFamily::INET, Ipv4Addr::UNSPECIFIED.into()),
        IpAddr::V6(_) => (AddressFamily::INET6, Ipv6Addr::UNSPECIFIED.into()),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddr::new(any, 0))?;
    let own = SocketAddr::try_from(getsockname(&socket)?).map_err(io::Error::other)?;
    Ok((socket, own.port()))
}

/// Reads to the end of the response, for a moment. What goes wrong does not matter any more.
fn read_rest(socket: &OwnedFd) {
    let until = Instant::now() + REST;
    let mut read = 0;
    let mut buffer = vec![0_u8; 64 * 1024];
    while read < MOST && wait_for(socket, PollFlags::IN, until).unwrap_or(false) {
        match recv(socket, buffer.as_mut_slice(), RecvFlags::empty()) {
            Ok((length, _)) if length > 0 => read += length,
            _ => return,
        }
    }
}
