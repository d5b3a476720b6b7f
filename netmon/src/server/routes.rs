//! The paths of the interface, and the response that each of them makes of a reading.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::readings::{ReadError, Readings};
use crate::{api, live::Rates, metrics};

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
        .fallback(async || (StatusCode::NOT_FOUND, "no such page; / lists what there is\n"))
        .with_state(Shared { readings, rates })
}

async fn metrics(State(shared): State<Shared>, method: Method) -> Result<Response, ReadError> {
    let scrape = shared.readings.scrape().await?;
    let kind = [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)];
    if method == Method::HEAD {
        let length = [(header::CONTENT_LENGTH, scrape.length().await?)];
        return Ok((kind, length).into_response());
    }
    Ok((kind, scrape.body().await?).into_response())
}

async fn readyz(State(shared): State<Shared>) -> Result<Response, ReadError> {
    let readiness = shared.readings.ready().await?;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(readiness)).into_response())
}

async fn topology(State(shared): State<Shared>) -> Result<Response, ReadError> {
    let reading = shared.readings.fresh().await?;
    json(move || api::Topology::of(&reading.snapshot)).await
}

async fn links(State(shared): State<Shared>) -> Result<Response, ReadError> {
    let reading = shared.readings.fresh().await?;
    json(move || {
        let base = shared.rates.base(reading.snapshot.monotonic_ns);
        api::Links::of(&reading.snapshot, base.as_deref())
    })
    .await
}

async fn flows(
    State(shared): State<Shared>,
    which: Result<Query<api::WhichFlows>, QueryRejection>,
) -> Result<Response, ReadError> {
    let Query(which) = match which {
        Ok(which) => which,
        Err(rejection) => return Ok((StatusCode::BAD_REQUEST, rejection.body_text() + "\n").into_response()),
    };
    let reading = shared.readings.fresh().await?;
    let flows = shared.readings.flows().await?;
    json(move || api::Flows::of(&reading.snapshot, flows, &which)).await
}

async fn probes(State(shared): State<Shared>) -> Result<Response, ReadError> {
    let reading = shared.readings.fresh().await?;
    json(move || api::Probes::of(&reading.snapshot)).await
}

/// Builds the response on a thread for blocking work: a thousand links would stall the connections of a worker thread.
async fn json<T: Serialize>(make: impl FnOnce() -> T + Send + 'static) -> Result<Response, ReadError> {
    Ok(spawn_blocking(move || Json(make()).into_response()).await?)
}

impl IntoResponse for ReadError {
    fn into_response(self) -> Response {
        let text = netmon_model::error::chain(&self);
        log::warn!("an HTTP request failed: {text}");
        (StatusCode::INTERNAL_SERVER_ERROR, text + "\n").into_response()
    }
}
