//! `/api/v1/stream`: its figures are those of `/api/v1/links` and `/metrics`, and it tells what changes.

use std::time::{Duration, Instant};

use netmon::api::{DirectionWindow, EndWindow, Event, Topology, Window};
use netmon_model::names::Side;
use netmon_tests::{
    agent::{Agent, scrape},
    direct::{ROOT, await_carriers, link_status},
    followed::Followed,
    sandbox::{run, sandbox},
};
use rustix::process::Signal;

const PATIENCE: Duration = Duration::from_secs(30);

fn topology(followed: &mut Followed) -> Box<Topology> {
    match followed.event() {
        Some(Event::Topology(topology)) => topology,
        other => panic!("{other:?} instead of the topology"),
    }
}

fn rates(followed: &mut Followed) -> Window {
    loop {
        match followed.event() {
            Some(Event::Rates(window)) => return window,
            Some(Event::Topology(_) | Event::History(_)) => {}
            other => panic!("{other:?} instead of rates"),
        }
    }
}

fn from_root(window: &Window) -> &DirectionWindow {
    window.links[0].as_ref().unwrap().direction_from(Side::A).unwrap()
}

fn at_root(window: &Window) -> &EndWindow {
    window.links[0].as_ref().unwrap().end(Side::A).unwrap()
}

/// Returns how many packets left root, and how many segments of them were lost, as the three outputs say.
fn totals(window: &Window) -> [[u64; 2]; 3] {
    let stream = from_root(window);
    let links = link_status();
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    let metrics = scrape();
    let egress = [ROOT.as_slice(), &[("direction", "egress")]].concat();
    let counted = |name, labels: &[(&str, &str)]| metrics.sum(name, labels).round() as u64;
    [
        [stream.packets_total.unwrap(), stream.lost_total.unwrap()],
        [number(&links["a"]["egress"]["packets"]), number(&links["a_to_b"]["lost_segments"])],
        [
            counted("netmon_packets_total", &egress),
            counted("netmon_link_lost_packets_total", &[("from", "root")]),
        ],
    ]
}

#[test]
fn twenty_pings_are_the_same_in_the_stream_in_links_and_in_metrics() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        await_carriers();
        let mut followed = Followed::start(false);
        topology(&mut followed);
        let first = rates(&mut followed);
        run("ping", &["-c", "20", "-i", "0.02", "10.200.0.3"]);
        let mut windows = Vec::new();
        let began = Instant::now();
        loop {
            windows.push(rates(&mut followed));
            let [stream, links, metrics] = totals(&windows[windows.len() - 1]);
            // A packet of the kernel's own may pass between two of the three readings.
            if stream == links && links == metrics && windows.len() > 1 {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{stream:?} {links:?} {metrics:?}");
        }
        let sum = |number: fn(&Window) -> u64| windows.iter().map(number).sum::<u64>();
        let last = &windows[windows.len() - 1];
        let packets = from_root(last).packets_total.unwrap() - from_root(&first).packets_total.unwrap();
        assert_eq!(sum(|window| from_root(window).packets), packets);
        assert!(packets >= 20, "{packets}");
        assert_eq!(sum(|window| at_root(window).icmp_count), 20);
        assert!(sum(|window| from_root(window).latency_count.unwrap()) >= 20);
        // An echo request of ping's is 98 bytes with its link-layer header.
        assert!(sum(|window| from_root(window).wire_bytes) >= 20 * 98);
        assert_eq!(sum(|window| from_root(window).arrived_packets), packets);

        let mut late = Followed::start(true);
        topology(&mut late);
        let mut echoes = 0;
        while let Some(Event::History(window)) = late.event() {
            echoes += at_root(&window).icmp_count;
        }
        assert_eq!(echoes, 20, "the history has them too");
    });
}

#[test]
fn an_interface_that_is_set_down_and_the_end_of_the_agent_are_told() {
    sandbox(|| {
        let agent = Agent::start([""; 0]);
        let mut followed = Followed::start(false);
        let before = topology(&mut followed);
        assert!(before.links[0].a.up);
        run("ip", &["link", "set", "veth0", "down"]);
        let began = Instant::now();
        let after = loop {
            assert!(began.elapsed() < PATIENCE, "a topology in which the interface is down");
            if let Some(Event::Topology(topology)) = followed.event()
                && !topology.links[0].a.up
            {
                break topology;
            }
        };
        assert!(after.generation > before.generation && after.agent == before.agent);
        let (status, duration) = agent.end(Signal::TERM);
        assert!(status.success() && duration < Duration::from_secs(20), "{status} after {duration:?}");
        let farewell = loop {
            match followed.event() {
                Some(Event::Bye(bye)) => break bye,
                Some(_) => {}
                None => panic!("no farewell"),
            }
        };
        assert_eq!(farewell.reason, "shutdown");
        assert!(followed.event().is_none());
    });
}
