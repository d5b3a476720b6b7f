//! Which queueing disciplines there are, and what cannot be done without the others.
//!
//! One that is loaded, built in or lies on disk as a module is there. Only when nothing of it is to be found, the
//! kernel is asked, in a namespace that goes afterwards: then there is no module that would be loaded, and would
//! stay.

use std::{fs, io, path::Path, thread};

use super::{Finding, Section};
use crate::{
    causes::in_full,
    netlink::{Netlink, clsact},
    netns::NetNs,
    sys::capabilities::{Capability, has},
};

const SECTION: Section = Section::Qdiscs;

/// A kind of qdisc that netmon, or a lab, has a use for.
struct Kind {
    name: &'static str,
    /// The kernel's module, `.ko` less.
    module: &'static str,
    what_for: &'static str,
    without: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: clsact::KIND,
        module: "sch_ingress",
        what_for: "hooks on kernels without TCX",
        without: "`netmon run --attach clsact` cannot be used; TCX can",
    },
    Kind {
        name: "tbf",
        module: "sch_tbf",
        what_for: "a rate, with a queue before it",
        without: "no rate can be imposed on a link, and `netmon selftest` cannot check queues",
    },
    Kind {
        name: "netem",
        module: "sch_netem",
        what_for: "delay, jitter and random loss",
        without: "no delay, jitter or random loss can be imposed on a link here",
    },
];

/// How a kind was found.
enum Found {
    There,
    AsModule,
    Absent,
    NotSeen(String),
}

pub(super) fn examine(has_tcx: Option<bool>) -> Vec<Finding> {
    KINDS.iter().map(|kind| finding(kind, look_for(kind), has_tcx)).collect()
}

fn finding(kind: &Kind, found: Found, has_tcx: Option<bool>) -> Finding {
    match found {
        Found::There => Finding::ok(SECTION, kind.name, format!("there: {}", kind.what_for)),
        Found::AsModule => {
            Finding::ok(SECTION, kind.name, format!("a module, loaded when it is used: {}", kind.what_for))
        }
        Found::Absent if kind.name == clsact::KIND && has_tcx == Some(false) => Finding::missing(
            SECTION,
            kind.name,
            "not in this kernel",
            "a kernel with clsact or TCX is needed",
        ),
        Found::Absent => Finding::note(SECTION, kind.name, "not in this kernel", kind.without),
        Found::NotSeen(why) => Finding::not_seen(SECTION, kind.name, &why),
    }
}

fn look_for(kind: &Kind) -> Found {
    if Path::new("/sys/module").join(kind.module).exists() {
        return Found::There;
    }
    let name = rustix::system::uname();
    let modules = Path::new("/lib/modules").join(name.release().to_string_lossy().as_ref());
    let lists =
        |file: &str| fs::read_to_string(modules.join(file)).is_ok_and(|text| has_module(&text, kind.module));
    if lists("modules.builtin") {
        return Found::There;
    }
    if lists("modules.dep") {
        return Found::AsModule;
    }
    if !has(Capability::SysAdmin) {
        return Found::NotSeen(format!("asking the kernel needs {}", Capability::SysAdmin));
    }
    match ask(kind.name) {
        Ok(true) => Found::There,
        Ok(false) => Found::Absent,
        Err(error) => Found::NotSeen(error),
    }
}

/// Whether `modules.builtin` or `modules.dep` has this module, compressed or not.
fn has_module(list: &str, module: &str) -> bool {
    let file = format!("{module}.ko");
    let is_it = |line: &str| {
        let path = line.split(':').next().unwrap_or_default();
        path.rsplit('/').next().is_some_and(|name| name.starts_with(&file))
    };
    list.lines().any(is_it)
}

/// Asks the kernel in a namespace that nobody else has, on a thread that ends with it.
fn ask(kind: &str) -> Result<bool, String> {
    let inside = || {
        NetNs::unshare().map_err(|error| in_full(&error))?;
        Netlink::open().and_then(|mut netlink| netlink.knows_qdisc(kind)).map_err(|error| in_full(&error))
    };
    thread::scope(|scope| {
        let asked = thread::Builder::new().name("qdiscs".to_owned()).spawn_scoped(scope, inside);
        let asked = asked.map_err(|error: io::Error| error.to_string())?;
        asked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn modules_are_found_in_the_lists_of_depmod_and_no_other_is_taken_for_them() {
        let dep = "kernel/net/sched/sch_netem.ko.xz:\nkernel/net/sched/sch_tbf.ko: kernel/lib/x.ko\n";
        assert!(has_module(dep, "sch_netem") && has_module(dep, "sch_tbf"));
        assert!(!has_module(dep, "sch_ingress") && !has_module(dep, "x"));
        assert!(has_module("kernel/net/sched/sch_ingress.ko\n", "sch_ingress"));
    }

    #[test]
    fn clsact_is_needed_only_where_there_is_no_tcx() {
        let [clsact, _, netem] = &KINDS;
        assert_eq!(finding(clsact, Found::Absent, Some(false)).status, Status::Missing);
        assert_eq!(finding(clsact, Found::Absent, Some(true)).status, Status::Note);
        let netem = finding(netem, Found::Absent, Some(true));
        assert!(netem.advice.unwrap().contains("no delay"));
    }
}
