//! A lab's expectations, checked while it runs: tried from where they say, and held against what netmon counted.
//!
//! [`check`] tries and reads; [`verdict`] only judges, and is tested without a lab.

mod path;
pub mod verdict;

use std::time::{Duration, Instant};

use tokio::time::sleep;

pub use self::verdict::Verdict;
use self::{path::Counts, verdict::Observed};
use crate::{
    client::{Client, ClientError},
    lab::{Expectation, Lab, Traffic},
    probe::Prober,
    topology::Progress,
};

/// How long something that is to succeed may take to do so for the first time: services start, and neighbours are
/// asked for.
const WARM_UP: Duration = Duration::from_secs(5);
/// Between two attempts that failed.
const PAUSE: Duration = Duration::from_millis(50);

/// Checks one expectation after the other, against the agent that `client` asks.
///
/// # Errors
///
/// When the agent does not answer. An expectation that does not hold is no error.
pub async fn check(lab: &Lab, client: &Client, progress: &dyn Progress) -> Result<Vec<Verdict>, ClientError> {
    let mut verdicts = Vec::with_capacity(lab.expectations.len());
    for (done, expectation) in lab.expectations.iter().enumerate() {
        progress.at("expectations", done, lab.expectations.len());
        verdicts.push(check_one(lab, expectation, client).await?);
    }
    Ok(verdicts)
}

async fn check_one(lab: &Lab, expectation: &Expectation, client: &Client) -> Result<Verdict, ClientError> {
    let begun = Instant::now();
    let Expectation { from, traffic, status, .. } = expectation;
    let prober = match Prober::new(from, traffic, *status, lab.directory.as_deref()) {
        Ok(prober) => prober,
        Err(why) => return Ok(Verdict::not_tried(expectation, why)),
    };
    if expectation.reachable && !matches!(traffic, Traffic::Command(_)) {
        warm_up(&prober).await;
    }
    let before = Counts::settled(client, expectation).await?;
    let mut observed = Observed::default();
    for number in 0..expectation.count {
        // Echoes are told apart by 16 bits; far fewer are ever under way.
        observed.add(prober.attempt((number % 0x7fff) as u16).await);
    }
    let after = Counts::settled(client, expectation).await?;
    let seen = after.since(&before);
    Ok(Verdict::of(expectation, &observed, &seen, begun.elapsed()))
}

/// Until it succeeds once. That it never does is found out again by the attempts that count.
async fn warm_up(prober: &Prober) {
    let begun = Instant::now();
    // Echoes of the warm-up are told from those that count.
    while prober.attempt(0x8000).await.is_err() && begun.elapsed() < WARM_UP {
        sleep(PAUSE).await;
    }
}
