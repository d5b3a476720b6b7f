//! One figure, wherever it is shown: known traffic in `/metrics`, in `/api/v1`, on the page, in `top` and in `status`.

use std::{fs, time::Duration};

use netmon_tests::{
    agent::{ADDRESS, Agent, scrape},
    browser::{self, Appearance, Browser},
    commands::printed,
    curl,
    eventually::eventually,
    interface::await_carrier,
    sandbox::{run, sandbox},
    skip::skip,
    tmux::Tmux,
};
use serde_json::Value;

/// Enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const FILE: &str = "/run/sandbox/same.toml";
/// Without IPv6, and with fixed neighbours: nothing but the test's packets passes the link.
const LAB: &str = r#"
name = "same"
[[namespace]]
name = "red"
sysctls = { "net.ipv6.conf.default.disable_ipv6" = "1" }
[[link]]
name = "wire"
a = { namespace = "root", interface = "same0", addresses = ["10.38.0.1/24"], mac = "02:00:00:00:38:01" }
b = { namespace = "red", interface = "eth0", addresses = ["10.38.0.2/24"], mac = "02:00:00:00:38:02" }
"#;
/// Requests that are answered, and more that are not.
const ANSWERED: u64 = 1_240;
const UNANSWERED: u64 = 95;
/// The Ethernet and IP headers, the header of an echo, and what `ping -s 1000` carries.
const FRAME: u64 = 14 + 20 + 8 + 1000;

/// What one view shows: the packets from `a` to `b`, and from `b` to `a`.
type Both = [u64; 2];

const SENT: Both = [ANSWERED + UNANSWERED, ANSWERED];

/// Sends exactly [`SENT`].
fn send() {
    run("ip", &["neigh", "replace", "10.38.0.2", "lladdr", "02:00:00:00:38:02", "dev", "same0"]);
    run("ip", &["-n", "red", "neigh", "replace", "10.38.0.1", "lladdr", "02:00:00:00:38:01", "dev", "eth0"]);
    let ping = |count: u64| {
        let count = count.to_string();
        let mut ping = std::process::Command::new("ping");
        ping.args(["-q", "-s", "1000", "-W", "1", "-i", "0.001", "-c", &count, "10.38.0.2"]).status()
    };
    assert!(ping(ANSWERED).is_ok_and(|status| status.success()));
    run("ip", &["netns", "exec", "red", "sysctl", "-q", "net.ipv4.icmp_echo_ignore_all=1"]);
    assert!(ping(UNANSWERED).is_ok_and(|status| status.code() == Some(1)), "not one is answered");
}

fn in_metrics(name: &str) -> Both {
    let metrics = scrape();
    [("root", "same0"), ("red", "eth0")].map(|(namespace, interface)| {
        let labels = [("netns", namespace), ("interface", interface), ("direction", "egress")];
        format!("{:.0}", metrics.sum(name, &labels)).parse().expect("a whole number")
    })
}

fn in_api(field: &str) -> Both {
    let text = curl::page(&format!("http://{ADDRESS}/api/v1/links?link=wire")).expect("an answer");
    let links: Value = serde_json::from_str(&text).expect("JSON");
    ["a", "b"].map(|end| links["links"][0][end]["egress"][field].as_u64().expect("a count"))
}

/// A number as people read it: `1,335`.
fn number(text: &str) -> Option<u64> {
    text.replace(',', "").parse().ok()
}

/// The third and fourth word of the line of each direction: packets and bytes.
fn in_status() -> [(u64, String); 2] {
    let table = printed(&["status", "same"]);
    ["root:same0", "red:eth0"].map(|from| {
        let line = table.lines().find(|line| line.starts_with(from)).expect("a line of the direction");
        let words: Vec<&str> = line.split_whitespace().collect();
        (number(words[2]).expect("a count"), words[3..5].join(" "))
    })
}

fn in_top(screen: &str) -> Option<Both> {
    let line = screen.lines().find(|line| line.trim_start().starts_with("sent"))?;
    let counts: Vec<u64> = line.split_whitespace().filter_map(number).collect();
    counts.try_into().ok()
}

fn on_page(browser: &mut Browser) -> Option<Both> {
    let shown = browser.run(
        "return ['a_to_b', 'b_to_a'].map((way) => \
         document.querySelector(`#panel [data-figure=total][data-direction=${way}]`)?.textContent)",
    );
    let counts = shown.as_array()?.iter().filter_map(|count| number(count.as_str()?));
    counts.collect::<Vec<_>>().try_into().ok()
}

fn page_of_the_link() -> Browser {
    let mut browser = Browser::start(Appearance::WIDE);
    browser.open(&format!("http://{ADDRESS}/#link=wire"));
    browser.eventually(
        "the panel of the link",
        "return document.querySelector('#panel h2')?.textContent === 'wire'",
    );
    browser
}

#[test]
fn every_view_shows_the_packets_that_were_sent_in_both_directions() {
    if let Some(reason) = browser::missing() {
        return skip(reason);
    }
    sandbox(|| {
        run("sysctl", &["-q", "net.ipv6.conf.default.disable_ipv6=1"]);
        fs::write(FILE, LAB).expect("a lab file");
        let _agent = Agent::start([FILE]);
        await_carrier("root", "same0");
        await_carrier("red", "eth0");
        let mut browser = page_of_the_link();
        let terminal = Tmux::start("same", (100, 30), "LC_ALL=C.UTF-8", "top");
        terminal.await_text("wire");
        terminal.keys(&["Enter"]);
        send();

        let bytes = SENT.map(|packets| packets * FRAME);
        assert_eq!((in_metrics("netmon_packets_total"), in_metrics("netmon_bytes_total")), (SENT, bytes));
        assert_eq!((in_api("packets"), in_api("bytes")), (SENT, bytes));
        let [(from_a, bytes_a), (from_b, bytes_b)] = in_status();
        assert_eq!([from_a, from_b], SENT);
        assert_eq!([bytes_a.as_str(), bytes_b.as_str()], ["1.39 MB", "1.29 MB"], "of {bytes:?}");
        // Both follow the stream, which says a second's packets once the second is over.
        eventually("the packets in top", PATIENCE, || (in_top(&terminal.screen())? == SENT).then_some(()));
        eventually("the packets on the page", PATIENCE, || (on_page(&mut browser)? == SENT).then_some(()));
        terminal.keys(&["q"]);
        assert_eq!(browser.console(), [""; 0]);
    });
}
