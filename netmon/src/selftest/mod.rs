//! Checks netmon's numbers on this host: sends known traffic through a temporary lab and compares the results.
//!
//! Each expected value has a source other than netmon: the packets that were sent, the kernel's counters, or a clock in
//! user space around the same event. [`lab`] builds the temporary lab, [`fixture`] reads and waits, [`scorecard`] is
//! the result, and each other file is one kind of traffic. Nothing outside the lab is changed, and no other program is
//! needed.

mod dns;
mod drops;
mod echo;
mod error;
mod fixture;
mod foreign;
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

/// The kinds of traffic, in order. Unanswered requests are sent by the first step and reported only after a timeout, so
/// they are checked last.
const STEPS: [Step; 9] = [
    kinds::measure,
    echo::measure,
    tcp::measure,
    dns::measure,
    drops::measure,
    queue::measure,
    kernel::measure,
    foreign::measure,
    kinds::measure_unanswered,
];

/// Builds the lab, takes all measurements, and removes the lab, also after an error. Setting `interrupted` ends it early.
///
/// # Errors
///
/// Fails if something cannot be measured, or the lab cannot be removed. A wrong number is not an error: it is in the
/// scorecard.
pub fn run(interrupted: &AtomicBool, progress: &dyn Progress) -> Result<Scorecard, SelftestError> {
    let begun = Instant::now();
    lab::remove_leftovers();
    let mut fixture = Fixture::build(interrupted)?;
    let outcome = STEPS.iter().enumerate().try_for_each(|(done, step)| {
        progress.at("measures", done, STEPS.len());
        step(&mut fixture)
    });
    let rows = fixture.remove();
    outcome?;
    Ok(Scorecard::new(rows?, begun.elapsed()))
}
