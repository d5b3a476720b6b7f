//! What the kernel offers, found by trying it: the agent's programs are loaded, attached to nothing, and unloaded.

use std::{io, path::Path, time::Instant};

use netmon_kernel::{
    netlink::Netlink,
    sys::capabilities::{Capability, has},
};
use netmon_model::error::chain;

use super::{Finding, Section};
use crate::datapath::{Datapath, Options, features};

const SECTION: Section = Section::Kernel;
/// Where the kernel publishes its own types.
const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// The findings, and the two facts that other sections need.
pub(super) struct Kernel {
    pub(super) findings: Vec<Finding>,
    /// `None` if the kernel did not answer.
    pub(super) has_tcx: Option<bool>,
    /// The loaded object, for its memory. `None` if it could not be loaded.
    pub(super) datapath: Option<Datapath>,
}

pub(super) fn examine(flow_entries: u32) -> Kernel {
    let tcx = features::has_tcx();
    let mut findings = vec![release(), cookies(), tcx_finding(&tcx)];
    let datapath = match load(flow_entries) {
        Loaded::Yes { datapath, took_ms } => {
            findings.push(Finding::ok(
                SECTION,
                "eBPF programs",
                format!("accepted by the verifier in {took_ms} ms"),
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
        Ok(_) => Finding::ok(SECTION, "namespace cookies", "supported; they identify namespaces"),
        Err(error) => Finding::missing(
            SECTION,
            "namespace cookies",
            chain(&error),
            "netmon needs Linux 5.14 or later: namespaces are identified by their cookies",
        ),
    }
}

fn tcx_finding(tcx: &io::Result<bool>) -> Finding {
    match tcx {
        Ok(true) => Finding::ok(
            SECTION,
            "TCX",
            "supported; programs are attached by links and detached with their agent",
        ),
        Ok(false) => Finding::note(
            SECTION,
            "TCX",
            "not supported by this kernel (needs Linux 6.6)",
            "netmon uses filters on clsact qdiscs instead; those of a killed agent stay until `netmon clean`",
        ),
        Err(error) => Finding::not_examined(SECTION, "TCX", &error.to_string()),
    }
}

fn stamps(supported: bool) -> Finding {
    if supported {
        return Finding::ok(SECTION, "packet stamps", "supported; one-way latency and loss are measured");
    }
    Finding::note(
        SECTION,
        "packet stamps",
        "not supported by this kernel (needs Linux 5.18)",
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
            "{TYPES} does not exist: the kernel was built without CONFIG_DEBUG_INFO_BTF, or /sys is not the host's"
        ),
        "the layout of kernel structures is unknown, and kernel drops cannot be read",
    )
}

fn drops(why_not: Option<&str>) -> Finding {
    match why_not {
        None => Finding::ok(SECTION, "kernel drops", "supported; counted by reason (tracepoint kfree_skb)"),
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

/// Loads everything that an agent loads, without attaching it.
fn load(flow_entries: u32) -> Loaded {
    let needed = [Capability::Bpf, Capability::NetAdmin, Capability::Perfmon];
    let lacking: Vec<&str> =
        needed.into_iter().filter(|capability| !has(*capability)).map(Capability::as_str).collect();
    if !lacking.is_empty() {
        let why = format!("loading them needs {}", lacking.join(" and "));
        return Loaded::No(Finding::not_examined(SECTION, "eBPF programs", &why));
    }
    let begun = Instant::now();
    match Datapath::load(&Options { flow_entries, ..Options::default() }) {
        Ok(datapath) => Loaded::Yes { datapath: Box::new(datapath), took_ms: begun.elapsed().as_millis() },
        Err(error) => Loaded::No(Finding::missing(
            SECTION,
            "eBPF programs",
            chain(&error),
            "`netmon run` cannot measure on this host; `netmon up` can still build labs",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_missing_kernel_feature_is_a_note_that_names_the_fallback() {
        let tcx = tcx_finding(&Ok(false));
        assert_eq!(tcx.status, Status::Note);
        assert!(tcx.advice.unwrap().contains("clsact"));
        assert!(stamps(false).advice.unwrap().contains("no loss"));
        let drops = drops(Some("the kernel has no sk_buff.dev"));
        assert_eq!((drops.status, drops.found.as_str()), (Status::Note, "the kernel has no sk_buff.dev"));
        assert!(drops.advice.unwrap().contains("netmon_drops_total"));
    }

    #[test]
    fn a_feature_that_may_not_be_examined_is_not_reported_as_absent() {
        let tcx = tcx_finding(&Err(io::Error::from(io::ErrorKind::PermissionDenied)));
        assert_eq!(tcx.status, Status::Note);
        assert!(tcx.found.starts_with("not examined"), "{}", tcx.found);
    }
}
