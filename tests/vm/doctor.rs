//! The features that a kernel has and lacks are reported clearly.

use netmon_tests::{
    commands::fails,
    doctor::{diagnosis, finding},
    sandbox::sandbox,
};

use crate::kernel;

#[test]
fn doctor_lists_kernel_features_and_what_netmon_does_without_them() {
    let has_tcx = kernel::this().mode == "tcx";
    sandbox(|| {
        let (code, all) = diagnosis(&[]);
        println!("{all:#}");
        assert_eq!(code, 0);
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
fn tcx_on_a_kernel_without_it_is_refused_with_advice() {
    if kernel::this().mode == "tcx" {
        // This kernel has it. Another test shows that it is used.
        return;
    }
    sandbox(|| {
        let said = fails(3, &["run", "--attach", "tcx"]);
        assert!(said.contains("6.6") && said.contains("clsact"), "{said}");
        assert!(!std::path::Path::new("/run/netns/direct_netns").exists(), "nothing of the lab is left");
    });
}
