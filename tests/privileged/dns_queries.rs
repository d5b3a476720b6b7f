//! DNS queries that are asked again, answered twice, late or not at all. The sockets of client and server know what
//! passed.

use std::{
    fs,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use netmon_kernel::netns::NetNs;
use netmon_tests::{
    agent::{Agent, scrape},
    eventually::eventually_equal,
    packets::{dns_query, dns_response},
    requests::{Requests, queries, responses},
    sandbox::{run_in, sandbox},
};

const LAB: &str = r#"
[[namespace]]
name = "far"
[[link]]
a = { namespace = "root", interface = "va", addresses = ["10.9.0.1/24", "fd09::1/64"] }
b = { namespace = "far", interface = "vb", addresses = ["10.9.0.2/24", "fd09::2/64"] }
[[link]]
a = { namespace = "root", interface = "ra", addresses = ["10.8.0.1/24", "fd08::1/64"] }
b = { namespace = "far", interface = "rb", addresses = ["10.8.0.2/24", "fd08::2/64"] }
"#;
const ENDS: [(&str, &str); 2] = [("root", "va"), ("far", "vb")];
const FAMILIES: [[&str; 2]; 2] = [["10.9.0.1", "10.9.0.2"], ["fd09::1", "fd09::2"]];
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a client waits before it asks again.
const RETRY: Duration = Duration::from_millis(200);
/// Longer than an answer counts.
const LATE: Duration = Duration::from_millis(5_500);

/// A client in root and a server in `far`.
struct Conversation {
    client: UdpSocket,
    server: UdpSocket,
}

impl Conversation {
    fn between([client, server]: [&str; 2]) -> Self {
        let bind = |address: &str, port| {
            let socket = UdpSocket::bind(SocketAddr::new(address.parse::<IpAddr>().unwrap(), port)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        let far = NetNs::open(&"far".parse().unwrap()).unwrap();
        let server = far.run(|| bind(server, 53)).unwrap();
        let client = bind(client, 0);
        client.connect(server.local_addr().unwrap()).unwrap();
        Self { client, server }
    }

    /// Sends a query and waits until the server has it. Returns the client's address.
    fn ask(&self, id: u16) -> SocketAddr {
        self.client.send(&dns_query(id)).unwrap();
        self.server.recv_from(&mut [0; 512]).unwrap().1
    }

    /// Sends a response and waits until the client has it.
    fn answer(&self, id: u16, rcode: u8, to: SocketAddr) {
        self.server.send_to(&dns_response(id, rcode), to).unwrap();
        assert!(self.hears(PATIENCE));
    }

    /// Returns whether a response comes within `patience`.
    fn hears(&self, patience: Duration) -> bool {
        self.client.set_read_timeout(Some(patience)).unwrap();
        self.client.recv(&mut [0; 512]).is_ok()
    }
}

fn start() -> Agent {
    fs::write("/run/queries.toml", LAB).unwrap();
    Agent::start(["/run/queries.toml"])
}

fn await_queries(expected: Requests, answers: f64) {
    for at in ENDS {
        eventually_equal(&format!("queries at {at:?}"), PATIENCE, || {
            ((queries(at), responses(at)), (expected, answers))
        });
    }
}

/// A slow resolver looks fast if the time since the last query is taken for its latency.
#[test]
fn a_repeated_query_gives_no_sample_and_all_its_answers_count() {
    sandbox(|| {
        let _agent = start();
        for (family, done) in FAMILIES.into_iter().zip([0.0, 1.0]) {
            let talk = Conversation::between(family);
            let client = talk.ask(1);
            assert!(!talk.hears(RETRY), "the client has to ask again");
            assert_eq!(talk.ask(1), client);
            for _ in 0..2 {
                talk.answer(1, 0, client);
            }
            let once = done + 1.0;
            let expected = Requests { samples: done, unsampled: once, repeated: once, ..Requests::default() };
            await_queries(expected, 3.0 * done + 2.0);
            // The same identifier again, after its answer, is a new query.
            talk.answer(1, 0, talk.ask(1));
            await_queries(Requests { samples: once, ..expected }, 3.0 * once);
        }
    });
}

#[test]
fn a_response_that_comes_twice_counts_twice_and_is_one_sample() {
    sandbox(|| {
        let _agent = start();
        for (family, done) in FAMILIES.into_iter().zip([1.0, 2.0]) {
            let talk = Conversation::between(family);
            let client = talk.ask(3);
            for _ in 0..2 {
                talk.answer(3, 2, client);
            }
            await_queries(Requests::answered(done), 2.0 * done);
        }
        assert_eq!(
            scrape().sum("netmon_dns_responses_total", &[("netns", "root"), ("rcode", "servfail")]),
            4.0
        );
    });
}

#[test]
fn queries_without_a_response_are_unanswered_and_a_late_one_is_no_sample() {
    sandbox(|| {
        let _agent = start();
        for (family, done) in FAMILIES.into_iter().zip([0.0, 1.0]) {
            let talk = Conversation::between(family);
            for id in 10..30 {
                talk.ask(id);
            }
            let client = talk.ask(4);
            assert!(!talk.hears(LATE), "the server does not answer yet");
            talk.answer(4, 0, client);
            let unanswered = 21.0 * (done + 1.0);
            await_queries(Requests { unanswered, ..Requests::default() }, done + 1.0);
        }
    });
}

/// glibc and dig ask again after five seconds by default: the first query counts as unanswered, and the answer may be its.
#[test]
fn a_query_that_is_repeated_after_the_timeout_gives_no_sample_either() {
    sandbox(|| {
        let _agent = start();
        let talk = Conversation::between(FAMILIES[0]);
        talk.ask(1);
        assert!(!talk.hears(LATE), "the client has to ask again");
        let client = talk.ask(1);
        talk.answer(1, 0, client);
        await_queries(Requests { unsampled: 1.0, unanswered: 1.0, ..Requests::default() }, 1.0);
    });
}

#[test]
fn a_response_on_another_path_answers_the_query_in_both_namespaces() {
    sandbox(|| {
        let _agent = start();
        for (family, done) in [["10.98.0.1", "10.9.0.2"], ["fd98::1", "fd09::2"]].into_iter().zip([1.0, 2.0])
        {
            let (prefix, gateway) = if done < 2.0 { ("32", "10.8.0.1") } else { ("128", "fd08::1") };
            run_in("root", "ip", &["addr", "add", &format!("{}/{prefix}", family[0]), "dev", "lo"]);
            run_in("far", "ip", &["route", "add", family[0], "via", gateway]);
            let strict = "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done";
            for netns in ["root", "far"] {
                run_in(netns, "sh", &["-c", strict]);
            }
            let talk = Conversation::between(family);
            talk.answer(5, 0, talk.ask(5));
            for at in ENDS {
                eventually_equal(&format!("queries at {at:?}"), PATIENCE, || {
                    (queries(at), Requests { unsampled: done, ..Requests::default() })
                });
            }
            for at in [("root", "ra"), ("far", "rb")] {
                eventually_equal(&format!("responses at {at:?}"), PATIENCE, || (responses(at), done));
                assert_eq!(queries(at), Requests::default());
            }
        }
    });
}
