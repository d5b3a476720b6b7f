//! Renders a snapshot in Prometheus' text format.
//!
//! Rendering is a function of the [`Snapshot`], except for the metrics of the agent's own process, which the `prometheus`
//! crate collects and encodes. Series are not registered anywhere: a series exists exactly as long as its endpoint. The
//! kernel's maps are not read here.

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

/// With at most this many links, a histogram has its buckets even before its first observation, because a rate needs the
/// zero that came before. With more there would be 300 series per link, nearly all of them always zero
/// (`docs/adr/0016`).
pub const MAX_LINKS_WITH_EMPTY_BUCKETS: usize = 100;

/// Renders scrapes.
///
/// An agent keeps one for its whole life, because the CPU time of its process is counted from scrape to scrape.
///
/// # Examples
///
/// ```
/// use std::{ops::ControlFlow, time::Instant};
///
/// use netmon::metrics::Renderer;
///
/// let mut text = String::new();
/// Renderer::default().render(&netmon_model::fixtures::direct(), &[("scrape", 5)], Instant::now(), |piece| {
///     text += &piece;
///     ControlFlow::Continue(())
/// });
/// assert!(text.contains("netmon_errors_total{kind=\"scrape\"} 5\n"));
/// ```
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
    /// Writes the text of one scrape and passes it to `take` piece by piece, until `take` breaks.
    ///
    /// The scrape began at `began` by reading the maps. `errors` are those that are counted outside the snapshot, by
    /// kind.
    pub fn render(
        &self,
        snapshot: &Snapshot,
        errors: &[(&'static str, u64)],
        began: Instant,
        mut take: impl FnMut(String) -> ControlFlow<()>,
    ) {
        let with_empty_buckets = snapshot.links.len() <= MAX_LINKS_WITH_EMPTY_BUCKETS;
        let mut writer = Writer::new(with_empty_buckets, &mut take);
        families::write(snapshot, errors, &mut writer);
        // The last family of netmon's own, so that it includes the time of all others.
        writer.family(names::SCRAPE_DURATION).gauge([], began.elapsed().as_secs_f64());
        writer.finish_with(|text| {
            if let Err(error) = TextEncoder::new().encode_utf8(&self.process.collect(), text) {
                log::warn!("cannot encode the metrics of the agent's process: {error}");
            }
        });
    }
}

/// Returns the complete text of a scrape.
#[cfg(test)]
pub(crate) fn text_of(renderer: &Renderer, snapshot: &Snapshot, errors: &[(&'static str, u64)]) -> String {
    let mut text = String::new();
    renderer.render(snapshot, errors, Instant::now(), |piece| {
        text += &piece;
        ControlFlow::Continue(())
    });
    text
}

#[cfg(test)]
mod tests;
