//! Which capabilities this process has, and what goes without those that it lacks. `docs/PRIVILEGES.md` tells
//! the same.

use netmon_kernel::sys::capabilities::{Capability, has};

use super::{Finding, Section};

pub(super) fn examine() -> Vec<Finding> {
    Capability::ALL.into_iter().map(|capability| finding(capability, has(capability))).collect()
}

fn finding(capability: Capability, there: bool) -> Finding {
    let need = need(capability);
    let (section, what) = (Section::Privileges, capability.as_str());
    if there {
        return Finding::ok(section, what, need.what_for);
    }
    let found = format!("not there: {}", need.what_for);
    match need.without {
        None => Finding::missing(section, what, found, "run netmon as root, for instance with sudo"),
        Some(without) => Finding::note(section, what, found, without),
    }
}

struct Need {
    what_for: &'static str,
    /// What netmon does without; nothing when `netmon run` does not go without.
    without: Option<&'static str>,
}

fn need(capability: Capability) -> Need {
    let (what_for, without) = match capability {
        Capability::NetAdmin => ("links, addresses, routes; programs on hooks", None),
        Capability::SysAdmin => ("making and entering namespaces", None),
        Capability::Bpf => ("loading programs, making maps", None),
        Capability::Perfmon => ("the kernel's tracepoints; programs of a loader that is trusted", None),
        Capability::NetRaw => ("raw sockets", Some("no `netmon selftest`, and no ping inside the lab")),
        Capability::SysPtrace => (
            "seeing other users' processes in a namespace",
            Some("a process that keeps a namespace alive is not named"),
        ),
        Capability::DacOverride => (
            "writing /run/netmon, /run/netns and /etc/netns as another user than root",
            Some("well, as long as these folders may be written"),
        ),
        Capability::Kill => {
            ("ending services that changed their user", Some("labs whose services do not, work"))
        }
    };
    Need { what_for, without }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn what_an_agent_asks_for_at_its_start_is_missing_and_the_rest_is_a_note() {
        for capability in [Capability::NetAdmin, Capability::SysAdmin, Capability::Bpf] {
            assert_eq!(finding(capability, false).status, Status::Missing);
        }
        for capability in [Capability::NetRaw, Capability::SysPtrace, Capability::Kill] {
            assert_eq!(finding(capability, false).status, Status::Note);
        }
        assert!(Capability::ALL.into_iter().all(|capability| finding(capability, true).status == Status::Ok));
    }
}
