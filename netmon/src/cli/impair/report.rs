//! Declared impairments beside what is measured, as a table: one row for each amount of each direction.

use netmon_model::impairment::Impairment;

use crate::{
    api::{DeclaredImpairment, EndpointName, Measured},
    render::{
        table,
        units::{self, NONE},
    },
};

/// The table; none where nothing is impaired.
pub(in crate::cli) fn table<'a>(
    directions: impl IntoIterator<Item = (&'a EndpointName, &'a EndpointName, &'a DeclaredImpairment)>,
) -> Option<String> {
    let rows: Vec<[String; 5]> = directions
        .into_iter()
        .flat_map(|(from, to, of)| {
            rows(Impairment::from(of.declared), Some(&of.measured)).map(move |row| line(from, to, row))
        })
        .collect();
    (!rows.is_empty()).then(|| drawn(rows))
}

/// The same where nobody measures.
pub(super) fn declared(directions: &[(EndpointName, EndpointName, Impairment)]) -> Option<String> {
    let rows: Vec<[String; 5]> = directions
        .iter()
        .flat_map(|(from, to, impairment)| rows(*impairment, None).map(move |row| line(from, to, row)))
        .collect();
    (!rows.is_empty()).then(|| drawn(rows))
}

fn drawn(rows: Vec<[String; 5]>) -> String {
    let columns =
        [("FROM", false), ("TO", false), ("IMPAIRED", false), ("DECLARED", true), ("MEASURED", true)];
    table::table(columns, rows)
}

fn line(from: &EndpointName, to: &EndpointName, [what, declared, measured]: [String; 3]) -> [String; 5] {
    let name = |end: &EndpointName| format!("{}:{}", end.namespace, end.interface);
    [name(from), name(to), what, declared, measured]
}

/// What is impaired, by how much, and what is measured of it.
fn rows(declared: Impairment, measured: Option<&Measured>) -> impl Iterator<Item = [String; 3]> + use<> {
    let none = || NONE.to_owned();
    let delay = declared.delay.map(|delay| {
        let jitter = declared.jitter.map_or(String::new(), |jitter| format!(" +- {jitter}"));
        let median = measured.and_then(|measured| measured.delay_ns).map_or_else(none, units::duration);
        ["delay".to_owned(), format!("{delay}{jitter}"), median]
    });
    let loss = declared
        .loss
        .map(|loss| ["loss".to_owned(), loss.to_string(), measured.and_then(share).unwrap_or_else(none)]);
    let rate = declared.rate.map(|rate| {
        let arrived = measured.and_then(|measured| measured.rate_bits_per_second);
        ["rate".to_owned(), rate.to_string(), arrived.map_or_else(none, units::bits_per_second)]
    });
    [delay, loss, rate].into_iter().flatten()
}

/// `9.8% (98 of 1,000)`
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn share(measured: &Measured) -> Option<String> {
    let percent = measured.loss_ppm? as f64 / 10_000.0;
    let (lost, sent) = (units::count(measured.lost_segments?), units::count(measured.sent_segments));
    Some(format!("{percent:.2}% ({lost} of {sent})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_amount_is_a_row_and_what_is_not_measured_is_a_dash() {
        let end = |namespace: &str| EndpointName {
            namespace: namespace.parse().unwrap(),
            interface: "eth0".parse().unwrap(),
        };
        let impairment = Impairment {
            delay: "10ms".parse().ok(),
            jitter: "1ms".parse().ok(),
            loss: "10%".parse().ok(),
            rate: "10mbit".parse().ok(),
        };
        let measured = Measured {
            delay_ns: Some(10_200_000),
            loss_ppm: Some(98_000),
            rate_bits_per_second: None,
            sent_segments: 1000,
            lost_segments: Some(98),
        };
        let of = DeclaredImpairment { declared: impairment.into(), measured };
        let text = table([(&end("one"), &end("two"), &of)]).unwrap();
        let rows: Vec<Vec<&str>> = text
            .lines()
            .skip(1)
            .map(|row| row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(rows[0], ["one:eth0", "two:eth0", "delay", "10ms +- 1ms", "10.2 ms"]);
        assert_eq!(rows[1][2..], ["loss", "10%", "9.80% (98 of 1,000)"]);
        assert_eq!(rows[2][2..], ["rate", "10mbit", "-"]);
        assert_eq!(table([]), None);
        let text = declared(&[(end("one"), end("two"), impairment)]).unwrap();
        assert!(text.lines().skip(1).all(|row| row.ends_with('-')), "{text}");
    }
}
