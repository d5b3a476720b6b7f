//! The agent's side of the control socket: accepts requests while it lives.

use std::{fs::Permissions, future, io, os::unix::fs::PermissionsExt as _, time::Duration};

use netmon_model::names::LabName;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{Answer, HookCommand, Request, path_of};

/// How long a client may take to say what it wants, on a host that is busy with something else.
const QUESTION_TIME: Duration = Duration::from_secs(10);
/// Pause after an accept that failed for want of descriptors or memory, which only time can mend.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// No question is longer.
const QUESTION_BYTES: u64 = 16_384;

/// The agent's side: takes questions while it lives.
#[derive(Debug)]
pub struct Server {
    questions: mpsc::Receiver<Connection>,
    listening: JoinHandle<()>,
}

/// A question, to be answered when the work is done.
#[derive(Debug)]
pub struct Connection {
    /// What is wanted.
    pub request: Request,
    stream: UnixStream,
}

impl Server {
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
    pub async fn next(&mut self) -> Connection {
        match self.questions.recv().await {
            Some(question) => question,
            // Nobody listens any more: there will be none.
            None => future::pending().await,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Lets everybody in at once, so that whoever says nothing keeps nobody else waiting. What is no question, or of somebody
/// who may not ask, is logged and left unanswered.
async fn listen(listener: UnixListener, questions: mpsc::Sender<Connection>) {
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

async fn take(connection: UnixStream, questions: mpsc::Sender<Connection>) {
    match read_question(connection).await {
        // The agent may be on its way out, which the asker sees.
        Ok(question) => drop(questions.send(question).await),
        // Somebody wanted to know whether anybody listens.
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(e) => log::warn!("a question to the agent was refused: {e}"),
    }
}

async fn read_question(mut connection: UnixStream) -> io::Result<Connection> {
    let asking = connection.peer_cred()?.uid();
    if asking != 0 && asking != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("user {asking} may not ask")));
    }
    let line = read_line(&mut connection, QUESTION_TIME).await?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Connection { request: serde_json::from_str(&line)?, stream: connection })
}

/// One line, or what came of it before the other side hung up.
async fn read_line(connection: &mut UnixStream, within: Duration) -> io::Result<String> {
    let mut line = String::new();
    let read =
        async { tokio::io::BufReader::new(connection.take(QUESTION_BYTES)).read_line(&mut line).await };
    timeout(within, read).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(line)
}

impl Connection {
    /// Says what became of it, and hangs up. That nobody waits for the answer any more is no error.
    pub async fn answer(mut self, answer: &Answer) {
        self.reply(answer).await;
        let _ = self.stream.shutdown().await;
    }

    /// Says what became of it. That nobody waits for the answer any more is no error.
    pub async fn reply(&mut self, answer: &Answer) {
        let Ok(mut line) = serde_json::to_vec(answer) else { return };
        line.push(b'\n');
        let _ = self.stream.write_all(&line).await;
    }

    /// What the asker says next, after an answer; none when it hung up, or says nothing for so long.
    pub async fn next_command(&mut self, within: Duration) -> Option<HookCommand> {
        let line = read_line(&mut self.stream, within).await.ok()?;
        serde_json::from_str(&line).ok()
    }
}
