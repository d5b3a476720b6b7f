//! What every request has to pass, and what every response carries.
//!
//! The interface only reads, but a page of another site could still make a browser hold connections, or read through a
//! name that leads here. The headers tell a browser to run, load and embed nothing that the agent did not send.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;

use super::{
    Limits,
    hosts::{Hosts, WrongHost},
};

/// Where the page may load from: the agent only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Headers of every response.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

const CROSS_SITE: &str = "requests from pages of other sites are not answered; open / instead\n";

/// Returns the response to a connection for which there is no place. It is sent by the acceptor, which has no router for it,
/// with the headers that every response has.
pub(super) fn too_many_connections(limits: &Limits) -> Bytes {
    let text = format!(
        "all {} connections are in use, or half of them by clients of this address; try again in a second\n",
        limits.connections
    );
    let mut response = String::from("HTTP/1.1 503 Service Unavailable\r\n");
    let length = text.len().to_string();
    let own = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_LENGTH, length.as_str()),
        (header::RETRY_AFTER, "1"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONNECTION, "close"),
    ];
    response.extend(own.into_iter().map(|(name, value)| line(&name, value)));
    (response + &header_lines() + "\r\n" + &text).into()
}

/// Returns the headers of every response as they are sent, for responses that pass no router.
pub(super) fn header_lines() -> String {
    HEADERS.iter().map(|(name, value)| line(name, value)).collect()
}

fn line(name: &HeaderName, value: &str) -> String {
    format!("{name}: {value}\r\n")
}

/// Puts the checks and the headers around all routes.
pub(super) fn around(router: Router, hosts: Hosts) -> Router {
    let hosts = Arc::new(hosts);
    router.layer(middleware::from_fn(move |request, next| checked(Arc::clone(&hosts), request, next)))
}

async fn checked(hosts: Arc<Hosts>, request: Request, next: Next) -> Response {
    let mut response = match hosts.check(request.version(), request.uri(), request.headers()) {
        Err(wrong) => refusal(&wrong),
        Ok(()) if is_of_another_site(&request) => (StatusCode::FORBIDDEN, CROSS_SITE).into_response(),
        Ok(()) => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn refusal(wrong: &WrongHost) -> Response {
    let status = match wrong {
        WrongHost::NotOne => StatusCode::BAD_REQUEST,
        WrongHost::NotAllowed(_) | WrongHost::Malformed => StatusCode::MISDIRECTED_REQUEST,
    };
    (status, format!("{wrong}\n")).into_response()
}

/// Returns whether a page of another site sent the request, as browsers say (Fetch Metadata). A link to the page itself
/// may be followed from anywhere.
fn is_of_another_site(request: &Request) -> bool {
    let is = |name, value| request.headers().get(name).is_some_and(|found| found == value);
    let is_link_to_the_page = request.uri().path() == "/" && is("sec-fetch-mode", "navigate");
    is("sec-fetch-site", "cross-site") && !is_link_to_the_page
}
