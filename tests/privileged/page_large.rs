//! The page with many namespaces: what it costs, and how they stay within reach.

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

#[test]
fn five_hundred_namespaces_cost_less_than_50_ms_of_script_a_second() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        let _lab = MadeUp::star(500);
        let mut browser = Browser::start(Appearance::WIDE);
        browser.open(&format!("http://{ADDRESS}/"));
        browser.devtools("Performance.enable", &json!({}));
        browser.eventually("figures", "return document.querySelectorAll('.line.animated').length > 0");
        let before = script_ms(&mut browser);
        browser.run_async(&format!("await new Promise((done) => setTimeout(done, {}));", SECONDS * 1000.0));
        let per_second = (script_ms(&mut browser) - before) / SECONDS;
        println!("{per_second:.1} ms of script a second");
        assert!(per_second < MOST_SCRIPT_MS, "{per_second:.1} ms");
        let animated = browser.run("return document.querySelectorAll('.line.animated').length");
        assert!(animated.as_u64().expect("a number") <= 100, "{animated}");
        assert_eq!(browser.console(), [""; 0]);
    });
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
