//! The requests that install an impairment, and those that undo them.
//!
//! A queue of the same qdiscs is changed in place, so that it keeps its counters and the packets that wait in it. Any
//! other queue is deleted before the new one is added. The filter that drops is replaced atomically.

use std::{
    collections::BTreeMap,
    os::fd::{AsFd as _, OwnedFd},
};

use netmon_kernel::netlink::{
    Request, clsact,
    loss_filter::{self, LossFilter},
    queue::{self, Discipline, Position},
};
use netmon_model::{
    impairment::{Impairment, Loss, Queue},
    names::{IfIndex, Place},
};

use super::super::{error::TopologyError, installed_impairment::InstalledImpairment};
use crate::topology::loss_program;

/// The programs that drop, one for each share. Requests refer to them by descriptor, so they must outlive the last request
/// and the last undo.
#[derive(Debug, Default)]
pub(in crate::topology) struct Programs(BTreeMap<Loss, OwnedFd>);

impl Programs {
    fn load(&mut self, loss: Loss) -> Result<&OwnedFd, TopologyError> {
        let program = match self.0.remove(&loss) {
            Some(program) => program,
            None => loss_program::load(loss).map_err(|source| TopologyError::LossProgram { loss, source })?,
        };
        Ok(self.0.entry(loss).or_insert(program))
    }
}

/// A request, and those that undo it, in the order in which they are sent.
#[derive(Debug)]
pub(in crate::topology) struct ReversibleRequest {
    pub(in crate::topology) request: Request,
    pub(in crate::topology) inverse: Vec<Request>,
}

/// An end whose impairment changes.
#[derive(Clone, Copy)]
pub(in crate::topology) struct Target<'a> {
    pub(in crate::topology) place: &'a Place,
    pub(in crate::topology) index: IfIndex,
    pub(in crate::topology) mtu: u32,
    /// What is installed now.
    pub(in crate::topology) there: &'a InstalledImpairment,
}

impl Target<'_> {
    /// Returns the requests that install what is wanted, in order.
    pub(in crate::topology) fn requests(
        self,
        wanted: &Impairment,
        programs: &mut Programs,
    ) -> Result<Vec<ReversibleRequest>, TopologyError> {
        let mut all = self.queue(Queue::for_impairment(wanted, self.mtu));
        all.extend(self.loss(wanted.loss, programs)?);
        Ok(all)
    }

    fn name(&self) -> &str {
        self.place.interface.as_str()
    }

    fn queue(self, wanted: Option<Queue>) -> Vec<ReversibleRequest> {
        let there = self.there.queue.map(parts).unwrap_or_default();
        let wanted = wanted.map(parts).unwrap_or_default();
        let kinds = |parts: &[(Position, Discipline)]| -> Vec<_> {
            parts.iter().map(|(position, part)| (*position, std::mem::discriminant(part))).collect()
        };
        if kinds(&there) == kinds(&wanted) {
            let changed = there.into_iter().zip(wanted).filter(|((_, was), (_, is))| !is_like(*was, *is));
            return changed
                .map(|((position, was), (_, is))| ReversibleRequest {
                    request: queue::change(self.index, self.name(), position, is),
                    inverse: vec![queue::change(self.index, self.name(), position, was)],
                })
                .collect();
        }
        let add = |(position, part)| queue::add(self.index, self.name(), position, part);
        let mut all = Vec::new();
        if !there.is_empty() {
            let request = queue::delete(self.index, self.name());
            all.push(ReversibleRequest { request, inverse: there.into_iter().map(add).collect() });
        }
        for (position, part) in wanted {
            let inverse = match position {
                Position::Root => vec![queue::delete(self.index, self.name())],
                // Deleted with the root.
                Position::Below => Vec::new(),
            };
            all.push(ReversibleRequest { request: add((position, part)), inverse });
        }
        all
    }

    fn loss(
        self,
        wanted: Option<Loss>,
        programs: &mut Programs,
    ) -> Result<Vec<ReversibleRequest>, TopologyError> {
        let (index, name, there) = (self.index, self.name(), self.there);
        let was = match there.loss.and_then(|was| Some((was, Loss::of_ppm(was.ppm)?))) {
            Some((was, loss)) => {
                Some((was, loss_filter::set(index, name, was, programs.load(loss)?.as_fd())))
            }
            None => None,
        };
        let mut all = Vec::new();
        match (was, wanted) {
            (None, None) => {}
            (Some((was, _)), Some(wanted)) if was.ppm == wanted.ppm() => {}
            (was, Some(wanted)) => {
                let made_clsact = was.as_ref().map_or(!there.has_clsact, |(was, _)| was.made_clsact);
                if !there.has_clsact {
                    let inverse = vec![clsact::delete_qdisc(index, name)];
                    all.push(ReversibleRequest { request: clsact::add_qdisc(index, name), inverse });
                }
                let filter = LossFilter { ppm: wanted.ppm(), made_clsact };
                let request = loss_filter::set(index, name, filter, programs.load(wanted)?.as_fd());
                let back = was.map_or_else(|| loss_filter::delete(index, name), |(_, back)| back);
                all.push(ReversibleRequest { request, inverse: vec![back] });
            }
            (Some((was, back)), None) => {
                all.push(ReversibleRequest {
                    request: loss_filter::delete(index, name),
                    inverse: vec![back],
                });
                if was.made_clsact && there.other_filters == 0 {
                    let inverse = vec![clsact::add_qdisc(index, name)];
                    all.push(ReversibleRequest { request: clsact::delete_qdisc(index, name), inverse });
                }
            }
        }
        Ok(all)
    }
}

/// Returns the qdiscs of a queue, the root first.
fn parts(queue: Queue) -> Vec<(Position, Discipline)> {
    let bucket_at = if queue.netem.is_some() { Position::Below } else { Position::Root };
    let netem = queue.netem.map(|netem| (Position::Root, Discipline::Netem(netem)));
    let bucket = queue.bucket.map(|bucket| (bucket_at, Discipline::Bucket(bucket)));
    netem.into_iter().chain(bucket).collect()
}

fn is_like(one: Discipline, other: Discipline) -> bool {
    match (one, other) {
        (Discipline::Bucket(one), Discipline::Bucket(other)) => one.is_like(other),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impairment(delay: Option<&str>, rate: Option<&str>) -> Impairment {
        Impairment {
            delay: delay.map(|text| text.parse().unwrap()),
            rate: rate.map(|text| text.parse().unwrap()),
            ..Impairment::default()
        }
    }

    /// Returns the requests for a change, and those that undo it in the order in which they would be sent.
    fn requests(was: Impairment, is: Impairment) -> (Vec<String>, Vec<String>) {
        let place = Place { namespace: "web".parse().unwrap(), interface: "eth0".parse().unwrap() };
        let there = InstalledImpairment {
            queue: Queue::for_impairment(&was, 1500),
            ..InstalledImpairment::default()
        };
        let target = Target { place: &place, index: IfIndex(7), mtu: 1500, there: &there };
        let sent = target.requests(&is, &mut Programs::default()).unwrap();
        let what = |request: &Request| request.what().to_owned();
        let undone = sent.iter().rev().flat_map(|one| &one.inverse).map(what).collect();
        (sent.iter().map(|one| what(&one.request)).collect(), undone)
    }

    const PUT_NETEM: &str = "add a netem to interface eth0";
    const PUT_TBF: &str = "add a tbf to interface eth0";
    const TAKE: &str = "delete the queue of interface eth0";

    #[test]
    fn a_queue_of_the_same_parts_is_changed_in_place_where_it_differs() {
        let (slow, fast) = (impairment(None, Some("1mbit")), impairment(None, Some("2mbit")));
        let change = "change the tbf of interface eth0".to_owned();
        assert_eq!(requests(slow, fast), (vec![change.clone()], vec![change.clone()]));
        assert_eq!(requests(slow, slow), (vec![], vec![]));
        let both = |rate| impairment(Some("10ms"), Some(rate));
        assert_eq!(requests(both("1mbit"), both("2mbit")).0, [change]);
    }

    #[test]
    fn a_queue_of_other_parts_is_replaced_and_restored_as_a_whole() {
        let (rate, both) = (impairment(None, Some("1mbit")), impairment(Some("10ms"), Some("1mbit")));
        assert_eq!(
            requests(Impairment::default(), both),
            (vec![PUT_NETEM.into(), PUT_TBF.into()], vec![TAKE.into()])
        );
        let (sent, undone) = requests(both, rate);
        assert_eq!(sent, [TAKE, PUT_TBF]);
        assert_eq!(undone, [TAKE, PUT_NETEM, PUT_TBF]);
        assert_eq!(requests(rate, Impairment::default()), (vec![TAKE.into()], vec![PUT_TBF.into()]));
    }
}
