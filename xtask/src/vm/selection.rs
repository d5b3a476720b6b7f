//! Which of the privileged tests are run on other kernels, when none is chosen.
//!
//! All of them can be asked for by name. These are those whose subject depends on the kernel, less those that need
//! more speed than an emulated CPU has.

use super::kernel::Series;

/// Work with any way to attach.
const ANYWHERE: [&str; 3] = [
    "agent_lifecycle::after_sigkill_the_next_run_goes_on_and_its_end_leaves_nothing",
    "receive_times::a_receiver_is_told_wall_clock_time_with_clsact_too",
    "foreign_programs::a_clsact_that_was_there_first_hides_nothing_and_stays_with_its_filters",
];

/// Names, each in full.
pub(super) fn privileged(_series: Series) -> Vec<&'static str> {
    ANYWHERE.to_vec()
}
