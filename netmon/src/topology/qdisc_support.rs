//! Finds out which qdiscs this kernel has, and which of those that impairments need are missing.
//!
//! A kind that is loaded, built in or installed as a module is available. Only if no trace of it is found, the kernel is
//! asked, in a temporary namespace: asking would load a module, which would then stay.

use std::{fs, io, path::Path, thread};

use netmon_kernel::{
    netlink::{Netlink, clsact, netem, tbf},
    netns::NetNs,
    sys::capabilities::{Capability, has},
};
use netmon_model::{error::chain, impairment::Impairment, lab::Lab, names::LinkName};

/// A kind of qdisc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QdiscKind {
    /// Its name in tc(8).
    pub name: &'static str,
    /// The name of its kernel module.
    pub module: &'static str,
}

/// Holds filters: hooks without TCX, and losses.
pub const CLSACT: QdiscKind = QdiscKind { name: clsact::KIND, module: "sch_ingress" };
/// Limits the rate.
pub const TBF: QdiscKind = QdiscKind { name: tbf::KIND, module: "sch_tbf" };
/// Delays packets.
pub const NETEM: QdiscKind = QdiscKind { name: netem::KIND, module: "sch_netem" };

/// Whether this kernel has a kind of qdisc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Loaded or built in.
    Loaded,
    /// Installed as a module, which is loaded on use.
    Module,
    /// Not available.
    Missing,
    /// Not known, and why.
    Unknown(String),
}

/// A qdisc that an impairment needs and that this kernel does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingQdisc {
    /// The kind.
    pub kind: QdiscKind,
    /// What needs it, such as `a delay on link uplink`.
    pub wanted: String,
}

impl MissingQdisc {
    /// Returns what the user can do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        let (amounts, config) = match self.kind.name {
            netem::KIND => ("`delay` and `jitter`", "CONFIG_NET_SCH_NETEM"),
            tbf::KIND => ("`rate`", "CONFIG_NET_SCH_TBF"),
            _ => ("`loss`", "CONFIG_NET_SCH_INGRESS"),
        };
        let module = self.kind.module;
        format!(
            "do without {amounts}, or run a kernel with {config}, which has the module {module} \
             (in Debian's linux-image, and in Fedora's kernel-modules-extra)"
        )
    }
}

impl std::fmt::Display for MissingQdisc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: this kernel has no {}; {}", self.wanted, self.kind.name, self.advice())
    }
}

/// Returns the qdiscs that a lab's impairments need and that this kernel does not have. One that is not known to be missing
/// counts as available.
#[must_use]
pub fn missing_for(lab: &Lab) -> Vec<MissingQdisc> {
    let ends =
        lab.links.iter().flat_map(|link| [(&link.name, link.a.impairment), (&link.name, link.b.impairment)]);
    missing(ends, availability)
}

/// The same for some impairments of links.
pub(crate) fn missing<'l>(
    ends: impl IntoIterator<Item = (&'l LinkName, Impairment)>,
    availability: impl Fn(QdiscKind) -> Availability,
) -> Vec<MissingQdisc> {
    type Needs = fn(&Impairment) -> bool;
    let kinds: [(QdiscKind, &str, Needs); 3] = [
        (NETEM, "a delay", |wanted| wanted.delay.is_some()),
        (TBF, "a rate", |wanted| wanted.rate.is_some()),
        (CLSACT, "a loss", |wanted| wanted.loss.is_some()),
    ];
    let ends: Vec<(&LinkName, Impairment)> = ends.into_iter().collect();
    let missing = |(kind, what, needs): (QdiscKind, &str, Needs)| {
        let (link, _) = ends.iter().find(|(_, wanted)| needs(wanted))?;
        let wanted = format!("{what} on link {link}");
        (availability(kind) == Availability::Missing).then_some(MissingQdisc { kind, wanted })
    };
    kinds.into_iter().filter_map(missing).collect()
}

/// Returns whether this kernel has a kind of qdisc. Loads no module.
#[must_use]
pub fn availability(kind: QdiscKind) -> Availability {
    if Path::new("/sys/module").join(kind.module).exists() {
        return Availability::Loaded;
    }
    let name = rustix::system::uname();
    let modules = Path::new("/lib/modules").join(name.release().to_string_lossy().as_ref());
    let lists =
        |file: &str| fs::read_to_string(modules.join(file)).is_ok_and(|text| has_module(&text, kind.module));
    if lists("modules.builtin") {
        return Availability::Loaded;
    }
    if lists("modules.dep") {
        return Availability::Module;
    }
    if !has(Capability::SysAdmin) {
        return Availability::Unknown(format!("asking the kernel needs {}", Capability::SysAdmin));
    }
    match ask(kind.name) {
        Ok(true) => Availability::Loaded,
        Ok(false) => Availability::Missing,
        Err(error) => Availability::Unknown(error),
    }
}

/// Returns whether `modules.builtin` or `modules.dep` lists this module, compressed or not.
fn has_module(list: &str, module: &str) -> bool {
    let file = format!("{module}.ko");
    let is_it = |line: &str| {
        let path = line.split(':').next().unwrap_or_default();
        path.rsplit('/').next().is_some_and(|name| name.starts_with(&file))
    };
    list.lines().any(is_it)
}

/// Asks the kernel, on a thread with a namespace of its own.
fn ask(kind: &str) -> Result<bool, String> {
    let inside = || {
        NetNs::unshare().map_err(|error| chain(&error))?;
        Netlink::open().and_then(|mut netlink| netlink.knows_qdisc(kind)).map_err(|error| chain(&error))
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

    #[test]
    fn modules_are_found_in_the_lists_of_depmod_by_their_whole_name() {
        let dep = "kernel/net/sched/sch_netem.ko.xz:\nkernel/net/sched/sch_tbf.ko: kernel/lib/x.ko\n";
        assert!(has_module(dep, "sch_netem") && has_module(dep, "sch_tbf"));
        assert!(!has_module(dep, "sch_ingress") && !has_module(dep, "x"));
        assert!(has_module("kernel/net/sched/sch_ingress.ko\n", "sch_ingress"));
    }

    #[test]
    fn only_what_is_wanted_is_checked_and_what_is_missing_says_where_and_what_to_do() {
        let link: LinkName = "uplink".parse().unwrap();
        let wanted =
            Impairment { delay: "10ms".parse().ok(), loss: "1%".parse().ok(), ..Impairment::default() };
        let availability = |kind: QdiscKind| {
            assert_ne!(kind, TBF, "no rate is wanted");
            if kind == NETEM { Availability::Missing } else { Availability::Module }
        };
        let [netem] = &missing([(&link, Impairment::default()), (&link, wanted)], availability)[..] else {
            panic!()
        };
        let said = netem.to_string();
        assert!(
            said.starts_with("a delay on link uplink: this kernel has no netem; do without `delay`"),
            "{said}"
        );
        assert!(said.contains("CONFIG_NET_SCH_NETEM") && said.contains("the module sch_netem"), "{said}");
        assert_eq!(missing([(&link, wanted)], |_| Availability::Unknown(String::new())), []);
    }
}
