//! The keys of a service that say as whom, where and with what its command runs.
//!
//! Users, groups and directories are those of the host on which the lab is built, so they are looked up there.

use std::collections::BTreeMap;

use netmon_model::lab::{CAPABILITIES, Execution, ServiceLimits};
use toml::Spanned;

use super::{
    report::Report,
    schema,
    section::{Section, Text},
    suggest::closest,
};

/// Keys that only a command has.
const KEYS: [&str; 7] = ["user", "group", "env", "inherit_env", "cwd", "capabilities", "limits"];
/// Units of memory.
const UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
/// The most processes that a host can have (proc_sys_kernel(5), `pid_max`).
pub(super) const MAX_PROCESSES: u64 = 1 << 22;
/// Less than this is no use to any program.
const MIN_MEMORY: u64 = 1 << 20;

/// Reads these keys of a service.
pub(super) fn read(service: &Section<'_, '_>, report: &mut Report<'_>) -> Execution {
    if service.get("command").is_none() && service.get("http").is_some() {
        refuse_for_http(service, report);
    }
    Execution {
        user: read_account(service, "user", report),
        group: read_account(service, "group", report),
        env: read_env(service, report),
        inherits_env: service.boolean("inherit_env", report).unwrap_or_default(),
        directory: read_directory(service, report),
        capabilities: read_capabilities(service, report),
        limits: read_limits(service, report),
    }
}

fn refuse_for_http(service: &Section<'_, '_>, report: &mut Report<'_>) {
    for (key, value) in KEYS.iter().filter_map(|key| Some((key, service.get(key)?))) {
        let help = "remove it: the built-in web server runs inside netmon";
        report.error(value.span(), format!("`{key}` is for a `command`, and this service has `http`"), help);
    }
}

fn read_account(service: &Section<'_, '_>, key: &str, report: &mut Report<'_>) -> Option<String> {
    let written = service.string(key, report)?;
    let name: &str = written.get_ref();
    if name.is_empty() || name.contains([':', '/', '\0', '\n', ' ']) {
        let help = format!("write the name of a {key} of this host, or its number");
        report.error(written.span(), format!("{name:?} is not the name of a {key}"), help);
        return None;
    }
    Some(name.to_owned())
}

fn read_env(service: &Section<'_, '_>, report: &mut Report<'_>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for (name, value) in service.entries("env", report) {
        if name.get_ref().is_empty() || name.get_ref().contains(['=', '\0']) {
            let help = "write a name such as PGDATA, without `=`";
            report.error(name.span(), "this is not the name of an environment variable", help);
        } else if value.get_ref().contains('\0') {
            report.error(
                value.span(),
                "a value contains a NUL byte",
                "remove \\u0000: no variable can contain it",
            );
        } else {
            env.insert((*name.get_ref()).to_owned(), (*value.get_ref()).to_owned());
        }
    }
    env
}

fn read_directory(service: &Section<'_, '_>, report: &mut Report<'_>) -> Option<std::path::PathBuf> {
    let written = service.string("cwd", report)?;
    if written.get_ref().is_empty() || written.get_ref().contains('\0') {
        report.error(
            written.span(),
            "`cwd` is not a path",
            "write the path of a directory, such as \"/srv/db\"",
        );
        return None;
    }
    Some((*written.get_ref()).into())
}

fn read_capabilities(service: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Vec<String>> {
    let written = service.strings("capabilities", report)?;
    Some(written.iter().filter_map(|word| capability(word, report)).collect())
}

/// Returns the name of a capability as the manual has it; case and the prefix do not matter.
fn capability(word: &Text<'_>, report: &mut Report<'_>) -> Option<String> {
    let upper = word.get_ref().to_uppercase();
    let name = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
    if CAPABILITIES.contains(&name.as_str()) {
        return Some(name);
    }
    let help = match closest(&name, CAPABILITIES, &mut report.comparisons_left) {
        Some(near) => format!("write \"{near}\" if that is meant"),
        None => "write a name of capabilities(7), such as \"CAP_NET_BIND_SERVICE\"".to_owned(),
    };
    report.error(word.span(), format!("{:?} is no capability", word.get_ref()), help);
    None
}

fn read_limits(service: &Section<'_, '_>, report: &mut Report<'_>) -> ServiceLimits {
    let Some(section) = service.table("limits", &schema::LIMITS, report) else {
        return ServiceLimits::default();
    };
    let memory = section.string("memory", report).and_then(|written| read_memory(&written, report));
    let processes = section.integer("processes", report).and_then(|written| read_processes(&written, report));
    ServiceLimits { memory_bytes: memory, processes }
}

fn read_processes(written: &Spanned<i128>, report: &mut Report<'_>) -> Option<u64> {
    let number = u64::try_from(*written.get_ref()).ok().filter(|number| (1..=MAX_PROCESSES).contains(number));
    if number.is_none() {
        let help = format!("write a number from 1 to {MAX_PROCESSES}, such as processes = 64");
        report.error(written.span(), "this is no number of processes", help);
    }
    number
}

fn read_memory(written: &Text<'_>, report: &mut Report<'_>) -> Option<u64> {
    let text: &str = written.get_ref();
    let parts = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?.trim_end(), *bytes)));
    let bytes = parts.and_then(|(number, unit)| number.parse::<u64>().ok()?.checked_mul(unit));
    let bytes = bytes.filter(|bytes| *bytes >= MIN_MEMORY);
    if bytes.is_none() {
        let help = "write a whole number of KiB, MiB or GiB, such as \"256MiB\", and at least \"1MiB\"";
        report.error(written.span(), format!("{text:?} is no amount of memory"), help);
    }
    bytes
}
