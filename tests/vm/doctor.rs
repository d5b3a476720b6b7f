//! What a kernel has and has not is told plainly.
#![expect(clippy::expect_used, reason = "helpers of tests, which may")]

use netmon_tests::{
    agent::netmon_says,
    sandbox::{run, sandbox},
};
use serde_json::Value;

use crate::kernel;

fn finding<'d>(diagnosis: &'d Value, what: &str) -> &'d Value {
    let all = diagnosis["findings"].as_array().expect("a list");
    all.iter().find(|finding| finding["what"] == what).unwrap_or_else(|| panic!("no {what} in {diagnosis}"))
}

#[test]
fn doctor_says_what_is_there_and_what_netmon_does_without_the_rest() {
    let has_tcx = kernel::this().mode == "tcx";
    sandbox(|| {
        let all: Value = serde_json::from_str(&run(
            netmon_tests::binary::netmon().to_str().expect("a path"),
            &["doctor", "-o", "json"],
        ))
        .expect("JSON");
        println!("{all:#}");
        assert_eq!(all["can_run"], true);
        let there = ["eBPF programs", "packet stamps", "kernel drops", "clsact", "tbf", "netem"];
        for what in there.into_iter().chain(["kernel types (BTF)", "namespace cookies"]) {
            assert_eq!(finding(&all, what)["status"], "ok", "{what}");
        }
        let tcx = finding(&all, "TCX");
        if has_tcx {
            assert_eq!(tcx["status"], "ok");
        } else {
            assert_eq!(tcx["status"], "note");
            assert!(tcx["found"].as_str().is_some_and(|found| found.contains("6.6")), "{tcx}");
            assert!(tcx["advice"].as_str().is_some_and(|advice| advice.contains("clsact")), "{tcx}");
        }
    });
}

#[test]
fn who_asks_for_tcx_where_there_is_none_is_told_what_to_do() {
    if kernel::this().mode == "tcx" {
        // This kernel has it; that it is used is another test.
        return;
    }
    sandbox(|| {
        let (code, said) = netmon_says(&["run", "--attach", "tcx"]);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains("6.6") && said.contains("clsact"), "{said}");
        assert!(!std::path::Path::new("/run/netns/direct_netns").exists(), "and nothing of the lab stays");
    });
}
