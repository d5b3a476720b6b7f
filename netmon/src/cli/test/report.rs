//! The verdicts on a lab's expectations: a table for people, and XML for CI servers.

use std::io;

use quick_xml::{
    ElementWriter, Writer,
    events::{BytesText, Event},
};

use super::Outcome;
use crate::{
    expect::Verdict,
    render::{
        table,
        units::{self, NONE},
    },
};

/// Renders a row for each verdict.
fn rows(verdicts: &[Verdict]) -> String {
    let row = |verdict: &Verdict| {
        let time = |ns: Option<u64>| ns.map_or_else(|| NONE.to_owned(), units::duration);
        [
            if verdict.held { "ok" } else { "FAILED" }.to_owned(),
            verdict.name.clone(),
            format!("{}/{}", verdict.succeeded, verdict.attempts),
            time(verdict.p50_ns),
            time(verdict.p99_ns),
        ]
    };
    let columns =
        [("RESULT", false), ("EXPECTATION", false), ("SUCCEEDED", true), ("P50", true), ("P99", true)];
    if verdicts.iter().all(|verdict| verdict.throughput_bits_per_second.is_none()) {
        return table::table(columns, verdicts.iter().map(row));
    }
    let [result, name, succeeded, p50, p99] = columns;
    let row = |verdict: &Verdict| {
        let [result, name, succeeded, p50, p99] = row(verdict);
        let bits = verdict.throughput_bits_per_second;
        let rate = bits.map_or_else(|| NONE.to_owned(), |bits| units::bits_per_second(bits as f64));
        [result, name, succeeded, p50, p99, rate]
    };
    table::table([result, name, succeeded, p50, p99, ("THROUGHPUT", true)], verdicts.iter().map(row))
}

/// Renders the verdicts on a lab, and the reasons of those that did not hold.
pub(super) fn table(lab: &str, verdicts: &[Verdict]) -> String {
    let mut text = rows(verdicts);
    text.push('\n');
    let failed: Vec<&Verdict> = verdicts.iter().filter(|verdict| !verdict.held).collect();
    for verdict in &failed {
        text.push_str(&format!("\n{}\n", verdict.name));
        verdict.reasons.iter().for_each(|reason| text.push_str(&format!("  {reason}\n")));
    }
    let all = verdicts.len();
    match failed.len() {
        0 => text.push_str(&format!("\nlab {lab}: {all} of {all} expectations held\n")),
        failed => text.push_str(&format!("\nlab {lab}: {failed} of {all} expectations did not hold\n")),
    }
    text
}

/// Renders JUnit's XML: a suite for each lab, and a case for each expectation.
pub(super) fn junit(outcomes: &[Outcome]) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let suites = writer.create_element("testsuites").with_attribute(("name", "netmon"));
    with_totals(suites, &outcomes.iter().collect::<Vec<_>>())
        .write_inner_content(|writer| outcomes.iter().try_for_each(|outcome| suite(writer, outcome)))?;
    let text = String::from_utf8(writer.into_inner()).map_err(io::Error::other)?;
    Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}\n"))
}

/// Adds the attributes that CI servers add up.
fn with_totals<'w>(element: ElementWriter<'w, Vec<u8>>, outcomes: &[&Outcome]) -> ElementWriter<'w, Vec<u8>> {
    let verdicts: Vec<&Verdict> = outcomes.iter().flat_map(|outcome| &outcome.verdicts).collect();
    let errors = outcomes.iter().filter(|outcome| outcome.error.is_some()).count();
    let failed = verdicts.iter().filter(|verdict| !verdict.held).count().to_string();
    let total: u64 = verdicts.iter().map(|verdict| verdict.duration_ns).sum();
    element
        .with_attribute(("tests", &*(verdicts.len() + errors).to_string()))
        .with_attribute(("failures", &*failed))
        .with_attribute(("errors", &*errors.to_string()))
        .with_attribute(("skipped", "0"))
        .with_attribute(("time", &*seconds(total)))
}

fn suite(writer: &mut Writer<Vec<u8>>, outcome: &Outcome) -> io::Result<()> {
    let Outcome { name, source, began, verdicts, error } = outcome;
    let began = jiff::Timestamp::try_from(*began).map_err(io::Error::other)?.strftime("%Y-%m-%dT%H:%M:%S");
    let element = writer.create_element("testsuite").with_attribute(("name", &*plain(name)));
    with_totals(element, &[outcome])
        .with_attribute(("timestamp", &*began.to_string()))
        .with_attribute(("file", &*plain(source)))
        .write_inner_content(|writer| {
            verdicts.iter().try_for_each(|verdict| case(writer, name, verdict))?;
            error.iter().try_for_each(|error| error_case(writer, name, error))
        })
        .map(drop)
}

/// Writes the case of a lab that could not be read or built, which stands for the lab itself.
fn error_case(writer: &mut Writer<Vec<u8>>, lab: &str, error: &str) -> io::Result<()> {
    let case = writer.create_element("testcase").with_attribute(("classname", &*plain(lab)));
    case.with_attribute(("name", "the lab itself"))
        .with_attribute(("time", "0.000"))
        .write_inner_content(|writer| {
            let element = writer.create_element("error").with_attribute(("message", &*plain(error)));
            element.with_attribute(("type", "lab")).write_empty().map(drop)
        })
        .map(drop)
}

fn case(writer: &mut Writer<Vec<u8>>, lab: &str, verdict: &Verdict) -> io::Result<()> {
    let element = writer
        .create_element("testcase")
        .with_attribute(("classname", &*plain(lab)))
        .with_attribute(("name", &*plain(&verdict.name)))
        .with_attribute(("time", &*seconds(verdict.duration_ns)));
    if verdict.held {
        return element.write_empty().map(drop);
    }
    let reasons = plain(&verdict.reasons.join("; "));
    element
        .write_inner_content(|writer| {
            let failure = writer.create_element("failure").with_attribute(("message", &*reasons));
            let failure = failure.with_attribute(("type", "expectation"));
            failure.write_inner_content(|writer| {
                let text = plain(&format!("{}: {reasons}", verdict.traffic));
                writer.write_event(Event::Text(BytesText::new(&text)))
            })?;
            Ok(())
        })
        .map(drop)
}

/// Replaces characters that XML cannot represent (XML 1.0, 2.2). The output of a program may contain them.
fn plain(text: &str) -> String {
    let is_char =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..) && c != '\u{7f}';
    text.chars().map(|c| if is_char(c) { c } else { '\u{fffd}' }).collect()
}

fn seconds(ns: u64) -> String {
    format!("{:.3}", ns as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        time::{Duration, SystemTime},
    };

    use insta::assert_snapshot;

    use super::*;

    fn verdict(name: &str, reasons: &[&str]) -> Verdict {
        Verdict {
            name: name.to_owned(),
            from: "near".parse().unwrap(),
            traffic: "icmp 10.0.0.2".to_owned(),
            held: reasons.is_empty(),
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            attempts: 3,
            succeeded: 3,
            p50_ns: Some(20_000),
            p99_ns: Some(30_000),
            throughput_bits_per_second: None,
            packets: BTreeMap::new(),
            duration_ns: 1_250_000_000,
        }
    }

    #[test]
    fn junit_has_a_suite_with_totals_for_each_lab() {
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let outcome = |verdicts, error| Outcome {
            name: "direct".to_owned(),
            source: "built-in".to_owned(),
            began,
            verdicts,
            error,
        };
        let one = outcome(vec![verdict("a <b>", &[])], None);
        let other = vec![verdict("c", &["it said \u{1b}[2J & \"no\"", "late"]), verdict("d", &[])];
        let two = outcome(other, None);
        let three = outcome(Vec::new(), Some("veth0 is \"taken\"".to_owned()));
        let text = junit(&[one, two, three]).unwrap();
        assert_snapshot!(text);
    }

    #[test]
    fn a_throughput_has_a_column_if_one_was_measured() {
        let fast = Verdict { throughput_bits_per_second: Some(95_250_000), ..verdict("fast", &[]) };
        assert_snapshot!(rows(&[fast, verdict("other", &[])]));
    }

    #[test]
    fn all_expectations_held() {
        assert_snapshot!(table("direct", &[verdict("ping", &[]), verdict("web", &[])]));
    }

    #[test]
    fn a_failed_expectation_has_its_reasons_below_the_table() {
        let late = Verdict {
            succeeded: 1,
            p50_ns: None,
            p99_ns: None,
            ..verdict("late", &["2 of 3 failed: no answer within 1s", "link up saw 1 of 3 packets"])
        };
        assert_snapshot!(table("direct", &[verdict("ping", &[]), late]));
    }
}
