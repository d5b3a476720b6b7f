//! Labs of many links.

use std::{
    fs,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use netmon_model::fixtures;

use super::{Format, Renderer, text_of};

#[test]
fn a_long_text_is_passed_on_in_pieces_of_whole_lines_until_the_taker_breaks() {
    let snapshot = fixtures::star(100);
    let pieces_until = |max: usize| {
        let mut pieces = Vec::new();
        Renderer::default().render(&snapshot, &[], Instant::now(), Format::Text, |piece| {
            pieces.push(piece);
            if pieces.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        pieces
    };
    let all = pieces_until(usize::MAX);
    assert!(all.len() > 20, "{}", all.len());
    assert!(all.iter().all(|piece| piece.ends_with('\n') && piece.len() < 80 << 10));
    assert_eq!(pieces_until(3), all[..3]);
}

/// Returns the CPU time of this thread (`Documentation/scheduler/sched-stats.rst`), which excludes other tests and
/// builds.
fn cpu_time() -> Duration {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
}

#[test]
fn a_thousand_links_are_rendered_within_the_time_of_a_scrape() {
    let snapshot = fixtures::star(1000);
    let renderer = Renderer::default();
    let budget_ms = if cfg!(debug_assertions) { 3000 } else { 150 };
    let render = |_| {
        let began = cpu_time();
        let text = text_of(&renderer, &snapshot, &[]);
        assert!(text.lines().count() > 200_000);
        cpu_time() - began
    };
    let took = (0..5).map(render).min().unwrap();
    println!("1,000 links rendered in {took:?}");
    assert!(took.as_millis() < budget_ms, "{took:?}, budget {budget_ms} ms");
}
