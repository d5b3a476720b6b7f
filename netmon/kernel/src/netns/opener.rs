//! Sockets opened inside namespaces, by one thread that moves from one namespace to the next.
//!
//! A socket belongs to the namespace in which it was opened and can be used from anywhere. A thread for each socket
//! ([`NetNs::run`]) would cost more than its use where there are many, such as connections that probes open each second.
//! Between two jobs the thread is in its home namespace, so it keeps no other alive.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{Arc, mpsc},
    thread,
};

use tokio::sync::oneshot;

use super::NetNs;

type Open = Box<dyn FnOnce() -> io::Result<OwnedFd> + Send>;

/// A socket that is to be opened.
struct Job {
    namespace: Arc<NetNs>,
    open: Open,
    answer: oneshot::Sender<io::Result<OwnedFd>>,
}

/// Opens sockets inside namespaces. Its thread ends with the last clone.
#[derive(Clone)]
pub struct Opener {
    jobs: mpsc::Sender<Job>,
}

impl Opener {
    /// Starts the thread, whose home is the caller's namespace.
    ///
    /// # Errors
    ///
    /// Fails if the thread cannot be started or the caller's namespace cannot be opened.
    pub fn start() -> io::Result<Self> {
        let home = NetNs::current().map_err(io::Error::other)?;
        let (jobs, to_do) = mpsc::channel();
        thread::Builder::new().name("netns-opener".to_owned()).spawn(move || work(&home, &to_do))?;
        Ok(Self { jobs })
    }

    /// Runs `open` inside `namespace` and returns the socket. `open` must not block, since all other jobs wait for it.
    ///
    /// # Errors
    ///
    /// Fails if the namespace cannot be entered, or with the error of `open`.
    pub async fn open(
        &self,
        namespace: &Arc<NetNs>,
        open: impl FnOnce() -> io::Result<OwnedFd> + Send + 'static,
    ) -> io::Result<OwnedFd> {
        let (answer, answered) = oneshot::channel();
        let ended = || io::Error::other("the thread that opens sockets has ended");
        let job = Job { namespace: Arc::clone(namespace), open: Box::new(open), answer };
        self.jobs.send(job).map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

/// Runs jobs until the last [`Opener`] is dropped. If the thread cannot return to its home namespace it ends: the next
/// socket would be in the wrong one.
fn work(home: &NetNs, to_do: &mpsc::Receiver<Job>) {
    while let Ok(mut job) = to_do.recv() {
        let mut is_home = true;
        loop {
            let Job { namespace, open, answer } = job;
            let opened = namespace.enter().map_err(io::Error::other).and_then(|()| open());
            is_home &= namespace.identity() == home.identity();
            // Released before the answer: the caller may wait for the namespace to be destroyed.
            drop(namespace);
            let next = to_do.try_recv().ok();
            if next.is_none() && !is_home {
                if let Err(error) = home.enter() {
                    log::error!("{}", netmon_model::error::chain(&error));
                    return;
                }
                is_home = true;
            }
            // A caller that no longer waits needs no socket.
            let _ = answer.send(opened);
            match next {
                Some(next) => job = next,
                None => break,
            }
        }
    }
}
