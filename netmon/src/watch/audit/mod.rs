//! The audit: compares netmon's counts with the kernel's own, and explains the difference.
//!
//! For each hook, `hook = kernel + explained + difference`, in packets since the hook has been watched. `explained` is
//! the sum over a few known causes ([`netmon_model::audit::Cause`]). The difference is the rest: it is zero unless packets
//! bypass the hook, vanish behind it, or something is wrong. An audit reads the kernel before and after netmon's maps, and
//! is valid only if both readings are equal: on a link that is never idle for that long, the last valid audit stays.
//!
//! The egress hook is compared with the packets that the kernel sent. The ingress hook is compared with the packets that
//! the kernel received, which for a veth end are those that its peer transmitted: this proves that no packet bypassed the
//! hook, and says nothing about packets behind it.
//!
//! Audits run periodically, and never as part of a scrape ([`Auditor::run`]).

mod auditor;
mod cause;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod ledger;
mod witness;

pub use self::auditor::{AuditError, Audited};
pub(crate) use self::auditor::{AuditSource, AuditTarget, Auditor};
