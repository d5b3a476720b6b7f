//! Writes PromQL, within the variables of the dashboards.
//!
//! Every selector has the variables `job` and `instance`, and those of `link` and `netns` whose labels its metric has:
//! a panel can never show the series of another agent by mistake. Rates are taken over `$__rate_interval`, which Grafana
//! derives from the scrape interval.

use super::names::Metric;

/// The matchers of every series.
const SCOPE: &str = "job=~\"$job\",instance=~\"$instance\"";
/// The labels that are variables too.
const VARIABLES: [&str; 2] = ["link", "netns"];

/// Selects a series of Prometheus or of the process, which has no labels of netmon's. `more` are further matchers, or
/// empty.
pub(super) fn series(name: &str, more: &str) -> String {
    let separator = if more.is_empty() { "" } else { "," };
    format!("{name}{{{SCOPE}{separator}{more}}}")
}

/// Selects the series of a metric.
pub(super) fn select(metric: Metric, more: &str) -> String {
    part(metric, "", more)
}

/// Selects a part of a histogram: `_bucket`, `_sum` or `_count`.
fn part(metric: Metric, suffix: &str, more: &str) -> String {
    let of_variables = VARIABLES.iter().filter(|label| metric.labels.contains(label));
    let mut matchers: Vec<String> = of_variables.map(|label| format!("{label}=~\"${label}\"")).collect();
    if !more.is_empty() {
        matchers.push(more.to_owned());
    }
    series(&format!("{}{suffix}", metric.name), &matchers.join(","))
}

/// The rate of a selection.
pub(super) fn rate(selection: &str) -> String {
    format!("rate({selection}[$__rate_interval])")
}

/// The rate of a counter, summed by labels.
pub(super) fn sum_rate(by: &str, metric: Metric, more: &str) -> String {
    format!("sum by ({by}) ({})", rate(&select(metric, more)))
}

/// A quantile of a histogram, by labels.
pub(super) fn quantile(share: &str, by: &str, metric: Metric, more: &str) -> String {
    let buckets = rate(&part(metric, "_bucket", more));
    format!("histogram_quantile({share}, sum by ({by}, le) ({buckets}))")
}

/// The mean of a histogram, by labels: exact, unlike a quantile.
pub(super) fn mean(by: &str, metric: Metric, more: &str) -> String {
    let [sum, count] = ["_sum", "_count"].map(|suffix| rate(&part(metric, suffix, more)));
    format!("sum by ({by}) ({sum}) / sum by ({by}) ({count})")
}

/// The rate of observations of a histogram, by labels.
pub(super) fn observations(by: &str, metric: Metric, more: &str) -> String {
    format!("sum by ({by}) ({})", rate(&part(metric, "_count", more)))
}

/// The buckets of a histogram, for a heat map.
pub(super) fn heat(metric: Metric, more: &str) -> String {
    format!("sum by (le) (increase({}[$__rate_interval]))", part(metric, "_bucket", more))
}

/// Moves two labels to other names, to compare a series by endpoint with one by direction.
pub(super) fn relabel(expr: &str, moves: [(&str, &str); 2]) -> String {
    moves.iter().fold(expr.to_owned(), |expr, (from, to)| {
        format!("label_replace({expr}, \"{to}\", \"$1\", \"{from}\", \"(.*)\")")
    })
}

#[cfg(test)]
mod tests {
    use super::{super::names, *};

    #[test]
    fn a_selector_has_the_variables_whose_labels_its_metric_has() {
        let by_link = "job=~\"$job\",instance=~\"$instance\",link=~\"$link\"";
        assert_eq!(select(names::LINK_LOST, ""), format!("netmon_link_lost_packets_total{{{by_link}}}"));
        let both = format!("netmon_unstamped_packets_total{{{by_link},netns=~\"$netns\",a=\"b\"}}");
        assert_eq!(select(names::UNSTAMPED_PACKETS, "a=\"b\""), both);
        assert_eq!(series("up", ""), "up{job=~\"$job\",instance=~\"$instance\"}");
    }

    #[test]
    fn a_mean_divides_the_rates_of_sum_and_count() {
        let scope = "{job=~\"$job\",instance=~\"$instance\"}[$__rate_interval]))";
        let expected = format!(
            "sum by (from) (rate(netmon_probe_duration_seconds_sum{scope} / \
             sum by (from) (rate(netmon_probe_duration_seconds_count{scope}"
        );
        assert_eq!(mean("from", names::PROBE_DURATION, ""), expected);
    }
}
