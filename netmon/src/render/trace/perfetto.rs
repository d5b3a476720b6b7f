//! A trace as trace events, which ui.perfetto.dev and chrome://tracing open: a track for each link and each namespace, and
//! a slice for each rung of each run.

use std::collections::BTreeMap;

use netmon_model::trace::{Run, Rung, Trace, What};
use serde::Serialize;
use serde_json::{Value, json};

/// The only process: the format requires one.
const PROCESS: u32 = 1;

/// A file of trace events.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    trace_events: Vec<Value>,
    display_time_unit: &'static str,
}

/// Returns the trace as JSON.
///
/// # Errors
///
/// Fails if it cannot be encoded, which no trace causes.
pub fn json(trace: &Trace) -> serde_json::Result<String> {
    let mut tracks = Tracks::default();
    let mut slices = Vec::new();
    for (number, run) in trace.runs.iter().enumerate() {
        slices.extend(asking(&mut tracks, trace, (number, run)));
        slices.extend(rungs(&mut tracks, trace, (number, run)));
    }
    let trace_events = tracks.names(trace).into_iter().chain(slices).collect();
    Ok(serde_json::to_string_pretty(&File { trace_events, display_time_unit: "ns" })? + "\n")
}

/// The numbers of the tracks, in the order in which they were needed.
#[derive(Default)]
struct Tracks(BTreeMap<String, usize>);

impl Tracks {
    fn number(&mut self, name: String) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(name).or_insert(next)
    }

    fn names(&self, trace: &Trace) -> Vec<Value> {
        let process = format!("netmon trace {} {}", trace.from.namespace, trace.to.asked);
        let name = |kind: &str, track: usize, name: &str| json!({"ph": "M", "pid": PROCESS, "tid": track, "name": kind, "args": {"name": name}});
        let mut names = vec![name("process_name", 0, &process)];
        names.extend(self.0.iter().map(|(text, track)| name("thread_name", *track, text)));
        names.extend(self.0.values().map(|track| {
            json!({"ph": "M", "pid": PROCESS, "tid": track, "name": "thread_sort_index",
                   "args": {"sort_index": track}})
        }));
        names
    }
}

/// The slice of the asking program.
fn asking(tracks: &mut Tracks, trace: &Trace, (number, run): (usize, &Run)) -> Option<Value> {
    let track = tracks.number(format!("asking program in {}", trace.from.namespace));
    Some(slice(track, &format!("run {number}"), run.started_ns, run.asking_ns?))
}

fn rungs(tracks: &mut Tracks, trace: &Trace, (number, run): (usize, &Run)) -> Vec<Value> {
    let (Some(took), Some(before)) = (&run.took_ns, run.before_ns) else { return Vec::new() };
    let mut at = run.started_ns + before;
    let mut slices = Vec::new();
    for (rung, took) in trace.rungs.iter().zip(took) {
        let track = tracks.number(track_of(rung));
        slices.push(slice(track, &format!("{} of run {number}", rung.leg.as_str()), at, *took));
        at += took;
    }
    slices
}

fn track_of(rung: &Rung) -> String {
    match rung.what {
        What::Link => format!("link {}", rung.name),
        What::Unseen => format!("not seen: {}", rung.name),
        What::Namespace | What::Application | What::Asking => format!("namespace {}", rung.name),
    }
}

/// A slice, whose times are in microseconds.
fn slice(track: usize, name: &str, start_ns: u64, took_ns: u64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "exact for months")]
    let micros = |ns: u64| ns as f64 / 1e3;
    json!({"ph": "X", "pid": PROCESS, "tid": track, "name": name, "ts": micros(start_ns), "dur": micros(took_ns)})
}
