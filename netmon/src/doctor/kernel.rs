//! What the kernel can do for netmon, by trying it: the programs themselves are loaded once, and let go.

use std::{io, path::Path, time::Instant};

use netmon_kernel::{
    netlink::Netlink,
    sys::capabilities::{Capability, has},
};
use netmon_model::error::chain;

use super::{Finding, Section};
use crate::datapath::{Datapath, Options, features};

const SECTION: Section = Section::Kernel;
/// Where the kernel shows its own types.
const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// What was found, and what of it others want to know.
pub(super) struct Kernel {
    pub(super) findings: Vec<Finding>,
    /// None when it could not be found out.
    pub(super) has_tcx: Option<bool>,
    /// The loaded object, for the memory that it takes.
    pub(super) datapath: Option<Datapath>,
}

pub(super) fn examine(flow_entries: u32) -> Kernel {
    let tcx = features::has_tcx();
    let mut findings = vec![release(), cookies(), of_tcx(&tcx)];
    let datapath = match load(flow_entries) {
        Loaded::Yes { datapath, took_ms } => {
            findings.push(Finding::ok(
                SECTION,
                "eBPF programs",
                format!("accepted by the verifier, in {took_ms} ms"),
            ));
            findings.push(stamps(datapath.features().packet_stamp));
            findings.extend([types(), drops(datapath.why_no_drops())]);
            Some(*datapath)
        }
        Loaded::No(finding) => {
            findings.extend([finding, types(), drops(features::why_no_drops().as_deref())]);
            None
        }
    };
    Kernel { findings, has_tcx: tcx.ok(), datapath }
}

fn release() -> Finding {
    let name = rustix::system::uname();
    let text = [name.sysname(), name.release(), name.machine()].map(|part| part.to_string_lossy()).join(" ");
    Finding::ok(SECTION, "release", text)
}

fn cookies() -> Finding {
    match Netlink::open().and_then(|netlink| netlink.cookie()) {
        Ok(_) => Finding::ok(SECTION, "namespace cookies", "there: namespaces are known by them"),
        Err(error) => Finding::missing(
            SECTION,
            "namespace cookies",
            chain(&error),
            "Linux 5.14 or later is needed: netmon tells namespaces apart by them",
        ),
    }
}

fn of_tcx(tcx: &io::Result<bool>) -> Finding {
    match tcx {
        Ok(true) => Finding::ok(SECTION, "TCX", "there: programs are links, and go with their agent"),
        Ok(false) => Finding::note(
            SECTION,
            "TCX",
            "not in this kernel (Linux 6.6)",
            "filters on clsact qdiscs are used instead; those of an agent that is killed stay until `netmon clean`",
        ),
        Err(error) => Finding::not_seen(SECTION, "TCX", &error.to_string()),
    }
}

fn stamps(there: bool) -> Finding {
    if there {
        return Finding::ok(SECTION, "packet stamps", "there: one-way latency and loss are measured");
    }
    Finding::note(
        SECTION,
        "packet stamps",
        "not in this kernel (Linux 5.18)",
        "no one-way latency and no loss; counts and round trips are measured",
    )
}

fn types() -> Finding {
    if Path::new(TYPES).exists() {
        return Finding::ok(SECTION, "kernel types (BTF)", format!("in {TYPES}"));
    }
    Finding::note(
        SECTION,
        "kernel types (BTF)",
        format!(
            "{TYPES} is not there: the kernel was built without CONFIG_DEBUG_INFO_BTF, or /sys is not its own"
        ),
        "where fields lie in the kernel is not known, and kernel drops cannot be read",
    )
}

fn drops(why_not: Option<&str>) -> Finding {
    match why_not {
        None => Finding::ok(SECTION, "kernel drops", "there: told by reason (tracepoint kfree_skb)"),
        Some(why) => Finding::note(
            SECTION,
            "kernel drops",
            why,
            "netmon_drops_total is absent; everything else is measured",
        ),
    }
}

enum Loaded {
    Yes { datapath: Box<Datapath>, took_ms: u128 },
    No(Finding),
}

/// Loads everything that an agent loads, and attaches it to nothing.
fn load(flow_entries: u32) -> Loaded {
    let needed = [Capability::Bpf, Capability::NetAdmin, Capability::Perfmon];
    let lacking: Vec<&str> =
        needed.into_iter().filter(|capability| !has(*capability)).map(Capability::as_str).collect();
    if !lacking.is_empty() {
        let why = format!("loading them needs {}", lacking.join(" and "));
        return Loaded::No(Finding::not_seen(SECTION, "eBPF programs", &why));
    }
    let begun = Instant::now();
    match Datapath::load(&Options { flow_entries, ..Options::default() }) {
        Ok(datapath) => Loaded::Yes { datapath: Box::new(datapath), took_ms: begun.elapsed().as_millis() },
        Err(error) => Loaded::No(Finding::missing(
            SECTION,
            "eBPF programs",
            chain(&error),
            "`netmon run` cannot measure here; `netmon up` builds labs all the same",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn an_older_kernel_is_told_what_netmon_does_instead() {
        let tcx = of_tcx(&Ok(false));
        assert_eq!(tcx.status, Status::Note);
        assert!(tcx.advice.unwrap().contains("clsact"));
        assert!(stamps(false).advice.unwrap().contains("no loss"));
        let drops = drops(Some("the kernel has no sk_buff.dev"));
        assert_eq!((drops.status, drops.found.as_str()), (Status::Note, "the kernel has no sk_buff.dev"));
        assert!(drops.advice.unwrap().contains("netmon_drops_total"));
    }

    #[test]
    fn what_may_not_be_asked_is_not_taken_for_absent() {
        let tcx = of_tcx(&Err(io::Error::from(io::ErrorKind::PermissionDenied)));
        assert_eq!(tcx.status, Status::Note);
        assert!(tcx.found.starts_with("not looked at"), "{}", tcx.found);
    }
}
