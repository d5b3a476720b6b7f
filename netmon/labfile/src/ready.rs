//! `ready` of a service: how it is told that the service does its work.

use std::time::Duration;

use netmon_model::lab::Ready;

use super::{
    report::Report,
    schema,
    section::Section,
    time,
    traffic::{self, Kinds},
};

/// How long a service may take to get ready, unless the file says so.
const TIMEOUT: Duration = Duration::from_secs(10);
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(600);

const KINDS: Kinds = Kinds {
    whose: "a readiness check",
    keys: &["tcp", "http", "command"],
    example: "ready = { tcp = \"10.200.0.3:80\" }",
    other: "keep one of them",
};

/// Reads the check of a service, if it has one.
pub(super) fn read(service: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Ready> {
    let section = service.table("ready", &schema::READY, report)?;
    let check = traffic::read(&section, &KINDS, report);
    let timeout = section
        .string("timeout", report)
        .and_then(|written| time::read_within(&written, SHORTEST..=LONGEST, report));
    Some(Ready { check: check?, timeout: timeout.unwrap_or(TIMEOUT) })
}
