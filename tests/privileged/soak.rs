//! A short round of `cargo xtask soak`: the same code, for seconds.

use std::time::Duration;

use netmon_tests::soak;

#[test]
fn a_lab_that_changes_and_is_scraped_all_the_time_grows_nothing() {
    assert!(soak::busy(Duration::ZERO) > 0);
}

#[test]
fn one_down_after_a_kill_at_any_moment_leaves_nothing() {
    let (killed, _) = soak::kills(Duration::ZERO, 8);
    assert_eq!(killed, 8);
}

#[test]
fn a_thousand_events_of_foreign_interfaces_cost_next_to_nothing() {
    assert!(soak::storm() >= 0.0);
}

#[test]
fn twenty_docker_containers_up_and_down_ten_times_leave_nothing_that_grows() {
    soak::containers(10, 20);
}

#[test]
fn a_docker_container_that_ends_under_traffic_frees_its_network_at_once_twenty_times() {
    soak::container_ends(20);
}

#[test]
fn docker_containers_that_end_at_once_on_a_busy_processor_leave_nothing() {
    soak::short_lived(20);
}

#[test]
fn the_first_solicitation_after_up_is_answered_as_a_capture_sees_it() {
    soak::six(10);
}
