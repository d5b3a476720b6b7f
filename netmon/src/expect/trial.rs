//! The trial of a lab: builds it, checks what it expects, and removes it again.

use std::{io, net::SocketAddr};

use netmon_model::{lab::Lab, progress::Progress};
use thiserror::Error;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use super::{Verdict, check};
use crate::{
    agent::{self, AgentError, Config},
    api::client::{Client, ClientError},
    datapath::Options,
};

/// The expectations of a lab could not be checked.
#[derive(Debug, Error)]
pub enum TrialError {
    /// The lab could not be built, or not be removed.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The agent's counts could not be read.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The process cannot listen for signals.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
}

/// Builds a lab, checks its expectations, and removes it. Returns `None` if a signal interrupted the checks.
///
/// `building` shows the progress of the agent; `checking` is called when the checks begin, and shows theirs.
///
/// # Errors
///
/// Fails if the lab cannot be built, watched or removed.
pub async fn trial<P: Progress>(
    lab: &Lab,
    building: impl Progress + Send + Sync + 'static,
    checking: impl FnOnce() -> P,
) -> Result<Option<Vec<Verdict>>, TrialError> {
    let config = Config {
        discover: None,
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()],
        serving: Default::default(),
        datapath: Options::default(),
        keep: false,
        persist: false,
        // Their packets would be counted as those of expectations.
        probes: false,
        further_services: Vec::new(),
    };
    let listen = |kind| signal(kind).map_err(TrialError::Signals);
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let (ready, is_ready) = oneshot::channel();
    let (done, is_done) = oneshot::channel::<()>();
    let agent = agent::run_until(
        lab.clone(),
        config,
        building,
        move |_, started| {
            // The receiver is below.
            let _ = ready.send(started.http.first().cloned());
        },
        async move { drop(is_done.await) },
    );
    let checks = async {
        // Without an address the agent did not start, and its own error says why.
        let Ok(Some(address)) = is_ready.await else { return Ok(Vec::new()) };
        check(lab, &Client::new(address), &checking()).await
    };
    let checks = async {
        // The agent receives the signal as well and removes the lab: the checks, which run inside it, must end first.
        let checked = tokio::select! {
            checked = checks => Some(checked),
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
        };
        drop(done);
        checked
    };
    let (ended, checked) = tokio::join!(agent, checks);
    ended?;
    Ok(checked.transpose()?)
}
