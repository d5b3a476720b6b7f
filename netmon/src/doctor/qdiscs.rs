//! Which queueing disciplines the kernel has, and what does not work without the missing ones.

use netmon_kernel::netlink::clsact;

use super::{Finding, Section};
use crate::topology::qdisc_support::{
    Availability, CLSACT, MissingQdisc, NETEM, QdiscKind, TBF, availability,
};

const SECTION: Section = Section::Qdiscs;

/// What netmon or a lab needs a qdisc for.
struct Use {
    kind: QdiscKind,
    what_for: &'static str,
    without: &'static str,
}

const USES: [Use; 3] = [
    Use {
        kind: CLSACT,
        what_for: "hooks on kernels without TCX, and loss",
        without: "links cannot have a loss, and `netmon run --attach clsact` does not work; TCX does",
    },
    Use {
        kind: TBF,
        what_for: "rate limits, with a queue in front",
        without: "links cannot have a rate limit, and `netmon selftest` cannot check queues",
    },
    Use {
        kind: NETEM,
        what_for: "delay and jitter",
        without: "links cannot have a delay or jitter; loss and rate limits work",
    },
];

/// Examines each qdisc. `lacking` has those that the lab in question needs and the kernel does not have.
pub(super) fn examine(has_tcx: Option<bool>, lacking: &[MissingQdisc]) -> Vec<Finding> {
    USES.iter().map(|of| finding(of, availability(of.kind), has_tcx, lacking)).collect()
}

fn finding(of: &Use, found: Availability, has_tcx: Option<bool>, lacking: &[MissingQdisc]) -> Finding {
    let name = of.kind.name;
    match found {
        Availability::Loaded => Finding::ok(SECTION, name, format!("available: {}", of.what_for)),
        Availability::Module => {
            Finding::ok(SECTION, name, format!("available as a module, loaded on first use: {}", of.what_for))
        }
        Availability::Missing => {
            if let Some(lacking) = lacking.iter().find(|lacking| lacking.kind == of.kind) {
                let found = format!("not in this kernel, and the lab needs it for {}", lacking.wanted);
                Finding::missing(SECTION, name, found, lacking.advice())
            } else if name == clsact::KIND && has_tcx == Some(false) {
                let advice = "netmon needs a kernel with clsact or TCX";
                Finding::missing(SECTION, name, "not in this kernel", advice)
            } else {
                Finding::note(SECTION, name, "not in this kernel", of.without)
            }
        }
        Availability::Unknown(why) => Finding::not_examined(SECTION, name, &why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn clsact_is_required_only_without_tcx() {
        let [clsact, _, netem] = &USES;
        assert_eq!(finding(clsact, Availability::Missing, Some(false), &[]).status, Status::Missing);
        assert_eq!(finding(clsact, Availability::Missing, Some(true), &[]).status, Status::Note);
        let netem = finding(netem, Availability::Missing, Some(true), &[]);
        assert!(netem.advice.unwrap().contains("cannot have a delay"));
    }

    #[test]
    fn an_absent_qdisc_that_the_lab_needs_is_missing() {
        let [clsact, _, netem] = &USES;
        let lacking = [MissingQdisc { kind: NETEM, wanted: "a delay on link uplink".to_owned() }];
        let found = finding(netem, Availability::Missing, Some(true), &lacking);
        assert_eq!(found.status, Status::Missing);
        assert!(found.found.contains("a delay on link uplink"), "{found:?}");
        assert!(found.advice.unwrap().contains("do without `delay` and `jitter`"));
        assert_eq!(finding(clsact, Availability::Missing, Some(true), &lacking).status, Status::Note);
    }
}
