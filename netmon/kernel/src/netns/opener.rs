//! Sockets opened inside namespaces, by one thread that goes from one to the next.
//!
//! A socket belongs to the namespace that it was opened in, and can be used from anywhere. A thread for each
//! of them ([`NetNs::run`]) would cost more than what is done with it where there are many, such as connections
//! that a probe opens each second. Between two jobs the thread is at home: it keeps no namespace alive.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{Arc, mpsc},
    thread,
};

use tokio::sync::oneshot;

use super::NetNs;

type Open = Box<dyn FnOnce() -> io::Result<OwnedFd> + Send>;

/// A socket to be opened.
struct Job {
    namespace: Arc<NetNs>,
    open: Open,
    answer: oneshot::Sender<io::Result<OwnedFd>>,
}

/// Opens sockets where it is told to. Its thread ends with the last copy of it.
#[derive(Clone)]
pub struct Opener {
    jobs: mpsc::Sender<Job>,
}

impl Opener {
    /// Starts the thread, whose home is the namespace of the caller.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or does not know where it is.
    pub fn start() -> io::Result<Self> {
        let home = NetNs::current().map_err(io::Error::other)?;
        let (jobs, to_do) = mpsc::channel();
        thread::Builder::new().name("netns-opener".to_owned()).spawn(move || work(&home, &to_do))?;
        Ok(Self { jobs })
    }

    /// What `open` opens inside `namespace`. It must not wait for anything: all others wait for it.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered, and what `open` says.
    pub async fn open(
        &self,
        namespace: &Arc<NetNs>,
        open: impl FnOnce() -> io::Result<OwnedFd> + Send + 'static,
    ) -> io::Result<OwnedFd> {
        let (answer, answered) = oneshot::channel();
        let gone = || io::Error::other("the thread that opens sockets has ended");
        let job = Job { namespace: Arc::clone(namespace), open: Box::new(open), answer };
        self.jobs.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// Works until nobody is left to ask. A thread that cannot come home ends: whatever it opened next would be in the
/// wrong place.
fn work(home: &NetNs, to_do: &mpsc::Receiver<Job>) {
    while let Ok(mut job) = to_do.recv() {
        let mut is_home = true;
        loop {
            let Job { namespace, open, answer } = job;
            let opened = namespace.enter().map_err(io::Error::other).and_then(|()| open());
            is_home &= namespace.identity() == home.identity();
            // Let go before it is said: who waits may wait for the namespace to end.
            drop(namespace);
            let next = to_do.try_recv().ok();
            if next.is_none() && !is_home {
                if let Err(error) = home.enter() {
                    log::error!("{}", netmon_model::error::chain(&error));
                    return;
                }
                is_home = true;
            }
            // Who does not wait any more needs no socket.
            let _ = answer.send(opened);
            match next {
                Some(next) => job = next,
                None => break,
            }
        }
    }
}
