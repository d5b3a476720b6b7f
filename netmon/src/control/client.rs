//! The client's side of the control socket: asks the agent that holds a lab.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

use netmon_model::names::LabName;
use serde::Serialize;

use super::{Answer, Request, path_of};

/// How long an agent may take to do it: a thousand namespaces take a few seconds.
const ANSWER_TIME: Duration = Duration::from_secs(120);

/// Asks the agent that holds `lab`, and waits until it is done.
///
/// # Errors
///
/// When there is no agent that answers.
pub fn ask(lab: &LabName, request: &Request) -> io::Result<Answer> {
    Client::connect(lab)?.say(request)
}

/// A conversation with an agent. It ends when this is dropped.
#[derive(Debug)]
pub struct Client(BufReader<UnixStream>);

impl Client {
    /// Begins one with the agent that holds `lab`.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn connect(lab: &LabName) -> io::Result<Self> {
        let connection = UnixStream::connect(path_of(lab))?;
        connection.set_read_timeout(Some(ANSWER_TIME))?;
        Ok(Self(BufReader::new(connection)))
    }

    /// Says something and waits for the answer.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn say(&mut self, words: &impl Serialize) -> io::Result<Answer> {
        let mut question = serde_json::to_vec(words)?;
        question.push(b'\n');
        self.0.get_mut().write_all(&question)?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the agent ended without an answer"));
        }
        Ok(serde_json::from_str(&line)?)
    }
}
