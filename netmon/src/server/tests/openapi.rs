//! `/api/v1/openapi.json` against what the server answers.

use std::{collections::BTreeSet, sync::Arc};

use netmon_ebpf::Protocol;
use netmon_model::{
    drift::Drift,
    fixtures,
    impairment::Impairment,
    names::NsName,
    snapshot::{Device, HostSnapshot, ImpairmentStats, LatencyParts, Snapshot},
    survey::{LeftOut, Pod, SkipReason},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{Answer, Fake, PATIENCE, Server, eventually, schema::Schemas};
use crate::{
    api::{DirectionWindow, EndWindow},
    live::Readiness,
    server::{Limits, routes},
};

/// A lab in which as much as possible is not null.
fn lab() -> Snapshot {
    let mut snapshot = fixtures::star(2);
    let link = &mut snapshot.links[0];
    let impairment = Impairment { loss: "1%".parse().ok(), ..Impairment::default() };
    link.a_to_b.impairment = Some(ImpairmentStats { impairment, sent_segments: 5, lost_segments: Some(1) });
    link.a.drift = vec![Drift::SetDown, Drift::Renamed { to: "eth9".to_owned() }];
    link.a.hooks.egress.protocols[Protocol::Udp].packets += 1;
    snapshot.links[1].b = None;
    let link = &mut snapshot.links[0];
    link.a_to_b.parts = Some(LatencyParts::default());
    link.a.device = Some(Device { bridge: Some("br0".to_owned()), ..Device::default() });
    let mut namespaces = fixtures::survey().namespaces;
    namespaces[2].pod =
        Some(Pod { name: "web-0".to_owned(), namespace: "prod".to_owned(), uid: Some("u-1".to_owned()) });
    let left_out = SkipReason::ALL.map(|reason| LeftOut {
        netns: NsName::root(),
        interface: "veth0".to_owned(),
        kind: "veth".to_owned(),
        reason,
    });
    let skipped = SkipReason::ALL.map(|reason| (reason, 1)).into();
    let (left_out, remarks) = (left_out.to_vec(), vec!["a remark".to_owned()]);
    snapshot.host = Some(Arc::new(HostSnapshot { namespaces, skipped, left_out, remarks }));
    snapshot
}

async fn server() -> Server {
    let began = std::time::Instant::now();
    let read = move || {
        let mut snapshot = lab();
        snapshot.monotonic_ns += u64::try_from(began.elapsed().as_nanos()).unwrap();
        Ok(snapshot)
    };
    Server::start(Fake(read, Readiness::from_hooks(3, 4)), Limits::default()).await
}

async fn description(server: &Server) -> Value {
    let answer = server.get("/api/v1/openapi.json").await;
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    serde_json::from_str(&answer.body).unwrap()
}

/// Returns the schema of an answer. `None` for one that is no JSON.
fn schema<'d>(description: &'d Value, path: &str, status: u16) -> Option<&'d Value> {
    let responses = &description["paths"][path]["get"]["responses"];
    let mut response = &responses[status.to_string()];
    if let Some(reference) = response.get("$ref") {
        response = Schemas(description).find(reference);
    }
    assert!(response.is_object(), "{path}: {status} is not described");
    response["content"].get("application/json").map(|json| &json["schema"])
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let description = description(&server().await).await;
    let described: BTreeSet<_> =
        description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let existing: BTreeSet<_> = routes::paths().into_iter().chain(["/"]).collect();
    assert_eq!(described, existing);
}

#[tokio::test]
async fn every_answer_is_as_it_is_described() {
    let server = server().await;
    let description = description(&server).await;
    let has_rates = |answer: &Answer| !answer.body.contains("\"window_seconds\":null");
    eventually(&server, "/api/v1/links", has_rates).await;
    let paths = routes::paths().into_iter().filter(|path| *path != "/api/v1/stream");
    for path in paths.chain(["/", "/api/v1/links?link=nowhere", "/api/v1/flows?state=odd"]) {
        let answer = server.get(path).await;
        let route = path.split('?').next().unwrap();
        let Some(schema) = schema(&description, route, answer.status) else { continue };
        let value = serde_json::from_str(&answer.body).unwrap();
        Schemas(&description).check(schema, &value, path).unwrap();
    }
}

#[tokio::test]
async fn every_event_of_a_stream_is_as_it_is_described() {
    let server = server().await;
    let description = description(&server).await;
    let has_history = |answer: &Answer| !answer.body.contains("\"bytes\":0");
    eventually(&server, "/api/v1/topology", has_history).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /api/v1/stream?history=1 HTTP/1.0\r\n\r\n").await.unwrap();
    // HTTP/1.0 has no chunks, so the body is the events.
    let mut text = Vec::new();
    let until_rates = async {
        while !String::from_utf8_lossy(&text).contains("event: rates\n") {
            stream.read_buf(&mut text).await.unwrap();
        }
    };
    timeout(PATIENCE, until_rates).await.expect("rates in time");
    server.end.send(()).unwrap();
    timeout(PATIENCE, stream.read_to_end(&mut text)).await.unwrap().unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut seen = BTreeSet::new();
    for event in text.split("\n\n").filter(|event| event.starts_with("event: ")) {
        let (name, data) = event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
        let schema = match name {
            "topology" => "Topology",
            "history" | "rates" => "Window",
            _ => "Bye",
        };
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        Schemas(&description).check(&schema, &serde_json::from_str(data).unwrap(), name).unwrap();
        seen.insert(name.to_owned());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["bye", "history", "rates", "topology"]);
}

#[tokio::test]
async fn the_columns_are_described_by_their_names() {
    let description = description(&server().await).await;
    let columns = |schema: &str| {
        let columns = description["components"]["schemas"][schema]["prefixItems"].as_array().unwrap().iter();
        let name = |column: &Value| {
            column["description"].as_str().unwrap().split([':', ';']).next().unwrap().to_owned()
        };
        columns.map(name).collect::<Vec<_>>()
    };
    assert_eq!(columns("DirectionWindow"), DirectionWindow::COLUMNS);
    assert_eq!(columns("EndWindow"), EndWindow::COLUMNS);
}
