//! One DNS query and the code of its response (RFC 1035): no more than a probe needs.

use std::io;

use netmon_model::lab::Query;
use tokio::net::UdpSocket;

/// The largest message without EDNS (RFC 1035, 4.2.1). A probe reads the header and the question.
const MAX_MESSAGE: usize = 512;
const HEADER: usize = 12;
/// Class IN.
const IN: u16 = 1;
/// The flags QR (this is a response) and RD (recursion is desired), in the third byte.
const RESPONSE: u8 = 0x80;
const RECURSION_DESIRED: u8 = 0x01;

/// Names of response codes (RFC 6895, 2.3).
const CODES: [&str; 11] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
    "NOTAUTH", "NOTZONE",
];

/// Sends `query` over a connected socket and waits for its response, without a timeout.
///
/// Returns `Ok(Err(name))` if the response has another code than NOERROR.
pub(super) async fn query(socket: &UdpSocket, query: &Query, id: u16) -> io::Result<Result<(), String>> {
    let question = question(query);
    let mut message = Vec::with_capacity(HEADER + question.len());
    message.extend_from_slice(&id.to_be_bytes());
    message.extend_from_slice(&[RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend_from_slice(&question);
    socket.send(&message).await?;
    let mut buffer = [0; MAX_MESSAGE];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let message = buffer.get(..length).unwrap_or(&buffer);
        if let Some(code) = response_code(message, id, &question) {
            return Ok(if code == 0 { Ok(()) } else { Err(name_of(code)) });
        }
    }
}

/// Encodes the question: the name label by label, the type and the class.
fn question(query: &Query) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(query.name.len() + 6);
    for label in query.name.split('.').filter(|label| !label.is_empty()) {
        // At most 63: checked when the lab file is read.
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend_from_slice(&query.record.0.to_be_bytes());
    bytes.extend_from_slice(&IN.to_be_bytes());
    bytes
}

/// Returns the response code. Returns `None` if `message` does not answer `question`.
///
/// A server that rejects the question need not repeat it.
fn response_code(message: &[u8], id: u16, question: &[u8]) -> Option<u8> {
    let [id0, id1, flags, code, _, questions, ..] = message else { return None };
    let code = code & 0xf;
    let is_same = [*id0, *id1] == id.to_be_bytes() && flags & RESPONSE != 0;
    let repeated = || {
        let received = message.get(HEADER..HEADER + question.len());
        received.is_some_and(|received| received.eq_ignore_ascii_case(question))
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

    fn query_for(name: &str) -> Query {
        Query { server: "10.0.0.1:53".parse().unwrap(), name: name.to_owned(), record: RecordType::AAAA }
    }

    fn answer(id: u16, code: u8, question: &[u8]) -> Vec<u8> {
        let mut message = id.to_be_bytes().to_vec();
        message.extend_from_slice(&[0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0]);
        message.extend_from_slice(question);
        message
    }

    #[test]
    fn a_question_is_encoded_label_by_label() {
        assert_eq!(question(&query_for("ab.test")), b"\x02ab\x04test\0\0\x1c\0\x01");
        assert_eq!(question(&query_for("")), b"\0\0\x1c\0\x01");
    }

    #[test]
    fn a_response_must_match_the_id_and_the_question() {
        let sent = question(&query_for("ab.test"));
        assert_eq!(response_code(&answer(7, 3, &sent), 7, &sent), Some(3));
        assert_eq!(response_code(&answer(7, 0, b"\x02AB\x04TEST\0\0\x1c\0\x01"), 7, &sent), Some(0));
        assert_eq!(response_code(&answer(8, 0, &sent), 7, &sent), None, "another id");
        assert_eq!(
            response_code(&answer(7, 0, &question(&query_for("xy.test"))), 7, &sent),
            None,
            "another name"
        );
        let mut echoed = answer(7, 0, &sent);
        echoed[2] = 0x01;
        assert_eq!(response_code(&echoed, 7, &sent), None, "a question is not a response");
        assert_eq!(response_code(b"\0\x07\x81", 7, &sent), None);
    }

    #[test]
    fn a_server_that_rejects_the_question_need_not_repeat_it() {
        let sent = question(&query_for("ab.test"));
        let mut refused = answer(7, 1, b"");
        refused[5] = 0;
        assert_eq!(response_code(&refused, 7, &sent), Some(1));
        assert_eq!((name_of(1), name_of(12)), ("FORMERR".to_owned(), "RCODE12".to_owned()));
    }
}
