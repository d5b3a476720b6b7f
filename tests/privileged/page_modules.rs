//! The modules of the page that draw nothing, tested in the browser that runs them.

use netmon_tests::{
    agent::ADDRESS,
    browser::{self, Appearance, Browser},
    made_up::MadeUp,
    sandbox::sandbox,
    skip::skip,
};
use serde_json::json;

const HARNESS: &str = include_str!("../page/harness.js");
const TESTS: [(&str, &str); 7] = [
    ("format", include_str!("../page/format.js")),
    ("state", include_str!("../page/state.js")),
    ("model", include_str!("../page/model.js")),
    ("history", include_str!("../page/history.js")),
    ("layout", include_str!("../page/layout.js")),
    ("trace", include_str!("../page/trace.js")),
    ("parts", include_str!("../page/parts.js")),
];

#[test]
fn the_modules_of_the_page_do_what_their_tests_say() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        let _lab = MadeUp::star(1);
        let mut browser = Browser::start(Appearance::WIDE);
        browser.open(&format!("http://{ADDRESS}/"));
        for (name, test) in TESTS {
            let failures = browser.run_async(&format!("{HARNESS}\n{test}\nreturn failures;"));
            assert_eq!(failures, json!([]), "{name}");
        }
    });
}
