//! `ready` of a service: how it is told that the service does its work.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    diagnostic::Report,
    schema,
    section::Section,
    time,
    traffic::{self, Kinds, Traffic},
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

/// What has to succeed once before the next service is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// What is tried, in the service's namespace.
    pub check: Traffic,
    /// How long it may take until that succeeds.
    pub timeout: Duration,
}

/// Reads the check of a service, if it has one.
pub(super) fn read(service: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Ready> {
    let section = service.table("ready", &schema::READY, report)?;
    let check = traffic::read(&section, &KINDS, report);
    let timeout = section
        .string("timeout", report)
        .and_then(|written| time::read_within(&written, SHORTEST..=LONGEST, report));
    Some(Ready { check: check?, timeout: timeout.unwrap_or(TIMEOUT) })
}
