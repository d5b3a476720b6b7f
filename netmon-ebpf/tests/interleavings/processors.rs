//! Processors that loom schedules.

use std::sync::Arc;

use loom::{model::Builder, thread};
use netmon_ebpf::tag::{Mixer, tag};

use crate::memory::Machine;

/// The operation of one processor.
pub(crate) type Work<S, R> = Box<dyn FnOnce(&S) -> R + Send>;

/// Runs `model` on each of `machines`, in every order of its accesses, or in every order that takes at most so many
/// preemptions.
pub(crate) fn explore(
    machines: &[Machine],
    preemptions: Option<usize>,
    model: impl Fn(Machine) + Copy + Send + Sync + 'static,
) {
    for &machine in machines {
        let mut builder = Builder::new();
        builder.preemption_bound = preemptions;
        builder.check(move || model(machine));
    }
}

/// Runs each operation on a processor of its own, all at once. Returns their results in the same order.
pub(crate) fn processors<S, R, const N: usize>(shared: &Arc<S>, work: [Work<S, R>; N]) -> Vec<R>
where
    S: Send + Sync + 'static,
    R: Send + 'static,
{
    let mut work = work.into_iter();
    // The calling thread is one of the processors, because each further thread multiplies the orders.
    let here = work.next();
    let started: Vec<_> = work
        .map(|work| {
            let shared = Arc::clone(shared);
            thread::spawn(move || work(&shared))
        })
        .collect();
    let first = here.map(|work| work(shared));
    // A processor that panics ends the test in loom, before it could be joined.
    let others = started.into_iter().filter_map(|thread| thread.join().ok());
    first.into_iter().chain(others).collect()
}

/// Returns the tag of the `n`th conversation of endpoint 7.
pub(crate) fn nth(n: u64) -> u64 {
    tag(Mixer::new(1, 0).word(n).finish(), 7, false)
}
