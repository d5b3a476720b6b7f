//! Which capabilities a lab's services need, and which their supervisor keeps for them.
//!
//! A process that supervises services for long gives up the others, before it starts a thread. It keeps the same ones
//! whatever the lab is, beside those that the lab file names, so that a reload finds what it needs. `docs/PRIVILEGES.md` has
//! the list.

use log::{debug, warn};
use netmon_kernel::sys::{
    capabilities::Capability,
    give_up::{keep_only, permitted},
};
use netmon_model::{
    lab::{Lab, SERVICE_CAPABILITIES, Service, ServiceKind, capability_bits, capability_names},
    names::NsName,
};
use thiserror::Error;

/// The process may not give a service the capabilities that the lab file names.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("service {service} in {namespace} names {}, which netmon does not have", names.join(" and "))]
pub struct LackingCapabilities {
    /// The service.
    pub service: String,
    /// Its namespace.
    pub namespace: NsName,
    /// The capabilities, as in `capabilities(7)`.
    pub names: Vec<&'static str>,
}

/// Returns the capabilities that the lab's services need: its own web servers on low ports (ip(7),
/// `ip_unprivileged_port_start`), and commands that run as another user.
#[must_use]
pub fn required_capabilities(lab: &Lab) -> Vec<Capability> {
    /// The lowest port that needs no privilege.
    const UNPRIVILEGED: u16 = 1024;
    const SETTING: &str = "net.ipv4.ip_unprivileged_port_start";
    let is_privileged = |service: &Service| {
        let low =
            matches!(service.kind, ServiceKind::Http(address) if (1..UNPRIVILEGED).contains(&address.port()));
        let mut own = lab.namespaces.iter().filter(|one| one.name == service.namespace);
        low && !own.any(|one| one.sysctls.contains_key(SETTING))
    };
    let any = |is_one: &dyn Fn(&Service) -> bool| lab.services.iter().any(is_one);
    let has_user = |service: &Service| service.execution.user.is_some();
    let has_group = |service: &Service| has_user(service) || service.execution.group.is_some();
    let bounds = |service: &Service| {
        service.execution.capabilities.is_some()
            && matches!(service.execution.user.as_deref(), None | Some("root" | "0"))
    };
    [
        (any(&is_privileged), Capability::NetBindService),
        (any(&has_user), Capability::Setuid),
        (any(&has_group), Capability::Setgid),
        // Their processes are ended at the end of the lab.
        (any(&has_user), Capability::Kill),
        (any(&bounds), Capability::Setpcap),
    ]
    .into_iter()
    .filter_map(|(is_needed, capability)| is_needed.then_some(capability))
    .collect()
}

/// Returns the capabilities that a supervisor of these services keeps, one bit each: netmon's own, those of services that name
/// none, and those that are named.
#[must_use]
pub fn kept_capabilities(services: &[Service]) -> u64 {
    let of_all = Capability::all_bits() | capability_bits(&SERVICE_CAPABILITIES);
    services.iter().map(named).fold(of_all, |all, one| all | one)
}

/// Gives up every capability of the calling thread that a supervisor of these services does not keep. To be called before
/// the process starts threads that need any.
pub fn keep_capabilities(services: &[Service]) {
    match keep_only(kept_capabilities(services)) {
        Ok(true) => {}
        Ok(false) => debug!("without CAP_SETPCAP every capability is kept"),
        Err(error) => warn!("cannot give up capabilities: {error}"),
    }
}

/// Checks that the process has the capabilities that services name.
///
/// # Errors
///
/// The first service whose capabilities it lacks.
pub fn lacking_capabilities(services: &[Service]) -> Result<(), LackingCapabilities> {
    // If the kernel does not say, a service that lacks one is started without it.
    lacking_of(services, permitted().unwrap_or(u64::MAX))
}

fn lacking_of(services: &[Service], permitted: u64) -> Result<(), LackingCapabilities> {
    let lacking = |service: &&Service| named(service) & !permitted != 0;
    services.iter().find(lacking).map_or(Ok(()), |service| {
        let names = capability_names(named(service) & !permitted);
        let (namespace, service) = (service.namespace.clone(), service.name.clone());
        Err(LackingCapabilities { service, namespace, names })
    })
}

fn named(service: &Service) -> u64 {
    service.execution.capabilities.as_deref().map_or(0, capability_bits)
}

#[cfg(test)]
mod tests {
    use netmon_model::lab::Execution;

    use super::*;

    fn service(capabilities: Option<&[&str]>) -> Service {
        let capabilities = capabilities.map(|all| all.iter().map(ToString::to_string).collect());
        Service {
            name: "clock".to_owned(),
            namespace: "a".parse().unwrap(),
            kind: ServiceKind::Command(vec!["true".to_owned()]),
            ready: None,
            execution: Execution { capabilities, ..Execution::default() },
        }
    }

    #[test]
    fn a_supervisor_keeps_twenty_capabilities_and_those_that_its_services_name() {
        let plain = kept_capabilities(&[service(None)]);
        assert_eq!(plain.count_ones(), 20, "{:?}", capability_names(plain));
        let time = kept_capabilities(&[service(Some(&["CAP_SYS_TIME", "CAP_NET_RAW"]))]);
        assert_eq!(capability_names(time & !plain), ["CAP_SYS_TIME"]);
    }

    #[test]
    fn a_service_whose_capabilities_are_not_there_is_named_with_them() {
        let permitted = kept_capabilities(&[]);
        assert_eq!(lacking_of(&[service(None), service(Some(&["CAP_NET_RAW"]))], permitted), Ok(()));
        let error = lacking_of(&[service(Some(&["CAP_SYS_TIME", "CAP_CHOWN"]))], permitted).unwrap_err();
        assert_eq!(error.to_string(), "service clock in a names CAP_SYS_TIME, which netmon does not have");
    }
}
