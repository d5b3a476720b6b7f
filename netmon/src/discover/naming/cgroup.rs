//! What a process belongs to, by the path of its cgroup: the one trace that every runtime leaves, with or without a daemon.
//!
//! Version 1, 2 and hybrid hierarchies, systemd's and cgroupfs' layouts. The innermost container counts: containers may be
//! nested. A runtime's own monitor has a cgroup beside its container's and is not inside.

use netmon_model::survey::Runtime;

/// What a process belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::discover) enum Owner {
    /// A container.
    Container {
        /// What manages it. [`Runtime::Kubernetes`] if the path does not say which runtime the pod's containers have.
        runtime: Runtime,
        /// Its id, or its name where the runtime has no ids.
        id: String,
    },
    /// A machine of LXC, nspawn or libvirt.
    Machine {
        /// What manages it.
        runtime: Runtime,
        /// Its name.
        name: String,
    },
    /// A systemd unit.
    Unit(String),
}

/// Prefixes of systemd scopes that hold a container, each followed by its id.
const SCOPES: [(&str, Runtime); 5] = [
    ("docker-", Runtime::Docker),
    ("libpod-", Runtime::Podman),
    ("cri-containerd-", Runtime::Containerd),
    ("nerdctl-", Runtime::Containerd),
    ("crio-", Runtime::CriO),
];
/// Parents of containers where no systemd manages cgroups.
const PARENTS: [(&str, Runtime); 3] =
    [("docker", Runtime::Docker), ("libpod_parent", Runtime::Podman), ("lxc", Runtime::Lxc)];
/// The length of a container's id.
const ID: usize = 64;

/// Returns what a process with these cgroups belongs to. `None` if it is none of these.
pub(in crate::discover) fn owner(cgroups: &[String]) -> Option<Owner> {
    let found = |of: fn(&str) -> Option<Owner>| cgroups.iter().find_map(|path| of(path));
    found(container).or_else(|| found(unit))
}

/// Returns the innermost container or machine of a path.
fn container(path: &str) -> Option<Owner> {
    let parts: Vec<&str> = path.split('/').collect();
    let is_pod = |above: &[&str]| above.iter().any(|part| part.starts_with("kubepods"));
    (0..parts.len()).rev().find_map(|at| {
        let (above, part) = (&parts[..at], parts[at]);
        scope(part)
            .or_else(|| machine(part))
            .or_else(|| child(above.last().copied().unwrap_or_default(), part))
            .or_else(|| (is_id(part) && is_pod(above)).then(|| contained(Runtime::Kubernetes, part)))
    })
}

fn contained(runtime: Runtime, id: &str) -> Owner {
    Owner::Container { runtime, id: id.to_owned() }
}

/// `docker-ID.scope`. The scope of a monitor (`libpod-conmon-ID.scope`) has no id where the container's has it.
fn scope(part: &str) -> Option<Owner> {
    let scope = part.strip_suffix(".scope").unwrap_or(part);
    SCOPES.into_iter().find_map(|(prefix, runtime)| {
        let id = scope.strip_prefix(prefix).filter(|id| is_id(id))?;
        Some(contained(runtime, id))
    })
}

/// `lxc.payload.NAME`, `machine-NAME.scope` and `systemd-nspawn@NAME.service`.
fn machine(part: &str) -> Option<Owner> {
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return Some(Owner::Machine { runtime: Runtime::Lxc, name: name.to_owned() });
    }
    let escaped = part
        .strip_prefix("machine-")
        .and_then(|name| name.strip_suffix(".scope"))
        .or_else(|| part.strip_prefix("systemd-nspawn@")?.strip_suffix(".service"))?;
    Some(Owner::Machine { runtime: Runtime::Machine, name: unescape(escaped) })
}

/// `docker/ID`, `libpod_parent/libpod-ID` and `lxc/NAME`.
fn child(parent: &str, part: &str) -> Option<Owner> {
    let (_, runtime) = PARENTS.into_iter().find(|(name, _)| *name == parent)?;
    match runtime {
        Runtime::Lxc if !part.is_empty() => Some(Owner::Machine { runtime, name: part.to_owned() }),
        _ => {
            let id = part.strip_prefix("libpod-").unwrap_or(part);
            is_id(id).then(|| contained(runtime, id))
        }
    }
}

/// Returns the innermost service. A user's manager is one, too, so what it runs comes first.
fn unit(path: &str) -> Option<Owner> {
    let name = path.rsplit('/').find_map(|part| part.strip_suffix(".service"))?;
    Some(Owner::Unit(unescape(name)))
}

/// Returns the UID of the pod in a path of kubelet's: `pod0a1b_2c...` under systemd, with `-` otherwise.
pub(in crate::discover) fn pod_uid(cgroups: &[String]) -> Option<String> {
    let parts = cgroups.iter().flat_map(|path| path.split('/'));
    parts.filter_map(|part| part.strip_suffix(".slice").unwrap_or(part).rsplit_once("pod")).find_map(
        |(before, uid)| {
            let is_kubelets = before.is_empty() || (before.starts_with("kubepods") && before.ends_with('-'));
            let uid = uid.replace('_', "-");
            (is_kubelets && is_uuid(&uid)).then_some(uid)
        },
    )
}

/// Returns whether this is a container's id: 64 hexadecimal digits.
pub(in crate::discover) fn is_id(text: &str) -> bool {
    text.len() == ID && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns whether this is a UUID.
pub(in crate::discover) fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts.iter().map(|part| part.len()).eq([8_usize, 4, 4, 4, 12]) && parts.iter().all(is_hex)
}

/// Undoes the escapes of systemd's names (systemd-escape(1)): `\x2d` is `-`.
fn unescape(name: &str) -> String {
    let mut parts = name.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(&part.as_bytes()[2..]);
            }
            None => bytes.extend([b"\\x", part.as_bytes()].concat()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a";
    const OTHER: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    fn of(path: &str) -> Option<Owner> {
        owner(&[path.replace("ID", HEX).replace("ELSE", OTHER)])
    }

    fn contained_in(runtime: Runtime) -> Owner {
        contained(runtime, HEX)
    }

    fn machine_of(runtime: Runtime, name: &str) -> Owner {
        Owner::Machine { runtime, name: name.to_owned() }
    }

    #[test]
    fn containers_are_known_in_the_layouts_of_systemd_and_of_cgroupfs() {
        for (path, runtime) in [
            ("/system.slice/docker-ID.scope", Runtime::Docker),
            ("/docker/ID", Runtime::Docker),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope", Runtime::Docker),
            ("/machine.slice/libpod-ID.scope", Runtime::Podman),
            ("/machine.slice/libpod-ID.scope/container", Runtime::Podman),
            ("/libpod_parent/libpod-ID", Runtime::Podman),
            ("/kubepods.slice/kubepods-besteffort.slice/cri-containerd-ID.scope", Runtime::Containerd),
            ("/system.slice/nerdctl-ID.scope", Runtime::Containerd),
            ("/kubepods.slice/kubepods-pod1.slice/crio-ID.scope", Runtime::CriO),
            ("/kubepods/besteffort/pod1/ID", Runtime::Kubernetes),
        ] {
            assert_eq!(of(path), Some(contained_in(runtime)), "{path}");
        }
    }

    #[test]
    fn the_innermost_container_counts_and_its_units_do_not() {
        assert_eq!(of("/docker/ELSE/docker/ID"), Some(contained_in(Runtime::Docker)));
        assert_eq!(of("/docker/ELSE/kubepods/pod1/ID"), Some(contained_in(Runtime::Kubernetes)));
        assert_eq!(of("/docker/ID/system.slice/nginx.service"), Some(contained_in(Runtime::Docker)));
        assert_eq!(
            of("/../docker-ID.scope"),
            Some(contained_in(Runtime::Docker)),
            "seen from another cgroup namespace"
        );
    }

    #[test]
    fn a_monitor_beside_a_container_is_not_inside() {
        assert_eq!(of("/machine.slice/libpod-conmon-ID.scope"), None);
        assert_eq!(of("/system.slice/crio-conmon-ID.scope"), None);
        assert_eq!(of("/lxc.monitor.web"), None);
        assert_eq!(of("/docker"), None);
        assert_eq!(of("/docker/buildx"), None);
    }

    #[test]
    fn machines_have_names_without_the_escapes_of_systemd() {
        assert_eq!(of("/lxc.payload.web/init.scope"), Some(machine_of(Runtime::Lxc, "web")));
        assert_eq!(of("/lxc/web"), Some(machine_of(Runtime::Lxc, "web")));
        assert_eq!(
            of("/machine.slice/machine-web\\x2d1.scope/payload"),
            Some(machine_of(Runtime::Machine, "web-1"))
        );
        assert_eq!(
            of("/machine.slice/systemd-nspawn@deb.service/payload"),
            Some(machine_of(Runtime::Machine, "deb"))
        );
    }

    #[test]
    fn a_unit_is_the_innermost_service() {
        let unit = |name: &str| Some(Owner::Unit(name.to_owned()));
        assert_eq!(of("/system.slice/nginx.service"), unit("nginx"));
        assert_eq!(of("/user.slice/user@1000.service/app.slice/app.service"), unit("app"));
        assert_eq!(of("/user.slice/user-1000.slice/session-3.scope"), None);
        assert_eq!(of("/"), None);
    }

    #[test]
    fn a_hybrid_hierarchy_names_the_container_in_any_line() {
        let paths = ["/".to_owned(), "/system.slice/ssh.service".to_owned(), format!("/docker/{HEX}")];
        assert_eq!(owner(&paths), Some(contained_in(Runtime::Docker)));
    }

    #[test]
    fn a_pods_uid_is_read_with_dashes_or_underscores() {
        let uid = "0a1b2c3d-0000-1111-2222-333344445555";
        for path in [
            format!("/kubepods/burstable/pod{uid}/{HEX}"),
            format!("/kubepods.slice/kubepods-burstable-pod{}.slice/crio-{HEX}.scope", uid.replace('-', "_")),
        ] {
            assert_eq!(pod_uid(&[path]).as_deref(), Some(uid));
        }
        assert_eq!(pod_uid(&["/machine.slice/tripod.service".to_owned()]), None);
    }

    #[test]
    fn an_escape_that_is_none_stays_as_it_is() {
        assert_eq!(unescape("a\\x2db\\xzz\\x2"), "a-b\\xzz\\x2");
        assert_eq!(unescape("ä\\xc3\\xa4"), "ää");
    }
}
