//! Expectations of a throughput: a load, several times, of which the best counts. A busy machine makes a run slower and
//! never faster than the links are.

use netmon_kernel::netns::Opener;
use netmon_model::lab::{Expectation, Traffic};

use super::verdict::Observed;
use crate::probe::{ProbeNamespace, Sink, Throughput, download};

/// Runs the load as often as the expectation wants.
pub(super) async fn observe(expectation: &Expectation, from: &ProbeNamespace, opener: &Opener) -> Observed {
    let mut observed = Observed::default();
    let sink = sink(expectation, opener).await;
    for _ in 0..expectation.count {
        let passed = match (&expectation.traffic, &sink) {
            (Traffic::Http(url), _) => download(from, url).await,
            (_, Ok(sink)) => sink.load(from).await,
            (_, Err(why)) => Err(why.clone()),
        };
        if let Ok(passed) = passed {
            observed.carried(passed.bits_per_second());
        }
        observed.add(passed.map(|Throughput { duration, .. }| duration));
    }
    observed
}

async fn sink(expectation: &Expectation, opener: &Opener) -> Result<Sink, String> {
    let (Traffic::Tcp(address), Some(holder)) = (&expectation.traffic, &expectation.sink) else {
        return Err("nobody receives".to_owned());
    };
    Sink::listen(&ProbeNamespace::open(holder, opener)?, *address).await
}
