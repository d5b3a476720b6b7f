//! TLS, passwords and certificates of the HTTP interface: openssl makes the certificates, curl and a real Prometheus are the
//! clients.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use netmon_tests::{
    agent::spawn,
    commands::{TakenDown, fails, succeeds},
    eventually::eventually,
    prometheus::{self, Prometheus},
    sandbox::{run, sandbox},
    skip::skip,
};
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(30);
const FOLDER: &str = "/run/sandbox/web";
const URL: &str = "https://localhost:9477";
/// `secret`, at the usual cost of 10.
const HASH: &str = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u";
const USER: [&str; 2] = ["-u", "alice:secret"];

/// An agent with a web configuration file; ended when it is dropped.
struct Secured {
    child: std::process::Child,
    _taken_down: TakenDown,
}

impl Secured {
    /// Starts the built-in lab with this file, and waits until the agent serves.
    fn start(configuration: &str) -> Self {
        write("web.yml", configuration);
        let taken_down = TakenDown::direct();
        let child = spawn(["--web-config", &path("web.yml")], Stdio::null());
        let mut secured = Self { child, _taken_down: taken_down };
        let socket = "/run/netmon/direct/http.sock";
        eventually("a ready agent", PATIENCE, || {
            assert!(secured.child.try_wait().unwrap().is_none(), "the agent ended");
            let arguments = ["-sf", "--max-time", "5", "--unix-socket", socket, "http://localhost/readyz"];
            Command::new("curl").args(arguments).output().ok()?.status.success().then_some(())
        });
        secured
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

fn write(name: &str, text: &str) {
    fs::create_dir_all(FOLDER).unwrap();
    fs::write(path(name), text).unwrap();
}

/// Makes a certificate that signs itself, as authority or for `localhost`.
fn certificate(name: &str, subject: &str) {
    fs::create_dir_all(FOLDER).unwrap();
    let (key, crt, subject) =
        (path(&format!("{name}.key")), path(&format!("{name}.crt")), format!("/CN={subject}"));
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    let new =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    run(
        "openssl",
        &[&new[..], &["-keyout", &key, "-out", &crt, "-subj", &subject, "-addext", names]].concat(),
    );
}

/// Makes a certificate for a client, which the authority of this name has signed.
fn client(name: &str, authority: &str) {
    let file = |name: &str, ending: &str| path(&format!("{name}.{ending}"));
    let (key, request) = (file(name, "key"), file(name, "csr"));
    let new = [
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=client",
    ];
    run("openssl", &[&new[..], &["-keyout", &key, "-out", &request]].concat());
    let (ca, ca_key, crt) = (file(authority, "crt"), file(authority, "key"), file(name, "crt"));
    // Version 3, which rustls wants.
    write("extensions", "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n");
    let sign = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-out", &crt, "-days", "2"];
    run("openssl", &[&sign[..], &["-extfile", &path("extensions")]].concat());
}

/// Returns curl's status code, `000` if there was none, with what it says about the headers and the body.
fn curl(arguments: &[&str]) -> (String, String) {
    let common = ["-s", "-i", "--max-time", "20", "-w", "\n%{http_code}"];
    let output = Command::new("curl").args(common).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (text, code) = text.rsplit_once('\n').expect("a status code");
    (code.to_owned(), text.to_owned())
}

fn tls(name: &str) -> String {
    format!("tls_server_config:\n  cert_file: {name}.crt\n  key_file: {name}.key\n")
}

fn users() -> String {
    format!("basic_auth_users:\n  alice: {HASH}\n")
}

#[test]
fn clients_need_tls_and_the_password_and_netmons_own_commands_do_not() {
    sandbox(|| {
        certificate("server", "netmon");
        let headers = "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=60\n";
        let agent = Secured::start(&(tls("server") + &users() + headers));
        let authority = ["--cacert", &path("server.crt")];
        let metrics = format!("{URL}/metrics");
        let (code, text) = curl(&[&authority[..], &USER, &[&metrics]].concat());
        assert_eq!(code, "200", "{text}");
        assert!(
            text.contains("netmon_build_info") && text.contains("strict-transport-security: max-age=60"),
            "{text}"
        );
        for path in ["/", "/healthz", "/api/v1/links", "/no-such"] {
            let (code, text) = curl(&[&authority[..], &[&format!("{URL}{path}")]].concat());
            assert_eq!(code, "401", "{path}: {text}");
            assert!(text.contains("www-authenticate: Basic realm=\"netmon\""), "{text}");
            assert!(text.contains("x-content-type-options: nosniff"), "{text}");
        }
        assert_eq!(curl(&[&authority[..], &["-u", "alice:wrong", &metrics]].concat()).0, "401");
        assert_eq!(curl(&[&authority[..], &["-u", "bob:secret", &metrics]].concat()).0, "401");
        let (code, text) = curl(&["http://localhost:9477/metrics"]);
        assert_eq!(code, "400");
        assert!(text.ends_with("this port speaks TLS: use https:// for it\n"), "{text}");
        assert_eq!(curl(&[&metrics]).0, "000", "an unknown authority is the client's to refuse");
        assert!(succeeds(&["status"]).contains("unix:/run/netmon/direct/http.sock"));
        drop(agent);
        assert!(!fs::exists("/run/netmon").unwrap(), "nothing is left");
    });
}

#[test]
fn a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    sandbox(|| {
        certificate("server", "old");
        let _agent = Secured::start(&tls("server"));
        let url = format!("{URL}/healthz");
        fs::copy(path("server.crt"), path("old.crt")).unwrap();
        let code = |authority: &str| curl(&["--cacert", &path(authority), &url]).0;
        assert_eq!(code("old.crt"), "200");
        certificate("server", "new");
        fs::copy(path("server.crt"), path("new.crt")).unwrap();
        assert_eq!((code("new.crt"), code("old.crt")), ("200".to_owned(), "000".to_owned()));
        fs::write(path("server.key"), "no key").unwrap();
        assert_eq!(code("new.crt"), "200", "as before");
    });
}

#[test]
fn a_client_needs_a_certificate_of_the_authority_if_the_file_says_so() {
    sandbox(|| {
        certificate("server", "netmon");
        certificate("authority", "authority");
        certificate("other", "other");
        client("one", "authority");
        client("two", "other");
        let wants = "  client_ca_file: authority.crt\n  client_auth_type: RequireAndVerifyClientCert\n  min_version: TLS13\n";
        let _agent = Secured::start(&(tls("server") + wants));
        let url = format!("{URL}/healthz");
        let server = ["--cacert", &path("server.crt")];
        let with = |name: &str| {
            let (crt, key) = (path(&format!("{name}.crt")), path(&format!("{name}.key")));
            curl(&[&server[..], &["--cert", &crt, "--key", &key, &url]].concat()).0
        };
        assert_eq!(with("one"), "200");
        assert_eq!(with("two"), "000", "of another authority");
        assert_eq!(curl(&[&server[..], &[&url]].concat()).0, "000", "without one");
        assert_eq!(curl(&[&server[..], &["--tls-max", "1.2", &url]].concat()).0, "000", "an older version");
    });
}

#[test]
fn a_real_prometheus_scrapes_with_tls_and_a_password() {
    if let Some(missing) = prometheus::missing() {
        return skip(missing);
    }
    sandbox(|| {
        certificate("server", "netmon");
        let _agent = Secured::start(&(tls("server") + &users()));
        let job = |name: &str, password: &str| {
            format!(
                "  - job_name: {name}\n    scheme: https\n    tls_config: {{ ca_file: {} }}\n    basic_auth: {{ username: alice, \
                 password: {password} }}\n    static_configs: [{{ targets: ['localhost:9477'] }}]\n",
                path("server.crt")
            )
        };
        let jobs = job("right", "secret") + &job("wrong", "guess");
        write("prometheus.yml", &format!("global: {{ scrape_interval: 1s }}\nscrape_configs:\n{jobs}"));
        let prometheus = Prometheus::start("root", &path("prometheus.yml"));
        eventually("scrapes", PATIENCE, || {
            let up = |job: &str| prometheus.value(&format!("up{{job=\"{job}\"}}"));
            (up("right") == Some(1.0) && up("wrong") == Some(0.0)).then_some(())
        });
        eventually("netmon's metrics", PATIENCE, || {
            prometheus.value("count(netmon_build_info{job=\"right\"})").filter(|count| *count > 0.0)
        });
    });
}

#[test]
fn guessing_passwords_delays_no_client_that_is_known() {
    sandbox(|| {
        certificate("server", "netmon");
        let _agent = Secured::start(&(tls("server") + &users()));
        let (authority, metrics) = (path("server.crt"), format!("{URL}/metrics"));
        let scrape = || {
            let begun = Instant::now();
            assert_eq!(curl(&["--cacert", &authority, "-u", "alice:secret", &metrics]).0, "200");
            begun.elapsed()
        };
        scrape();
        let guesses: Vec<_> = (0..30)
            .map(|number| {
                let (authority, metrics, guess) =
                    (authority.clone(), metrics.clone(), format!("alice:{number}"));
                thread::spawn(move || curl(&["--cacert", &authority, "-u", &guess, &metrics]).0)
            })
            .collect();
        // Thirty checks take more than a second of a processor, one after the other.
        let slowest = (0..5).map(|_| scrape()).max().unwrap();
        let codes: Vec<String> = guesses.into_iter().map(|guess| guess.join().unwrap()).collect();
        assert!(codes.iter().all(|code| code == "401" || code == "503"), "{codes:?}");
        assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    });
}

#[test]
fn a_file_that_is_not_understood_is_named_with_its_key_before_anything_is_made() {
    sandbox(|| {
        write("web.yml", "tls_server_config:\n  cert_file: a\n  key_file: b\n  min_version: TLS10\n");
        let said = fails(2, &["run", "--web-config", &path("web.yml")]);
        let expected = "web.yml: tls_server_config.min_version: TLS10 is not supported; write TLS12 or TLS13";
        assert!(said.contains(expected), "{said}");
        assert!(!fs::exists("/run/netmon").unwrap());
    });
}
