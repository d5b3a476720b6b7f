//! The one thread that starts processes.
//!
//! The kernel sends the parent-death signal when the *thread* that forked ends (`PR_SET_PDEATHSIG`), and the threads of an
//! asynchronous runtime are started and ended at any time. So one thread, which lives as long as the supervisor, forks
//! every service. However the agent exits, each service gets SIGTERM.

use std::{io, process::Command, sync::mpsc, thread};

use tokio::{process::Child, runtime::Handle, sync::oneshot};

enum Request {
    Spawn(Command, oneshot::Sender<io::Result<Child>>),
    Close(oneshot::Sender<()>),
}

/// A handle to the thread, which ends with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Spawner(mpsc::Sender<Request>);

impl Spawner {
    /// Starts the thread. Its children belong to the caller's runtime.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Handle::current();
        let (requests, received) = mpsc::channel();
        thread::Builder::new().name("netmon-spawner".to_owned()).spawn(move || serve(&runtime, &received))?;
        Ok(Self(requests))
    }

    /// Starts a process. Fails after [`Spawner::close`].
    pub(crate) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (reply, answer) = oneshot::channel();
        let _ = self.0.send(Request::Spawn(command, reply));
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Refuses further processes. When this returns, none is being started.
    pub(crate) async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        let _ = self.0.send(Request::Close(reply));
        let _ = answer.await;
    }
}

fn serve(runtime: &Handle, requests: &mpsc::Receiver<Request>) {
    let _runtime = runtime.enter();
    let mut closed = false;
    for request in requests {
        // Sending fails if the task that waits for the answer was aborted.
        match request {
            Request::Spawn(_, reply) if closed => {
                let _ = reply.send(Err(ended()));
            }
            Request::Spawn(command, reply) => {
                let _ = reply.send(tokio::process::Command::from(command).spawn());
            }
            Request::Close(reply) => {
                closed = true;
                let _ = reply.send(());
            }
        }
    }
}

fn ended() -> io::Error {
    io::Error::other("the supervisor is stopping")
}
