//! Text and OpenMetrics side by side.

use std::{io::Write as _, ops::ControlFlow};

use flate2::{Compression, write::GzEncoder};
use netmon_model::{fixtures, histogram::Histogram, snapshot::Snapshot};
use prometheus::{Encoder as _, TextEncoder, core::Collector as _, process_collector::ProcessCollector};

use super::{
    super::{MAX_LINKS_WITH_EMPTY_BUCKETS, process, text_in},
    Buckets, Format, Renderer, Scrape, names, text_of,
};
use crate::metrics::{names::MetricKind, text::Writer};

/// Every family has a series.
fn snapshot() -> Snapshot {
    let mut snapshot = fixtures::direct();
    snapshot.links[0].a.round_trips.tcp_rtt = Some(Histogram::default());
    snapshot.links[0].a.round_trips.dns = Some(fixtures::histogram_of([70_000]));
    snapshot.labs[0].file = "odd \"name\" \\ in {braces}, and\nlines.toml".to_owned();
    snapshot
}

fn openmetrics(snapshot: &Snapshot) -> String {
    text_in(Format::OpenMetrics, &Renderer::default(), snapshot, &[("scrape", 5)])
}

/// Returns the samples that do not depend on the moment.
fn constant(scrape: Scrape) -> Vec<((String, super::Labels), f64)> {
    let varies = |name: &str| name.starts_with("process_") || name == names::SCRAPE_DURATION.name;
    scrape.samples.into_iter().filter(|((name, _), _)| !varies(name)).collect()
}

#[test]
fn both_formats_have_the_same_series_with_the_same_values() {
    let snapshot = snapshot();
    let text = Scrape::parse(&text_of(&Renderer::default(), &snapshot, &[("scrape", 5)]));
    let whole = openmetrics(&snapshot);
    let other = Scrape::parse(whole.strip_suffix("# EOF\n").expect("the last line"));
    let names = |scrape: &Scrape| scrape.samples.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&text), names(&other));
    let series = |(name, kind): (&String, &String)| {
        let suffix = if kind == "counter" { "_total" } else { "" };
        (format!("{name}{suffix}"), kind.clone())
    };
    assert_eq!(text.types, other.types.iter().map(series).collect());
    assert_eq!(constant(text), constant(other));
}

#[test]
fn openmetrics_announces_counters_without_total_escapes_quotes_in_help_and_ends_with_eof() {
    let mut text = String::new();
    let mut take = |piece: String| {
        text += &piece;
        ControlFlow::Continue(())
    };
    let mut writer = Writer::new(Format::OpenMetrics, Buckets::Octave, true, &mut take);
    let help = names::Metric { help: "with \"quotes\", \\ and\nlines", ..names::ERRORS };
    writer.family(help).count(["a\"b"], 3);
    writer.single("process_cpu_seconds_total", "CPU.", MetricKind::Counter, 1.5);
    writer.finish();
    assert_eq!(
        text,
        "# HELP netmon_errors with \\\"quotes\\\", \\\\ and\\nlines\n# TYPE netmon_errors counter\n\
         netmon_errors_total{kind=\"a\\\"b\"} 3\n# HELP process_cpu_seconds CPU.\n\
         # TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total 1.5\n# EOF\n"
    );
}

#[test]
fn a_large_lab_is_exported_as_text_because_its_empty_histograms_have_no_buckets() {
    let format =
        |links: usize| Format::OpenMetrics.for_snapshot(&fixtures::star(u32::try_from(links).unwrap()));
    assert_eq!(format(MAX_LINKS_WITH_EMPTY_BUCKETS), Format::OpenMetrics);
    assert_eq!(format(MAX_LINKS_WITH_EMPTY_BUCKETS + 1), Format::Text);
}

#[test]
fn the_metrics_of_the_process_are_written_as_the_prometheus_crate_does() {
    let families = ProcessCollector::for_self().collect();
    let mut theirs = Vec::new();
    TextEncoder::new().encode(&families, &mut theirs).unwrap();
    let mut ours = String::new();
    let mut take = |piece: String| {
        ours += &piece;
        ControlFlow::Continue(())
    };
    let mut writer = Writer::new(Format::Text, Buckets::Half, true, &mut take);
    process::write(&families, &mut writer);
    writer.finish();
    assert_eq!(ours, String::from_utf8(theirs).unwrap());
    assert!(ours.contains("process_resident_memory_bytes "), "{ours}");
}

/// Returns a lab in which every histogram has observations.
fn busy(links: u32) -> Snapshot {
    let mut snapshot = fixtures::star(links);
    let trip = || fixtures::histogram_of([70_000, 90_000, 1_000_000]);
    for link in &mut snapshot.links {
        for end in [Some(&mut link.a), link.b.as_mut()].into_iter().flatten() {
            let trips = &mut end.round_trips;
            (trips.icmp, trips.tcp_handshake, trips.tcp_response) = (trip(), trip(), trip());
            (trips.tcp_rtt, trips.dns) = (Some(trip()), Some(trip()));
        }
        (link.a_to_b.latency, link.b_to_a.latency) = (Some(trip()), Some(trip()));
    }
    snapshot
}

/// The table of `docs/adr/0026-bytes-buckets-and-formats.md`: `cargo test -p netmon --lib half_octaves_cost -- --nocapture`
/// prints a row.
#[test]
fn half_octaves_cost_less_than_twice_the_octaves_and_gzip_takes_nine_tenths_away() {
    let [half, octaves] = [Buckets::Half, Buckets::Octave].map(|buckets| {
        let text = text_of(&Renderer::new(buckets), &busy(100), &[]);
        let mut compressed = GzEncoder::new(Vec::new(), Compression::fast());
        compressed.write_all(text.as_bytes()).unwrap();
        let (lines, bytes, gzip) = (text.lines().count(), text.len(), compressed.finish().unwrap().len());
        println!("100 links, {buckets:?}: {lines} lines, {bytes} bytes, {gzip} with gzip");
        assert!(gzip * 10 < bytes, "{gzip} of {bytes} bytes");
        bytes
    });
    assert!(octaves < half && half < 2 * octaves, "{half} and {octaves} bytes");
}
