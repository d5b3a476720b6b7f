//! The paths of the interface, and the response that each of them makes of a reading.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Extension, Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use netmon_labfile::suggest;
use netmon_model::{
    names::{LinkName, NsName},
    snapshot::{LinkSnapshot, Snapshot},
};
use serde::Serialize;
use tokio::{sync::watch, task::spawn_blocking};

use super::{
    accept,
    coding::{Coder, Coding},
    feed::Feed,
    files,
    readings::{ReadError, Readings},
    scrape::Scrapes,
    stream::{self, WhichStream},
};
use crate::{api, http::Place};

/// What `/api/v1` answers, for programs (OpenAPI 3.1).
const OPENAPI: &str = include_str!("openapi.json");
/// At most this many near names are suggested.
const MOST_SUGGESTIONS: usize = 5;

/// The state of every handler.
#[derive(Clone)]
struct Shared {
    readings: Arc<Readings>,
    scrapes: Arc<Scrapes>,
    feed: Arc<Feed>,
    /// Becomes true when the agent ends.
    closing: watch::Receiver<bool>,
}

/// The query of a URL, if it is understood.
type Asked<T> = Result<Query<T>, QueryRejection>;

/// Routes, and the paths that they are at.
struct Routes {
    router: Router<Shared>,
    paths: Vec<&'static str>,
}

impl Routes {
    fn route(mut self, path: &'static str, handler: MethodRouter<Shared>) -> Self {
        self.paths.push(path);
        Self { router: self.router.route(path, handler), ..self }
    }
}

/// Returns every route but those of the page's files.
fn routes() -> Routes {
    Routes { router: Router::new(), paths: Vec::new() }
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/api/v1/topology", get(topology))
        .route("/api/v1/links", get(links))
        .route("/api/v1/flows", get(flows))
        .route("/api/v1/probes", get(probes))
        .route("/api/v1/totals", get(totals))
        .route("/api/v1/traces", get(traces))
        .route("/api/v1/host", get(host))
        .route("/api/v1/stream", get(stream))
        .route("/api/v1/openapi.json", get(async || ([(header::CONTENT_TYPE, "application/json")], OPENAPI)))
}

/// Returns the paths of every route but those of the page's files.
#[cfg(test)]
pub(super) fn paths() -> Vec<&'static str> {
    routes().paths
}

pub(super) fn router(
    (readings, scrapes): (Arc<Readings>, Arc<Scrapes>),
    feed: Arc<Feed>,
    closing: watch::Receiver<bool>,
) -> Router {
    files::routes(routes().router)
        .fallback(async || (StatusCode::NOT_FOUND, "no such page; / lists what there is\n"))
        .with_state(Shared { readings, scrapes, feed, closing })
}

async fn metrics(
    State(shared): State<Shared>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ReadError> {
    let scrape = shared.scrapes.start((accept::format(&headers), accept::coding(&headers))).await?;
    let kind =
        [(header::CONTENT_TYPE, scrape.format().content_type()), (header::VARY, "accept, accept-encoding")];
    let encoding = encoding(scrape.coding());
    if method == Method::HEAD {
        let length = [(header::CONTENT_LENGTH, scrape.length().await?)];
        return Ok((kind, encoding, length).into_response());
    }
    Ok((kind, encoding, scrape.body().await?).into_response())
}

/// Returns the header that names the coding. Without one, the body is as it is.
fn encoding(coding: Coding) -> Option<[(HeaderName, &'static str); 1]> {
    Some([(header::CONTENT_ENCODING, coding.name()?)])
}

async fn readyz(State(shared): State<Shared>) -> Result<Response, ReadError> {
    let readiness = shared.readings.ready().await?;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(readiness)).into_response())
}

async fn topology(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, ReadError> {
    let reading = shared.readings.fresh().await?;
    json(&headers, move || shared.feed.topology(&reading.snapshot)).await
}

async fn links(
    State(shared): State<Shared>,
    headers: HeaderMap,
    which: Asked<api::WhichLinks>,
) -> Result<Response, ReadError> {
    let Query(mut which) = match which {
        Ok(which) => which,
        Err(rejection) => return Ok(bad_request(rejection.body_text())),
    };
    let reading = shared.readings.fresh().await?;
    which.link = match which.link.map(|link| known_link(&reading.snapshot, &link)).transpose() {
        Ok(link) => link,
        Err(unknown) => return Ok(bad_request(unknown)),
    };
    json(&headers, move || {
        let base = shared.feed.live.base(&reading.snapshot);
        api::Links::of(&reading.snapshot, base.as_deref(), &which)
    })
    .await
}

/// Returns the name of the link that `wanted` means, or why it means none or several.
fn known_link(snapshot: &Snapshot, wanted: &LinkName) -> Result<LinkName, String> {
    let links: Vec<_> = snapshot.links.iter().map(api::NamedLink::from).collect();
    match api::meant(wanted.as_str(), &links)[..] {
        [name] => Ok(name.clone()),
        [] => {
            let names = links.iter().map(|link| link.name.as_str()).collect();
            Err(unknown("link", wanted.as_str(), &names).unwrap_or_default())
        }
        ref several => Err(format!("{} links have an end {wanted}: name one of them", several.len())),
    }
}

/// Returns why no watched end is in a namespace, with names near it. Returns `None` if one is.
fn unknown_namespace(snapshot: &Snapshot, name: &NsName) -> Option<String> {
    let ends = snapshot.links.iter().flat_map(LinkSnapshot::ends);
    unknown("watched namespace", name.as_str(), &ends.map(|end| end.namespace.as_str()).collect())
}

fn unknown(what: &str, name: &str, known: &BTreeSet<&str>) -> Option<String> {
    if known.contains(name) {
        return None;
    }
    let near = suggest::nearest(name, known.iter().copied(), MOST_SUGGESTIONS);
    let hint = if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) };
    Some(format!("there is no {what} {name:?}{hint}"))
}

fn bad_request(text: String) -> Response {
    (StatusCode::BAD_REQUEST, text + "\n").into_response()
}

async fn stream(
    State(shared): State<Shared>,
    Extension(place): Extension<Place>,
    method: Method,
    which: Asked<WhichStream>,
) -> Response {
    match which {
        Err(rejection) => bad_request(rejection.body_text()),
        Ok(_) if method == Method::HEAD => stream::head(),
        Ok(_) if !place.become_stream() => stream::refusal(),
        Ok(Query(which)) => stream::start(shared.feed, which, shared.closing),
    }
}

async fn flows(
    State(shared): State<Shared>,
    headers: HeaderMap,
    which: Asked<api::WhichFlows>,
) -> Result<Response, ReadError> {
    let Query(mut which) = match which {
        Ok(which) => which,
        Err(rejection) => return Ok(bad_request(rejection.body_text())),
    };
    let reading = shared.readings.fresh().await?;
    which.link = match which.link.map(|link| known_link(&reading.snapshot, &link)).transpose() {
        Ok(link) => link,
        Err(unknown) => return Ok(bad_request(unknown)),
    };
    let namespace = which.namespace.as_ref();
    if let Some(unknown) = namespace.and_then(|namespace| unknown_namespace(&reading.snapshot, namespace)) {
        return Ok(bad_request(unknown));
    }
    let flows = shared.readings.flows().await?;
    json(&headers, move || api::Flows::of(&reading.snapshot, flows, &which)).await
}

async fn probes(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, ReadError> {
    let reading = shared.readings.fresh().await?;
    json(&headers, move || api::Probes::of(&reading.snapshot)).await
}

async fn host(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, ReadError> {
    let reading = shared.readings.fresh().await?;
    json(&headers, move || api::Host::of(&reading.snapshot)).await
}

async fn totals(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, ReadError> {
    let reading = shared.readings.fresh().await?;
    json(&headers, move || shared.feed.totals(&reading.snapshot)).await
}

async fn traces(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, ReadError> {
    json(&headers, move || api::Traces { traces: shared.readings.traces() }).await
}

/// Builds the response on a thread for blocking work: a thousand links would stall the connections of a worker thread.
async fn json<T: Serialize>(
    headers: &HeaderMap,
    make: impl FnOnce() -> T + Send + 'static,
) -> Result<Response, ReadError> {
    let coding = accept::coding(headers);
    Ok(spawn_blocking(move || match serde_json::to_string(&make()) {
        Ok(text) => encoded(coding, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    })
    .await?)
}

fn encoded(coding: Coding, json: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json"), (header::VARY, "accept-encoding")];
    (kind, encoding(coding), Coder::encode(coding, json)).into_response()
}

impl IntoResponse for ReadError {
    fn into_response(self) -> Response {
        let text = netmon_model::error::chain(&self);
        log::warn!("an HTTP request failed: {text}");
        (StatusCode::INTERNAL_SERVER_ERROR, text + "\n").into_response()
    }
}
