//! Expectations of a throughput: a load is run several times, and the best run counts. A busy host makes a run slower than
//! the links, never faster.

use netmon_kernel::netns::Opener;
use netmon_model::lab::{Expectation, Traffic};

use super::verdict::Observed;
use crate::probe::{ProbeNamespace, Sink, Throughput, download};

/// Runs the load as many times as the expectation says.
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
            observed.add_load(passed.bits_per_second());
        }
        observed.add(passed.map(|Throughput { duration, .. }| duration));
    }
    observed
}

async fn sink(expectation: &Expectation, opener: &Opener) -> Result<Sink, String> {
    let (Traffic::Tcp(address), Some(holder)) = (&expectation.traffic, &expectation.sink) else {
        return Err("the expectation has no receiver".to_owned());
    };
    Sink::listen(&ProbeNamespace::open(holder, opener)?, *address).await
}
