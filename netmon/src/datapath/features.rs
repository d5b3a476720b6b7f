//! The kernel's features, probed by use: version numbers mislead on kernels with backports.

use std::io;

use netmon_kernel::sys::{
    bpf::{TcxHook, load_classifier, tcx_chain, test_run},
    insn::{
        Helper,
        Register::{R2, R3},
        call, exit, mov64_imm,
    },
    sk_buff,
};
use netmon_model::snapshot::{AttachMode, Features};

use super::{DatapathError, drops::DropTypes, tracing::missing_for_tracing};

/// Attaching to this many links takes two seconds with TCX.
const MOST_TCX_LINKS: usize = 50;
/// lo exists in every namespace, and its number is always 1 (`LOOPBACK_IFINDEX`).
const LOOPBACK: u32 = 1;

/// Probes the features that the datapath uses. `forced` replaces the attach mode that would be chosen.
///
/// # Errors
///
/// Fails if the kernel does not let this process load programs, or does not support the forced mode.
pub(super) fn probe(forced: Option<AttachMode>) -> Result<Features, DatapathError> {
    let tcx = has_tcx();
    if forced == Some(AttachMode::Tcx) && matches!(tcx, Ok(false)) {
        return Err(DatapathError::NoTcx);
    }
    let best = if tcx.unwrap_or(false) { AttachMode::Tcx } else { AttachMode::Clsact };
    Ok(Features { mode: forced.unwrap_or(best), packet_stamp: takes_stamps().map_err(DatapathError::Probe)? })
}

/// Returns the default attach mode for this many links. `None` if the kernel's features decide.
///
/// Each time a TCX program is attached or detached, the kernel waits for RCU readers (`synchronize_rcu`) with the lock
/// of all interfaces held: 8 ms of doing nothing, four times a link. A filter is added in 0.1 ms.
#[must_use]
pub fn mode_for(links: usize) -> Option<AttachMode> {
    (links > MOST_TCX_LINKS).then_some(AttachMode::Clsact)
}

/// Returns whether the kernel has TCX chains (Linux 6.6).
///
/// # Errors
///
/// Fails if the kernel refuses the query: EPERM without `CAP_NET_ADMIN` or `CAP_BPF`.
pub fn has_tcx() -> io::Result<bool> {
    match tcx_chain(LOOPBACK, TcxHook::Ingress) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns why dropped packets cannot be counted by reason. `None` if the kernel's types allow it.
#[must_use]
pub fn why_no_drops() -> Option<String> {
    DropTypes::look_up().err()
}

/// Returns why links that netmon did not make cannot be measured by tracing. `None` if the kernel's types allow it.
#[must_use]
pub fn why_no_tracing() -> Option<String> {
    missing_for_tracing()
}

/// Returns whether the kernel lets a program write a packet's delivery time. Loads a program that does only that, and
/// runs it once over a frame of its own.
fn takes_stamps() -> io::Result<bool> {
    let stamp = [
        // r2 = 1 ns, r3 = the clock; r1 already holds the packet
        mov64_imm(R2, 1),
        mov64_imm(R3, sk_buff::CLOCK_MONOTONIC),
        // Linux 5.18.
        call(Helper::BPF_FUNC_skb_set_tstamp),
        exit(),
    ];
    let program = match load_classifier("netmon_probe", &stamp) {
        Ok(program) => program,
        // Unknown helper.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => return Ok(false),
        Err(error) => return Err(error),
    };
    // An IPv4 frame: the helper reads the ethertype.
    let mut frame = [0_u8; 64];
    frame[12] = 0x08;
    frame[14] = 0x45;
    let (answer, _) = test_run(&program, &frame, 1)?;
    Ok(answer == 0)
}
