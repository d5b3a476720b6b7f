//! Which capabilities this process has, and what does not work without the missing ones. `docs/PRIVILEGES.md` has the
//! same list.

use netmon_kernel::sys::capabilities::{Capability, has, is_in_host_user_namespace};

use super::{Finding, Section};

pub(super) fn examine() -> Vec<Finding> {
    Capability::ALL.into_iter().map(|capability| finding(capability, has(capability))).collect()
}

fn finding(capability: Capability, is_held: bool) -> Finding {
    let need = need(capability);
    let (section, what) = (Section::Privileges, capability.as_str());
    if is_held {
        return Finding::ok(section, what, need.what_for);
    }
    let found = format!("not held; needed for {}", need.what_for);
    let advice = if is_in_host_user_namespace() {
        "run netmon as root, for example with sudo"
    } else {
        "this is a user namespace, whose capabilities do not count for this: run netmon as root of the host"
    };
    match need.without {
        None => Finding::missing(section, what, found, advice),
        Some(without) => Finding::note(section, what, found, without),
    }
}

/// What netmon needs a capability for.
struct Need {
    what_for: &'static str,
    /// How netmon runs without it. `None` if `netmon run` refuses to start.
    without: Option<&'static str>,
}

fn need(capability: Capability) -> Need {
    let (what_for, without) = match capability {
        Capability::NetAdmin => ("links, addresses and routes, and programs on hooks", None),
        Capability::NetBroadcast => (
            "hearing of links that appear in other namespaces",
            Some(
                "`netmon run --discover` and `netmon discover --follow` refuse to start; `netmon discover` works",
            ),
        ),
        Capability::SysAdmin => ("creating and entering namespaces", None),
        Capability::Bpf => ("loading programs and creating maps", None),
        Capability::Perfmon => (
            "the kernel's tracepoints, and programs without the code that the verifier adds for untrusted loaders",
            None,
        ),
        Capability::NetRaw => {
            ("raw sockets", Some("`netmon selftest` refuses to start, and ping inside the lab does not work"))
        }
        Capability::SysPtrace => (
            "finding the processes of other users in a namespace",
            Some("netmon cannot name the process that keeps a namespace alive"),
        ),
        Capability::DacOverride => (
            "writing /run/netmon, /run/netns and /etc/netns as a user other than root",
            Some("everything works as long as these directories are writable"),
        ),
        Capability::Kill => (
            "stopping services that changed their user",
            Some("labs whose services do not change their user work"),
        ),
        Capability::NetBindService => (
            "services on ports below 1024, and the DNS server of `netmon selftest`",
            Some("labs whose services listen on higher ports work; the built-in lab listens on port 80"),
        ),
        Capability::Setuid => ("services with `user`", Some("labs whose services keep netmon's user work")),
        Capability::Setgid => {
            ("services with `user` or `group`", Some("labs whose services keep netmon's groups work"))
        }
        Capability::Setpcap => (
            "services of root with `capabilities`",
            Some("labs whose services have another user, or no `capabilities`, work"),
        ),
    };
    Need { what_for, without }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn capabilities_that_an_agent_requires_are_missing_and_the_others_are_notes() {
        for capability in [Capability::NetAdmin, Capability::SysAdmin, Capability::Bpf] {
            assert_eq!(finding(capability, false).status, Status::Missing);
        }
        for capability in [Capability::NetRaw, Capability::SysPtrace, Capability::NetBindService] {
            assert_eq!(finding(capability, false).status, Status::Note);
        }
        assert!(Capability::ALL.into_iter().all(|capability| finding(capability, true).status == Status::Ok));
    }
}
