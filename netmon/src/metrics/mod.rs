//! A snapshot as Prometheus reads it.
//!
//! Rendering is a function of the [`Snapshot`], apart from the metrics on the agent's own process: nothing
//! is registered, and the kernel's maps are not touched here. The text is the exposition format of the
//! `prometheus` crate.

mod buckets;
mod families;
mod family;
pub mod names;

use std::time::Instant;

use prometheus::{TextEncoder, core::Collector as _, process_collector::ProcessCollector};

use self::family::Family;
use crate::snapshot::Snapshot;

/// The content type of [`Renderer::render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Makes the text of a scrape. One is kept for as long as the agent lives, since a process' CPU time is
/// counted on from the last scrape.
#[derive(Debug)]
pub struct Renderer {
    process: ProcessCollector,
}

impl Default for Renderer {
    fn default() -> Self {
        Self { process: ProcessCollector::for_self() }
    }
}

impl Renderer {
    /// The text of one scrape, which began at `began` with the reading of the maps. `failures` are those
    /// that happened outside the snapshot, by kind.
    ///
    /// # Errors
    ///
    /// When the encoder refuses a family.
    pub fn render(
        &self,
        snapshot: &Snapshot,
        failures: &[(&'static str, u64)],
        began: Instant,
    ) -> prometheus::Result<String> {
        let mut text = String::new();
        let encoder = TextEncoder::new();
        encoder.encode_utf8(&families::of(snapshot, failures), &mut text)?;
        encoder.encode_utf8(&self.process.collect(), &mut text)?;
        // Last, so that it holds the time of all the others.
        let mut duration = Family::new(names::SCRAPE_DURATION, 1);
        duration.push([], began.elapsed().as_secs_f64());
        let duration: Vec<_> = duration.finish().into_iter().collect();
        encoder.encode_utf8(&duration, &mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
