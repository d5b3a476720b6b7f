//! ICMP echoes with a payload that identifies them.

use std::{
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
    time::Instant,
};

use netmon_ebpf::trace::{ECHO_PAYLOAD, TRACE_ICMP, Wanted};
use netmon_model::trace::Outcome;
use rustix::{
    event::PollFlags,
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, recv, sendto, socket_with},
};

use super::{Asker, End, Plan, now_ns, told, wait_for};
use crate::{
    probe::message_with,
    trace::{TraceError, assemble::Attempt, programs::Programs},
};

/// The names of the ICMP errors that say why a destination is unreachable (RFC 792, RFC 1122).
const UNREACHABLE: [&str; 14] = [
    "network unreachable",
    "host unreachable",
    "protocol unreachable",
    "port unreachable",
    "fragmentation needed",
    "source route failed",
    "network unknown",
    "host unknown",
    "source host isolated",
    "network prohibited",
    "host prohibited",
    "network unreachable for this service",
    "host unreachable for this service",
    "communication prohibited",
];
/// The same for ICMPv6 (RFC 4443, 3.1).
const UNREACHABLE_V6: [&str; 7] = [
    "no route to the destination",
    "communication prohibited",
    "beyond the scope of the source address",
    "address unreachable",
    "port unreachable",
    "source address failed policy",
    "reject route to the destination",
];

/// Sends echoes over one socket, which receives every ICMP message of the namespace.
pub(super) struct Echoes<'a> {
    plan: &'a Plan,
    socket: OwnedFd,
    cookie: [u8; 16],
}

impl<'a> Echoes<'a> {
    /// Opens the socket in the calling thread's namespace.
    pub(super) fn open(plan: &'a Plan, cookie: [u8; 16]) -> Result<Self, TraceError> {
        let (family, protocol) = match plan.target {
            IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
            IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::RAW, flags, Some(protocol))
            .map_err(|error| TraceError::Socket("open a raw socket", error.into()))?;
        Ok(Self { plan, socket, cookie })
    }

    fn payload(&self, run: u32) -> [u8; ECHO_PAYLOAD] {
        let mut payload = [0; ECHO_PAYLOAD];
        payload[..16].copy_from_slice(&self.cookie);
        payload[16..].copy_from_slice(&run.to_be_bytes());
        payload
    }

    fn wanted(&self) -> Wanted {
        let [first, second] = [0, 8].map(|at| {
            let mut word = [0; 8];
            word.iter_mut().zip(&self.cookie[at..]).for_each(|(to, from)| *to = *from);
            u64::from_be_bytes(word)
        });
        Wanted { cookie: [first, second], traffic: TRACE_ICMP, ..Wanted::default() }
    }

    fn wait(&self, payload: &[u8], until: Instant) -> Result<End, TraceError> {
        let failed = |error: std::io::Error| TraceError::Socket("receive an answer", error);
        loop {
            if !wait_for(&self.socket, PollFlags::IN, until).map_err(failed)? {
                return Ok((Outcome::Lost, None));
            }
            let mut buffer = [0_u8; 1500];
            let length = match recv(&self.socket, &mut buffer, RecvFlags::empty()) {
                Err(Errno::AGAIN | Errno::INTR) => continue,
                received => received.map_err(|error| failed(error.into()))?.0,
            };
            let message = buffer.get(..length).unwrap_or_default();
            if let Some(end) = answer(self.plan.target, message, payload) {
                return Ok(end);
            }
        }
    }
}

impl Asker for Echoes<'_> {
    fn ask(&mut self, run: u32, programs: &mut Programs) -> Result<Attempt, TraceError> {
        programs.look_for(self.wanted())?;
        let payload = self.payload(run);
        let identifier = u16::from_ne_bytes([self.cookie[0], self.cookie[1]]);
        let message = message_with(self.plan.target, (identifier, run as u16), &payload);
        let until = Instant::now() + self.plan.timeout;
        let started_ns = now_ns();
        let to = SocketAddr::new(self.plan.target, 0);
        let (outcome, error) = match sendto(&self.socket, &message, SendFlags::empty(), &to) {
            Ok(_) => self.wait(&payload, until)?,
            Err(error) => (Outcome::Failed, Some(told(error))),
        };
        Ok(Attempt { started_ns, ended_ns: now_ns(), outcome, error })
    }
}

/// Returns how a message answers the echo with this payload. `None` if it does not. IPv4 messages begin with their IP
/// header.
fn answer(target: IpAddr, bytes: &[u8], payload: &[u8]) -> Option<End> {
    let is_v4 = target.is_ipv4();
    let header = if is_v4 { bytes.first().map_or(0, |first| usize::from(first & 0xf) * 4) } else { 0 };
    let [kind, code, ..] = *bytes.get(header..)? else { return None };
    let is_reply = kind == if is_v4 { 0 } else { 129 };
    let is_error = if is_v4 { matches!(kind, 3 | 11 | 12) } else { matches!(kind, 1..=4) };
    if is_reply && bytes.get(header + 8..)?.starts_with(payload) {
        return Some((Outcome::Arrived, None));
    }
    let contains = bytes.windows(payload.len()).any(|window| window == payload);
    (is_error && contains).then(|| (Outcome::Refused, Some(error(is_v4, kind, code))))
}

fn error(is_v4: bool, kind: u8, code: u8) -> String {
    let codes: &[&str] = if is_v4 { &UNREACHABLE } else { &UNREACHABLE_V6 };
    let is_unreachable = kind == if is_v4 { 3 } else { 1 };
    let is_expired = kind == if is_v4 { 11 } else { 3 };
    match codes.get(usize::from(code)) {
        Some(name) if is_unreachable => (*name).to_owned(),
        _ if is_expired => "time to live exceeded".to_owned(),
        _ => format!("ICMP error of type {kind}, code {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: [u8; 20] = *b"a cookie and its run";

    fn message(kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
        let mut header = vec![0x45; 20];
        header.extend([kind, code, 0, 0, 0, 0, 0, 0]);
        [&header, rest].concat()
    }

    fn of(message: &[u8]) -> Option<End> {
        answer("10.0.0.1".parse().unwrap(), message, &PAYLOAD)
    }

    #[test]
    fn a_reply_or_an_error_with_the_payload_answers() {
        assert_eq!(of(&message(0, 0, &PAYLOAD)), Some((Outcome::Arrived, None)));
        let inner = message(8, 0, &PAYLOAD);
        let refused = |text: &str| Some((Outcome::Refused, Some(text.to_owned())));
        assert_eq!(of(&message(3, 1, &inner)), refused("host unreachable"));
        assert_eq!(of(&message(11, 0, &inner)), refused("time to live exceeded"));
    }

    #[test]
    fn other_messages_do_not_answer() {
        assert_eq!(of(&message(8, 0, &PAYLOAD)), None, "a request");
        assert_eq!(of(&message(0, 0, b"another cookie than ours")), None);
        assert_eq!(of(&message(3, 1, b"about another packet ...")), None);
        assert_eq!(of(&[0x45]), None);
    }
}
