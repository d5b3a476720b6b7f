//! Forwards the programs' messages to the agent's log, with aya-log.

use std::{
    os::fd::{AsFd, OwnedFd},
    thread,
};

use aya::Ebpf;
use aya_log::EbpfLogger;
use log::Log;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use super::DatapathError;

/// Forwards messages until it is dropped.
pub(super) struct LogPump {
    stop: OwnedFd,
    thread: Option<thread::JoinHandle<()>>,
}

impl LogPump {
    pub(super) fn start(ebpf: &mut Ebpf) -> Result<Self, DatapathError> {
        let logger = EbpfLogger::init(ebpf).map_err(|e| DatapathError::Log(std::io::Error::other(e)))?;
        let start = || {
            let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
            let watched = stop.try_clone()?;
            let thread =
                thread::Builder::new().name("ebpf-log".to_owned()).spawn(move || pump(logger, &watched))?;
            Ok(Self { stop, thread: Some(thread) })
        };
        start().map_err(DatapathError::Log)
    }
}

impl Drop for LogPump {
    fn drop(&mut self) {
        // An eventfd takes eight bytes; it cannot be full after one write.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn pump<T: Log>(mut logger: EbpfLogger<T>, stop: &OwnedFd) {
    loop {
        let mut ready =
            [PollFd::from_borrowed_fd(logger.as_fd(), PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
        match poll(&mut ready, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
        let stopping = !ready[1].revents().is_empty();
        logger.flush();
        if stopping {
            return;
        }
    }
}
