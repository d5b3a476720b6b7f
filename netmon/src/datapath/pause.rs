//! Pauses the hooks of a link: detaches and reattaches the programs, and keeps all counters.
//!
//! Packets that pass meanwhile are not counted, and must not appear lost. So stamping stops before arrivals are no longer
//! counted, and arrivals are counted again before stamping starts.

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
    names::{Direction, EndpointId},
};
use rustix::event::{Timespec, poll};

use super::{
    Datapath, DatapathError,
    endpoint::{self, Endpoint, Endpoints, by_namespace},
    persistence::Stage,
    run_time::RunTime,
    sums,
};

/// How long to wait for packets that are under way.
const PATIENCE: Duration = Duration::from_secs(1);
/// The interval between checks whether they have arrived.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };

impl Datapath {
    /// Detaches the programs from the hooks of both ends of a link. Succeeds if they are detached already.
    ///
    /// # Errors
    ///
    /// Fails if one of `ends` is not watched or the kernel refuses.
    pub fn hooks_off(&mut self, ends: &[EndpointId]) -> Result<(), DatapathError> {
        self.require(ends)?;
        self.record(ends, Stage::Paused)?;
        for group in by_namespace(self.of(ends)).into_values() {
            endpoint::visit(group, |group| group.iter_mut().try_for_each(|one| leave_egress(one)))?;
        }
        self.await_arrivals(ends)?;
        for group in by_namespace(self.of(ends)).into_values() {
            endpoint::detach(group)?;
        }
        for id in ends {
            let Some(endpoint) = self.endpoints.get_mut(id) else { continue };
            endpoint.pauses += 1;
            if self.run_time.is_some() {
                RunTime::retire(endpoint, &mut self.object.tallies)?;
            }
        }
        self.record(ends, Stage::Paused)
    }

    /// Reattaches the programs to the hooks of both ends of a link. Succeeds if they are attached already.
    ///
    /// # Errors
    ///
    /// Fails if one of `ends` is not watched or the kernel refuses. All hooks are without a program then.
    pub fn hooks_on(&mut self, ends: &[EndpointId]) -> Result<(), DatapathError> {
        self.require(ends)?;
        self.enter_all(ends).inspect_err(|_| {
            if let Err(error) = self.hooks_off(ends) {
                log::warn!("{}", chain(&error));
            }
        })
    }

    fn enter_all(&mut self, ends: &[EndpointId]) -> Result<(), DatapathError> {
        let (mode, keeps) = (self.features.mode, self.run_time.is_some());
        let Self { object, endpoints, .. } = self;
        let jump_table = object.jump_table.as_fd();
        for direction in Direction::BOTH {
            for group in by_namespace(chosen(endpoints, ends)).into_values() {
                endpoint::visit(group, |group| {
                    for endpoint in group {
                        if endpoint.programs.is_none() && direction == Direction::Ingress {
                            endpoint.programs = Some(endpoint.dispatchers(jump_table)?);
                        }
                        endpoint.attach(mode, direction)?;
                    }
                    Ok(())
                })?;
            }
        }
        for endpoint in self.of(ends).filter(|_| !keeps) {
            endpoint.programs = None;
        }
        self.record(ends, Stage::Complete)
    }

    fn of(&mut self, ends: &[EndpointId]) -> impl Iterator<Item = &mut Endpoint> {
        chosen(&mut self.endpoints, ends)
    }

    fn require(&self, ends: &[EndpointId]) -> Result<(), DatapathError> {
        match ends.iter().find(|id| !self.endpoints.contains_key(id)) {
            Some(missing) => Err(DatapathError::NotWatched(*missing)),
            None => Ok(()),
        }
    }

    /// Waits until as many stamped packets have arrived as have left, except for those that are known to be lost.
    fn await_arrivals(&mut self, ends: &[EndpointId]) -> Result<(), DatapathError> {
        let begun = Instant::now();
        while self.under_way(ends)? && begun.elapsed() < PATIENCE {
            // A signal only makes the next check earlier.
            let _ = poll(&mut [], Some(&PAUSE));
        }
        Ok(())
    }

    fn under_way(&mut self, ends: &[EndpointId]) -> Result<bool, DatapathError> {
        let pairs = self.of(ends).map(|from| (from.id, from.peer, from.lost.total())).collect::<Vec<_>>();
        for (from, peer, lost) in pairs {
            let Some(peer) = peer.filter(|peer| self.endpoints.contains_key(peer)) else { continue };
            let (of_from, of_peer) = (self.object.values(from)?, self.object.values(peer)?);
            let sent = sums::epochs(&of_from.counters, EGRESS);
            let arrived = sums::epochs(&of_peer.counters, INGRESS);
            if missing(&sent, &arrived) > i64::try_from(lost).unwrap_or(i64::MAX) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn chosen<'e>(endpoints: &'e mut Endpoints, ends: &[EndpointId]) -> impl Iterator<Item = &'e mut Endpoint> {
    endpoints.values_mut().filter(|endpoint| ends.contains(&endpoint.id))
}

fn missing(sent: &[u32; LOSS_EPOCHS], arrived: &[u32; LOSS_EPOCHS]) -> i64 {
    sent.iter().zip(arrived).map(|(sent, arrived)| i64::from(sent.wrapping_sub(*arrived).cast_signed())).sum()
}

fn leave_egress(endpoint: &mut Endpoint) -> Result<(), DatapathError> {
    let Some(attached) = &mut endpoint.attached else { return Ok(()) };
    attached
        .leave(Direction::Egress)
        .map_err(|source| DatapathError::Attach { endpoint: endpoint.id, source })
}
