//! The keys of a service that say as whom, where and with what its command runs.

use super::{super::execution::MAX_PROCESSES, Key, Schema, TextFormat, ValueType, optional};

pub(super) const USER: Key = optional(
    "user",
    ValueType::Text(TextFormat::Any),
    "The user that the command runs as, by name (in /etc/passwd) or number. It then has no capabilities unless \
     `capabilities` names some.",
    r#"user = "www-data""#,
);
pub(super) const GROUP: Key = optional(
    "group",
    ValueType::Text(TextFormat::Any),
    "The group that the command runs in, by name (in /etc/group) or number. The default is the user's, with its \
     other groups.",
    r#"group = "adm""#,
);
pub(super) const ENV: Key = optional(
    "env",
    ValueType::Environment,
    "Environment variables, beside PATH, HOME, USER, LOGNAME, SHELL and those of the language and time zone.",
    r#"env = { PGDATA = "/srv/db" }"#,
);
pub(super) const INHERIT_ENV: Key = optional(
    "inherit_env",
    ValueType::Boolean,
    "Whether the command has all of netmon's own environment as well.",
    "inherit_env = true",
);
pub(super) const CWD: Key = optional(
    "cwd",
    ValueType::Text(TextFormat::Any),
    "The directory in which the command starts. A relative one starts in the lab file's directory, which is the default.",
    r#"cwd = "/srv/db""#,
);
pub(super) const CAPABILITIES: Key = optional(
    "capabilities",
    ValueType::Texts(TextFormat::Any, 0),
    "The capabilities that the command may have, and no others. An empty list leaves it none.",
    r#"capabilities = ["CAP_NET_BIND_SERVICE"]"#,
);
pub(super) const LIMITS_KEY: Key = optional(
    "limits",
    ValueType::Table(&LIMITS),
    "What the command and its children may take together.",
    r#"limits = { memory = "256MiB", processes = 64 }"#,
);

/// `limits` of a service.
pub(crate) static LIMITS: Schema = Schema {
    title: "limits",
    keys: &[
        optional(
            "memory",
            ValueType::Text(TextFormat::Any),
            "Memory, in KiB, MiB or GiB.",
            r#"memory = "256MiB""#,
        ),
        optional(
            "processes",
            ValueType::Integer(1, MAX_PROCESSES as i128),
            "Processes and threads.",
            "processes = 64",
        ),
    ],
    one_of: &[],
};
