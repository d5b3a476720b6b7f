//! The privileged tests that run on other kernels if no test is selected.
//!
//! Any of them can be selected by name. These depend on the kernel, and do not need more speed than an emulated CPU
//! has.

use super::kernel::Series;

/// Independent of how netmon attaches.
const ANYWHERE: [&str; 4] = [
    "agent_lifecycle::after_sigkill_the_next_run_goes_on_and_its_end_leaves_nothing",
    "foreign_programs::a_clsact_that_was_there_first_hides_nothing_and_stays_with_its_filters",
    "impair_change::a_foreign_qdisc_or_filter_in_the_way_of_an_impairment_is_a_conflict",
    "receive_times::a_receiver_is_told_wall_clock_time_between_sending_and_receiving",
];
/// With programs of others in TCX chains.
const WITH_TCX: [&str; 1] = ["receive_times::behind_our_hook_a_packet_has_no_delivery_time_any_more"];

/// Returns the full names of the tests for a series of kernels.
pub(super) fn privileged(series: Series) -> Vec<&'static str> {
    let also = match series {
        Series::V6_1 => &[][..],
        Series::V6_12 => &WITH_TCX[..],
    };
    [&ANYWHERE[..], also].concat()
}
