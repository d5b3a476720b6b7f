//! A lab's expectations, checked while it runs: tried from where they say, and held against what netmon counted.
//!
//! [`check`] tries and reads; [`verdict`] only judges, and is tested without a lab.

mod path;
mod throughput;
mod trial;
pub mod verdict;

use std::time::{Duration, Instant};

use netmon_kernel::netns::Opener;
use netmon_model::{
    lab::{Expectation, Lab, Traffic},
    progress::Progress,
};
use tokio::time::sleep;

use self::{path::Counts, verdict::Observed};
pub use self::{
    path::Passage,
    trial::{TrialError, trial},
    verdict::Verdict,
};
use crate::{
    api::client::{Client, ClientError},
    probe::{ProbeNamespace, Prober},
};

/// How long something that is to succeed may take to do so for the first time: services start, and neighbours are
/// asked for.
const WARM_UP: Duration = Duration::from_secs(5);
/// Between two attempts that failed.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the answer to an echo is waited for.
const ECHO_TIME: Duration = Duration::from_secs(1);
/// How long any other answer is waited for.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// How long a program may run.
const PROGRAM_TIME: Duration = Duration::from_secs(60);

/// Checks one expectation after the other, against the agent that `client` asks.
///
/// # Errors
///
/// When the agent does not answer. An expectation that does not hold is no error.
pub async fn check(lab: &Lab, client: &Client, progress: &dyn Progress) -> Result<Vec<Verdict>, ClientError> {
    let opener = Opener::start().map_err(|error| format!("a thread that opens sockets: {error}"));
    let mut verdicts = Vec::with_capacity(lab.expectations.len());
    for (done, expectation) in lab.expectations.iter().enumerate() {
        progress.at("expectations", done, lab.expectations.len());
        verdicts.push(check_one(lab, expectation, opener.as_ref(), client).await?);
    }
    Ok(verdicts)
}

async fn check_one(
    lab: &Lab,
    expectation: &Expectation,
    opener: Result<&Opener, &String>,
    client: &Client,
) -> Result<Verdict, ClientError> {
    let begun = Instant::now();
    let Expectation { from, traffic, status, .. } = expectation;
    let place = match opener.map_err(Clone::clone).and_then(|opener| ProbeNamespace::open(from, opener)) {
        Ok(place) => place,
        Err(why) => return Ok(Verdict::not_tried(expectation, why)),
    };
    let prober = Prober::new(place.clone(), traffic, *status, patience(traffic));
    let mut prober = prober.in_directory(lab.directory.as_deref());
    if expectation.reachable {
        warm_up(expectation, &place, &mut prober).await;
    }
    let before = Counts::settled(client, expectation).await?;
    let mut observed = Observed::default();
    match (expectation.throughput_at_least, opener) {
        (Some(_), Ok(opener)) => observed = throughput::observe(expectation, &place, opener).await,
        _ => {
            for _ in 0..expectation.count {
                observed.add(prober.attempt().await);
            }
        }
    }
    let after = Counts::settled(client, expectation).await?;
    let seen = after.since(&before);
    Ok(Verdict::of(expectation, &observed, &seen, begun.elapsed()))
}

/// Until it succeeds once. That it never does is found out again by the attempts that count.
async fn warm_up(expectation: &Expectation, place: &ProbeNamespace, prober: &mut Prober) {
    let mut connects = match (&expectation.traffic, expectation.throughput_at_least) {
        (Traffic::Command(_), _) | (Traffic::Tcp(_), Some(_)) => return,
        // A large page is not loaded for that.
        (Traffic::Http(url), Some(_)) => {
            Some(Prober::new(place.clone(), &Traffic::Tcp(url.address), None, ANSWER_TIME))
        }
        _ => None,
    };
    let prober = connects.as_mut().unwrap_or(prober);
    let begun = Instant::now();
    while prober.attempt().await.is_err() && begun.elapsed() < WARM_UP {
        sleep(PAUSE).await;
    }
}

fn patience(traffic: &Traffic) -> Duration {
    match traffic {
        Traffic::Icmp(_) => ECHO_TIME,
        Traffic::Tcp(_) | Traffic::Http(_) | Traffic::Dns(_) => ANSWER_TIME,
        Traffic::Command(_) => PROGRAM_TIME,
    }
}
