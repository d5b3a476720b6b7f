//! Who is answered, and the headers of every response.

use netmon_model::fixtures;

use super::{Answer, Server};

const HEADERS: [&str; 4] = [
    "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' \
     data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options: nosniff",
    "referrer-policy: no-referrer",
    "cross-origin-resource-policy: same-origin",
];

async fn ask(server: &Server, path: &str, headers: &str) -> Answer {
    server.raw(format!("GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n").as_bytes()).await
}

#[tokio::test]
async fn every_route_is_refused_under_another_name() {
    let server = Server::of(|| Ok(fixtures::direct())).await;
    for path in ["/", "/metrics", "/healthz", "/readyz", "/api/v1/links", "/api/v1/stream", "/nowhere"] {
        let answer = ask(&server, path, "host: evil.example:9477\r\n").await;
        assert_eq!(answer.status, 421, "{path}");
        let said = "netmon does not answer as evil.example: if that name is meant to lead here, start it with \
            --allow-host evil.example\n";
        assert_eq!(answer.body, said);
    }
    assert_eq!(ask(&server, "/healthz", "host: LOCALHOST:1\r\n").await.status, 200);
    assert_eq!(ask(&server, "/healthz", "").await.status, 400);
    assert_eq!(ask(&server, "/healthz", "host: localhost\r\nhost: localhost\r\n").await.status, 400);
}

#[tokio::test]
async fn pages_of_other_sites_are_refused_but_may_link_to_the_page() {
    let server = Server::of(|| Ok(fixtures::direct())).await;
    let status = async |path: &str, site: &str, mode: &str| {
        let headers = format!("host: localhost\r\nsec-fetch-site: {site}\r\nsec-fetch-mode: {mode}\r\n");
        ask(&server, path, &headers).await.status
    };
    for path in ["/metrics", "/api/v1/links", "/api/v1/stream", "/"] {
        assert_eq!(status(path, "cross-site", "no-cors").await, 403, "{path}");
    }
    assert_eq!(status("/", "cross-site", "navigate").await, 200);
    assert_eq!(status("/metrics", "cross-site", "navigate").await, 403);
    for site in ["none", "same-origin"] {
        assert_eq!(status("/api/v1/links", site, "cors").await, 200, "{site}");
    }
}

#[tokio::test]
async fn every_response_tells_a_browser_to_load_nothing_else_and_to_keep_nothing() {
    let server = Server::of(|| Ok(fixtures::direct())).await;
    for path in ["/", "/metrics", "/readyz", "/api/v1/flows", "/nowhere"] {
        let answer = ask(&server, path, "host: localhost\r\n").await;
        for header in HEADERS {
            assert!(answer.head.contains(header), "{path}: no {header} in {}", answer.head);
        }
        let cached = if path == "/" { "cache-control: no-cache" } else { "cache-control: no-store" };
        assert!(answer.head.contains(cached), "{path}: {}", answer.head);
        assert!(!answer.head.contains("access-control"), "{path}: {}", answer.head);
    }
    let refused = ask(&server, "/", "host: evil.example\r\n").await;
    assert!(refused.head.contains(HEADERS[0]), "{}", refused.head);
}
