//! What `netmon run --discover` needs of the host: the kernel's types, mounts that spread, and queues that leave departure times to
//! netmon.

use std::path::Path;

use netmon_kernel::{
    netlink::{Netlink, NetlinkError},
    proc::{Mount, Process},
};
use netmon_model::{error::chain, names::IfIndex};

use super::{Finding, Section};
use crate::datapath::{features, uses_delivery_time};

/// Names of namespaces are mounts below this directory.
const NAMES: &str = "/run/netns";

pub(super) fn examine() -> [Finding; 3] {
    [tracing(features::why_no_tracing()), spread(), delivery_times(users_of_delivery_times())]
}

fn tracing(why_not: Option<String>) -> Finding {
    match why_not {
        None => {
            Finding::ok(Section::Kernel, "tracing", "supported; `netmon run --discover` measures links by it")
        }
        Some(why) => Finding::note(
            Section::Kernel,
            "tracing",
            why,
            "`netmon run --discover` refuses to start; `netmon discover` and labs work",
        ),
    }
}

/// Whether names of namespaces that other programs add and delete are added and deleted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spread {
    /// They are, by the kernel.
    Spreads,
    /// All programs of this host see the same mounts.
    IsCommon,
    /// They are not: this is a copy, or may be one.
    MayBeCopy,
}

fn spread() -> Finding {
    let what = "mounts of /run";
    match read_spread() {
        Ok(spread) => of_spread(spread),
        Err(error) => Finding::not_examined(Section::Host, what, &error.to_string()),
    }
}

fn of_spread(spread: Spread) -> Finding {
    let what = "mounts of /run";
    match spread {
        Spread::Spreads => {
            Finding::ok(Section::Host, what, "spread between netmon and the host (shared or slave)")
        }
        Spread::IsCommon => Finding::ok(Section::Host, what, "private, in the mount namespace of process 1"),
        Spread::MayBeCopy => Finding::note(
            Section::Host,
            what,
            "private to this mount namespace, which may be a copy of the host's",
            "in a copy, names of namespaces that the host deletes stay and keep the namespaces alive: start netmon with \
             /run mounted as rslave",
        ),
    }
}

fn read_spread() -> std::io::Result<Spread> {
    let mounts = Process::Current.mounts()?;
    let points: Vec<(Mount<'_>, _)> =
        mounts.iter().filter_map(|mount| Some((mount, mount.point()?))).collect();
    // A later mount covers an earlier one at the same place.
    let covers = points.iter().filter(|(_, point)| Path::new(NAMES).starts_with(point));
    let mount = covers.max_by_key(|(_, point)| point.components().count());
    if mount.is_some_and(|(mount, _)| mount.propagation.is_shared || mount.propagation.is_slave) {
        return Ok(Spread::Spreads);
    }
    let own = Process::Current.mount_namespace()?;
    // A process with more capabilities may not be looked at.
    let is_common = Process::Pid(1).mount_namespace().is_ok_and(|of_first| of_first == own);
    Ok(if is_common { Spread::IsCommon } else { Spread::MayBeCopy })
}

/// Returns the interfaces of this namespace whose qdisc uses delivery times itself, each with the qdisc.
fn users_of_delivery_times() -> Result<Vec<String>, NetlinkError> {
    let mut netlink = Netlink::open()?;
    let interfaces = netlink.interfaces()?;
    let name = |index: IfIndex| {
        let found = interfaces.iter().find(|interface| interface.index == index.0);
        found.map_or_else(|| format!("number {index}"), |interface| interface.name.clone())
    };
    let users = netlink.qdiscs()?.into_iter().filter(|qdisc| uses_delivery_time(&qdisc.kind));
    let mut users: Vec<String> =
        users.map(|qdisc| format!("{} on {}", qdisc.kind, name(qdisc.interface))).collect();
    users.sort();
    users.dedup();
    Ok(users)
}

fn delivery_times(users: Result<Vec<String>, NetlinkError>) -> Finding {
    let (section, what) = (Section::Qdiscs, "delivery times");
    match users {
        Ok(users) if users.is_empty() => {
            Finding::ok(section, what, "no qdisc in root uses them; hooks may stamp departures everywhere")
        }
        Ok(users) => Finding::note(
            section,
            what,
            format!("used by {}", users.join(", ")),
            "hooks of a lab stamp no departures there: no latency and no loss in that direction; tracing measures both",
        ),
        Err(error) => Finding::not_examined(section, what, &chain(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_private_copy_of_run_is_a_note_that_says_what_to_do() {
        assert_eq!(
            [Spread::Spreads, Spread::IsCommon].map(|spread| of_spread(spread).status),
            [Status::Ok; 2]
        );
        let copy = of_spread(Spread::MayBeCopy);
        assert_eq!(copy.status, Status::Note);
        assert!(copy.advice.unwrap().contains("rslave"));
    }

    #[test]
    fn a_queue_that_uses_delivery_times_is_named_with_its_interface() {
        assert_eq!(delivery_times(Ok(Vec::new())).status, Status::Ok);
        let found = delivery_times(Ok(vec!["fq on eth0".to_owned()]));
        assert_eq!((found.status, found.found.as_str()), (Status::Note, "used by fq on eth0"));
        assert!(uses_delivery_time("fq") && !uses_delivery_time("fq_codel"));
    }

    #[test]
    fn without_the_kernels_types_there_is_no_discovery() {
        assert_eq!(tracing(None).status, Status::Ok);
        let without = tracing(Some("the kernel has no sk_buff.dev".to_owned()));
        assert_eq!((without.status, without.found.as_str()), (Status::Note, "the kernel has no sk_buff.dev"));
    }
}
