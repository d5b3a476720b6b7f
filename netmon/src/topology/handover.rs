//! Asking the agent that holds a lab: lines of JSON each way, over a socket that only root may use.
//!
//! A lab that is held is not changed behind its agent's back: `netmon down` asks the agent to end it, and
//! waits until it is gone. The answer comes over the connection that was made, which outlives the socket's
//! name.

use std::{
    fs::Permissions,
    future,
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::PathBuf,
    time::Duration,
};

use netmon_model::{
    impairment::Change,
    names::{LabName, LinkName, Side},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream as Connection},
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{error::TopologyError, state};

/// How long a client may take to say what it wants, on a host that is busy with something else.
const QUESTION_TIME: Duration = Duration::from_secs(10);
/// Pause after an accept that failed for want of descriptors or memory, which only time can mend.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long an agent may take to do it: a thousand namespaces take a few seconds.
const ANSWER_TIME: Duration = Duration::from_secs(120);
/// No question is longer.
const QUESTION_BYTES: u64 = 16_384;

/// What an agent is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// Remove the lab, also one that would stay, and end.
    Down,
    /// Make the lab as this file has it now; none is the built-in lab. Only what differs is changed.
    Change(Option<PathBuf>),
    /// Change what is done to the packets that leave through these ends of a link.
    Impair {
        /// The link.
        link: LinkName,
        /// Its ends.
        sides: Vec<Side>,
        /// What is changed.
        change: Change,
    },
    /// Take this link's hooks off and put them on as the asker says next, each time as a [`HookOrder`]. They
    /// are put on when the asker hangs up.
    Hooks(LinkName),
}

/// What is said after [`Request::Hooks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookOrder {
    /// Take the hooks off.
    Off,
    /// Put them on.
    On,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What could not be done; empty when all was.
    pub errors: Vec<String>,
    /// Why nothing was done at all, when that is why.
    #[serde(default)]
    pub refused: Option<Refused>,
}

/// Why a change was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refused {
    /// The file is no lab, or another lab; or what is asked for does not go together.
    Invalid,
    /// Something that is not the lab's is in the way.
    Conflict,
    /// The kernel lacks something.
    Unsupported,
}

impl Refused {
    /// What an error means for whoever asked.
    #[must_use]
    pub fn of(error: &TopologyError) -> Option<Self> {
        match error {
            conflict if conflict.is_conflict() => Some(Self::Conflict),
            lacking if lacking.is_unsupported() => Some(Self::Unsupported),
            TopologyError::Impairment(_) | TopologyError::NoSuchLink { .. } => Some(Self::Invalid),
            _ => None,
        }
    }
}

fn path_of(lab: &LabName) -> PathBuf {
    state::directory(lab).join("agent.sock")
}

/// Asks the agent that holds `lab`, and waits until it is done.
///
/// # Errors
///
/// When there is no agent that answers.
pub fn ask(lab: &LabName, request: &Request) -> io::Result<Answer> {
    Asked::connect(lab)?.say(request)
}

/// A conversation with an agent. It ends when this is dropped.
#[derive(Debug)]
pub struct Asked(BufReader<UnixStream>);

impl Asked {
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

/// The agent's side: takes questions while it lives.
#[derive(Debug)]
pub struct Handover {
    questions: mpsc::Receiver<Question>,
    listening: JoinHandle<()>,
}

/// A question, to be answered when the work is done.
#[derive(Debug)]
pub struct Question {
    /// What is wanted.
    pub request: Request,
    connection: Connection,
}

impl Handover {
    /// Listens for questions about `lab`. The caller holds the lab, so a socket that is there is a dead agent's.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made.
    pub fn listen(lab: &LabName) -> io::Result<Self> {
        let path = path_of(lab);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let (sender, questions) = mpsc::channel(1);
        Ok(Self { questions, listening: tokio::spawn(listen(listener, sender)) })
    }

    /// The next question. Nothing is lost when this is not waited for to its end.
    pub async fn next(&mut self) -> Question {
        match self.questions.recv().await {
            Some(question) => question,
            // Nobody listens any more: there will be none.
            None => future::pending().await,
        }
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Lets everybody in at once, so that whoever says nothing keeps nobody else waiting. What is no question, or of somebody
/// who may not ask, is logged and left unanswered.
async fn listen(listener: UnixListener, questions: mpsc::Sender<Question>) {
    let mut asking = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((connection, _)) => drop(asking.spawn(take(connection, questions.clone()))),
                Err(error) => {
                    log::warn!("nobody can ask the agent just now: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            // Ended tasks are collected as they end.
            Some(_) = asking.join_next() => {}
        }
    }
}

async fn take(connection: Connection, questions: mpsc::Sender<Question>) {
    match read_question(connection).await {
        // The agent may be on its way out, which the asker sees.
        Ok(question) => drop(questions.send(question).await),
        // Somebody wanted to know whether anybody listens.
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(e) => log::warn!("a question to the agent was refused: {e}"),
    }
}

async fn read_question(mut connection: Connection) -> io::Result<Question> {
    let asking = connection.peer_cred()?.uid();
    if asking != 0 && asking != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("user {asking} may not ask")));
    }
    let line = read_line(&mut connection, QUESTION_TIME).await?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Question { request: serde_json::from_str(&line)?, connection })
}

/// One line, or what came of it before the other side hung up.
async fn read_line(connection: &mut Connection, within: Duration) -> io::Result<String> {
    let mut line = String::new();
    let read =
        async { tokio::io::BufReader::new(connection.take(QUESTION_BYTES)).read_line(&mut line).await };
    timeout(within, read).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(line)
}

impl Question {
    /// Says what became of it, and hangs up. That nobody waits for the answer any more is no error.
    pub async fn answer(mut self, answer: &Answer) {
        self.reply(answer).await;
        let _ = self.connection.shutdown().await;
    }

    /// Says what became of it. That nobody waits for the answer any more is no error.
    pub async fn reply(&mut self, answer: &Answer) {
        let Ok(mut line) = serde_json::to_vec(answer) else { return };
        line.push(b'\n');
        let _ = self.connection.write_all(&line).await;
    }

    /// What the asker says next, after an answer; none when it hung up, or says nothing for so long.
    pub async fn next_order(&mut self, within: Duration) -> Option<HookOrder> {
        let line = read_line(&mut self.connection, within).await.ok()?;
        serde_json::from_str(&line).ok()
    }
}
