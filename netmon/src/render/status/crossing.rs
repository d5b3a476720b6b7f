//! The two parts of one-way latency, of links that are measured by tracing.

use crate::{
    api::{Link, LinkDirection, Links, Summary},
    render::{
        endpoint_name,
        table::table,
        units::{self, NONE},
    },
};

const COLUMNS: [(&str, bool); 6] = [
    ("FROM", false),
    ("TO", false),
    ("QUEUE P50", true),
    ("QUEUE P99", true),
    ("CROSSING P50", true),
    ("CROSSING P99", true),
];

/// Renders the parts. Returns `None` if no direction has any.
pub(super) fn section(links: &Links) -> Option<String> {
    let directions = links.links.iter().flat_map(Link::directions).map(|(direction, _)| direction);
    let rows: Vec<_> = directions.filter_map(row).collect();
    let table = (!rows.is_empty()).then(|| table(COLUMNS, rows))?;
    Some(format!("Latency = time in the queue + crossing\n{table}"))
}

fn row(direction: &LinkDirection) -> Option<[String; 6]> {
    let (queue, crossing) = (direction.queue.as_ref()?, direction.crossing.as_ref()?);
    let quantile = |of: &Summary, pick: fn(&Summary) -> Option<u64>| {
        pick(of).map_or_else(|| NONE.to_owned(), units::duration)
    };
    Some([
        endpoint_name(&direction.from.namespace, &direction.from.interface),
        endpoint_name(&direction.to.namespace, &direction.to.interface),
        quantile(queue, |summary| summary.p50_ns),
        quantile(queue, |summary| summary.p99_ns),
        quantile(crossing, |summary| summary.p50_ns),
        quantile(crossing, |summary| summary.p99_ns),
    ])
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures::histogram_of;

    use super::*;
    use crate::render::example;

    #[test]
    fn each_direction_has_the_time_in_the_queue_and_that_of_the_crossing() {
        let mut links = example::links();
        assert_eq!(section(&links), None, "hooks see only the whole");
        let direction = links.links[0].a_to_b.as_mut().unwrap();
        direction.queue = Some(Summary::from(&histogram_of([1_000, 2_000])));
        direction.crossing = Some(Summary::from(&histogram_of([])));
        insta::assert_snapshot!(section(&links).unwrap());
    }
}
