//! Checks a lab's expectations while it runs: makes the attempts, and compares the path with netmon's counts.
//!
//! [`trial()`] builds and removes the lab around that. [`check`] makes the attempts and reads the counts. [`verdict`] judges,
//! and is tested without a lab.

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
    path::LinkTraffic,
    trial::{TrialError, trial},
    verdict::Verdict,
};
use crate::{
    api::client::{Client, ClientError},
    probe::{ProbeNamespace, Prober},
};

/// Maximum time until the first success of an expectation: services start, and neighbours are discovered.
const WARM_UP: Duration = Duration::from_secs(5);
/// Pause after a failed attempt.
const PAUSE: Duration = Duration::from_millis(50);
/// Timeout of an echo.
const ECHO_TIME: Duration = Duration::from_secs(1);
/// Timeout of a connection, a request or a query.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// Timeout of a program.
const PROGRAM_TIME: Duration = Duration::from_secs(60);

/// Checks one expectation after the other. `client` reads the counts of the agent that watches the lab.
///
/// # Errors
///
/// Fails if the agent does not answer. An expectation that does not hold is no error.
pub async fn check(lab: &Lab, client: &Client, progress: &dyn Progress) -> Result<Vec<Verdict>, ClientError> {
    let opener =
        Opener::start().map_err(|error| format!("cannot start the thread that opens sockets: {error}"));
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
    Ok(Verdict::judge(expectation, &observed, &after.since(&before), begun.elapsed()))
}

/// Waits for the first success. If there is none in time, the attempts that count will fail too.
async fn warm_up(expectation: &Expectation, place: &ProbeNamespace, prober: &mut Prober) {
    let mut connects = match (&expectation.traffic, expectation.throughput_at_least) {
        (Traffic::Command(_), _) | (Traffic::Tcp(_), Some(_)) => return,
        // A connection is enough: the page may be large.
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
