//! Labs in each condition, for tests of the reports that list them.

use netmon_model::names::{Direction, Place};

use super::{Condition, FoundFilter, FoundLab, Leftovers};
use crate::ownership::claim::Holder;

/// A dead lab, a complete one with the filters of a dead agent, and one that an agent holds.
pub(crate) fn leftovers() -> Leftovers {
    let dead = FoundLab {
        namespaces: (0..9).map(|n| format!("swept{n}").parse().unwrap()).collect(),
        interfaces: vec![place("root", "sw0"), place("elsewhere", "sw1")],
        files: vec!["/etc/netns/swept0/resolv.conf".into()],
        cgroups: vec!["/sys/fs/cgroup/netmon/swept".into()],
        folder: Some("/run/netmon/swept".into()),
        ..lab("swept", Condition::Dead { reason: "its agent ended without removing it".to_owned() })
    };
    let complete = FoundLab {
        namespaces: vec!["direct_netns".parse().unwrap()],
        interfaces: vec![place("root", "veth0")],
        filters: vec![FoundFilter::example(place("root", "veth0"), Direction::Egress)],
        ..lab("direct", Condition::Standing)
    };
    let holder = Holder { pid: 7, http: "127.0.0.1:9477".parse().ok() };
    let held =
        FoundLab { namespaces: vec!["office".parse().unwrap()], ..lab("office", Condition::Held { holder }) };
    Leftovers {
        labs: vec![complete, held, dead],
        netns_directory: true,
        unreadable: vec!["3 network namespaces: CAP_SYS_PTRACE is missing".to_owned()],
    }
}

fn place(namespace: &str, interface: &str) -> Place {
    Place { namespace: namespace.parse().unwrap(), interface: interface.parse().unwrap() }
}

/// A lab without any object.
fn lab(name: &str, condition: Condition) -> FoundLab {
    FoundLab {
        lab: name.parse().unwrap(),
        condition,
        namespaces: Vec::new(),
        interfaces: Vec::new(),
        filters: Vec::new(),
        pins: Vec::new(),
        files: Vec::new(),
        cgroups: Vec::new(),
        folder: None,
        state: None,
        temporary: false,
    }
}
