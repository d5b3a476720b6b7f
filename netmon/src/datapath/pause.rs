//! A link's hooks taken off for a while and put on again, with everything that was counted kept.
//!
//! What passes meanwhile is not counted, and must not look lost either: packets are no longer stamped before
//! arrivals are no longer seen, and arrivals are seen again before packets are stamped.

use std::{
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use netmon_ebpf::{
    abi::{EGRESS, INGRESS},
    epoch::LOSS_EPOCHS,
};
use netmon_model::{
    error::chain,
    names::{Direction, LinkName},
};
use rustix::event::{Timespec, poll};

use super::{
    Datapath, DatapathError, by_namespace,
    persistence::Stage,
    run_time::RunTime,
    sums,
    watched::{self, WatchedEndpoint, WatchedLink},
};

/// How long packets that are under way are waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked whether they have arrived.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };

impl Datapath {
    /// Takes the programs off all hooks of a link. That they are off already is no error.
    ///
    /// # Errors
    ///
    /// When no such link is watched, or the kernel refuses.
    pub fn hooks_off(&mut self, link: &LinkName) -> Result<(), DatapathError> {
        let at = self.place_of(link)?;
        self.record(at, Stage::Paused)?;
        let one = &mut self.links[at..=at];
        for ends in by_namespace(one).into_values() {
            watched::visit(ends, |ends| ends.iter_mut().try_for_each(|end| leave_egress(end)))?;
        }
        self.await_arrivals(at)?;
        for ends in by_namespace(&mut self.links[at..=at]).into_values() {
            watched::detach(ends)?;
        }
        for end in self.links[at].ends_mut() {
            end.pauses += 1;
            if self.run_time.is_some() {
                RunTime::retire(end, &mut self.object.tallies)?;
            }
        }
        self.record(at, Stage::Paused)
    }

    fn record(&mut self, at: usize, stage: Stage) -> Result<(), DatapathError> {
        self.persistence
            .as_mut()
            .map_or(Ok(()), |persistence| persistence.record_link(&self.links[at], stage))
    }

    /// Puts the programs onto all hooks of a link again. That they are on already is no error.
    ///
    /// # Errors
    ///
    /// When no such link is watched, or the kernel refuses; then all hooks are without a program.
    pub fn hooks_on(&mut self, link: &LinkName) -> Result<(), DatapathError> {
        let at = self.place_of(link)?;
        self.enter_all(at).inspect_err(|_| {
            if let Err(error) = self.hooks_off(link) {
                log::warn!("{}", chain(&error));
            }
        })
    }

    fn enter_all(&mut self, at: usize) -> Result<(), DatapathError> {
        let (mode, jump_table, keeps) =
            (self.features.mode, self.object.jump_table.as_fd(), self.run_time.is_some());
        for direction in Direction::BOTH {
            for ends in by_namespace(&mut self.links[at..=at]).into_values() {
                watched::visit(ends, |ends| {
                    for end in ends {
                        if end.programs.is_none() && direction == Direction::Ingress {
                            end.programs = Some(end.dispatchers(jump_table)?);
                        }
                        end.enter(mode, direction)?;
                    }
                    Ok(())
                })?;
            }
        }
        for end in self.links[at].ends_mut().filter(|_| !keeps) {
            end.programs = None;
        }
        self.record(at, Stage::Complete)
    }

    fn place_of(&self, link: &LinkName) -> Result<usize, DatapathError> {
        let place = self.links.iter().position(|one| one.name == *link);
        place.ok_or_else(|| DatapathError::NoSuchLink(link.clone()))
    }

    /// Waits until as many stamped packets have arrived as left, but for those that are known to be lost.
    fn await_arrivals(&mut self, at: usize) -> Result<(), DatapathError> {
        let begun = Instant::now();
        while self.under_way(at)? && begun.elapsed() < PATIENCE {
            // A signal only means to look sooner.
            let _ = poll(&mut [], Some(&PAUSE));
        }
        Ok(())
    }

    fn under_way(&mut self, at: usize) -> Result<bool, DatapathError> {
        let WatchedLink { a, b, a_to_b, b_to_a, .. } = &mut self.links[at];
        let (of_a, of_b) = (self.object.read_end(a.id)?, self.object.read_end(b.id)?);
        let directions = [(&of_a, &of_b, a_to_b), (&of_b, &of_a, b_to_a)];
        Ok(directions.into_iter().any(|(from, to, loss)| {
            let sent = sums::epochs(&from.counters, EGRESS);
            let arrived = sums::epochs(&to.counters, INGRESS);
            missing(&sent, &arrived) > i64::try_from(loss.total()).unwrap_or(i64::MAX)
        }))
    }
}

fn missing(sent: &[u32; LOSS_EPOCHS], arrived: &[u32; LOSS_EPOCHS]) -> i64 {
    sent.iter().zip(arrived).map(|(sent, arrived)| i64::from(sent.wrapping_sub(*arrived).cast_signed())).sum()
}

fn leave_egress(end: &mut WatchedEndpoint) -> Result<(), DatapathError> {
    let Some(attached) = &mut end.attached else { return Ok(()) };
    attached
        .leave(Direction::Egress)
        .map_err(|source| DatapathError::Attach { endpoint: end.shown(), source })
}
