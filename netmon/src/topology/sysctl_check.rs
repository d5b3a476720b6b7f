//! Tries the kernel settings of a plan in a namespace that is created for it, before anything is changed.
//!
//! Whether a kernel has a setting for a namespace, and which values it accepts, is known to the kernel only. The namespace
//! is destroyed with the thread that tries. Settings of an interface are tried on lo, which every namespace has.

use std::{collections::BTreeSet, fmt, io, thread};

use netmon_kernel::netns::NetNs;
use netmon_model::{
    lab::{Bridge, Lab},
    names::{NsName, Place},
};

use super::{
    actual::{Actual, LOOPBACK},
    plan::Plan,
    step::Step,
    sysctl,
};

/// A setting of a lab that cannot be set.
#[derive(Debug)]
pub struct RefusedSetting {
    namespace: NsName,
    key: String,
    value: String,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    /// Neither the lab nor the namespace has the interface that the key is about.
    NoInterface(String),
    /// The kernel's answer.
    Kernel(io::Error),
}

impl RefusedSetting {
    /// Returns whether this kernel does not have the setting.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(&self.reason, Reason::Kernel(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for RefusedSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, key, value, reason } = self;
        write!(f, "cannot set {key} to {value:?} in namespace {namespace}: ")?;
        match reason {
            Reason::NoInterface(interface) => write!(f, "it has no interface {interface}"),
            Reason::Kernel(error) => match error.kind() {
                io::ErrorKind::NotFound => {
                    f.write_str("this kernel has no such setting, or only one for the whole host")
                }
                io::ErrorKind::InvalidInput => f.write_str("the kernel refuses this value"),
                io::ErrorKind::PermissionDenied => {
                    f.write_str("this setting belongs to the host, not to a namespace")
                }
                io::ErrorKind::ReadOnlyFilesystem => {
                    f.write_str("/proc/sys is read-only, and the setting has another value")
                }
                _ => write!(f, "{error}"),
            },
        }
    }
}

/// Returns the settings of the plan that cannot be set.
pub(super) fn refused(lab: &Lab, actual: &Actual, plan: &Plan) -> Vec<RefusedSetting> {
    let settings: Vec<(&NsName, &str, &str)> = plan.steps().filter_map(setting).collect();
    if settings.is_empty() {
        return Vec::new();
    }
    let places = places(lab);
    let (known, unknown): (Vec<_>, Vec<_>) = settings
        .into_iter()
        .partition(|(namespace, key, _)| missing_interface(namespace, key, &places, actual).is_none());
    let unknown = unknown.into_iter().filter_map(|(namespace, key, value)| {
        let interface = missing_interface(namespace, key, &places, actual)?;
        Some(refusal(namespace, key, value, Reason::NoInterface(interface)))
    });
    unknown.chain(try_all(&known)).collect()
}

fn setting(step: &Step) -> Option<(&NsName, &str, &str)> {
    match step {
        Step::SetSysctl { namespace, key, value } => Some((namespace, key, value)),
        _ => None,
    }
}

fn refusal(namespace: &NsName, key: &str, value: &str, reason: Reason) -> RefusedSetting {
    RefusedSetting { namespace: namespace.clone(), key: key.to_owned(), value: value.to_owned(), reason }
}

fn places(lab: &Lab) -> BTreeSet<Place> {
    let ends = lab.links.iter().flat_map(|link| [link.a.place(), link.b.place()]);
    lab.bridges.iter().map(Bridge::place).chain(ends).collect()
}

/// Returns the interface of the key if the namespace will not have it.
fn missing_interface(
    namespace: &NsName,
    key: &str,
    places: &BTreeSet<Place>,
    actual: &Actual,
) -> Option<String> {
    let interface = sysctl::interface_of(key)?;
    let place = interface.parse().ok().map(|interface| Place { namespace: namespace.clone(), interface });
    let is_there = interface == LOOPBACK
        || place.is_some_and(|place| places.contains(&place))
        || actual.contents(namespace).is_some_and(|there| there.sysctls.contains_key(key));
    (!is_there).then_some(interface)
}

/// Tries each setting once. If no namespace can be created for it, nothing is refused.
fn try_all(settings: &[(&NsName, &str, &str)]) -> Vec<RefusedSetting> {
    let try_here = || {
        NetNs::unshare().ok()?;
        let mut tried = BTreeSet::new();
        let mut refused = Vec::new();
        for (namespace, key, value) in settings {
            let on_loopback = sysctl::on_interface(key, LOOPBACK);
            if let (true, Err(error)) =
                (tried.insert((on_loopback.clone(), *value)), sysctl::write_here(&on_loopback, value))
            {
                refused.push(refusal(namespace, key, value, Reason::Kernel(error)));
            }
        }
        Some(refused)
    };
    let tried = thread::scope(|scope| {
        let thread = thread::Builder::new().name("sysctl-trial".to_owned()).spawn_scoped(scope, try_here);
        thread.ok().and_then(|thread| thread.join().ok())
    });
    tried.flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::planner;

    #[test]
    fn a_setting_of_an_interface_that_the_lab_does_not_have_is_refused() {
        let mut lab = netmon_labfile::built_in();
        lab.namespaces[0].sysctls = [("net.ipv4.conf.veth7.rp_filter".to_owned(), "1".to_owned())].into();
        let actual = Actual::default();
        let refused = refused(&lab, &actual, &planner::plan(&lab, &actual).unwrap());
        let text: Vec<String> = refused.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "cannot set net.ipv4.conf.veth7.rp_filter to \"1\" in namespace direct_netns: it has no interface veth7"
            ]
        );
    }

    #[test]
    fn the_kernels_answer_is_explained() {
        let text = |kind: io::ErrorKind| {
            let reason = Reason::Kernel(kind.into());
            refusal(&"web".parse().unwrap(), "net.ipv4.ip_default_ttl", "300", reason)
        };
        let refused = text(io::ErrorKind::InvalidInput);
        assert!(refused.to_string().ends_with("in namespace web: the kernel refuses this value"));
        assert!(!refused.is_unsupported() && text(io::ErrorKind::NotFound).is_unsupported());
    }
}
