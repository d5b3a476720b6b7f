//! What of the kernel an impairment needs, and whether it is there.
//!
//! One that is loaded, built in or lies on disk as a module is there. Only when nothing of it is to be found, the
//! kernel is asked, in a namespace that goes afterwards: then there is no module that would be loaded, and would
//! stay.

use std::{fs, io, path::Path, thread};

use netmon_kernel::{
    netlink::{Netlink, clsact, netem, tbf},
    netns::NetNs,
    sys::capabilities::{Capability, has},
};
use netmon_model::{error::chain, impairment::Impairment, lab::Lab, names::LinkName};

/// A kind of queueing discipline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// As tc calls it.
    pub name: &'static str,
    /// The kernel's module, `.ko` less.
    pub module: &'static str,
}

/// Where filters hang.
pub const CLSACT: Kind = Kind { name: clsact::KIND, module: "sch_ingress" };
/// A rate.
pub const TBF: Kind = Kind { name: tbf::KIND, module: "sch_tbf" };
/// A delay.
pub const NETEM: Kind = Kind { name: netem::KIND, module: "sch_netem" };

/// How a kind was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Loaded or built in.
    There,
    /// On disk, loaded when it is used.
    AsModule,
    /// Nowhere.
    Absent,
    /// This process may not ask.
    NotSeen(String),
}

/// Something that an impairment needs and that this kernel does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The kind.
    pub kind: Kind,
    /// Who wants it, in words.
    pub wanted: String,
}

impl Lacking {
    /// What there is to do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        let (amounts, config) = match self.kind.name {
            netem::KIND => ("`delay` and `jitter`", "CONFIG_NET_SCH_NETEM"),
            tbf::KIND => ("`rate`", "CONFIG_NET_SCH_TBF"),
            _ => ("`loss`", "CONFIG_NET_SCH_INGRESS"),
        };
        let module = self.kind.module;
        format!(
            "take {amounts} out of the lab file, or run a kernel with {config}, which has the module {module} \
             (in Debian's linux-image, and in Fedora's kernel-modules-extra)"
        )
    }
}

impl std::fmt::Display for Lacking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: this kernel has no {}; {}", self.wanted, self.kind.name, self.advice())
    }
}

/// What a lab's impairments need and this kernel does not have. What may not be looked at counts as there.
#[must_use]
pub fn lacking_for(lab: &Lab) -> Vec<Lacking> {
    let ends =
        lab.links.iter().flat_map(|link| [(&link.name, link.a.impairment), (&link.name, link.b.impairment)]);
    lacking(ends, look_for)
}

/// The same for some impairments of links.
pub(crate) fn lacking<'l>(
    ends: impl IntoIterator<Item = (&'l LinkName, Impairment)>,
    look: impl Fn(Kind) -> Found,
) -> Vec<Lacking> {
    type Needs = fn(&Impairment) -> bool;
    let kinds: [(Kind, &str, Needs); 3] = [
        (NETEM, "a delay", |wanted| wanted.delay.is_some()),
        (TBF, "a rate", |wanted| wanted.rate.is_some()),
        (CLSACT, "a loss", |wanted| wanted.loss.is_some()),
    ];
    let ends: Vec<(&LinkName, Impairment)> = ends.into_iter().collect();
    let missing = |(kind, what, needs): (Kind, &str, Needs)| {
        let (link, _) = ends.iter().find(|(_, wanted)| needs(wanted))?;
        let wanted = format!("{what} on link {link}");
        (look(kind) == Found::Absent).then_some(Lacking { kind, wanted })
    };
    kinds.into_iter().filter_map(missing).collect()
}

/// Looks for a kind, and loads nothing that would stay.
#[must_use]
pub fn look_for(kind: Kind) -> Found {
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
    fn modules_are_found_in_the_lists_of_depmod_and_no_other_is_taken_for_them() {
        let dep = "kernel/net/sched/sch_netem.ko.xz:\nkernel/net/sched/sch_tbf.ko: kernel/lib/x.ko\n";
        assert!(has_module(dep, "sch_netem") && has_module(dep, "sch_tbf"));
        assert!(!has_module(dep, "sch_ingress") && !has_module(dep, "x"));
        assert!(has_module("kernel/net/sched/sch_ingress.ko\n", "sch_ingress"));
    }

    #[test]
    fn only_what_is_wanted_is_looked_for_and_what_lacks_says_where_and_what_to_do() {
        let link: LinkName = "uplink".parse().unwrap();
        let wanted =
            Impairment { delay: "10ms".parse().ok(), loss: "1%".parse().ok(), ..Impairment::default() };
        let look = |kind: Kind| {
            assert_ne!(kind, TBF, "nobody wants a rate");
            if kind == NETEM { Found::Absent } else { Found::AsModule }
        };
        let [lacking] = &lacking([(&link, Impairment::default()), (&link, wanted)], look)[..] else {
            panic!()
        };
        let said = lacking.to_string();
        assert!(said.starts_with("a delay on link uplink: this kernel has no netem; take `delay`"), "{said}");
        assert!(said.contains("CONFIG_NET_SCH_NETEM") && said.contains("the module sch_netem"), "{said}");
        assert_eq!(super::lacking([(&link, wanted)], |_| Found::NotSeen(String::new())), []);
    }
}
