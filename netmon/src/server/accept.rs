//! What a client prefers, by its headers `accept` and `accept-encoding` (RFC 9110, 12.5).
//!
//! A client that says nothing, or accepts anything, gets uncompressed text. Nothing is refused: a client that accepts
//! nothing of what there is gets the same, which RFC 9110, 12.4.1 allows.

use axum::http::{HeaderMap, HeaderName, header};

use super::coding::Coding;
use crate::metrics::Format;

/// A weight in thousandths.
type Weight = u16;

const FULL: Weight = 1000;

/// One element of a list: what is accepted, with its parameters, and how much it is preferred.
struct Element<'a> {
    value: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    weight: Weight,
}

/// Returns the format of a scrape that the client prefers.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let ranges: Vec<_> = elements(headers, &header::ACCEPT).collect();
    let openmetrics = preference(&ranges, ["application", "openmetrics-text"], "1.0.0");
    let text = preference(&ranges, ["text", "plain"], "0.0.4");
    let is_preferred = openmetrics.weight > text.weight;
    let is_named = openmetrics.weight == text.weight && openmetrics.precision >= Precision::Type;
    if openmetrics.weight > 0 && (is_preferred || is_named) { Format::OpenMetrics } else { Format::Text }
}

/// Returns the coding that the client prefers.
pub(super) fn coding(headers: &HeaderMap) -> Coding {
    let codings: Vec<_> = elements(headers, &header::ACCEPT_ENCODING).collect();
    let weight = |names: &[&str]| {
        let is_one = |of: &&Element| names.iter().any(|name| of.value.eq_ignore_ascii_case(name));
        codings.iter().find(is_one).map(|of| of.weight)
    };
    let any = weight(&["*"]);
    let named = weight(&["gzip", "x-gzip"]);
    let gzip = named.or(any).unwrap_or(0);
    let identity = weight(&["identity"]).or(any).unwrap_or(0);
    let is_named = gzip == identity && named.is_some();
    if gzip > 0 && (gzip > identity || is_named) { Coding::Gzip } else { Coding::Identity }
}

/// How precisely a media range names a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    #[default]
    Anything,
    Group,
    Type,
    Version,
}

/// How much a type is preferred, by the most precise range that includes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    precision: Precision,
    weight: Weight,
}

fn preference(ranges: &[Element], of: [&str; 2], version: &str) -> Preference {
    let included = ranges.iter().filter_map(|range| {
        Some(Preference { precision: precision(range, of, version)?, weight: range.weight })
    });
    included.max().unwrap_or_default()
}

/// Returns how precisely a range names a type of this version. Returns `None` if it does not include it.
fn precision(range: &Element, [group, name]: [&str; 2], version: &str) -> Option<Precision> {
    let (range_group, range_name) = range.value.split_once('/')?;
    if range_group == "*" && range_name == "*" {
        return Some(Precision::Anything);
    }
    if !range_group.eq_ignore_ascii_case(group) {
        return None;
    }
    if range_name == "*" {
        return Some(Precision::Group);
    }
    let wanted = range.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("version"));
    match wanted {
        _ if !range_name.eq_ignore_ascii_case(name) => None,
        None => Some(Precision::Type),
        Some((_, wanted)) => (*wanted == version).then_some(Precision::Version),
    }
}

/// Returns the elements of all headers of this name. Those that are malformed are left out.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = Element<'a>> {
    let lists = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).filter_map(element)
}

fn element(text: &str) -> Option<Element<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let value = parts.next().filter(|value| !value.is_empty())?;
    let mut element = Element { value, parameters: Vec::new(), weight: FULL };
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=')?;
        if name.eq_ignore_ascii_case("q") {
            element.weight = weight(value)?;
        } else {
            element.parameters.push((name, value.trim_matches('"')));
        }
    }
    Some(element)
}

/// Parses a weight: 0 to 1, with at most three decimals.
fn weight(text: &str) -> Option<Weight> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if !["0", "1"].contains(&whole) || decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let weight = format!("{whole}{decimals:0<3}").parse().ok()?;
    (weight <= FULL).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn openmetrics_is_for_clients_that_prefer_it_by_name() {
        let is_openmetrics =
            |values: &[&str]| format(&headers(&header::ACCEPT, values)) == Format::OpenMetrics;
        for accept in [
            "application/openmetrics-text",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "Application/OpenMetrics-Text;version=\"1.0.0\", text/plain",
            "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.75",
            "text/*;q=0.3, application/*",
            // Prometheus 2.42 and 3.5.
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        ] {
            assert!(is_openmetrics(&[accept]), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/plain",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/openmetrics-text;q=0.5, */*",
            "application/openmetrics-text;q=0, */*;q=0.1",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;version=0.0.1, text/plain;q=0.1",
            "application/openmetrics-text;q=1.5, text/plain",
            "application/openmetrics-text;q=, text/plain",
            "application/json",
            "application",
        ] {
            assert!(!is_openmetrics(&[accept]), "{accept}");
        }
        assert!(!is_openmetrics(&[]));
        assert!(
            is_openmetrics(&["text/plain;q=0.5", "application/openmetrics-text"]),
            "two headers are a list"
        );
    }

    #[test]
    fn gzip_is_for_clients_that_prefer_it_to_the_plain_text() {
        let is_gzip = |values: &[&str]| coding(&headers(&header::ACCEPT_ENCODING, values)) == Coding::Gzip;
        for accept in [
            "gzip",
            "GZIP",
            "x-gzip",
            "deflate, gzip;q=0.5, br",
            "gzip, identity",
            "gzip;q=0.8, identity;q=0.7",
            "identity;q=0, *",
            "identity;q=0.1, *;q=0.5",
            "gzip;q=0.001",
        ] {
            assert!(is_gzip(&[accept]), "{accept}");
        }
        for accept in [
            "",
            "*",
            "identity",
            "deflate, br, zstd",
            "gzip;q=0",
            "gzip;q=0.000, *",
            "*;q=0",
            "gzip;q=0.5, identity",
            "gzip;q=0.5, *",
            "gzip;q=2",
            "gzip;q=0.1234",
            "gzipped",
        ] {
            assert!(!is_gzip(&[accept]), "{accept}");
        }
        assert!(!is_gzip(&[]));
    }

    #[test]
    fn a_weight_has_three_decimals_at_most_and_does_not_exceed_one() {
        for (text, expected) in
            [("0", 0), ("1", 1000), ("0.5", 500), ("0.05", 50), ("0.123", 123), ("1.000", 1000), ("0.", 0)]
        {
            assert_eq!(weight(text), Some(expected), "{text}");
        }
        for text in ["", "2", "1.001", "0.1234", "-0", "+1", ".5", "00.5", "0.5x", "NaN", "1e0"] {
            assert_eq!(weight(text), None, "{text}");
        }
    }
}
