//! A snapshot as Prometheus reads it.
//!
//! Rendering is a function of the [`Snapshot`], apart from the metrics on the agent's own process, which the
//! `prometheus` crate collects and encodes. Nothing is registered: a series lives exactly as long as the
//! endpoint that it is about. The kernel's maps are not touched here.

mod buckets;
mod families;
pub mod names;
mod text;

use std::{ops::ControlFlow, time::Instant};

use netmon_model::snapshot::Snapshot;
use prometheus::{TextEncoder, core::Collector as _, process_collector::ProcessCollector};

use self::text::Writer;

/// The content type of [`Renderer::render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Up to so many links, a histogram has its buckets also before its first observation: a rate needs the zero that was
/// there before. Beyond, there would be 300 series a link, nearly all of them zero for ever (`docs/adr/0016`).
pub const MOST_LINKS_WITH_EMPTY_BUCKETS: usize = 100;

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
    /// Writes the text of one scrape, which began at `began` with the reading of the maps, and gives it to `take` piece
    /// by piece, until that wants no more. `failures` are those that happened outside the snapshot, by kind.
    pub fn render(
        &self,
        snapshot: &Snapshot,
        failures: &[(&'static str, u64)],
        began: Instant,
        mut take: impl FnMut(String) -> ControlFlow<()>,
    ) {
        let with_empty_buckets = snapshot.links.len() <= MOST_LINKS_WITH_EMPTY_BUCKETS;
        let mut writer = Writer::new(with_empty_buckets, &mut take);
        families::write(snapshot, failures, &mut writer);
        // Last of ours, so that it holds the time of all the others.
        writer.family(names::SCRAPE_DURATION).gauge([], began.elapsed().as_secs_f64());
        writer.finish_with(|text| {
            if let Err(error) = TextEncoder::new().encode_utf8(&self.process.collect(), text) {
                log::warn!("no metrics on the agent's own process: {error}");
            }
        });
    }
}

/// The whole text of a scrape.
#[cfg(test)]
pub(crate) fn text_of(renderer: &Renderer, snapshot: &Snapshot, failures: &[(&'static str, u64)]) -> String {
    let mut text = String::new();
    renderer.render(snapshot, failures, Instant::now(), |piece| {
        text += &piece;
        ControlFlow::Continue(())
    });
    text
}

#[cfg(test)]
mod tests;
