//! The pages for readers show what netmon prints: every command of a page is run, in its order, and prints what the page
//! says below it, or is listed with the reason why it is not. `netmon_tests::documented` describes the marks of the pages.

mod not_run;
mod performed;

use std::{fs, path::PathBuf};

use netmon_tests::documented::{Judged, steps};

use self::not_run::{ALL, NOT_RUN};

fn repository() -> PathBuf {
    fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap()
}

/// A test for each page, and the list of all pages that have one.
macro_rules! pages {
    ($($test:ident: $page:literal),* $(,)?) => {
        const PAGES: &[&str] = &[$($page),*];

        $(
            #[test]
            fn $test() {
                performed::says_what_happens($page);
            }
        )*
    };
}

pages! {
    the_front_page_says_what_happens: "README.md",
    the_page_of_the_dashboards_says_what_happens: "dashboards/README.md",
    the_how_to_says_what_happens: "docs/HOWTO.md",
    the_page_of_the_lab_file_says_what_happens: "docs/LABFILE.md",
    the_page_of_persistence_says_what_happens: "docs/PERSISTENCE.md",
    the_page_of_the_lab_asymmetric_says_what_happens: "docs/labs/asymmetric.md",
    the_page_of_the_lab_bridge_says_what_happens: "docs/labs/bridge.md",
    the_page_of_the_lab_bufferbloat_says_what_happens: "docs/labs/bufferbloat.md",
    the_page_of_the_lab_chain_says_what_happens: "docs/labs/chain.md",
    the_page_of_the_lab_direct_says_what_happens: "docs/labs/direct.md",
    the_page_of_the_lab_dual_stack_says_what_happens: "docs/labs/dual-stack.md",
    the_page_of_the_lab_impaired_says_what_happens: "docs/labs/impaired.md",
    the_page_of_the_lab_lossy_wan_says_what_happens: "docs/labs/lossy-wan.md",
    the_page_of_the_lab_mesh_says_what_happens: "docs/labs/mesh.md",
    the_page_of_the_lab_mtu_says_what_happens: "docs/labs/mtu.md",
    the_page_of_the_lab_router_says_what_happens: "docs/labs/router.md",
    the_page_of_the_lab_star_says_what_happens: "docs/labs/star.md",
    the_tutorial_of_containers_says_what_happens: "docs/tutorials/containers.md",
    the_tutorial_of_the_first_lab_says_what_happens: "docs/tutorials/first-lab.md",
    the_tutorial_of_ci_says_what_happens: "docs/tutorials/loss-in-ci.md",
    the_tutorial_of_the_slow_hop_says_what_happens: "docs/tutorials/slow-hop.md",
}

/// Every page for readers, by its path from the top. Decisions are for developers, and have no commands to try.
fn all_pages() -> Vec<String> {
    let mut pages: Vec<String> =
        ["README.md", "CONTRIBUTING.md", "dashboards/README.md"].map(String::from).into();
    for folder in ["docs", "docs/labs", "docs/tutorials"] {
        for entry in fs::read_dir(repository().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            pages.extend(name.ends_with(".md").then(|| format!("{folder}/{name}")));
        }
    }
    pages
}

#[test]
fn every_command_of_a_page_is_run_or_listed_with_a_reason() {
    let mut stale: Vec<_> = NOT_RUN.iter().collect();
    let mut without_reason = Vec::new();
    for page in all_pages() {
        for step in steps(&fs::read_to_string(repository().join(&page)).unwrap()) {
            let is_listed = |(on, command, _): &(&str, &str, &str)| {
                *on == page && (*command == ALL || step.command.starts_with(command))
            };
            if step.judged != Judged::Not {
                assert!(PAGES.contains(&page.as_str()), "no test runs the commands of {page}");
            } else if NOT_RUN.iter().any(is_listed) {
                stale.retain(|entry| !is_listed(entry));
            } else {
                without_reason.push(format!("{page}:{}: {}", step.line, step.command));
            }
        }
    }
    assert!(without_reason.is_empty(), "mark these with `run` or `try`, or list them: {without_reason:#?}");
    assert!(stale.is_empty(), "no page has these any more, or they are run: {stale:#?}");
}
