//! `ready` of a service: the check that it is ready.

use std::time::Duration;

use netmon_model::lab::Ready;

use super::{
    report::Report,
    schema,
    section::Section,
    time,
    traffic::{self, TrafficKinds},
};

/// How long a service may take to become ready, by default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_TIMEOUT: Duration = Duration::from_secs(600);

const KINDS: TrafficKinds = TrafficKinds {
    section: "a readiness check",
    keys: &["tcp", "http", "command"],
    example: "ready = { tcp = \"10.200.0.3:80\" }",
    advice: "keep one of them",
};

/// Reads the check of a service, if it has one.
pub(super) fn read(service: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Ready> {
    let section = service.table("ready", &schema::READY, report)?;
    let check = traffic::read(&section, &KINDS, report);
    let timeout = section
        .string("timeout", report)
        .and_then(|written| time::read_within(&written, MIN_TIMEOUT..=MAX_TIMEOUT, report));
    Some(Ready { check: check?, timeout: timeout.unwrap_or(DEFAULT_TIMEOUT) })
}
