//! Which queueing disciplines there are, and what cannot be done without the others.

use netmon_kernel::netlink::clsact;

use super::{Finding, Section};
use crate::topology::qdisc_support::{
    Availability, CLSACT, MissingQdisc, NETEM, QdiscKind, TBF, availability,
};

const SECTION: Section = Section::Qdiscs;

/// What netmon, or a lab, has a use for.
struct Use {
    kind: QdiscKind,
    what_for: &'static str,
    without: &'static str,
}

const USES: [Use; 3] = [
    Use {
        kind: CLSACT,
        what_for: "hooks on kernels without TCX, and loss",
        without: "`netmon run --attach clsact` cannot be used, TCX can; no loss can be imposed on a link here",
    },
    Use {
        kind: TBF,
        what_for: "a rate, with a queue before it",
        without: "no rate can be imposed on a link, and `netmon selftest` cannot check queues",
    },
    Use {
        kind: NETEM,
        what_for: "delay and jitter",
        without: "no delay and no jitter can be imposed on a link here; loss and rate can",
    },
];

/// `lacking` is what the lab in question wants and does not get.
pub(super) fn examine(has_tcx: Option<bool>, lacking: &[MissingQdisc]) -> Vec<Finding> {
    USES.iter().map(|of| finding(of, availability(of.kind), has_tcx, lacking)).collect()
}

fn finding(of: &Use, found: Availability, has_tcx: Option<bool>, lacking: &[MissingQdisc]) -> Finding {
    let name = of.kind.name;
    match found {
        Availability::Loaded => Finding::ok(SECTION, name, format!("there: {}", of.what_for)),
        Availability::Module => {
            Finding::ok(SECTION, name, format!("a module, loaded when it is used: {}", of.what_for))
        }
        Availability::Missing => {
            if let Some(lacking) = lacking.iter().find(|lacking| lacking.kind == of.kind) {
                let found = format!("not in this kernel, and the lab wants {}", lacking.wanted);
                Finding::missing(SECTION, name, found, lacking.advice())
            } else if name == clsact::KIND && has_tcx == Some(false) {
                let advice = "a kernel with clsact or TCX is needed";
                Finding::missing(SECTION, name, "not in this kernel", advice)
            } else {
                Finding::note(SECTION, name, "not in this kernel", of.without)
            }
        }
        Availability::Unknown(why) => Finding::not_seen(SECTION, name, &why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn clsact_is_needed_only_where_there_is_no_tcx() {
        let [clsact, _, netem] = &USES;
        assert_eq!(finding(clsact, Availability::Missing, Some(false), &[]).status, Status::Missing);
        assert_eq!(finding(clsact, Availability::Missing, Some(true), &[]).status, Status::Note);
        let netem = finding(netem, Availability::Missing, Some(true), &[]);
        assert!(netem.advice.unwrap().contains("no delay"));
    }

    #[test]
    fn what_the_lab_wants_is_missing_where_it_is_not_there() {
        let [clsact, _, netem] = &USES;
        let lacking = [MissingQdisc { kind: NETEM, wanted: "a delay on link uplink".to_owned() }];
        let found = finding(netem, Availability::Missing, Some(true), &lacking);
        assert_eq!(found.status, Status::Missing);
        assert!(found.found.contains("a delay on link uplink"), "{found:?}");
        assert!(found.advice.unwrap().contains("remove `delay` and `jitter`"));
        assert_eq!(finding(clsact, Availability::Missing, Some(true), &lacking).status, Status::Note);
    }
}
