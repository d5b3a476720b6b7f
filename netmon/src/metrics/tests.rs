//! Reads the rendered text with a parser of its own, and compares it with the snapshot.

mod empty;
mod formats;
mod found;
mod large;
mod quantiles;
mod recorded;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::{self, Write as _},
    ops::ControlFlow,
    process::{Command, Stdio},
    sync::Arc,
};

use netmon_ebpf::histogram::{BUCKETS, bucket_bounds};
use netmon_model::{
    fixtures,
    histogram::Histogram,
    impairment::Impairment,
    snapshot::{AttachMode, HostSnapshot, ImpairmentStats, LatencyParts},
    survey::Namespace,
};
use prometheus::{TextEncoder, proto};

use super::{Buckets, Format, Renderer, names, text::Writer, text_of};

type Labels = BTreeMap<String, String>;

/// A scrape as a client parses it.
#[derive(Default)]
struct Scrape {
    types: BTreeMap<String, String>,
    samples: BTreeMap<(String, Labels), f64>,
}

impl Scrape {
    fn parse(text: &str) -> Self {
        let mut scrape = Self::default();
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let words: Vec<_> = comment.splitn(3, ' ').collect();
                if words[0] == "TYPE" {
                    assert!(scrape.types.insert(words[1].into(), words[2].into()).is_none(), "twice: {line}");
                }
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = match series.split_once('{') {
                Some((name, rest)) => (name, parse_labels(rest.strip_suffix('}').unwrap())),
                None => (series, Labels::new()),
            };
            let value = value.parse().unwrap();
            assert!(scrape.samples.insert((name.into(), labels), value).is_none(), "twice: {line}");
        }
        scrape
    }

    fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let key = (name.to_owned(), labels);
        *self.samples.get(&key).unwrap_or_else(|| panic!("no series {key:?}"))
    }
}

/// Parses `a="x",b="y\"z"` with the format's three escapes.
fn parse_labels(mut rest: &str) -> Labels {
    let mut labels = Labels::new();
    while let Some((name, quoted)) = rest.split_once("=\"") {
        let (mut value, mut chars) = (String::new(), quoted.char_indices());
        let end = loop {
            match chars.next().expect("an open quote") {
                (_, '\\') => match chars.next().unwrap().1 {
                    'n' => value.push('\n'),
                    escaped => value.push(escaped),
                },
                (at, '"') => break at,
                (_, plain) => value.push(plain),
            }
        };
        labels.insert(name.to_owned(), value);
        rest = quoted[end + 1..].trim_start_matches(',');
    }
    labels
}

fn render(snapshot: &netmon_model::snapshot::Snapshot) -> String {
    text_of(&Renderer::default(), snapshot, &[("scrape", 5)])
}

/// Checks the buckets of a histogram against a calculation from the bounds of the kernel's buckets.
fn assert_histogram(scrape: &Scrape, name: &str, labels: &[(&str, &str)], expected: &Histogram) {
    let mut seen = 0;
    for ((series, series_labels), value) in &scrape.samples {
        let same = labels.iter().all(|(k, v)| series_labels.get(*k).is_some_and(|have| have == v));
        if *series != format!("{name}_bucket") || !same {
            continue;
        }
        seen += 1;
        let le = series_labels["le"].replace("+Inf", "inf").parse::<f64>().unwrap();
        let below: u64 = (0..BUCKETS)
            .filter(|&index| {
                index < BUCKETS - 1 && bucket_bounds(index).1 as f64 <= le * 1e9 + 0.5 || le.is_infinite()
            })
            .map(|index| expected.buckets()[index])
            .sum();
        assert_eq!(*value, below as f64, "{name} {series_labels:?}");
    }
    assert_eq!(seen, 54, "{name}: 256 ns to 17 s, and +Inf");
    assert_eq!(scrape.get(&format!("{name}_count"), labels), expected.count as f64);
    assert_eq!(scrape.get(&format!("{name}_sum"), labels), expected.sum_ns as f64 / 1e9);
}

#[test]
fn every_count_of_the_snapshot_has_its_labels() {
    let snapshot = fixtures::direct();
    let scrape = Scrape::parse(&render(&snapshot));
    let link = &snapshot.links[0];
    for end in link.ends() {
        let (namespace, interface) = fixtures::named(end);
        let at =
            [("link", link.name.as_str()), ("netns", namespace.as_str()), ("interface", interface.as_str())];
        assert_eq!(scrape.get("netmon_unstamped_packets_total", &at), end.unstamped_packets as f64);
        assert_eq!(scrape.get("netmon_endpoint_up", &at), 1.0);
        for (direction, hook) in [("ingress", &end.hooks.ingress), ("egress", &end.hooks.egress)] {
            let at = [&at[..], &[("direction", direction)]].concat();
            assert_eq!(scrape.get("netmon_segments_total", &at), hook.segments as f64);
            assert_eq!(scrape.get("netmon_wire_bytes_total", &at), hook.wire_bytes as f64);
            let attached = [&at[1..], &[("mode", "tcx")]].concat();
            assert_eq!(scrape.get("netmon_program_attached", &attached), 1.0);
            assert_eq!(hook.protocols.iter().count(), 7);
            for (protocol, counted) in hook.protocols.iter() {
                let at = [&at[..], &[("protocol", protocol.label())]].concat();
                assert_eq!(scrape.get("netmon_packets_total", &at), counted.packets as f64);
                assert_eq!(scrape.get("netmon_bytes_total", &at), counted.bytes as f64);
            }
        }
        let trips = &end.round_trips;
        assert_histogram(&scrape, "netmon_icmp_rtt_seconds", &at, &trips.icmp);
        assert_histogram(&scrape, "netmon_tcp_handshake_seconds", &at, &trips.tcp_handshake);
        assert_histogram(&scrape, "netmon_tcp_response_seconds", &at, &trips.tcp_response);
    }
    assert_eq!(scrape.get("netmon_parse_exits_total", &[("reason", "ethernet_truncated")]), 3.0);
    assert_eq!(scrape.get("netmon_flow_entries", &[]), 17.0);
    assert_eq!(scrape.get("netmon_udp_flow_entries", &[]), 11.0);
    assert_eq!(scrape.get("netmon_udp_flow_evictions_total", &[]), 7.0);
    assert_eq!(scrape.get("netmon_program_run_seconds_total", &[("program", "netmon_in")]), 2.5);
    assert_eq!(scrape.get("netmon_program_runs_total", &[("program", "netmon_in")]), 12_345.0);
    assert_eq!(scrape.get("netmon_map_memory_bytes", &[("map", "EXITS_BY_REASON")]), 576.0);
    assert_eq!(scrape.get("netmon_map_entries", &[("map", "REQUESTS")]), 3.0);
    assert_eq!(scrape.get("netmon_map_max_entries", &[("map", "REQUESTS")]), 65_536.0);
    assert_eq!(scrape.get("netmon_errors_total", &[("kind", "read")]), 2.0);
    assert_eq!(scrape.get("netmon_errors_total", &[("kind", "scrape")]), 5.0);
    assert_eq!(scrape.get("netmon_lab_info", &[("lab", "direct"), ("file", "built-in")]), 1.0);
    assert_eq!(scrape.get("netmon_lab_applied_timestamp_seconds", &[("lab", "direct")]), 1_799_999_000.25);
}

#[test]
fn a_direction_is_named_from_where_it_leaves_to_where_it_arrives() {
    let snapshot = fixtures::direct();
    let scrape = Scrape::parse(&render(&snapshot));
    let link = &snapshot.links[0];
    for (from, to, direction) in link.directions() {
        let at = [
            ("link", link.name.as_str()),
            ("from", from.namespace.as_str()),
            ("from_interface", from.interface.as_str()),
            ("to", to.namespace.as_str()),
            ("to_interface", to.interface.as_str()),
        ];
        assert_histogram(&scrape, "netmon_link_latency_seconds", &at, direction.latency.as_ref().unwrap());
        let lost = direction.lost_segments.unwrap();
        assert_eq!(scrape.get("netmon_link_lost_packets_total", &at), lost as f64);
    }
}

#[test]
fn only_configured_impairments_have_series_and_in_base_units() {
    let mut snapshot = fixtures::direct();
    let impairment = Impairment {
        delay: "1.5ms".parse().ok(),
        loss: "2.5%".parse().ok(),
        rate: "10mbit".parse().ok(),
        ..Impairment::default()
    };
    snapshot.links[0].b_to_a.impairment =
        Some(ImpairmentStats { impairment, sent_segments: 1, lost_segments: Some(1) });
    let scrape = Scrape::parse(&render(&snapshot));
    let labels = [
        ("link", "root:veth0--direct_netns:veth1"),
        ("from", "direct_netns"),
        ("from_interface", "veth1"),
        ("to", "root"),
        ("to_interface", "veth0"),
    ];
    assert_eq!(scrape.get("netmon_impairment_delay_seconds", &labels), 0.0015);
    assert_eq!(scrape.get("netmon_impairment_loss_ratio", &labels), 0.025);
    assert_eq!(scrape.get("netmon_impairment_rate_bytes_per_second", &labels), 1_250_000.0);
    let exported = scrape.samples.keys().filter(|(name, _)| name.starts_with("netmon_impairment_"));
    assert_eq!(exported.count(), 3);
}

#[test]
fn bounds_are_whole_nanoseconds_without_rounding_noise() {
    let octaves =
        ["0.000000256", "0.000001024", "0.000032768", "0.001048576", "1.073741824", "17.179869184", "+Inf"];
    let halves = ["0.000000384", "0.000000768", "0.001572864", "12.884901888"];
    let half = render(&fixtures::direct());
    let octave = text_of(&Renderer::new(Buckets::Octave), &fixtures::direct(), &[]);
    let has = |text: &str, le: &str| text.contains(&format!("le=\"{le}\"}} "));
    for le in octaves {
        assert!(has(&half, le) && has(&octave, le), "{le}");
    }
    for le in halves {
        assert!(has(&half, le) && !has(&octave, le), "{le}");
    }
}

#[test]
fn a_duration_of_exactly_a_bound_is_counted_above_it() {
    let mut snapshot = fixtures::direct();
    snapshot.links[0].a.round_trips.icmp =
        fixtures::histogram_of([255, 256, 1023, 1024, 1 << 34, u64::MAX >> 8]);
    let scrape = Scrape::parse(&render(&snapshot));
    let link = snapshot.links[0].name.as_str();
    let at_most = |le: &str| {
        let labels = [("link", link), ("netns", "root"), ("interface", "veth0"), ("le", le)];
        scrape.get("netmon_icmp_rtt_seconds_bucket", &labels)
    };
    assert_eq!(at_most("0.000000256"), 1.0);
    assert_eq!(at_most("0.000000512"), 2.0);
    assert_eq!(at_most("0.000001024"), 3.0);
    assert_eq!(at_most("0.000002048"), 4.0);
    assert_eq!(at_most("17.179869184"), 4.0);
    assert_eq!(at_most("+Inf"), 6.0);
}

#[test]
fn a_value_that_is_not_measured_has_no_series_rather_than_a_zero() {
    let mut snapshot = fixtures::direct();
    snapshot.links[0].a_to_b.latency = None;
    snapshot.links[0].a_to_b.lost_segments = None;
    snapshot.links[0].b.as_mut().unwrap().hooks.egress.attached = None;
    snapshot.cost.programs = None;
    let text = render(&snapshot);
    let scrape = Scrape::parse(&text);
    let from_root = |name: &str| {
        scrape.samples.keys().any(|(series, labels)| {
            series.starts_with(name) && labels.get("from").is_some_and(|ns| ns == "root")
        })
    };
    assert!(!from_root("netmon_link_latency_seconds") && !from_root("netmon_link_lost_packets_total"));
    assert!(!text.contains("netmon_program_run"));
    assert!(!text.contains("netmon_tcp_rtt_seconds") && !text.contains("netmon_dns_latency_seconds"));
    let mode = AttachMode::Tcx.as_str();
    let at = [("netns", "direct_netns"), ("interface", "veth1"), ("direction", "egress"), ("mode", mode)];
    assert_eq!(scrape.get("netmon_program_attached", &at), 0.0);
}

#[test]
fn a_lab_file_with_quotes_and_backslashes_survives_the_label() {
    let mut snapshot = fixtures::direct();
    snapshot.labs[0].file = "odd \"name\" \\ in {braces}, and\nlines.toml".to_owned();
    let scrape = Scrape::parse(&render(&snapshot));
    assert_eq!(scrape.get("netmon_lab_info", &[("lab", "direct"), ("file", &snapshot.labs[0].file)]), 1.0);
}

#[test]
fn types_and_labels_in_the_text_are_those_of_the_list_of_names() {
    let mut snapshot = fixtures::direct();
    snapshot.links[0].a.round_trips.tcp_rtt = Some(Histogram::default());
    snapshot.links[0].a.round_trips.dns = Some(Histogram::default());
    let impairment = Impairment {
        delay: "2ms".parse().ok(),
        jitter: "1ms".parse().ok(),
        loss: "1%".parse().ok(),
        rate: "1mbit".parse().ok(),
    };
    snapshot.links[0].a_to_b.impairment =
        Some(ImpairmentStats { impairment, sent_segments: 0, lost_segments: None });
    snapshot.links[0].a_to_b.parts = Some(LatencyParts::default());
    snapshot.links[0].a.unjoined_packets = 1;
    let namespaces =
        vec![Namespace { name: "direct_netns".parse().unwrap(), ..fixtures::survey().namespaces.remove(1) }];
    snapshot.host = Some(Arc::new(HostSnapshot { namespaces, ..HostSnapshot::default() }));
    let scrape = Scrape::parse(&render(&snapshot));
    for metric in names::ALL {
        assert_eq!(
            scrape.types.get(metric.name).map(String::as_str),
            Some(metric.kind.as_str()),
            "{}",
            metric.name
        );
        let expected: BTreeSet<_> = metric.labels.iter().map(|label| (*label).to_owned()).collect();
        let mut found = scrape.samples.keys().filter(|(name, _)| {
            let suffix = name.strip_prefix(metric.name);
            suffix.is_some_and(|suffix| ["", "_sum", "_count"].contains(&suffix))
        });
        assert!(
            found.clone().next().is_some()
                && found.all(|(_, labels)| labels.keys().cloned().collect::<BTreeSet<_>>() == expected),
            "{}",
            metric.name
        );
    }
    let ours = scrape.types.keys().filter(|name| name.starts_with("netmon_")).count();
    assert_eq!(ours, names::ALL.len(), "every exported family is in names::ALL");
    assert!(scrape.types.contains_key("process_resident_memory_bytes"));
}

#[test]
fn the_text_is_byte_for_byte_that_of_the_prometheus_crate() {
    let pairs = |metric: names::Metric, values: &[&str]| {
        let pair = |(name, value): (&&str, &&str)| {
            let mut pair = proto::LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        metric.labels.iter().zip(values).map(pair).collect::<Vec<_>>()
    };
    let family = |metric: names::Metric, kind: proto::MetricType, series: Vec<proto::Metric>| {
        let mut family = proto::MetricFamily::default();
        family.set_name(metric.name.to_owned());
        family.set_help(metric.help.to_owned());
        family.set_field_type(kind);
        family.set_metric(series);
        family
    };
    let odd = "odd \"name\" \\ in\nlines, ünïcödé";
    let help = names::Metric { help: "with \"quotes\", \\ and\nlines", ..names::ERRORS };
    let histogram = fixtures::histogram_of([1, 256, 70_000, 1 << 30, 1 << 40]);

    let mut counted = proto::Metric::from_label(pairs(help, &[odd]));
    let mut counter = proto::Counter::default();
    counter.set_value(12_345_678_901.0);
    counted.set_counter(counter);
    let mut gauge = proto::Gauge::default();
    gauge.set_value(0.000_012_5);
    let mut timed = proto::Metric::from_label(pairs(names::ICMP_RTT, &["l", odd, "veth0"]));
    let mut proto_histogram = proto::Histogram::default();
    let counts = Buckets::Half.cumulative(&histogram);
    let bounds = Buckets::Half.bounds_seconds().zip(counts).map(|(bound, count)| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    });
    proto_histogram.set_bucket(bounds.collect());
    proto_histogram.set_sample_count(histogram.count);
    proto_histogram.set_sample_sum(histogram.sum_ns as f64 / 1e9);
    timed.set_histogram(proto_histogram);
    let theirs = TextEncoder::new().encode_to_string(&[
        family(help, proto::MetricType::COUNTER, vec![counted]),
        family(names::SCRAPE_DURATION, proto::MetricType::GAUGE, vec![proto::Metric::from_gauge(gauge)]),
        family(names::ICMP_RTT, proto::MetricType::HISTOGRAM, vec![timed]),
    ]);

    let mut ours = String::new();
    let mut take = |piece: String| {
        ours += &piece;
        ControlFlow::Continue(())
    };
    let mut writer = Writer::new(Format::Text, Buckets::Half, true, &mut take);
    writer.family(names::TCP_RTT);
    writer.family(help).count([odd], 12_345_678_901);
    writer.family(names::SCRAPE_DURATION).gauge([], 0.000_012_5);
    writer.family(names::ICMP_RTT).histogram(["l", odd, "veth0"], Some(&histogram));
    writer.finish();
    assert_eq!(ours, theirs.unwrap());
}

#[test]
fn promtool_reports_no_problem() {
    let mut snapshot = fixtures::direct();
    snapshot.links[0].a.round_trips.tcp_rtt = Some(Histogram::default());
    snapshot.links[0].a.round_trips.dns = Some(Histogram::default());
    let mut check = Command::new("promtool");
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match check.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            assert!(env::var_os("NETMON_TEST_STRICT").is_none(), "promtool (package prometheus) is missing");
            println!("SKIPPED: promtool (package prometheus) is not installed");
            return;
        }
        Err(error) => panic!("promtool: {error}"),
    };
    child.stdin.take().unwrap().write_all(render(&snapshot).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let output_text = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && output_text.is_empty(), "{}", String::from_utf8_lossy(&output_text));
}
