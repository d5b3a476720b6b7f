//! Impairments as requests: what there is to ask for, and what takes it back.
//!
//! A queue whose parts stay is changed in place, so that packets that wait in it and its counters stay; one of other
//! parts makes room for the new one. The filter that drops is replaced in one go.

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

/// Programs that drop, one for each share. Requests speak of them by descriptor, so they are kept until the last of
/// those is sent, or taken back.
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

/// A request, and those that take it back, in their order.
#[derive(Debug)]
pub(in crate::topology) struct Asked {
    pub(in crate::topology) request: Request,
    pub(in crate::topology) inverse: Vec<Request>,
}

/// An end whose impairment is changed.
#[derive(Clone, Copy)]
pub(in crate::topology) struct Target<'a> {
    pub(in crate::topology) place: &'a Place,
    pub(in crate::topology) index: IfIndex,
    pub(in crate::topology) mtu: u32,
    /// What is there.
    pub(in crate::topology) there: &'a InstalledImpairment,
}

impl Target<'_> {
    /// Everything to ask for so that the end is impaired as wanted, in the order in which it has to be asked for.
    pub(in crate::topology) fn requests(
        self,
        wanted: &Impairment,
        programs: &mut Programs,
    ) -> Result<Vec<Asked>, TopologyError> {
        let mut all = self.queue(Queue::of(wanted, self.mtu));
        all.extend(self.loss(wanted.loss, programs)?);
        Ok(all)
    }

    fn name(&self) -> &str {
        self.place.interface.as_str()
    }

    fn queue(self, wanted: Option<Queue>) -> Vec<Asked> {
        let there = self.there.queue.map(parts).unwrap_or_default();
        let wanted = wanted.map(parts).unwrap_or_default();
        let kinds = |parts: &[(Position, Discipline)]| -> Vec<_> {
            parts.iter().map(|(position, part)| (*position, std::mem::discriminant(part))).collect()
        };
        if kinds(&there) == kinds(&wanted) {
            let changed = there.into_iter().zip(wanted).filter(|((_, was), (_, is))| !is_like(*was, *is));
            return changed
                .map(|((position, was), (_, is))| Asked {
                    request: queue::change(self.index, self.name(), position, is),
                    inverse: vec![queue::change(self.index, self.name(), position, was)],
                })
                .collect();
        }
        let add = |(position, part)| queue::add(self.index, self.name(), position, part);
        let mut all = Vec::new();
        if !there.is_empty() {
            let request = queue::delete(self.index, self.name());
            all.push(Asked { request, inverse: there.into_iter().map(add).collect() });
        }
        for (position, part) in wanted {
            let inverse = match position {
                Position::Root => vec![queue::delete(self.index, self.name())],
                // It goes with its root.
                Position::Below => Vec::new(),
            };
            all.push(Asked { request: add((position, part)), inverse });
        }
        all
    }

    fn loss(self, wanted: Option<Loss>, programs: &mut Programs) -> Result<Vec<Asked>, TopologyError> {
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
                    all.push(Asked { request: clsact::add_qdisc(index, name), inverse });
                }
                let filter = LossFilter { ppm: wanted.ppm(), made_clsact };
                let request = loss_filter::set(index, name, filter, programs.load(wanted)?.as_fd());
                let back = was.map_or_else(|| loss_filter::delete(index, name), |(_, back)| back);
                all.push(Asked { request, inverse: vec![back] });
            }
            (Some((was, back)), None) => {
                all.push(Asked { request: loss_filter::delete(index, name), inverse: vec![back] });
                if was.made_clsact && there.other_filters == 0 {
                    let inverse = vec![clsact::add_qdisc(index, name)];
                    all.push(Asked { request: clsact::delete_qdisc(index, name), inverse });
                }
            }
        }
        Ok(all)
    }
}

/// The qdiscs of a queue, from the root on.
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

    /// What is asked for, and what takes it back in the order in which it would be, from one impairment to another.
    fn asked(was: Impairment, is: Impairment) -> (Vec<String>, Vec<String>) {
        let place = Place { namespace: "web".parse().unwrap(), interface: "eth0".parse().unwrap() };
        let there = InstalledImpairment { queue: Queue::of(&was, 1500), ..InstalledImpairment::default() };
        let target = Target { place: &place, index: IfIndex(7), mtu: 1500, there: &there };
        let asked = target.requests(&is, &mut Programs::default()).unwrap();
        let what = |request: &Request| request.what().to_owned();
        let back = asked.iter().rev().flat_map(|asked| &asked.inverse).map(what).collect();
        (asked.iter().map(|asked| what(&asked.request)).collect(), back)
    }

    const PUT_NETEM: &str = "put a netem before interface eth0";
    const PUT_TBF: &str = "put a tbf before interface eth0";
    const TAKE: &str = "take the queue from before interface eth0";

    #[test]
    fn a_queue_of_the_same_parts_is_changed_in_place_and_only_where_it_differs() {
        let (slow, fast) = (impairment(None, Some("1mbit")), impairment(None, Some("2mbit")));
        let change = "change the tbf before interface eth0".to_owned();
        assert_eq!(asked(slow, fast), (vec![change.clone()], vec![change.clone()]));
        assert_eq!(asked(slow, slow), (vec![], vec![]));
        let both = |rate| impairment(Some("10ms"), Some(rate));
        assert_eq!(asked(both("1mbit"), both("2mbit")).0, [change]);
    }

    #[test]
    fn a_queue_of_other_parts_makes_room_and_comes_back_whole() {
        let (rate, both) = (impairment(None, Some("1mbit")), impairment(Some("10ms"), Some("1mbit")));
        assert_eq!(
            asked(Impairment::default(), both),
            (vec![PUT_NETEM.into(), PUT_TBF.into()], vec![TAKE.into()])
        );
        let (forth, back) = asked(both, rate);
        assert_eq!(forth, [TAKE, PUT_TBF]);
        assert_eq!(back, [TAKE, PUT_NETEM, PUT_TBF]);
        assert_eq!(asked(rate, Impairment::default()), (vec![TAKE.into()], vec![PUT_TBF.into()]));
    }
}
