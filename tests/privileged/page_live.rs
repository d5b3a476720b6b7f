//! The page of a real agent: what it draws is what the API says, and it follows everything that happens, without being
//! loaded again.

use std::fs;

use netmon_tests::{
    agent::{ADDRESS, Agent},
    browser::{self, Appearance, Browser},
    commands::succeeds,
    curl,
    sandbox::{run, run_in, sandbox},
    skip::skip,
};
use rustix::process::Signal;
use serde_json::{Value, json};

const FILE: &str = "/run/sandbox/seen.toml";
const LAB: &str = r#"
name = "seen"
[[namespace]]
name = "red"
[[link]]
name = "wire"
a = { namespace = "root", interface = "seen0", addresses = ["10.35.0.1/24"] }
b = { namespace = "red", interface = "eth0", addresses = ["10.35.0.2/24"] }
"#;
const MORE: &str = r#"
[[namespace]]
name = "blue"
[[link]]
name = "second"
a = { namespace = "red", interface = "eth1", addresses = ["10.35.1.1/24"] }
b = { namespace = "blue", interface = "eth0", addresses = ["10.35.1.2/24"], impair = { loss = "1%" } }
"#;

fn api(path: &str) -> Value {
    let text = curl::page(&format!("http://{ADDRESS}/api/v1/{path}")).expect("an answer");
    serde_json::from_str(&text).expect("JSON")
}

/// Returns the names of one kind that the picture has, in order.
fn drawn(browser: &mut Browser, kind: &str) -> Value {
    browser.run(&format!(
        "return [...document.querySelectorAll('#picture .{kind}')].map((one) => one.dataset.namespace ?? one.dataset.link).sort()"
    ))
}

/// Returns where boxes stand, by name.
fn places(browser: &mut Browser) -> Value {
    browser.run(
        "return Object.fromEntries([...document.querySelectorAll('.box')].map((box) => [box.dataset.namespace, box.getAttribute('transform')]))",
    )
}

/// Starts a browser on the page of the agent in this sandbox, with a mark that a reload would remove.
fn opened() -> Browser {
    let mut browser = Browser::start(Appearance::WIDE);
    browser.open(&format!("http://{ADDRESS}/"));
    browser.run("window.isStillThere = true");
    browser.eventually("the picture", "return document.querySelectorAll('.box').length > 1");
    browser
}

fn level(link: &str, level: &str) -> String {
    format!("return document.querySelector('.line.level-{level}[data-link={link}]') !== null")
}

#[test]
fn the_picture_and_the_panel_have_what_the_api_has() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        let _agent = Agent::start([FILE]);
        let mut browser = opened();
        let topology = api("topology");
        assert_eq!(drawn(&mut browser, "box"), topology["namespaces"]);
        assert_eq!(drawn(&mut browser, "line"), json!(["wire"]));

        browser.click(".box[data-namespace=red]");
        assert_eq!(browser.text("#panel h2").as_deref(), Some("red"));
        browser.run("location.hash = '#link=wire'");
        browser.eventually(
            "the panel of the link",
            "return document.querySelector('#panel h2')?.textContent === 'wire'",
        );
        run("ping", &["-q", "-c", "50", "-i", "0.01", "10.35.0.2"]);
        let totals = "return ['a_to_b', 'b_to_a'].map((way) => document.querySelector(`#panel [data-figure=total][data-direction=${way}]`).textContent)";
        let expected = || {
            let link = &api("links?link=wire")["links"][0];
            let packets = |end: &str| link[end]["egress"]["packets"].as_u64().expect("a count").to_string();
            json!([packets("a"), packets("b")])
        };
        netmon_tests::eventually::eventually("the same totals", std::time::Duration::from_secs(20), || {
            (browser.run(totals) == expected()).then_some(())
        });
        assert!(expected()[0].as_str().expect("a count").parse::<u64>().expect("a number") >= 50);
        browser.eventually(
            "the round trip taken apart",
            "return document.querySelectorAll('#panel .stack span').length >= 3",
        );
        browser.eventually("charts", "return document.querySelectorAll('#panel .uplot canvas').length >= 2");
        browser.eventually(
            "the audit",
            "return document.querySelector('#panel').textContent.includes('✓ equal')",
        );
        assert_eq!(browser.console(), [""; 0]);
    });
}

#[test]
fn the_page_follows_traffic_an_interface_set_down_and_a_reload() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        let _agent = Agent::start([FILE]);
        let mut browser = opened();

        let mut ping = std::process::Command::new("ping");
        let mut ping =
            ping.args(["-q", "-i", "0.05", "10.35.0.2"]).stdout(std::process::Stdio::null()).spawn().unwrap();
        browser.eventually(
            "movement",
            "return document.querySelector('.line.animated[data-link=wire] .flow.aToB:not(.s0)') !== null",
        );
        browser.eventually(
            "a rate",
            "return /bit\\/s/.test(document.querySelector('.label[data-link=wire] .aToB .rate').textContent)",
        );
        browser.eventually(
            "latency",
            "return /s$/.test(document.querySelector('.label[data-link=wire] .aToB .latency').textContent)",
        );
        ping.kill().unwrap();
        ping.wait().unwrap();
        browser.eventually(
            "an idle link",
            "return document.querySelector('.line.idle[data-link=wire]') !== null",
        );

        run_in("red", "ip", &["link", "set", "eth0", "down"]);
        browser.eventually("a link that is down", &level("wire", "down"));
        assert_eq!(browser.text(".label[data-link=wire] .badge").as_deref(), Some("✕ down"));
        run_in("red", "ip", &["link", "set", "eth0", "up"]);
        browser.eventually("a link that is up again", &level("wire", "ok"));

        let before = places(&mut browser);
        fs::write(FILE, [LAB, MORE].concat()).unwrap();
        succeeds(&["reload", FILE]);
        browser.eventually(
            "the new namespace",
            "return document.querySelector('.box[data-namespace=blue]') !== null",
        );
        let after = places(&mut browser);
        assert_eq!(
            (&after["root"], &after["red"]),
            (&before["root"], &before["red"]),
            "boxes stay where they are"
        );
        browser.eventually("an impaired link", &level("second", "impaired"));
        assert_eq!(browser.console(), [""; 0]);
    });
}

#[test]
fn the_page_comes_back_after_a_restart_of_the_agent_with_another_lab() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        fs::write(FILE, LAB).unwrap();
        let agent = Agent::start([FILE]);
        let mut browser = opened();
        assert_eq!(browser.console(), [""; 0]);
        agent.end(Signal::KILL);
        browser.eventually("a banner", "return !document.querySelector('#banner').hidden");
        let banner = browser.text("#banner").expect("a banner");
        assert!(banner.contains("Not connected since ") && banner.ends_with(", trying again."), "{banner}");
        succeeds(&["down", FILE]);
        let _another = Agent::start([""; 0]);
        browser.eventually(
            "the other lab",
            "return document.querySelector('.box[data-namespace=direct_netns]') !== null",
        );
        assert_eq!(drawn(&mut browser, "box"), json!(["direct_netns", "root"]));
        assert_eq!(browser.text("#banner"), None);
        assert_eq!(browser.run("return window.isStillThere"), json!(true));
        let console = browser.console();
        let other: Vec<_> = console.iter().filter(|line| !line.contains("net::ERR_")).collect();
        assert_eq!(other, [""; 0], "only what the connection says itself");
    });
}
