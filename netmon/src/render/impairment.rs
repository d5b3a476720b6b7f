//! The table of impairments: a row for each amount of each direction, as declared and as measured.

use netmon_model::impairment::Impairment;

use super::{
    endpoint_name,
    table::table,
    units::{self, NONE},
};
use crate::api::{DeclaredImpairment, EndpointName, Measured};

const COLUMNS: [(&str, bool); 5] =
    [("FROM", false), ("TO", false), ("IMPAIRMENT", false), ("DECLARED", true), ("MEASURED", true)];

/// Renders the impairments of measured directions. Returns `None` if there are none.
#[must_use]
pub fn measured<'a>(
    directions: impl IntoIterator<Item = (&'a EndpointName, &'a EndpointName, &'a DeclaredImpairment)>,
) -> Option<String> {
    render(directions.into_iter().map(|(from, to, impairment)| {
        (from, to, Impairment::from(impairment.declared), Some(impairment.measured))
    }))
}

/// Renders the impairments of directions that no agent measures. Returns `None` if there are none.
#[must_use]
pub fn declared(directions: &[(EndpointName, EndpointName, Impairment)]) -> Option<String> {
    render(directions.iter().map(|(from, to, impairment)| (from, to, *impairment, None)))
}

fn render<'a>(
    directions: impl Iterator<Item = (&'a EndpointName, &'a EndpointName, Impairment, Option<Measured>)>,
) -> Option<String> {
    let name = |end: &EndpointName| endpoint_name(&end.namespace, &end.interface);
    let rows: Vec<[String; 5]> = directions
        .flat_map(|(from, to, declared, measured)| {
            amounts(declared, measured)
                .map(move |[what, declared, measured]| [name(from), name(to), what, declared, measured])
        })
        .collect();
    (!rows.is_empty()).then(|| table(COLUMNS, rows))
}

/// Returns each amount of an impairment: what it is, as declared, and as measured.
fn amounts(declared: Impairment, measured: Option<Measured>) -> impl Iterator<Item = [String; 3]> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
    let delay = declared.delay.map(|delay| {
        let jitter = declared.jitter.map_or(String::new(), |jitter| format!(" +- {jitter}"));
        let median = measured.and_then(|measured| measured.delay_ns).map(units::duration);
        ["delay".to_owned(), format!("{delay}{jitter}"), or_none(median)]
    });
    let loss = declared
        .loss
        .map(|loss| ["loss".to_owned(), loss.to_string(), or_none(measured.and_then(measured_loss))]);
    let rate = declared.rate.map(|rate| {
        let arrived = measured.and_then(|measured| measured.rate_bits_per_second).map(units::bits_per_second);
        ["rate".to_owned(), rate.to_string(), or_none(arrived)]
    });
    [delay, loss, rate].into_iter().flatten()
}

/// Formats a loss with its counts: `9.80% (98 of 1,000)`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn measured_loss(measured: Measured) -> Option<String> {
    let percent = measured.loss_ppm? as f64 / 10_000.0;
    let (lost, sent) = (units::count(measured.lost_segments?), units::count(measured.sent_segments));
    Some(format!("{percent:.2}% ({lost} of {sent})"))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn end(namespace: &str) -> EndpointName {
        EndpointName { namespace: namespace.parse().unwrap(), interface: "eth0".parse().unwrap() }
    }

    fn impairment() -> Impairment {
        Impairment {
            delay: "10ms".parse().ok(),
            jitter: "1ms".parse().ok(),
            loss: "10%".parse().ok(),
            rate: "10mbit".parse().ok(),
        }
    }

    #[test]
    fn each_amount_is_a_row_and_a_missing_measurement_is_a_dash() {
        let measured_so_far = Measured {
            delay_ns: Some(10_200_000),
            loss_ppm: Some(98_000),
            rate_bits_per_second: None,
            sent_segments: 1000,
            lost_segments: Some(98),
        };
        let of = DeclaredImpairment { declared: impairment().into(), measured: measured_so_far };
        assert_snapshot!(measured([(&end("one"), &end("two"), &of)]).unwrap());
    }

    #[test]
    fn without_an_agent_no_amount_has_a_measurement() {
        assert_snapshot!(declared(&[(end("one"), end("two"), impairment())]).unwrap());
    }

    #[test]
    fn without_an_impairment_there_is_no_table() {
        assert_eq!(measured([]), None);
        assert_eq!(declared(&[(end("one"), end("two"), Impairment::default())]), None);
    }
}
