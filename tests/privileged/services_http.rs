//! The built-in web server, as curl sees it from inside its namespace.

use std::time::{Duration, Instant};

use netmon_tests::{
    sandbox::{run, run_in, sandbox},
    services::{NAMESPACE, ServiceLab},
};

fn curl(arguments: &[&str]) -> String {
    run_in(NAMESPACE, "curl", &[&["-sS", "--max-time", "20"], arguments].concat())
}

#[test]
fn the_page_names_its_client_and_its_server() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-page");
        lab.http("web", "127.0.0.1:80");
        lab.up().unwrap();
        let page = curl(&["http://127.0.0.1/"]);
        assert!(page.contains("Hello from svc_netns.\nYou are 127.0.0.1:"), "{page}");
        assert!(page.contains("this is 127.0.0.1:80"), "{page}");
        let html = curl(&["-H", "Accept: text/html,*/*", "http://127.0.0.1/"]);
        assert!(
            html.starts_with("<!doctype html>") && html.contains("<h1>Hello from svc_netns</h1>"),
            "{html}"
        );
        // Only there: outside the namespace nothing listens.
        assert!(std::net::TcpStream::connect("127.0.0.1:80").is_err());
    });
}

#[test]
fn sizes_delays_and_methods_are_as_documented() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-paths");
        lab.http("web", "127.0.0.1:80");
        lab.up().unwrap();
        let written = "%{http_code} %{size_download} %{num_connects}\n";
        let ask = |arguments: &[&str]| {
            curl(&[&["-o", "/dev/null", "-w", written][..], arguments].concat()).trim().to_owned()
        };
        assert_eq!(ask(&["http://127.0.0.1/bytes/10000001"]), "200 10000001 1");
        assert_eq!(ask(&["http://127.0.0.1/bytes/0"]), "200 0 1");
        assert!(ask(&["http://127.0.0.1/bytes/x"]).starts_with("400 "));
        assert!(ask(&["http://127.0.0.1/delay/60001"]).starts_with("400 "));
        assert!(ask(&["-X", "POST", "http://127.0.0.1/"]).starts_with("405 "));
        let second = "http://127.0.0.1/bytes/7";
        let both = curl(&["-w", written, "-o", "/dev/null", second, "-o", "/dev/null", second]);
        assert_eq!(both, "200 7 1\n200 7 0\n", "the second request uses the first one's connection");
        let head = curl(&["-I", "http://127.0.0.1/bytes/12345"]).to_lowercase();
        assert!(head.starts_with("http/1.1 200") && head.contains("content-length: 12345"), "{head}");
    });
}

#[test]
fn a_delay_is_waited_before_the_first_byte() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-delay");
        lab.http("web", "127.0.0.1:80");
        lab.up().unwrap();
        let time = curl(&[
            "-o",
            "/dev/null",
            "-w",
            "%{time_starttransfer} %{time_connect}",
            "http://127.0.0.1/delay/50",
        ]);
        let (first_byte, connect) = time.split_once(' ').unwrap();
        let waited = first_byte.parse::<f64>().unwrap() - connect.parse::<f64>().unwrap();
        assert!((0.050..0.150).contains(&waited), "{time}");
    });
}

#[test]
fn an_address_that_is_taken_is_named() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-taken");
        lab.http("web", "127.0.0.1:80");
        lab.http("again", "127.0.0.1:80");
        assert_eq!(
            lab.up().unwrap_err(),
            "service again: cannot listen on 127.0.0.1:80 in svc_netns: the address is in use; end the other server \
             or choose another port"
        );
        assert!(!lab.state_dir.join("services").exists());
    });
}

#[test]
fn an_address_that_no_interface_has_is_named_after_a_bounded_wait() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-absent");
        lab.http("web", "192.0.2.1:80");
        let started = Instant::now();
        let error = lab.up().unwrap_err();
        assert!(error.contains("192.0.2.1:80 in svc_netns: no interface there has this address"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(8));
    });
}

#[test]
fn an_ipv6_address_that_is_still_being_checked_for_duplicates_is_waited_for() {
    sandbox(|| {
        let mut lab = ServiceLab::new("svc-tentative");
        run("ip", &["link", "add", "svc-a", "type", "veth", "peer", "name", "svc-b", "netns", NAMESPACE]);
        run("ip", &["link", "set", "svc-a", "up"]);
        run("ip", &["-n", NAMESPACE, "link", "set", "svc-b", "up"]);
        run("ip", &["-n", NAMESPACE, "addr", "add", "fd00:77::3/64", "dev", "svc-b"]);
        let addresses = run("ip", &["-n", NAMESPACE, "-6", "addr", "show", "dev", "svc-b"]);
        assert!(addresses.contains("tentative"), "the check was over too early: {addresses}");
        lab.http("web", "[fd00:77::3]:80");
        lab.up().unwrap();
        assert!(curl(&["http://[fd00:77::3]/"]).contains("Hello from svc_netns"));
    });
}
