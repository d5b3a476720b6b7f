//! The metrics of the agent's own process, which the `prometheus` crate collects.

use log::warn;
use prometheus::proto::{MetricFamily, MetricType};

use super::{names::MetricKind, text::Writer};

/// Writes counters and gauges without labels, which is what the collector makes.
pub(super) fn write(families: &[MetricFamily], to: &mut Writer) {
    for family in families {
        let Some(metric) = family.get_metric().first() else { continue };
        let (kind, value) = match family.get_field_type() {
            MetricType::COUNTER => (MetricKind::Counter, metric.get_counter().get_value()),
            MetricType::GAUGE => (MetricKind::Gauge, metric.get_gauge().get_value()),
            other => {
                warn!("the metric {} of the agent's process is not exported: {other:?}", family.name());
                continue;
            }
        };
        to.single(family.name(), family.help(), kind, value);
    }
}
