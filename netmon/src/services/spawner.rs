//! The one thread that starts processes.
//!
//! The kernel sends the parent-death signal when the *thread* that forked ends (`PR_SET_PDEATHSIG`), and
//! threads of an async runtime come and go. So one thread, which lives exactly as long as the supervisor,
//! forks every service: when the agent dies, however it dies, each service gets its SIGTERM.

use std::{io, process::Command, sync::mpsc, thread};

use tokio::{process::Child, runtime::Handle, sync::oneshot};

enum Request {
    Spawn(Command, oneshot::Sender<io::Result<Child>>),
    Close(oneshot::Sender<()>),
}

/// The way to the thread. It ends with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Spawner(mpsc::Sender<Request>);

impl Spawner {
    /// Starts the thread; its children belong to the runtime of the caller.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Handle::current();
        let (requests, received) = mpsc::channel();
        thread::Builder::new().name("netmon-spawner".to_owned()).spawn(move || serve(&runtime, &received))?;
        Ok(Self(requests))
    }

    /// Starts a process. Refused once [`Spawner::close`] was called.
    pub(crate) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (reply, answer) = oneshot::channel();
        let _ = self.0.send(Request::Spawn(command, reply));
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    /// After this has returned, no process is being started, and none will be.
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
        // Nobody waits for the answer any more when its task was aborted.
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
    io::Error::other("the supervisor is ending")
}
