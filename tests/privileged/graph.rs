//! The graph of a running lab shows traffic on its edges.

use std::time::Duration;

use netmon_tests::{
    agent::Agent,
    commands::{fails, succeeds},
    eventually::eventually,
    lab_files::shipped,
    sandbox::{run, sandbox},
};

fn graph(arguments: &[&str]) -> String {
    succeeds(&[&["graph"], arguments].concat())
}

#[test]
fn a_running_lab_has_rates_after_a_ping_and_another_is_drawn_from_its_file() {
    sandbox(|| {
        // No agent runs: the built-in lab, as its file declares it.
        assert!(graph(&[]).starts_with("lab direct\n"));
        let agent = Agent::start([""; 0]);
        run("ping", &["-q", "-c", "50", "-i", "0.01", "10.200.0.3"]);
        let rate = eventually("a rate", Duration::from_secs(10), || {
            let json: serde_json::Value = serde_json::from_str(&graph(&["-o", "json"])).ok()?;
            json["links"][0]["a_to_b"]["packets_per_second"].as_f64().filter(|rate| *rate > 0.0)
        });
        assert!(rate > 0.0);
        for named in [&[][..], &["direct"][..]] {
            let text = graph(named);
            assert!(text.starts_with("lab direct (running)\n"), "{text}");
            assert!(
                text.contains(" pkt/s, ") && text.contains(if text.is_ascii() { "<- " } else { "← " }),
                "{text}"
            );
        }
        assert!(graph(&["-o", "dot"]).contains(" pkt/s, "));
        assert!(!graph(&[&shipped("direct.toml")]).contains("pkt/s"), "a file is drawn as it is");
        fails(1, &["graph", "elsewhere"]);
        drop(agent);
    });
}

#[test]
fn a_running_lab_is_drawn_with_the_bridges_and_services_of_its_file() {
    sandbox(|| {
        let file = &*shipped("bridge.toml");
        let json = |named: &[&str]| -> serde_json::Value {
            serde_json::from_str(&graph(&[named, &["-o", "json"]].concat())).unwrap_or_default()
        };
        let drawn = json(&[file]);
        let _agent = Agent::start([file]);
        let running = json(&[]);
        assert_eq!(running["namespaces"], drawn["namespaces"]);
        let bridges = |graph: &serde_json::Value| -> Vec<serde_json::Value> {
            let links = graph["links"].as_array().cloned().unwrap_or_default();
            links.iter().flat_map(|link| [link["a"]["bridge"].clone(), link["b"]["bridge"].clone()]).collect()
        };
        assert!(bridges(&drawn).iter().any(serde_json::Value::is_string), "{drawn}");
        assert_eq!(bridges(&running), bridges(&drawn));
    });
}
