//! The sampler: reads once a second, so that one request is answered with rates.

use std::time::Instant;

use crate::live::rates::{History, INTERVAL, Sample};

use super::readings::Readings;

/// A reading may take this part of the time between two: with very many links, samples get rarer.
const LARGEST_SHARE: u32 = 20;

/// Samples for as long as it is polled.
pub(super) async fn sample(readings: &Readings, history: &History) {
    let mut failing = false;
    loop {
        let began = Instant::now();
        match readings.fresh().await {
            Ok(reading) => {
                history.push(Sample::of(&reading.snapshot));
                failing = false;
            }
            Err(error) if !failing => {
                failing = true;
                log::warn!("no rates for now: {}", netmon_model::error::chain(&error));
            }
            Err(_) => {}
        }
        let took = began.elapsed();
        tokio::time::sleep(INTERVAL.max(took * LARGEST_SHARE).saturating_sub(took)).await;
    }
}
