//! One question to a DNS server and what it says, by RFC 1035: no more than a probe needs.

use std::io;

use netmon_model::lab::Query;
use tokio::net::UdpSocket;

/// As large as a server may send without being asked to (RFC 1035, 4.2.1); a probe reads the header and the question.
const LONGEST: usize = 512;
const HEADER: usize = 12;
/// Class IN.
const IN: u16 = 1;
/// "This is a response" and "recursion is desired", in the third byte.
const RESPONSE: u8 = 0x80;
const RECURSION_DESIRED: u8 = 0x01;

/// Names of response codes (RFC 6895, 2.3).
const CODES: [&str; 11] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
    "NOTAUTH", "NOTZONE",
];

/// Asks over a connected socket, and waits for the answer for as long as it is polled.
///
/// `Ok(Err(code))` is an answer with another code than NOERROR.
pub(super) async fn ask(socket: &UdpSocket, query: &Query, id: u16) -> io::Result<Result<(), String>> {
    let question = question(query);
    let mut message = Vec::with_capacity(HEADER + question.len());
    message.extend_from_slice(&id.to_be_bytes());
    message.extend_from_slice(&[RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend_from_slice(&question);
    socket.send(&message).await?;
    let mut buffer = [0; LONGEST];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let answer = buffer.get(..length).unwrap_or(&buffer);
        if let Some(code) = code_of(answer, id, &question) {
            return Ok(if code == 0 { Ok(()) } else { Err(name_of(code)) });
        }
    }
}

/// The name in question label by label, the type and the class.
fn question(query: &Query) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(query.name.len() + 6);
    for label in query.name.split('.').filter(|label| !label.is_empty()) {
        // Checked where the lab file is read: 63 at most.
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend_from_slice(&query.record.0.to_be_bytes());
    bytes.extend_from_slice(&IN.to_be_bytes());
    bytes
}

/// The response code, if this answers the question. A server that finds fault with it need not repeat it.
fn code_of(message: &[u8], id: u16, question: &[u8]) -> Option<u8> {
    let [id0, id1, flags, code, _, questions, ..] = message else { return None };
    let code = code & 0xf;
    let is_same = [*id0, *id1] == id.to_be_bytes() && flags & RESPONSE != 0;
    let repeated = || {
        let there = message.get(HEADER..HEADER + question.len());
        there.is_some_and(|there| there.eq_ignore_ascii_case(question))
    };
    (is_same && (repeated() || (*questions == 0 && code != 0))).then_some(code)
}

fn name_of(code: u8) -> String {
    CODES.get(usize::from(code)).map_or_else(|| format!("RCODE{code}"), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use netmon_model::lab::RecordType;

    use super::*;

    fn query(name: &str) -> Query {
        Query { server: "10.0.0.1:53".parse().unwrap(), name: name.to_owned(), record: RecordType::AAAA }
    }

    fn answer(id: u16, code: u8, question: &[u8]) -> Vec<u8> {
        let mut message = id.to_be_bytes().to_vec();
        message.extend_from_slice(&[0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0]);
        message.extend_from_slice(question);
        message
    }

    #[test]
    fn a_question_is_written_label_by_label() {
        assert_eq!(question(&query("ab.test")), b"\x02ab\x04test\0\0\x1c\0\x01");
        assert_eq!(question(&query("")), b"\0\0\x1c\0\x01");
    }

    #[test]
    fn only_what_answers_this_very_question_is_its_answer() {
        let asked = question(&query("ab.test"));
        assert_eq!(code_of(&answer(7, 3, &asked), 7, &asked), Some(3));
        assert_eq!(code_of(&answer(7, 0, b"\x02AB\x04TEST\0\0\x1c\0\x01"), 7, &asked), Some(0));
        assert_eq!(code_of(&answer(8, 0, &asked), 7, &asked), None, "another id");
        assert_eq!(code_of(&answer(7, 0, &question(&query("xy.test"))), 7, &asked), None, "another name");
        let mut asked_back = answer(7, 0, &asked);
        asked_back[2] = 0x01;
        assert_eq!(code_of(&asked_back, 7, &asked), None, "a question is no answer");
        assert_eq!(code_of(b"\0\x07\x81", 7, &asked), None);
    }

    #[test]
    fn a_server_that_cannot_read_the_question_need_not_repeat_it() {
        let asked = question(&query("ab.test"));
        let mut refused = answer(7, 1, b"");
        refused[5] = 0;
        assert_eq!(code_of(&refused, 7, &asked), Some(1));
        assert_eq!((name_of(1), name_of(12)), ("FORMERR".to_owned(), "RCODE12".to_owned()));
    }
}
