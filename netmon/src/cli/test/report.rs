//! What came of a lab's expectations: a table for people, XML for CI servers.

use std::io;

use quick_xml::{
    Writer,
    events::{BytesText, Event},
};

use crate::{
    cli::{table, units},
    expect::Verdict,
    names::LabName,
};

/// A line each, and below it why it did not hold.
fn rows(verdicts: &[Verdict]) -> String {
    let lines = verdicts.iter().map(|verdict| {
        let time = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), units::duration);
        [
            if verdict.held { "ok" } else { "FAILED" }.to_owned(),
            verdict.name.clone(),
            format!("{}/{}", verdict.succeeded, verdict.attempts),
            time(verdict.p50_ns),
            time(verdict.p99_ns),
        ]
    });
    let columns =
        [("RESULT", false), ("EXPECTATION", false), ("SUCCEEDED", true), ("P50", true), ("P99", true)];
    table::table(columns, lines)
}

pub(super) fn table(lab: &LabName, verdicts: &[Verdict]) -> String {
    let mut text = rows(verdicts);
    text.push('\n');
    let failed: Vec<&Verdict> = verdicts.iter().filter(|verdict| !verdict.held).collect();
    for verdict in &failed {
        text.push_str(&format!("\n{}\n", verdict.name));
        verdict.reasons.iter().for_each(|reason| text.push_str(&format!("  {reason}\n")));
    }
    let all = verdicts.len();
    match failed.len() {
        0 => text.push_str(&format!("\nlab {lab}: all {all} expectations held\n")),
        failed => text.push_str(&format!("\nlab {lab}: {failed} of {all} expectations did not hold\n")),
    }
    text
}

/// In the form that JUnit made customary.
pub(super) fn junit(lab: &LabName, verdicts: &[Verdict]) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let failed = verdicts.iter().filter(|verdict| !verdict.held).count().to_string();
    let total: u64 = verdicts.iter().map(|verdict| verdict.duration_ns).sum();
    writer
        .create_element("testsuite")
        .with_attribute(("name", lab.as_str()))
        .with_attribute(("tests", &*verdicts.len().to_string()))
        .with_attribute(("failures", &*failed))
        .with_attribute(("time", &*seconds(total)))
        .write_inner_content(|writer| verdicts.iter().try_for_each(|verdict| case(writer, lab, verdict)))?;
    let text = String::from_utf8(writer.into_inner()).map_err(io::Error::other)?;
    Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}\n"))
}

fn case(writer: &mut Writer<Vec<u8>>, lab: &LabName, verdict: &Verdict) -> io::Result<()> {
    let element = writer
        .create_element("testcase")
        .with_attribute(("classname", lab.as_str()))
        .with_attribute(("name", &*verdict.name))
        .with_attribute(("time", &*seconds(verdict.duration_ns)));
    if verdict.held {
        return element.write_empty().map(drop);
    }
    let reasons = verdict.reasons.join("; ");
    element
        .write_inner_content(|writer| {
            let failure = writer.create_element("failure").with_attribute(("message", &*reasons));
            failure.write_inner_content(|writer| {
                writer.write_event(Event::Text(BytesText::new(&format!("{}: {reasons}", verdict.traffic))))
            })?;
            Ok(())
        })
        .map(drop)
}

fn seconds(ns: u64) -> String {
    format!("{:.3}", ns as f64 / 1e9)
}
