//! The wire of WebDriver: JSON over HTTP/1.1, one connection a command.

use std::{
    io::{self, BufRead, BufReader, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// Longer than any command takes, scripts included.
const PATIENCE: Duration = Duration::from_secs(90);

/// A driver on loopback, and the session that commands are for.
#[derive(Debug)]
pub(crate) struct Connection {
    port: u16,
    session: Option<String>,
}

impl Connection {
    pub(crate) const fn new(port: u16) -> Self {
        Self { port, session: None }
    }

    /// Returns whether the driver takes sessions.
    pub(crate) fn is_ready(&self) -> bool {
        let status = self.exchange("GET", "/status", "").ok();
        status.and_then(|answer| answer["value"]["ready"].as_bool()).unwrap_or(false)
    }

    /// Sends the commands that follow to a session.
    pub(crate) fn enter(&mut self, session: &str) {
        self.session = Some(session.to_owned());
    }

    /// Deletes the session, which closes the browser.
    pub(crate) fn leave(&mut self) {
        if self.session.is_some() {
            // The driver may have ended already.
            let _ = self.exchange("DELETE", &self.path(""), "");
            self.session = None;
        }
    }

    pub(crate) fn post(&self, command: &str, body: &Value) -> Value {
        self.value("POST", command, &body.to_string())
    }

    pub(crate) fn get(&self, command: &str) -> Value {
        self.value("GET", command, "")
    }

    fn value(&self, method: &str, command: &str, body: &str) -> Value {
        let answer = self.exchange(method, &self.path(command), body);
        let mut answer = answer.unwrap_or_else(|e| panic!("{method} {command}: {e}"));
        let value = answer["value"].take();
        assert!(
            value["error"].is_null() || value["message"].is_null(),
            "{method} {command}: {}",
            value["message"]
        );
        value
    }

    fn path(&self, command: &str) -> String {
        let session = self.session.as_ref().map(|session| format!("/{session}")).unwrap_or_default();
        let command = if command.is_empty() { String::new() } else { format!("/{command}") };
        format!("/session{session}{command}")
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> io::Result<Value> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost:{}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        serde_json::from_slice(&body_of(BufReader::new(stream))?).map_err(io::Error::other)
    }
}

/// Reads a response up to the end of its body. The driver leaves the connection open.
fn body_of(mut answer: impl BufRead) -> io::Result<Vec<u8>> {
    let mut length = 0;
    for line in answer.by_ref().lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let field = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if let Some((_, value)) = field {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_ends_with_its_body() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncache-control: no-cache\r\n\r\n{}rest";
        assert_eq!(body_of(&answer[..]).unwrap(), b"{}");
    }
}
