//! Builds a lab on the host and removes it: read the host, plan, apply.
//!
//! [`planner`] is pure and [`actual`] only reads. [`apply`], [`impair`] and [`removal`] change the host, and touch only
//! what carries the lab's mark ([`crate::ownership::mark`]). They record what they are about to create before they
//! create it ([`crate::ownership::state`]), so that whatever a killed process leaves behind can be completed or removed
//! by the next one. Nothing here attaches programs: [`AttachObserver`] is called when the interfaces exist and before
//! they are up.

pub mod actual;
pub mod apply;
mod dad;
pub mod down;
pub mod endpoint;
pub mod error;
pub mod handle;
pub mod impair;
pub mod installed_impairment;
mod ipv4_defaults;
mod lent;
pub mod loss_program;
pub mod plan;
pub mod planner;
pub mod prepare;
pub mod qdisc_support;
pub mod removal;
pub mod resolv;
pub mod step;
pub mod sysctl;
pub mod sysctl_check;
pub mod undo;

use netmon_kernel::netns::visible;
use netmon_model::{lab::Lab, names::NsName};

pub use self::{
    down::{Report, down},
    endpoint::{AttachObserver, Endpoint, NoObserver},
    error::{BoxError, TopologyError},
    plan::{Phase, Plan},
    prepare::{Prepared, plan, prepare, up},
    step::Step,
};

/// Returns the first namespace of a lab that was built whose name does not show outside of this process's mounts.
#[must_use]
pub fn hidden_name(lab: &Lab) -> Option<&NsName> {
    // All names are mounted in the same way.
    lab.namespaces.first().map(|namespace| &namespace.name).filter(|name| visible::is_hidden_outside(name))
}

/// Returns the directories that building a lab writes to, or creates.
#[must_use]
pub fn written_directories(lab: &Lab) -> &'static [&'static str] {
    let has_files = lab.namespaces.iter().any(|namespace| namespace.nameservers.is_some());
    if has_files { &["/run/netmon", "/run/netns", "/etc/netns"] } else { &["/run/netmon", "/run/netns"] }
}
