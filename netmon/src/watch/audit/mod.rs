//! The audit: our counts against the kernel's own, and what explains the difference.
//!
//! For each hook, `hook = kernel + explained + difference`, in packets since the hook is watched: `explained` has
//! a few known causes ([`netmon_model::audit::Cause`]), and the difference is what is left, which is zero unless packets bypass the
//! hook, vanish behind it, or something is wrong. The kernel is read before and after our maps, and a figure is
//! made only when it said the same twice: on a link that is never at rest for so long, the latest figure stands.
//!
//! The egress hook is audited against what the kernel sent. The ingress hook is audited against what the kernel
//! says was received, which for a veth end is what its peer handed over: that proves that nothing arrived past
//! the hook, and says nothing of what became of it afterwards.
//!
//! It runs now and then beside the scrapes, never in one ([`Auditor::run`]).

mod auditor;
mod cause;
mod ledger;
mod witness;

pub use self::auditor::{AuditError, Audited};
pub(crate) use self::auditor::{AuditSource, AuditTarget, Auditor};
