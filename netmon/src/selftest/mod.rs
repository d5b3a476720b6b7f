//! Whether the numbers are true on this machine: known traffic in a lab of its own, held against what netmon
//! says of it.
//!
//! What is expected comes from elsewhere in each case: from what was sent, from the kernel's counters, or
//! from a clock in user space around the same thing. [`lab`] is the throw-away lab and [`bench`] what is
//! known of it; each other file is one kind of traffic; [`card`] is what comes out. Nothing outside of the lab is
//! touched, and no other program is needed.

mod dns;
mod drops;
mod echo;
mod error;
mod fixture;
mod frames;
mod kernel;
mod kinds;
mod lab;
mod queue;
mod rounds;
pub mod scorecard;
mod tcp;

use std::{sync::atomic::AtomicBool, time::Instant};

use netmon_model::progress::Progress;

use self::fixture::Fixture;
pub use self::{
    error::SelftestError,
    scorecard::{Row, Scorecard},
};

/// One kind of traffic.
type Step = fn(&mut Fixture<'_>) -> Result<(), SelftestError>;

/// One kind of traffic after the other. What was sent first and is waited for longest comes last.
const STEPS: [Step; 8] = [
    kinds::measure,
    echo::measure,
    tcp::measure,
    dns::measure,
    drops::measure,
    queue::measure,
    kernel::measure,
    kinds::measure_unanswered,
];

/// Does all of it, and takes the lab away again whatever happens. `interrupted` ends it early.
///
/// # Errors
///
/// What stood in the way of measuring, or what could not be taken away. A number that is wrong is no error: it
/// is on the card.
pub fn run(interrupted: &AtomicBool, progress: &dyn Progress) -> Result<Scorecard, SelftestError> {
    let begun = Instant::now();
    lab::clean_up_after_others();
    let mut bench = Fixture::build(interrupted)?;
    let outcome = STEPS.iter().enumerate().try_for_each(|(done, step)| {
        progress.at("measures", done, STEPS.len());
        step(&mut bench)
    });
    let rows = bench.take_down();
    outcome?;
    Ok(Scorecard::of(rows?, begun.elapsed()))
}
