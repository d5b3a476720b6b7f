//! From a lab file's lab to the host: the host is read once, planned, and the plan can be inspected before it is
//! applied.

use netmon_model::{lab::Lab, progress::Progress};

use super::{
    actual::{self, Actual},
    apply::Build,
    endpoint::AttachObserver,
    error::TopologyError,
    handle::{self, Handles},
    lent,
    plan::Plan,
    planner,
    qdisc_support::missing_for,
    sysctl_check,
};
use crate::ownership::{claim::Claim, mark::Mark, state::State};

/// Returns what [`up`] would do. Changes nothing, and needs no claim.
///
/// # Errors
///
/// Fails if something that is not the lab's is in the way, if this kernel lacks what the lab needs, or if the host
/// cannot be read.
pub fn plan(lab: &Lab) -> Result<Plan, TopologyError> {
    Ok(read_and_plan(lab)?.plan)
}

/// Reads the host and plans, so that the caller can act on the plan before it is applied.
///
/// `claim` must be of this lab.
///
/// # Errors
///
/// As [`plan`]. Nothing was changed.
pub fn prepare<'a>(
    lab: &'a Lab,
    claim: &'a Claim,
    progress: &dyn Progress,
) -> Result<Prepared<'a>, TopologyError> {
    debug_assert_eq!(claim.lab(), &lab.name);
    progress.busy("reading what is there");
    Ok(Prepared { lab, claim, host: read_and_plan(lab)? })
}

/// Makes the host match `lab`. If it already does, only calls `observer`. `claim` must be of this lab.
///
/// # Errors
///
/// As [`prepare`] and [`Prepared::apply`].
pub fn up(
    lab: &Lab,
    claim: &Claim,
    observer: &mut dyn AttachObserver,
    progress: &dyn Progress,
) -> Result<(), TopologyError> {
    prepare(lab, claim, progress)?.apply(observer, progress)
}

/// A plan for a claimed lab, together with the reading of the host that it was made from.
///
/// It holds every namespace of the lab open, and so keeps it alive. It is stale once the host has changed: apply or drop
/// it soon.
pub struct Prepared<'a> {
    lab: &'a Lab,
    claim: &'a Claim,
    host: PlannedHost,
}

impl Prepared<'_> {
    /// Returns what [`Self::apply`] will do.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.host.plan
    }

    /// Works through the plan. Hands both ends of every link of the lab to `observer`, once, before any of them is set
    /// up.
    ///
    /// # Errors
    ///
    /// Returns the first step that failed, or the error of `observer`, after everything before it was undone.
    pub fn apply(
        self,
        observer: &mut dyn AttachObserver,
        progress: &dyn Progress,
    ) -> Result<(), TopologyError> {
        let PlannedHost { mark, recorded, actual, handles, plan } = self.host;
        plan.notes.iter().for_each(|note| log::warn!("{note}"));
        Build::new(self.lab, &plan, (&actual, handles), &mark, self.claim.agent(), progress)?
            .execute(recorded.as_ref(), observer)
    }
}

/// A reading of the host, and the plan that was made from it.
struct PlannedHost {
    mark: Mark,
    /// The state that an earlier build recorded. `None` if there is none that can be used.
    recorded: Option<State>,
    actual: Actual,
    handles: Handles,
    plan: Plan,
}

fn read_and_plan(lab: &Lab) -> Result<PlannedHost, TopologyError> {
    handle::raise_descriptor_limit();
    require_kernel_for(lab)?;
    let mark = Mark::of(&lab.name);
    let recorded = State::load(&lab.name);
    let (actual, handles) = actual::read(&mark, recorded.as_ref(), Some(lab))?;
    let missing = lent::missing_bridges(lab, &actual);
    if !missing.is_empty() {
        return Err(TopologyError::Conflict(missing));
    }
    let plan = planner::plan(lab, &actual)?;
    let refused = sysctl_check::refused(lab, &actual, &plan);
    if !refused.is_empty() {
        return Err(TopologyError::Settings(refused));
    }
    Ok(PlannedHost { mark, recorded, actual, handles, plan })
}

/// Checks that this kernel has what the lab's impairments need.
fn require_kernel_for(lab: &Lab) -> Result<(), TopologyError> {
    let missing = missing_for(lab);
    if missing.is_empty() { Ok(()) } else { Err(TopologyError::Unsupported(missing)) }
}
