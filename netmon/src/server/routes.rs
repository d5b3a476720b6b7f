//! The paths of the interface, and the response that each of them makes of a reading.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::{
    accept,
    coding::{Coder, Coding},
    readings::{ReadError, Readings},
};
use crate::{api, live::Rates};

/// The page at `/`.
const INDEX: &str = include_str!("index.html");

/// The state of every handler.
#[derive(Clone)]
struct Shared {
    readings: Arc<Readings>,
    rates: Arc<Rates>,
}

pub(super) fn router(readings: Arc<Readings>, rates: Arc<Rates>) -> Router {
    Router::new()
        .route("/", get(async || Html(INDEX)))
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/api/v1/topology", get(topology))
        .route("/api/v1/links", get(links))
        .route("/api/v1/flows", get(flows))
        .route("/api/v1/probes", get(probes))
        .route("/api/v1/traces", get(traces))
        .fallback(async || (StatusCode::NOT_FOUND, "no such page; / lists what there is\n"))
        .with_state(Shared { readings, rates })
}

async fn metrics(
    State(shared): State<Shared>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ReadError> {
    let scrape = shared.readings.scrape(accept::format(&headers), accept::coding(&headers)).await?;
    let kind =
        [(header::CONTENT_TYPE, scrape.format.content_type()), (header::VARY, "accept, accept-encoding")];
    let encoding = encoding(scrape.coding);
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
    json(&headers, move || api::Topology::of(&reading.snapshot)).await
}

async fn links(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, ReadError> {
    let reading = shared.readings.fresh().await?;
    json(&headers, move || {
        let base = shared.rates.base(reading.snapshot.monotonic_ns);
        api::Links::of(&reading.snapshot, base.as_deref())
    })
    .await
}

async fn flows(
    State(shared): State<Shared>,
    headers: HeaderMap,
    which: Result<Query<api::WhichFlows>, QueryRejection>,
) -> Result<Response, ReadError> {
    let Query(which) = match which {
        Ok(which) => which,
        Err(rejection) => return Ok((StatusCode::BAD_REQUEST, rejection.body_text() + "\n").into_response()),
    };
    let reading = shared.readings.fresh().await?;
    let flows = shared.readings.flows().await?;
    json(&headers, move || api::Flows::of(&reading.snapshot, flows, &which)).await
}

async fn probes(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, ReadError> {
    let reading = shared.readings.fresh().await?;
    json(&headers, move || api::Probes::of(&reading.snapshot)).await
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
