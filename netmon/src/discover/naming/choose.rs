//! The choice of a namespace's name, from all that is known of it.
//!
//! What its user called it comes before what a runtime calls it, and that before what can be seen from outside.

use netmon_model::{
    names::{Cookie, ROOT},
    survey::{Container, Member, NamedBy, Pod, Runtime},
};

use super::{
    cgroup::{Owner, is_uuid},
    facts::{Catalog, Facts},
};

/// How much of a container's id is shown, as Docker does.
const SHORT_ID: usize = 12;

/// What is known of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::discover) struct Evidence {
    /// Whether it is the namespace of the survey.
    pub(in crate::discover) is_root: bool,
    /// Its cookie.
    pub(in crate::discover) cookie: Option<Cookie>,
    /// Its names in /run/netns.
    pub(in crate::discover) names: Vec<String>,
    /// What its processes belong to, without repetition, the oldest first.
    pub(in crate::discover) owners: Vec<Owner>,
    /// The UID of the pod that its processes belong to.
    pub(in crate::discover) pod_uid: Option<String>,
    /// The oldest process inside: its number and its name.
    pub(in crate::discover) process: Option<(u32, String)>,
    /// A process outside that keeps it by a descriptor: its number and its name.
    pub(in crate::discover) holder: Option<(u32, String)>,
}

/// A namespace with the name that it would have if it were alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::discover) struct Named {
    /// The name.
    pub(in crate::discover) name: String,
    /// Its origin.
    pub(in crate::discover) named_by: NamedBy,
    /// What manages the namespace.
    pub(in crate::discover) runtime: Runtime,
    /// The container that it belongs to.
    pub(in crate::discover) container: Option<Container>,
    /// The pod that it belongs to.
    pub(in crate::discover) pod: Option<Pod>,
    /// What shares it.
    pub(in crate::discover) members: Vec<Member>,
    /// Why it has no better name.
    pub(in crate::discover) remark: Option<String>,
}

/// Names a namespace.
pub(in crate::discover) fn choose(evidence: &Evidence, catalog: &Catalog) -> Named {
    let main = main_owner(&evidence.owners, catalog).filter(|_| !evidence.is_root);
    let container = main.and_then(|owner| container(owner, catalog));
    let pod = main.and_then(|owner| facts(owner, catalog)?.pod.clone());
    let (named_by, name) = name(evidence, main, container.as_ref(), pod.as_ref());
    Named {
        name,
        named_by,
        runtime: runtime(evidence, main, named_by),
        remark: remark(evidence, main, named_by, catalog),
        members: members(evidence, catalog),
        container,
        pod,
    }
}

fn facts<'c>(owner: &Owner, catalog: &'c Catalog) -> Option<&'c Facts> {
    match owner {
        Owner::Container { id, .. } => catalog.containers.get(id),
        Owner::Machine { .. } | Owner::Unit(_) => None,
    }
}

/// Returns whose namespace it is: of a pod the sandbox; otherwise the container that did not join another's network.
fn main_owner<'e>(owners: &'e [Owner], catalog: &Catalog) -> Option<&'e Owner> {
    owners.iter().min_by_key(|owner| match (owner, facts(owner, catalog)) {
        (_, Some(facts)) if facts.is_sandbox => 0,
        (Owner::Container { .. }, Some(facts)) if facts.joins_another => 2,
        (Owner::Container { .. }, _) => 1,
        (Owner::Machine { .. }, _) => 3,
        (Owner::Unit(_), _) => 4,
    })
}

fn container(owner: &Owner, catalog: &Catalog) -> Option<Container> {
    let Owner::Container { id, .. } = owner else { return None };
    let Facts { name, image, labels, .. } = catalog.containers.get(id).cloned().unwrap_or_default();
    Some(Container { id: id.clone(), name, image, labels })
}

/// Returns the best name, and its origin.
fn name(
    evidence: &Evidence,
    main: Option<&Owner>,
    container: Option<&Container>,
    pod: Option<&Pod>,
) -> (NamedBy, String) {
    if evidence.is_root {
        return (NamedBy::Root, ROOT.to_owned());
    }
    let by = |source| move |name: String| (source, name);
    container
        .and_then(Container::chosen_name)
        .map(|name| (NamedBy::Label, name.to_owned()))
        .or_else(|| pod.map(|pod| (NamedBy::Pod, format!("{}.{}", pod.namespace, pod.name))))
        .or_else(|| container.and_then(compose_name).map(by(NamedBy::Compose)))
        .or_else(|| container.and_then(|container| container.name.clone()).map(by(NamedBy::Container)))
        .or_else(|| machine_name(main).map(by(NamedBy::Machine)))
        .or_else(|| evidence.names.iter().find(|name| is_human(name)).cloned().map(by(NamedBy::Netns)))
        .or_else(|| container.map(|container| (NamedBy::ContainerId, short(&container.id))))
        .or_else(|| unit_name(main).map(by(NamedBy::Unit)))
        .or_else(|| evidence.process.as_ref().or(evidence.holder.as_ref()).map(process_name))
        .unwrap_or_else(|| last_resort(evidence))
}

fn process_name((pid, command): &(u32, String)) -> (NamedBy, String) {
    (NamedBy::Process, format!("{command}-{pid}"))
}

fn last_resort(evidence: &Evidence) -> (NamedBy, String) {
    match (evidence.names.first(), evidence.cookie) {
        (Some(drawn), _) => (NamedBy::Netns, drawn.clone()),
        (None, Some(cookie)) => (NamedBy::Cookie, format!("ns-{}", cookie.0)),
        (None, None) => (NamedBy::Cookie, "ns".to_owned()),
    }
}

/// The first container of a service has no number: it keeps its name when a second one is started.
fn compose_name(container: &Container) -> Option<String> {
    let (project, service) = (container.compose_project()?, container.compose_service()?);
    Some(match container.compose_number().filter(|number| *number != "1") {
        Some(number) => format!("{project}.{service}-{number}"),
        None => format!("{project}.{service}"),
    })
}

fn machine_name(main: Option<&Owner>) -> Option<String> {
    match main? {
        Owner::Machine { name, .. } => Some(name.clone()),
        _ => None,
    }
}

fn unit_name(main: Option<&Owner>) -> Option<String> {
    match main? {
        Owner::Unit(name) => Some(name.clone()),
        _ => None,
    }
}

/// Returns whether a person chose this name: it is not a number that a network plugin drew.
fn is_human(name: &str) -> bool {
    let drawn = ["cni-", "netns-"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    let is_short_id = name.len() == SHORT_ID && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    !is_uuid(drawn) && !is_short_id
}

fn short(id: &str) -> String {
    id.chars().take(SHORT_ID).collect()
}

fn runtime(evidence: &Evidence, main: Option<&Owner>, named_by: NamedBy) -> Runtime {
    match (evidence.is_root, main) {
        (true, _) => Runtime::Host,
        (false, Some(Owner::Container { runtime, .. } | Owner::Machine { runtime, .. })) => *runtime,
        (false, _) => match named_by {
            NamedBy::Netns => Runtime::Netns,
            NamedBy::Unit => Runtime::Systemd,
            NamedBy::Process => Runtime::Process,
            _ => Runtime::Unknown,
        },
    }
}

fn members(evidence: &Evidence, catalog: &Catalog) -> Vec<Member> {
    let member = |owner: &Owner| match owner {
        Owner::Container { runtime, id } => {
            let known = catalog.containers.get(id).and_then(|facts| facts.name.clone());
            Some(Member { runtime: *runtime, name: known.unwrap_or_else(|| short(id)) })
        }
        Owner::Machine { runtime, name } => Some(Member { runtime: *runtime, name: name.clone() }),
        // The host has hundreds of units in its own namespace.
        Owner::Unit(_) if evidence.is_root => None,
        Owner::Unit(name) => Some(Member { runtime: Runtime::Systemd, name: name.clone() }),
    };
    evidence.owners.iter().filter_map(member).collect()
}

fn remark(evidence: &Evidence, main: Option<&Owner>, named_by: NamedBy, catalog: &Catalog) -> Option<String> {
    if let (NamedBy::ContainerId, Some(Owner::Container { runtime, .. })) = (named_by, main) {
        return Some(no_name(*runtime, evidence.pod_uid.as_deref(), catalog));
    }
    let is_empty = evidence.process.is_none() && evidence.names.is_empty() && !evidence.is_root;
    match (&evidence.holder, is_empty) {
        (Some((pid, command)), _) => Some(format!("kept by a descriptor of {command} (process {pid})")),
        (None, true) => Some("no process and no file is known that keeps it".to_owned()),
        (None, false) => None,
    }
}

fn no_name(runtime: Runtime, pod_uid: Option<&str>, catalog: &Catalog) -> String {
    let of_pod = pod_uid.map(|uid| format!(" (pod {uid})")).unwrap_or_default();
    match catalog.silent.get(&runtime) {
        Some(why) => format!("{runtime} has not said its name{of_pod}: {why}"),
        None => format!("no bundle and no list of {runtime} has its name{of_pod}"),
    }
}

#[cfg(test)]
mod tests;
