//! Writes both exposition formats directly from the values, and passes the text on piece by piece.
//!
//! The text is byte for byte that of the `prometheus` crate's encoder, which a test compares. That encoder needs every
//! series as an object first, and escapes the labels again for every line: with 1,000 links these are 100,000 objects
//! and 300,000 lines, and it took twice the time that a scrape may take. Here the labels of a series are escaped once and
//! then copied. The complete text, which is tens of megabytes with 1,000 links, is never in memory: the client reads it from
//! the front while it is written.

use std::{fmt::Write as _, mem, ops::ControlFlow};

use netmon_model::histogram::Histogram;

use super::{
    buckets::Buckets,
    format::Format,
    names::{Metric, MetricKind},
};

/// A piece is passed on once it is this long.
const PIECE_BYTES: usize = 64 << 10;
/// More than the length of a series with its head.
const SERIES_BYTES: usize = 16 << 10;

/// Takes a piece of the text. Breaks if it needs no more.
pub(super) type Taker<'w> = dyn FnMut(String) -> ControlFlow<()> + 'w;

/// Writes families, and holds the text since the last piece.
pub(super) struct Writer<'w> {
    format: Format,
    buckets: Buckets,
    text: String,
    taker: &'w mut Taker<'w>,
    /// The taker has broken: the rest of the text is discarded.
    refused: bool,
    /// The labels of the current series, without braces.
    labels: String,
    /// The part of a bucket's line between labels and value.
    bounds: Vec<String>,
    /// Whether histograms without an observation have buckets.
    empty_buckets: bool,
}

impl<'w> Writer<'w> {
    /// Creates a writer, which writes the buckets of empty histograms or omits them.
    pub(super) fn new(
        format: Format,
        buckets: Buckets,
        empty_buckets: bool,
        taker: &'w mut Taker<'w>,
    ) -> Self {
        let finite = buckets.bounds_seconds().map(|seconds| format!("le=\"{seconds}\"}} "));
        let bounds = finite.chain(["le=\"+Inf\"} ".to_owned()]).collect();
        let (text, labels) = (String::new(), String::new());
        Self { format, buckets, text, taker, refused: false, labels, bounds, empty_buckets }
    }

    /// Begins a family. A family without a series writes nothing.
    pub(super) fn family(&mut self, metric: Metric) -> Family<'_, 'w> {
        Family { writer: self, metric, begun: false }
    }

    /// Writes a family of one counter or gauge without labels.
    pub(super) fn single(&mut self, name: &str, help: &str, kind: MetricKind, value: f64) {
        self.write_head(name, help, kind);
        self.labels.clear();
        self.write_start(name, "");
        self.write_value(value);
    }

    /// Ends the text, and passes on the rest.
    pub(super) fn finish(mut self) {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.pass_on();
    }

    fn pass_on(&mut self) {
        let piece = mem::replace(&mut self.text, String::with_capacity(PIECE_BYTES + SERIES_BYTES));
        if !self.refused {
            self.refused = (self.taker)(piece).is_break();
        }
    }

    fn write_head(&mut self, name: &str, help: &str, kind: MetricKind) {
        let family = if kind == MetricKind::Counter { self.format.counter_family(name) } else { name };
        self.push(&["# HELP ", family, " "]);
        // OpenMetrics escapes quotes in help texts, too.
        escape(help, self.format == Format::OpenMetrics, &mut self.text);
        self.push(&["\n# TYPE ", family, " ", kind.as_str(), "\n"]);
    }

    fn set_labels(&mut self, names: &[&str], values: &[&str]) {
        self.labels.clear();
        for (name, value) in names.iter().zip(values) {
            if !self.labels.is_empty() {
                self.labels.push(',');
            }
            self.labels.push_str(name);
            self.labels.push_str("=\"");
            escape(value, true, &mut self.labels);
            self.labels.push('"');
        }
    }

    /// Writes the name and the labels, up to the value.
    fn write_start(&mut self, name: &str, suffix: &str) {
        self.push(&[name, suffix]);
        if !self.labels.is_empty() {
            self.text.push('{');
            self.text.push_str(&self.labels);
            self.text.push('}');
        }
        self.text.push(' ');
    }

    fn write_bucket(&mut self, name: &str, place: usize, count: u64) {
        let comma = if self.labels.is_empty() { "" } else { "," };
        for part in [name, "_bucket{", &self.labels, comma, &self.bounds[place]] {
            self.text.push_str(part);
        }
        self.write_count(count);
    }

    /// Writes the value and the end of the line. Writing to a `String` cannot fail.
    fn write_count(&mut self, count: u64) {
        let _ = writeln!(self.text, "{count}");
    }

    fn write_signed(&mut self, count: i64) {
        let _ = writeln!(self.text, "{count}");
    }

    fn write_value(&mut self, value: f64) {
        let _ = writeln!(self.text, "{value}");
    }

    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.push_str(part);
        }
    }
}

/// A family of metrics that is being written.
pub(super) struct Family<'a, 'w> {
    writer: &'a mut Writer<'w>,
    metric: Metric,
    begun: bool,
}

impl Family<'_, '_> {
    /// Adds a counter or gauge. `values` are in the order of the metric's labels.
    pub(super) fn count<const N: usize>(&mut self, values: [&str; N], count: u64) {
        self.begin(&values);
        self.writer.write_start(self.metric.name, "");
        self.writer.write_count(count);
    }

    /// Adds a gauge that may be negative.
    pub(super) fn signed<const N: usize>(&mut self, values: [&str; N], count: i64) {
        self.begin(&values);
        self.writer.write_start(self.metric.name, "");
        self.writer.write_signed(count);
    }

    /// Adds a boolean, as 1 or 0.
    pub(super) fn flag<const N: usize>(&mut self, values: [&str; N], flag: bool) {
        self.count(values, u64::from(flag));
    }

    /// Adds a gauge that is no integer.
    pub(super) fn gauge<const N: usize>(&mut self, values: [&str; N], value: f64) {
        self.begin(&values);
        self.writer.write_start(self.metric.name, "");
        self.writer.write_value(value);
    }

    /// Adds a histogram, if there is one. An empty one may consist of its sum and count alone.
    #[expect(clippy::cast_precision_loss, reason = "the exposition format has floats only")]
    pub(super) fn histogram<const N: usize>(&mut self, values: [&str; N], from: Option<&Histogram>) {
        let Some(histogram) = from else { return };
        self.begin(&values);
        let name = self.metric.name;
        let cumulative = self.writer.buckets.cumulative(histogram);
        let total = cumulative.last().copied().unwrap_or_default();
        if self.writer.empty_buckets || total > 0 {
            for (place, count) in cumulative.into_iter().enumerate() {
                self.writer.write_bucket(name, place, count);
            }
        }
        self.writer.write_start(name, "_sum");
        self.writer.write_value(histogram.sum_ns as f64 / 1e9);
        self.writer.write_start(name, "_count");
        self.writer.write_count(total);
    }

    fn begin(&mut self, values: &[&str]) {
        debug_assert_eq!(values.len(), self.metric.labels.len(), "labels of {}", self.metric.name);
        if self.writer.text.len() >= PIECE_BYTES {
            self.writer.pass_on();
        }
        if !self.begun {
            self.writer.write_head(self.metric.name, self.metric.help, self.metric.kind);
            self.begun = true;
        }
        self.writer.set_labels(self.metric.labels, values);
    }
}

/// Escapes as the format requires: `\` and line feeds in help texts, and `"` too in label values.
fn escape(from: &str, quotes: bool, to: &mut String) {
    let special = |c: char| c == '\\' || c == '\n' || (quotes && c == '"');
    let mut rest = from;
    while let Some(at) = rest.find(special) {
        let (plain, escaped) = rest.split_at(at);
        to.push_str(plain);
        to.push('\\');
        to.push_str(if escaped.starts_with('\n') { "n" } else { &escaped[..1] });
        rest = &escaped[1..];
    }
    to.push_str(rest);
}
