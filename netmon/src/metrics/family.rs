//! One metric family under construction: label names come from [`names`](super::names), values from the
//! snapshot.
//!
//! These are constant metrics: nothing is registered and nothing is incremented, so a series lives
//! exactly as long as the endpoint that it is about.

use prometheus::proto::{Counter, Gauge, LabelPair, Metric as Series, MetricFamily, MetricType};

use super::{
    buckets,
    names::{Kind, Metric},
};
use crate::histogram::Histogram;

/// A family and its series so far.
pub(super) struct Family {
    metric: Metric,
    series: Vec<Series>,
}

impl Family {
    /// A family without series, with room for `capacity` of them.
    pub(super) fn new(metric: Metric, capacity: usize) -> Self {
        Self { metric, series: Vec::with_capacity(capacity) }
    }

    /// Adds a counter or gauge. `values` are in the order of the metric's labels.
    pub(super) fn push<const N: usize>(&mut self, values: [&str; N], value: f64) {
        let mut series = self.labelled(values);
        match self.metric.kind {
            Kind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                series.set_counter(counter);
            }
            Kind::Gauge | Kind::Histogram => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                series.set_gauge(gauge);
            }
        }
        self.series.push(series);
    }

    /// Adds a count, which a float holds exactly up to 2^53.
    #[expect(clippy::cast_precision_loss, reason = "the exposition format has floats only")]
    pub(super) fn push_count<const N: usize>(&mut self, values: [&str; N], count: u64) {
        self.push(values, count as f64);
    }

    /// Adds a yes or no, as 1 or 0.
    pub(super) fn push_flag<const N: usize>(&mut self, values: [&str; N], flag: bool) {
        self.push(values, f64::from(u8::from(flag)));
    }

    /// Adds a histogram, when there is one.
    pub(super) fn push_histogram<const N: usize>(&mut self, values: [&str; N], from: Option<&Histogram>) {
        let Some(histogram) = from else { return };
        let mut series = self.labelled(values);
        series.set_histogram(buckets::to_proto(histogram));
        self.series.push(series);
    }

    /// The finished family; none without series, which the format has no way to say.
    pub(super) fn finish(self) -> Option<MetricFamily> {
        if self.series.is_empty() {
            return None;
        }
        let mut family = MetricFamily::default();
        family.set_name(self.metric.name.to_owned());
        family.set_help(self.metric.help.to_owned());
        family.set_field_type(match self.metric.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        family.set_metric(self.series);
        Some(family)
    }

    fn labelled<const N: usize>(&self, values: [&str; N]) -> Series {
        debug_assert_eq!(N, self.metric.labels.len(), "labels of {}", self.metric.name);
        let pair = |(name, value): (&&str, &str)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value(value.to_owned());
            pair
        };
        Series::from_label(self.metric.labels.iter().zip(values).map(pair).collect())
    }
}
