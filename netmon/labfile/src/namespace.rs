//! `[[namespace]]`: its name, name servers and sysctls, or the container whose it is. [`super::route`] reads its routes, which can only be checked when all
//! links are known.

use std::{collections::BTreeMap, net::IpAddr};

use netmon_model::{
    names::{InvalidName, NsName},
    text::quoted,
};

use super::{
    address,
    index::Index,
    report::Report,
    schema,
    section::{Section, Text},
    sysctl,
};

/// A namespace whose routes have not been read yet.
pub(super) struct NamespaceDraft<'t, 'i> {
    pub(super) name: Option<NsName>,
    /// The container whose namespace this is. `None` if it is the lab's own.
    pub(super) container: Option<String>,
    pub(super) nameservers: Option<Vec<IpAddr>>,
    pub(super) routes: Vec<Section<'t, 'i>>,
    pub(super) sysctls: BTreeMap<String, String>,
}

/// Reads one section, and declares its name.
pub(super) fn read<'t, 'i>(
    section: &Section<'t, 'i>,
    index: &mut Index,
    report: &mut Report<'_>,
) -> NamespaceDraft<'t, 'i> {
    let name = section.string("name", report);
    match &name {
        Some(name) => index.declare_namespace(name, report),
        None if !report.is_whole(&section.at()) => index.lose_namespace(),
        None => {}
    }
    let help = "it becomes a file in /run/netns: write 1 to 255 bytes without `/` and white space, for example \"web\"";
    let name: Option<NsName> = name.and_then(|name| valid_name(&name, help, report));
    let container = read_container(section, report);
    if let (Some(name), Some(container)) = (&name, &container) {
        index.declare_container(name.clone(), container.clone());
    }
    NamespaceDraft {
        name,
        container,
        nameservers: nameservers(section, report),
        routes: section.tables("routes", &schema::ROUTE, report),
        sysctls: sysctls(section, report),
    }
}

/// What a lab may not change of a container.
const NOT_IN_CONTAINERS: [&str; 3] = ["nameservers", "routes", "sysctls"];

/// Reads the container whose namespace this is, and refuses what would change it.
fn read_container(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<String> {
    let written = section.string("container", report)?;
    let container = *written.get_ref();
    if container.is_empty() || container.starts_with('-') || container.contains(char::is_whitespace) {
        let message = format!("{} is no name of a container", quoted(container));
        report.error(written.span(), message, "write a name or an id as `docker ps` shows it");
    }
    for key in NOT_IN_CONTAINERS {
        if let Some(refused) = section.get(key) {
            let message = format!("`{key}` would change the container {}", quoted(container));
            report.error(
                refused.span(),
                message,
                "remove it: a lab adds links to a container, and nothing else",
            );
        }
    }
    Some(container.to_owned())
}

/// Parses a name of any kind by the rules of [`netmon_model::names`].
pub(super) fn valid_name<T>(written: &Text<'_>, help: &str, report: &mut Report<'_>) -> Option<T>
where
    T: std::str::FromStr<Err = InvalidName>,
{
    let parsed = written.get_ref().parse();
    parsed.map_err(|error: InvalidName| report.error(written.span(), error.to_string(), help)).ok()
}

fn nameservers(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Vec<IpAddr>> {
    let written = section.strings("nameservers", report)?;
    Some(written.iter().filter_map(|server| address::host(server, report)).collect())
}

fn sysctls(section: &Section<'_, '_>, report: &mut Report<'_>) -> BTreeMap<String, String> {
    let mut sysctls = BTreeMap::new();
    for (key, value) in section.entries("sysctls", report) {
        if let Err((problem, help)) = sysctl::check_key(key.get_ref()) {
            report.error(key.span(), format!("sysctl {} {problem}", quoted(key.get_ref())), help);
        }
        if let Err((problem, help)) = sysctl::check_value(value.get_ref()) {
            let message = format!("the value of sysctl {} {problem}", quoted(key.get_ref()));
            report.error(value.span(), message, help);
        }
        sysctls.insert((*key.get_ref()).to_owned(), (*value.get_ref()).to_owned());
    }
    sysctls
}
