//! The agent's side of the control socket.

use std::{fs::Permissions, future, io, os::unix::fs::PermissionsExt as _, time::Duration};

use netmon_model::names::LabName;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{HookCommand, Refusal, RefusalKind, Reply, Request, path_of};

/// How long a client may take to send its request. Generous, because the host may be busy.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept: the process may be out of descriptors or memory, and a retry at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// At most this many bytes of a request are read. The longest is a trace.
const REQUEST_BYTES: u64 = 1 << 20;

/// A listening control socket. Dropping it stops the listener; connections that were handed out stay open.
#[derive(Debug)]
pub struct Server {
    requests: mpsc::Receiver<Connection>,
    listener: JoinHandle<()>,
}

/// A request, and the connection on which its client waits for the reply.
#[derive(Debug)]
pub struct Connection {
    /// What the client requests.
    pub request: Request,
    stream: UnixStream,
}

impl Server {
    /// Listens for requests about `lab`.
    ///
    /// The caller must hold the lab, so an existing socket was left by an agent that is gone; it is replaced.
    ///
    /// # Errors
    ///
    /// Fails if the socket cannot be created.
    pub fn listen(lab: &LabName) -> io::Result<Self> {
        let path = path_of(lab);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let (sender, requests) = mpsc::channel(1);
        Ok(Self { requests, listener: tokio::spawn(accept(listener, sender)) })
    }

    /// Waits for the next request. Cancel safe: no request is lost if the future is dropped.
    pub async fn next(&mut self) -> Connection {
        match self.requests.recv().await {
            Some(connection) => connection,
            // The listener has ended: no request can follow.
            None => future::pending().await,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Accepts every connection immediately, so that a silent client cannot block the others.
async fn accept(listener: UnixListener, requests: mpsc::Sender<Connection>) {
    let mut reading = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(reading.spawn(receive(stream, requests.clone()))),
                Err(error) => {
                    log::warn!("cannot accept a control connection: {error}; retrying");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            // Reap finished tasks, which the set would otherwise keep.
            Some(_) = reading.join_next() => {}
        }
    }
}

/// Reads one request and passes it on. A malformed request gets a reply; an unauthorized client gets none.
async fn receive(mut stream: UnixStream, requests: mpsc::Sender<Connection>) {
    let line = match read_request(&mut stream).await {
        Ok(line) => line,
        Err(error) => return log::warn!("closed a control connection: {error}"),
    };
    if line.is_empty() {
        // The client connected only to check that an agent is listening.
        return;
    }
    match parse(&line) {
        // The agent may have stopped receiving because it is shutting down: the client sees the connection close.
        Ok(request) => drop(requests.send(Connection { request, stream }).await),
        Err(refusal) => {
            log::warn!("refused a control request: {refusal}");
            send(&mut stream, &Err(refusal)).await;
        }
    }
}

/// Reads the line of a request. Empty if the client closed the connection without sending one.
async fn read_request(stream: &mut UnixStream) -> io::Result<String> {
    let user = stream.peer_cred()?.uid();
    if user != 0 && user != rustix::process::geteuid().as_raw() {
        let error = format!("user {user} may not control this agent");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, error));
    }
    read_line(stream, REQUEST_TIMEOUT).await
}

/// Parses a message. The refusal is for its sender.
fn parse<T: serde::de::DeserializeOwned>(line: &str) -> Result<T, Refusal> {
    serde_json::from_str(line).map_err(|error| {
        Refusal::new(
            RefusalKind::Invalid,
            format!("cannot parse the request: {error}; is the agent of the same version as this command?"),
        )
    })
}

/// Reads one line, or as much of it as came before the client closed the connection.
async fn read_line(stream: &mut UnixStream, within: Duration) -> io::Result<String> {
    let mut line = String::new();
    let read = async { tokio::io::BufReader::new(stream.take(REQUEST_BYTES)).read_line(&mut line).await };
    timeout(within, read)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, format!("no request within {within:?}")))??;
    Ok(line)
}

/// Sends a reply, best effort: the client may have stopped waiting for it.
async fn send(stream: &mut UnixStream, reply: &Reply) {
    let Ok(mut line) = serde_json::to_vec(reply) else { return };
    line.push(b'\n');
    let _ = stream.write_all(&line).await;
}

impl Connection {
    /// Replies, then closes the connection. A client that is gone is no error.
    pub async fn finish(mut self, reply: &Reply) {
        self.reply(reply).await;
        let _ = self.stream.shutdown().await;
    }

    /// Replies, and leaves the connection open for commands. A client that is gone is no error.
    pub async fn reply(&mut self, reply: &Reply) {
        send(&mut self.stream, reply).await;
    }

    /// Waits for the client's next command, after a reply.
    ///
    /// Returns `None` if the client closes the connection, sends nothing for this long, or sends what is no command;
    /// in the last case it gets a reply.
    pub async fn next_command(&mut self, within: Duration) -> Option<HookCommand> {
        let line = read_line(&mut self.stream, within).await.ok().filter(|line| !line.is_empty())?;
        match parse(&line) {
            Ok(command) => Some(command),
            Err(refusal) => {
                log::warn!("refused a command on a control connection: {refusal}");
                self.reply(&Err(refusal)).await;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// Sends `line` to a fresh connection and shuts the client's half down. Returns what was received, and the
    /// client.
    async fn received(line: &str) -> (Option<Connection>, UnixStream) {
        let (mut client, theirs) = UnixStream::pair().unwrap();
        client.write_all(line.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let (sender, mut requests) = mpsc::channel(1);
        receive(theirs, sender).await;
        (requests.recv().await, client)
    }

    async fn reply_to(mut client: UnixStream) -> String {
        read_line(&mut client, TIMEOUT).await.unwrap()
    }

    #[tokio::test]
    async fn a_request_is_passed_on_with_its_connection() {
        let (connection, client) = received("\"down\"\n").await;
        let connection = connection.unwrap();
        assert_eq!(connection.request, Request::Down);
        connection.finish(&Ok(())).await;
        assert_eq!(reply_to(client).await, "{\"Ok\":null}\n");
    }

    #[tokio::test]
    async fn a_malformed_request_is_refused_as_invalid() {
        for line in ["hello\n", "\"explode\"\n", "{\"change\":\n", "\"dow"] {
            let (connection, client) = received(line).await;
            assert!(connection.is_none(), "{line}");
            let reply: Reply = serde_json::from_str(&reply_to(client).await).unwrap();
            let refusal = reply.unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::Invalid, "{line}");
            assert!(refusal.to_string().starts_with("cannot parse the request: "), "{refusal}");
        }
    }

    #[tokio::test]
    async fn a_client_that_only_connects_gets_no_reply() {
        let (connection, client) = received("").await;
        assert!(connection.is_none());
        assert_eq!(reply_to(client).await, "");
    }

    #[tokio::test]
    async fn a_malformed_command_ends_the_commands_with_a_reply() {
        let (mut client, theirs) = UnixStream::pair().unwrap();
        let mut connection = Connection { request: Request::Down, stream: theirs };
        client.write_all(b"\"off\"\n").await.unwrap();
        assert_eq!(connection.next_command(TIMEOUT).await, Some(HookCommand::Off));
        client.write_all(b"\"sideways\"\n").await.unwrap();
        assert_eq!(connection.next_command(TIMEOUT).await, None);
        let reply: Reply = serde_json::from_str(&reply_to(client).await).unwrap();
        assert_eq!(reply.unwrap_err().kind, RefusalKind::Invalid);
    }
}
