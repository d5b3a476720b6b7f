//! The client's side of the control socket.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

use netmon_model::names::LabName;
use serde::Serialize;

use super::{ControlError, HookCommand, Reply, Request, path_of};

/// How long the agent may take to do the work: a thousand namespaces take a few seconds.
const REPLY_TIMEOUT: Duration = Duration::from_secs(120);

/// A control connection to the agent of a lab. Closed on drop.
#[derive(Debug)]
pub struct Client {
    lab: LabName,
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the agent that holds `lab`.
    ///
    /// # Errors
    ///
    /// Fails if no agent is listening for this lab.
    pub fn connect(lab: &LabName) -> io::Result<Self> {
        Self::from_stream(lab, UnixStream::connect(path_of(lab))?)
    }

    pub(super) fn from_stream(lab: &LabName, stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        Ok(Self { lab: lab.clone(), stream: BufReader::new(stream) })
    }

    /// The lab whose agent this is connected to.
    #[must_use]
    pub fn lab(&self) -> &LabName {
        &self.lab
    }

    /// Sends a request and waits until the agent has done it.
    ///
    /// # Errors
    ///
    /// [`ControlError::Refused`] with the agent's reasons, or [`ControlError::NoReply`].
    pub fn request(&mut self, request: &Request) -> Result<(), ControlError> {
        self.exchange(request)
    }

    /// Sends a command for the hooks of a [`Request::Hooks`] and waits until the agent has executed it.
    ///
    /// # Errors
    ///
    /// As for [`Client::request`].
    pub fn command(&mut self, command: HookCommand) -> Result<(), ControlError> {
        self.exchange(&command)
    }

    fn exchange(&mut self, message: &impl Serialize) -> Result<(), ControlError> {
        let reply = self
            .send_and_receive(message)
            .map_err(|source| ControlError::NoReply { lab: self.lab.clone(), source })?;
        Ok(reply?)
    }

    fn send_and_receive(&mut self, message: &impl Serialize) -> io::Result<Reply> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line)?;
        let mut reply = String::new();
        self.stream.read_line(&mut reply)?;
        if reply.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection"));
        }
        Ok(serde_json::from_str(&reply)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::RefusalKind;

    /// The error of a request to an agent that replies with `line` and closes the connection.
    fn error_for(line: &str) -> ControlError {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut client = Client::from_stream(&"direct".parse().unwrap(), ours).unwrap();
        (&theirs).write_all(line.as_bytes()).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        client.request(&Request::Down).unwrap_err()
    }

    #[test]
    fn a_refusal_keeps_its_kind_and_its_messages() {
        let error = error_for("{\"Err\":{\"kind\":\"unsupported\",\"messages\":[\"no netem\"]}}\n");
        let ControlError::Refused(refusal) = error else { panic!("{error:?}") };
        assert_eq!((refusal.kind, refusal.to_string().as_str()), (RefusalKind::Unsupported, "no netem"));
    }

    #[test]
    fn a_connection_that_closes_without_a_reply_is_reported_with_the_lab() {
        let error = anyhow::Error::from(error_for(""));
        assert_eq!(format!("{error:#}"), "the agent of lab direct did not reply: it closed the connection");
    }

    #[test]
    fn a_reply_that_is_no_json_is_an_error() {
        assert!(matches!(error_for("hello\n"), ControlError::NoReply { .. }));
    }
}
