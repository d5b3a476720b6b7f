//! A real Prometheus in the sandbox of a test, and what its API says.

use std::{fs, process::Command, time::Duration};

use serde_json::Value;

use crate::{
    eventually::eventually,
    running::Running,
    sandbox::{run, run_in},
};

/// Where it listens. Every sandbox has its own loopback.
pub const ADDRESS: &str = "127.0.0.1:9090";
/// Enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// What netmon ships for Prometheus and Grafana.
pub const DASHBOARDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dashboards");

/// A Prometheus; ended when it is dropped.
#[derive(Debug)]
pub struct Prometheus {
    namespace: &'static str,
    _running: Running,
}

/// Why a test with Prometheus cannot run here; `None` if it can.
#[must_use]
pub fn missing() -> Option<&'static str> {
    let runs = Command::new("prometheus").arg("--version").output().is_ok();
    (!runs).then_some("prometheus is not installed")
}

impl Prometheus {
    /// Starts one with a configuration file, in a namespace or in `root`. Must be called in a sandbox.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start(namespace: &'static str, configuration: &str) -> Self {
        let words = [
            "prometheus",
            &format!("--config.file={configuration}"),
            &format!("--web.listen-address={ADDRESS}"),
            &format!("--storage.tsdb.path=/run/sandbox/prometheus-{namespace}"),
        ]
        .map(str::to_owned);
        let inside = ["ip", "netns", "exec", namespace].map(str::to_owned);
        let all: Vec<String> =
            if namespace == "root" { words.to_vec() } else { [&inside[..], &words[..]].concat() };
        let arguments: Vec<&str> = all.iter().skip(1).map(String::as_str).collect();
        let running = Running::start("prometheus", &all[0], &arguments).expect("prometheus starts");
        let prometheus = Self { namespace, _running: running };
        eventually("a ready Prometheus", PATIENCE, || prometheus.is_ready().then_some(()));
        prometheus
    }

    fn is_ready(&self) -> bool {
        let url = format!("http://{ADDRESS}/-/ready");
        let curl = ["curl", "-sf", "-o", "/dev/null", "--max-time", "5", &url];
        let inside: &[&str] =
            if self.namespace == "root" { &[] } else { &["ip", "netns", "exec", self.namespace] };
        let words = [inside, &curl].concat();
        Command::new(words[0]).args(&words[1..]).status().is_ok_and(|status| status.success())
    }

    /// The `data` of an answer of its API, such as `/api/v1/rules`.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    #[must_use]
    pub fn api(&self, path: &str) -> Value {
        let text = run_in(self.namespace, "curl", &["-sS", &format!("http://{ADDRESS}{path}")]);
        data(path, &text)
    }

    /// The series that a query returns now.
    ///
    /// # Panics
    ///
    /// If Prometheus refuses it.
    #[must_use]
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let (argument, url) = (format!("query={expression}"), format!("http://{ADDRESS}/api/v1/query"));
        let text = run_in(self.namespace, "curl", &["-sS", "-G", "--data-urlencode", &argument, &url]);
        data(expression, &text)["result"].as_array().expect("a vector").clone()
    }

    /// The value of a query that returns one series.
    #[must_use]
    pub fn value(&self, expression: &str) -> Option<f64> {
        number(self.query(expression).first()?)
    }
}

fn data(asked: &str, text: &str) -> Value {
    let mut answer: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{asked}: {e}: {text}"));
    assert_eq!(answer["status"], "success", "{asked}: {text}");
    answer["data"].take()
}

/// The value of a series. `None` if it is not a number.
#[must_use]
pub fn number(series: &Value) -> Option<f64> {
    series["value"][1].as_str()?.parse().ok().filter(|value: &f64| !value.is_nan())
}

/// An expression of a dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Its file and its panel or annotation.
    pub place: String,
    /// PromQL, with the variables as Grafana sets them for "All".
    pub expr: String,
}

/// Every expression of every dashboard: of panels, annotations, and variables.
///
/// # Panics
///
/// If a dashboard cannot be read.
#[must_use]
pub fn drawn() -> Vec<Drawn> {
    let files = fs::read_dir(DASHBOARDS).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    files.sort();
    files.iter().flat_map(|path| of_dashboard(&fs::read_to_string(path).expect("a dashboard"))).collect()
}

fn of_dashboard(text: &str) -> Vec<Drawn> {
    let json: Value = serde_json::from_str(text).expect("a dashboard is JSON");
    let list = |pointer: &str| json.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut found = Vec::new();
    let mut add = |name: &Value, expr: &Value| {
        if let Some(expr) = expr.as_str() {
            found.push(Drawn { place: format!("{}: {name}", json["title"]), expr: for_all(expr) });
        }
    };
    for panel in list("/panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            add(&panel["title"], &target["expr"]);
        }
    }
    for annotation in list("/annotations/list") {
        add(&annotation["name"], &annotation["expr"]);
    }
    for variable in list("/templating/list") {
        add(&variable["name"], &counted_by(&variable["query"]["query"]));
    }
    found
}

/// Makes a query of `label_values(SELECTOR, LABEL)`, which only Grafana knows.
fn counted_by(query: &Value) -> Value {
    let inside = query.as_str().and_then(|text| text.strip_prefix("label_values(")?.strip_suffix(')'));
    let parts = inside.and_then(|inside| inside.rsplit_once(", "));
    parts.map_or(Value::Null, |(selector, label)| Value::from(format!("count by ({label}) ({selector})")))
}

/// Sets the variables as Grafana does for "All", and a rate's interval to one that has traffic in it.
fn for_all(expr: &str) -> String {
    let variables = ["job", "lab", "instance", "netns", "link"];
    let expr = expr.replace("$__rate_interval", "1m");
    variables.iter().fold(expr, |expr, name| expr.replace(&format!("\"${name}\""), "\".+\""))
}

/// Divides every duration in PromQL or in a file of rules, so that hours become minutes. Those in names stay.
#[must_use]
pub fn divided(text: &str, by: u64) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length =
            if is_word(first) { rest.find(|c| !is_word(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (word, after) = rest.split_at(length);
        match milliseconds(word) {
            Some(duration) => out.push_str(&format!("{}ms", duration / by)),
            None => out.push_str(word),
        }
        rest = after;
    }
    out
}

/// A duration such as `5m`, in milliseconds. `None` if it is none.
fn milliseconds(word: &str) -> Option<u64> {
    let (number, unit) = word.split_at(word.find(|c: char| !c.is_ascii_digit())?);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(number.parse::<u64>().ok()? * factor)
}

/// Writes a copy of netmon's rules into the sandbox, with every duration divided. Returns the folder.
///
/// # Panics
///
/// If this is no sandbox.
#[must_use]
pub fn divided_rules(by: u64) -> &'static str {
    const FOLDER: &str = "/run/sandbox/rules";
    fs::create_dir_all(FOLDER).expect("a tmpfs");
    for name in ["recording.yaml", "alerts.yaml"] {
        let text = fs::read_to_string(format!("{DASHBOARDS}/rules/{name}")).expect("rules");
        fs::write(format!("{FOLDER}/{name}"), divided(&text, by)).expect("a tmpfs");
    }
    run(
        "promtool",
        &["check", "rules", &format!("{FOLDER}/recording.yaml"), &format!("{FOLDER}/alerts.yaml")],
    );
    FOLDER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_divided_and_numbers_and_names_stay() {
        let text = "rate(a_total[5m]) > 0.001 and b:a:rate5m offset 1h\nfor: 30s # p99_5m 10";
        let expected = "rate(a_total[5000ms]) > 0.001 and b:a:rate5m offset 60000ms\nfor: 500ms # p99_5m 10";
        assert_eq!(divided(text, 60), expected);
    }

    #[test]
    fn variables_are_all_and_a_variable_is_counted_by_its_label() {
        let text = r#"{"title": "T", "panels": [{"title": "P", "targets": [{"expr": "rate(a{link=~\"$link\"}[$__rate_interval])"}]}],
            "templating": {"list": [{"name": "v", "query": {"query": "label_values(b{job=~\"$job\"}, link)"}}]}}"#;
        let found: Vec<_> = of_dashboard(text).into_iter().map(|drawn| drawn.expr).collect();
        assert_eq!(found, ["rate(a{link=~\".+\"}[1m])", "count by (link) (b{job=~\".+\"})"]);
    }
}
