//! Netlink messages as bytes: requests whose answers are read attribute by attribute.
//!
//! The typed parser refuses a whole read if one attribute of one device surprises it. That is right for devices that netmon
//! made. A host has devices of every kind, and one of them must not hide a namespace.

use std::io;

use rtnetlink::packet_route::RouteNetlinkMessage;

use super::{
    Netlink,
    socket::{NLM_F_DUMP_INTR, aligned, receive, send_all},
};

/// Numbers of `linux/netlink.h`.
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_MULTI: u16 = 2;
const HEADER: usize = 16;
/// An attribute's type without its flags (`NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`).
const TYPE_MASK: u16 = 0x3fff;

/// A message without its header.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawMessage<'a> {
    /// Its type, such as `RTM_NEWLINK`.
    pub(super) kind: u16,
    flags: u16,
    sequence: u32,
    /// What follows the header.
    pub(super) body: &'a [u8],
}

/// The answer to one request.
#[derive(Debug)]
pub(super) struct Answer<T> {
    /// What was kept of each message.
    pub(super) rows: Vec<T>,
    /// Whether the table changed while it was read.
    pub(super) is_interrupted: bool,
}

/// Splits the bytes of a read into messages. A message that is cut off ends it.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = RawMessage<'_>> {
    std::iter::from_fn(move || {
        let length = word(bytes, 0)? as usize;
        let message = bytes.get(..length).filter(|_| length >= HEADER)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some(RawMessage {
            kind: half(message, 4)?,
            flags: half(message, 6)?,
            sequence: word(message, 8)?,
            body: &message[HEADER..],
        })
    })
}

/// Splits attributes into type and value. One that is cut off ends it.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(half(bytes, 0)?);
        let kind = half(bytes, 2)? & TYPE_MASK;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Returns the 16 bits at `at`. `None` beyond the end.
pub(super) fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().map(u16::from_ne_bytes).ok()
}

/// Returns the 32 bits at `at`. `None` beyond the end.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().map(u32::from_ne_bytes).ok()
}

/// Returns text that ends with a NUL or with the value.
pub(super) fn text(value: &[u8]) -> String {
    let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

impl RawMessage<'_> {
    /// Returns whether no further message answers the same request.
    fn is_last(&self) -> bool {
        matches!(self.kind, NLMSG_ERROR | NLMSG_DONE) || self.flags & NLM_F_MULTI == 0
    }

    /// Returns the error in an error message, or in the end of a dump.
    fn error(&self) -> Option<io::Error> {
        let code = match self.kind {
            NLMSG_ERROR | NLMSG_DONE => word(self.body, 0)?.cast_signed(),
            _ => 0,
        };
        (code < 0).then(|| io::Error::from_raw_os_error(code.saturating_neg()))
    }
}

impl Netlink {
    /// Sends all requests at once, and returns what `row` keeps of each one's answers, at the same index.
    ///
    /// Their answers must fit the socket's buffer.
    ///
    /// # Errors
    ///
    /// Fails if the socket does. A request that the kernel refuses has an error of its own.
    pub(super) fn collect<T>(
        &mut self,
        requests: Vec<RouteNetlinkMessage>,
        flags: u16,
        row: fn(RawMessage<'_>) -> Option<T>,
    ) -> io::Result<Vec<io::Result<Answer<T>>>> {
        let first = self.last_sequence().wrapping_add(1);
        let mut answers: Vec<io::Result<Answer<T>>> =
            requests.iter().map(|_| Ok(Answer { rows: Vec::new(), is_interrupted: false })).collect();
        let (mut bytes, mut outstanding) = (Vec::new(), requests.len());
        requests.into_iter().for_each(|request| self.append(&mut bytes, request, flags));
        send_all(self.transport(), &bytes)?;
        while outstanding > 0 {
            receive(self.transport(), |bytes| {
                for message in messages(bytes) {
                    let index = message.sequence.wrapping_sub(first) as usize;
                    let Some(answer) = answers.get_mut(index) else { continue };
                    outstanding = outstanding.saturating_sub(usize::from(message.is_last()));
                    take(answer, message, row);
                }
                Ok(())
            })?;
        }
        Ok(answers)
    }
}

/// Adds a message to the answer of its request.
fn take<T>(
    answer: &mut io::Result<Answer<T>>,
    message: RawMessage<'_>,
    row: fn(RawMessage<'_>) -> Option<T>,
) {
    if let Some(error) = message.error() {
        *answer = Err(error);
    } else if let (Ok(answer), false) = (answer, matches!(message.kind, NLMSG_ERROR | NLMSG_DONE)) {
        answer.is_interrupted |= message.flags & NLM_F_DUMP_INTR != 0;
        answer.rows.extend(row(message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of this type and sequence number.
    fn message(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(NLM_F_MULTI.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(body);
        bytes.resize(aligned(bytes.len()), 0);
        bytes
    }

    #[test]
    fn messages_and_attributes_are_split_at_multiples_of_four() {
        let attribute = [&[7, 0, 3, 0][..], b"ab\0", &[0], &[8, 0, 5, 0x80, 1, 0, 0, 0]].concat();
        let bytes = [message(16, 1, &attribute), message(17, 2, b"xyz"), message(16, 3, b"")].concat();
        let kinds: Vec<_> = messages(&bytes).map(|message| (message.kind, message.sequence)).collect();
        assert_eq!(kinds, [(16, 1), (17, 2), (16, 3)]);
        let found: Vec<_> = attributes(messages(&bytes).next().unwrap().body).collect();
        assert_eq!(found, [(3, &b"ab\0"[..]), (5, &[1, 0, 0, 0])]);
        assert_eq!(text(found[0].1), "ab");
    }

    #[test]
    fn bytes_that_are_cut_off_end_the_list_without_a_panic() {
        let whole = message(16, 1, &[9, 0, 3, 0, 1, 2, 3, 4, 5]);
        for end in 0..whole.len() {
            let found: Vec<_> = messages(&whole[..end]).flat_map(|one| attributes(one.body)).collect();
            assert!(found.len() <= 1, "{end}");
        }
        assert_eq!(messages(&[3, 0, 0, 0, 1, 1, 1, 1]).count(), 0, "shorter than its own header");
        assert_eq!(attributes(&[0, 0, 1, 0, 9, 9]).count(), 0, "an attribute shorter than its own header");
    }

    #[test]
    fn an_error_at_the_end_of_a_dump_is_an_error() {
        let failed = message(NLMSG_DONE, 1, &(-22_i32).to_ne_bytes());
        let mut answer = Ok(Answer { rows: vec![1], is_interrupted: false });
        take(&mut answer, messages(&failed).next().unwrap(), |_| Some(2));
        assert_eq!(answer.unwrap_err().raw_os_error(), Some(22));
        let done = message(NLMSG_DONE, 1, &0_i32.to_ne_bytes());
        let mut answer = Ok(Answer { rows: vec![1], is_interrupted: false });
        take(&mut answer, messages(&done).next().unwrap(), |_| Some(2));
        assert_eq!(answer.unwrap().rows, [1], "the end of a dump is no row");
    }
}
