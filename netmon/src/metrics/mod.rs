//! Renders a snapshot in Prometheus' text format or in OpenMetrics.
//!
//! Rendering is a function of the [`Snapshot`], except for the metrics of the agent's own process, which the `prometheus`
//! crate collects. Series are not registered anywhere: a series exists exactly as long as its endpoint. The
//! kernel's maps are not read here.

mod appearance;
mod buckets;
mod families;
mod format;
mod info;
pub mod names;
mod process;
mod text;

use std::{ops::ControlFlow, time::Instant};

use netmon_model::snapshot::Snapshot;
use prometheus::{core::Collector as _, process_collector::ProcessCollector};

use self::text::Writer;
pub use self::{buckets::Buckets, format::Format};

/// With at most this many links, a histogram has its buckets even before its first observation, because a rate needs the
/// zero that came before. With more there would be several hundred series per link, nearly all of them always
/// zero (`docs/adr/0016`).
pub const MAX_LINKS_WITH_EMPTY_BUCKETS: usize = 100;

/// Renders scrapes.
///
/// An agent keeps one for its whole life, because the CPU time of its process is counted from scrape to scrape, and
/// because a histogram whose bounds change has no meaningful rate.
///
/// # Examples
///
/// ```
/// use std::{ops::ControlFlow, time::Instant};
///
/// use netmon::metrics::{Format, Renderer};
///
/// let mut text = String::new();
/// let snapshot = netmon_model::fixtures::direct();
/// Renderer::default().render(&snapshot, &[("scrape", 5)], Instant::now(), Format::Text, |piece| {
///     text += &piece;
///     ControlFlow::Continue(())
/// });
/// assert!(text.contains("netmon_errors_total{kind=\"scrape\"} 5\n"));
/// ```
#[derive(Debug)]
pub struct Renderer {
    process: ProcessCollector,
    buckets: Buckets,
}

impl Default for Renderer {
    fn default() -> Self {
        Self::new(Buckets::default())
    }
}

impl Renderer {
    /// Creates a renderer of histograms with these buckets.
    #[must_use]
    pub fn new(buckets: Buckets) -> Self {
        Self { process: ProcessCollector::for_self(), buckets }
    }

    /// Writes the text of one scrape and passes it to `take` piece by piece, until `take` breaks.
    ///
    /// The scrape began at `began` by reading the maps. `errors` are those that are counted outside the snapshot, by
    /// kind.
    pub fn render(
        &self,
        snapshot: &Snapshot,
        errors: &[(&'static str, u64)],
        began: Instant,
        format: Format,
        mut take: impl FnMut(String) -> ControlFlow<()>,
    ) {
        let mut writer = Writer::new(format, self.buckets, has_empty_buckets(snapshot), &mut take);
        families::write(snapshot, errors, &mut writer);
        // The last family of netmon's own, so that it includes the time of all others.
        writer.family(names::SCRAPE_DURATION).gauge([], began.elapsed().as_secs_f64());
        process::write(&self.process.collect(), &mut writer);
        writer.finish();
    }
}

/// Returns whether histograms without an observation have buckets.
fn has_empty_buckets(snapshot: &Snapshot) -> bool {
    snapshot.links.len() <= MAX_LINKS_WITH_EMPTY_BUCKETS
}

/// Returns the complete text of a scrape.
#[cfg(test)]
pub(crate) fn text_of(renderer: &Renderer, snapshot: &Snapshot, errors: &[(&'static str, u64)]) -> String {
    text_in(Format::Text, renderer, snapshot, errors)
}

/// Returns the complete text of a scrape in this format.
#[cfg(test)]
fn text_in(
    format: Format,
    renderer: &Renderer,
    snapshot: &Snapshot,
    errors: &[(&'static str, u64)],
) -> String {
    let mut text = String::new();
    renderer.render(snapshot, errors, Instant::now(), format, |piece| {
        text += &piece;
        ControlFlow::Continue(())
    });
    text
}

#[cfg(test)]
mod tests;
