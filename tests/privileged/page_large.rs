//! The page with many namespaces: what it costs, and how they stay within reach.

use netmon_model::{fixtures, snapshot::Snapshot};
use netmon_tests::{
    agent::ADDRESS,
    browser::{self, Appearance, Browser},
    made_up::MadeUp,
    sandbox::sandbox,
    skip::skip,
};
use serde_json::json;

/// Milliseconds of script a second.
const MOST_SCRIPT_MS: f64 = 50.0;
const SECONDS: f64 = 10.0;

/// How long scripts ran so far.
fn script_ms(browser: &mut Browser) -> f64 {
    let answer = browser.devtools("Performance.getMetrics", &json!({}));
    let metrics = answer["metrics"].as_array().expect("metrics");
    let found = metrics.iter().find(|metric| metric["name"] == "ScriptDuration");
    found.and_then(|metric| metric["value"].as_f64()).expect("a metric") * 1000.0
}

/// Returns a tree in which every namespace has up to eight below it, so that none folds.
fn tree(namespaces: u32) -> Snapshot {
    let mut lab = fixtures::star(namespaces);
    for index in 8..lab.links.len() {
        lab.links[index].a.namespace = format!("netns{}", index / 8 - 1).parse().unwrap();
    }
    lab
}

/// Checks what the page does with each second of a large lab, and how many of its lines move.
fn costs_little(lab: Snapshot, lines: u64) {
    sandbox(|| {
        let _lab = MadeUp::of(lab);
        let mut browser = Browser::start(Appearance::WIDE);
        browser.open(&format!("http://{ADDRESS}/"));
        browser.devtools("Performance.enable", &json!({}));
        browser.eventually("figures", "return document.querySelectorAll('.line.animated').length > 0");
        let before = script_ms(&mut browser);
        browser.run_async(&format!("await new Promise((done) => setTimeout(done, {}));", SECONDS * 1000.0));
        let per_second = (script_ms(&mut browser) - before) / SECONDS;
        println!("{lines} lines: {per_second:.1} ms of script a second");
        assert!(per_second < MOST_SCRIPT_MS, "{per_second:.1} ms");
        let mut count = |what: &str| {
            browser
                .run(&format!("return document.querySelectorAll('{what}').length"))
                .as_u64()
                .expect("a number")
        };
        assert_eq!(count(".line"), lines);
        assert!(count(".line.animated") <= 100);
        assert_eq!(browser.console(), [""; 0]);
    });
}

#[test]
fn a_star_of_500_namespaces_costs_less_than_50_ms_of_script_a_second() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    // 24 leaves, and the fold.
    costs_little(fixtures::star(500), 25);
}

#[test]
fn a_tree_of_500_namespaces_costs_less_than_50_ms_of_script_a_second() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    costs_little(tree(500), 500);
}

#[test]
fn what_is_folded_is_found_by_search_and_pulled_out() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        let _lab = MadeUp::star(500);
        let mut browser = Browser::start(Appearance::WIDE);
        browser.open(&format!("http://{ADDRESS}/"));
        browser.eventually("a fold", "return document.querySelector('[data-fold=\"fold:root\"]') !== null");
        let before = browser.run(
            "return [...document.querySelectorAll('.box[data-namespace]')].map((box) => box.getAttribute('transform')).join()",
        );
        browser.press("/");
        browser.press("netns498\u{e007}");
        browser.eventually(
            "the namespace",
            "return document.querySelector('.box.selected[data-namespace=netns498]') !== null",
        );
        let after = browser.run(
            "return [...document.querySelectorAll('.box[data-namespace]:not([data-namespace=netns498])')].map((box) => box.getAttribute('transform')).join()",
        );
        assert_eq!(before, after, "no other box moved");
        assert_eq!(browser.text("#panel h2").as_deref(), Some("netns498"));
    });
}
