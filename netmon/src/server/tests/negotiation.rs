//! Formats and codings that a client may prefer.

use std::io::Read as _;

use flate2::read::GzDecoder;
use netmon_model::fixtures;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{PATIENCE, Server};

/// A response whose body may be compressed.
struct Raw {
    head: String,
    body: Vec<u8>,
}

impl Raw {
    /// Sends a request with these headers. HTTP/1.0 has no chunks: the body ends with the connection.
    async fn request(server: &Server, method: &str, path: &str, headers: &str) -> Self {
        let mut stream = server.connect().await;
        let request = format!("{method} {path} HTTP/1.0\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an end of the answer").unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an end of the head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        assert!(head.contains(" 200 ok"), "{head}");
        Self { head, body: bytes.split_off(end + 4) }
    }

    async fn get(server: &Server, path: &str, headers: &str) -> Self {
        Self::request(server, "GET", path, headers).await
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Returns the body, decompressed if it says that it is compressed.
    fn text(&self) -> String {
        let mut text = String::new();
        match self.header("content-encoding") {
            Some(coding) => {
                assert_eq!(coding, "gzip");
                GzDecoder::new(self.body.as_slice()).read_to_string(&mut text).unwrap();
            }
            None => text.push_str(std::str::from_utf8(&self.body).unwrap()),
        }
        text
    }
}

/// Returns the lines that do not depend on the moment.
fn constant(text: &str) -> Vec<&str> {
    let varies = |line: &&str| !line.starts_with("process_") && !line.starts_with("netmon_scrape_duration");
    text.lines().filter(varies).collect()
}

const OPENMETRICS: &str = "accept: application/openmetrics-text; version=1.0.0, */*;q=0.1\r\n";
const GZIP: &str = "accept-encoding: gzip\r\n";

#[tokio::test]
async fn a_client_that_asks_for_nothing_gets_uncompressed_text() {
    let server = Server::of(|| Ok(fixtures::direct())).await;
    for headers in ["", "accept: */*\r\naccept-encoding: *\r\n", "accept-encoding: identity\r\n"] {
        let plain = Raw::get(&server, "/metrics", headers).await;
        assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        assert_eq!(
            (plain.header("content-encoding"), plain.header("vary")),
            (None, Some("accept, accept-encoding"))
        );
        assert!(!plain.text().contains("# EOF"));
    }
    let json = Raw::get(&server, "/api/v1/links", "").await;
    assert_eq!(
        (json.header("content-type"), json.header("content-encoding")),
        (Some("application/json"), None)
    );
}

#[tokio::test]
async fn a_client_that_prefers_openmetrics_gets_it_unless_the_lab_is_large() {
    let server = Server::of(|| Ok(fixtures::direct())).await;
    let scrape = Raw::get(&server, "/metrics", OPENMETRICS).await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(scrape.header("content-type"), Some(kind));
    assert!(scrape.text().ends_with("\n# EOF\n"));
    let large = Server::of(|| Ok(fixtures::star(101))).await;
    let scrape = Raw::get(&large, "/metrics", OPENMETRICS).await;
    assert_eq!(scrape.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(!scrape.text().contains("# EOF"));
}

#[tokio::test]
async fn a_compressed_scrape_is_the_same_text_in_fewer_bytes() {
    for links in [1, 200] {
        let server = Server::of(move || Ok(fixtures::star(links))).await;
        for format in ["", OPENMETRICS] {
            let plain = Raw::get(&server, "/metrics", format).await;
            let compressed = Raw::get(&server, "/metrics", &format!("{format}{GZIP}")).await;
            assert_eq!(compressed.header("content-encoding"), Some("gzip"));
            assert_eq!(compressed.header("content-type"), plain.header("content-type"));
            assert!(compressed.body.len() * 5 < plain.body.len(), "{} bytes", compressed.body.len());
            let (one, other) = (compressed.text(), plain.text());
            assert_eq!(constant(&one), constant(&other));
        }
    }
}

#[tokio::test]
async fn compressed_json_is_the_same_json() {
    let server = Server::of(|| Ok(fixtures::direct())).await;
    for path in ["topology", "links", "probes", "flows"] {
        let path = format!("/api/v1/{path}");
        let compressed = Raw::get(&server, &path, GZIP).await;
        assert_eq!(compressed.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(compressed.header("vary"), Some("accept-encoding"), "{path}");
        let read = |raw: &Raw| serde_json::from_str::<serde_json::Value>(&raw.text()).unwrap();
        let (one, other) = (read(&compressed), read(&Raw::get(&server, &path, "").await));
        assert_eq!(one["lab"], other["lab"], "{path}");
        assert!(one.is_object() && one.get("taken_at_unix_ms").is_some(), "{path}");
    }
}

#[tokio::test]
async fn a_head_request_has_the_headers_of_what_would_be_sent() {
    let server = Server::of(|| Ok(fixtures::direct())).await;
    let head = Raw::request(&server, "HEAD", "/metrics", &format!("{OPENMETRICS}{GZIP}")).await;
    let whole = Raw::get(&server, "/metrics", &format!("{OPENMETRICS}{GZIP}")).await;
    for name in ["content-type", "content-encoding", "vary"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
    let length: usize = head.header("content-length").unwrap().parse().unwrap();
    assert!(
        head.body.is_empty() && length.abs_diff(whole.body.len()) < 100,
        "{length}, {}",
        whole.body.len()
    );
}
