//! A trace on the page of a real agent: what the panel and the picture show is the trace that `netmon trace` took.

use netmon_model::trace::{Trace, What};
use netmon_tests::{
    agent::{ADDRESS, Agent},
    browser::{self, Appearance, Browser},
    direct::LINK,
    sandbox::sandbox,
    skip::skip,
    traced::arrives,
};
use serde_json::json;

/// The text of a cell, by row and column, of the ladder.
const LADDER: &str = "return [...document.querySelectorAll('#panel table[aria-label=\"Rungs of the trace\"] tbody tr')]\
    .map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent))";

/// Formats a duration as the page does.
fn as_on_page(browser: &mut Browser, ns: u64) -> String {
    let script = format!("return (await import('/page/format.js')).duration({ns});");
    browser.run_async(&script).as_str().expect("a text").to_owned()
}

/// What the rows of the ladder should say: the arrow with the name, and what the rung took.
fn expected(browser: &mut Browser, trace: &Trace) -> Vec<[String; 2]> {
    let name = |what: What, name: &str| match what {
        What::Link => format!("link {name}"),
        What::Namespace => format!("inside {name}"),
        What::Application => format!("application in {name}"),
        What::Asking => format!("asking program in {name}"),
        What::Unseen => format!("not seen: {name}"),
    };
    let row = |rung: &netmon_model::trace::Rung| {
        let arrow = if rung.back { "←" } else { "→" };
        [format!("{arrow} {}", name(rung.what, &rung.name)), as_on_page(browser, rung.took_ns)]
    };
    trace.rungs.iter().map(row).collect()
}

#[test]
fn the_page_shows_the_ladder_of_a_real_trace_and_marks_its_way() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let mut browser = Browser::start(Appearance::WIDE);
        browser.open(&format!("http://{ADDRESS}/"));
        browser.eventually("the picture", "return document.querySelectorAll('.box').length > 1");
        let trace = arrives(&["root", "direct_netns", "-c", "3"]);
        browser.eventually("the offer", "return !document.querySelector('#trace-offer').hidden");
        assert_eq!(browser.text("#trace-offer").as_deref(), Some("Trace root → direct_netns"));
        browser.click("#trace-offer");
        browser.eventually("the ladder", "return document.querySelectorAll('#panel tbody tr').length > 0");

        let rows = browser.run(LADDER);
        let shown: Vec<[String; 2]> = rows
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| [0, 3].map(|column: usize| row[column].as_str().expect("a text").to_owned()))
            .collect();
        assert_eq!(shown, expected(&mut browser, &trace));
        let note = browser.run("return document.querySelector('#panel').textContent");
        let note = note.as_str().expect("a text");
        for sentence in &trace.sentences {
            assert!(note.contains(sentence.as_str()), "{sentence:?} is not in {note:?}");
        }
        assert!(note.contains("3 of 3 arrived"), "{note}");

        let over_the_link: Vec<_> = trace.rungs.iter().filter(|rung| rung.what == What::Link).collect();
        assert_eq!(over_the_link.len(), 2, "there and back");
        let words = browser
            .run(&format!("return document.querySelector('.label[data-link=\"{LINK}\"]').textContent"));
        for rung in over_the_link {
            let took = as_on_page(&mut browser, rung.took_ns);
            assert!(words.as_str().is_some_and(|words| words.contains(&took)), "{took} is not in {words}");
        }
        assert_eq!(
            browser.run("return document.querySelector('.has-trace') !== null"),
            json!(true),
            "the picture has a trace"
        );
        assert_eq!(browser.console(), [""; 0]);
    });
}
