//! What is imposed on the directions of the lab's links, and what had passed by then: so that what is measured can be
//! held against it, also after it was changed.

use std::collections::HashMap;

use crate::{
    impairment::Impairment,
    lab::Lab,
    names::{LinkName, Side},
    snapshot::{DirectionSnapshot, EndpointSnapshot, Imposed, LinkSnapshot},
};

/// By link, and by the end that packets leave through.
#[derive(Debug, Default)]
pub(super) struct ImposedTable(HashMap<(LinkName, Side), Since>);

/// What is imposed, and what had been counted when it was.
#[derive(Clone, Copy, Debug)]
struct Since {
    impairment: Impairment,
    sent_segments: u64,
    lost_segments: u64,
}

impl ImposedTable {
    /// What the lab wants. A direction that is impaired as before keeps its beginning; `now` has the counts for the
    /// others, which are zero for a link that is new.
    pub(super) fn become_as(&mut self, lab: &Lab, now: &[LinkSnapshot]) {
        let was = std::mem::take(&mut self.0);
        for link in &lab.links {
            for side in [Side::A, Side::B] {
                let impairment = link.end(side).impairment;
                let known = was.get(&(link.name.clone(), side)).filter(|was| was.impairment == impairment);
                match known {
                    Some(known) => drop(self.0.insert((link.name.clone(), side), *known)),
                    None => self.set(&link.name, side, impairment, now),
                }
            }
        }
    }

    /// One direction is impaired like this from now on.
    pub(super) fn set(&mut self, link: &LinkName, side: Side, impairment: Impairment, now: &[LinkSnapshot]) {
        if impairment.is_none() {
            self.0.remove(&(link.clone(), side));
            return;
        }
        let counts = now.iter().find(|there| there.name == *link).map(|there| counts(leaving(there, side)));
        let (sent_segments, lost_segments) = counts.unwrap_or_default();
        self.0.insert((link.clone(), side), Since { impairment, sent_segments, lost_segments });
    }

    /// Writes into a reading what is imposed.
    pub(super) fn tell(&self, links: &mut [LinkSnapshot]) {
        if self.0.is_empty() {
            return;
        }
        for link in links {
            for side in [Side::A, Side::B] {
                let Some(since) = self.0.get(&(link.name.clone(), side)) else { continue };
                let (sent, lost) = counts(leaving(link, side));
                let direction = match side {
                    Side::A => &mut link.a_to_b,
                    Side::B => &mut link.b_to_a,
                };
                direction.imposed = Some(Imposed {
                    impairment: since.impairment,
                    sent_segments: sent.saturating_sub(since.sent_segments),
                    lost_segments: direction.lost_segments.map(|_| lost.saturating_sub(since.lost_segments)),
                });
            }
        }
    }
}

/// The end that packets leave through, and what became of them.
fn leaving(link: &LinkSnapshot, side: Side) -> (&EndpointSnapshot, &DirectionSnapshot) {
    match side {
        Side::A => (&link.a, &link.a_to_b),
        Side::B => (&link.b, &link.b_to_a),
    }
}

fn counts((end, direction): (&EndpointSnapshot, &DirectionSnapshot)) -> (u64, u64) {
    (end.egress.segments, direction.lost_segments.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn lossy() -> Lab {
        let mut lab = Lab::built_in();
        lab.links[0].a.impairment.loss = "1%".parse().ok();
        lab
    }

    #[test]
    fn counts_begin_when_the_impairment_does_and_go_on_while_it_stays() {
        let (lab, mut now) = (lossy(), sample::direct().links);
        let mut table = ImposedTable::default();
        table.become_as(&lab, &now);
        let lost = now[0].a_to_b.lost_segments.unwrap();
        now[0].a_to_b.lost_segments = Some(lost + 3);
        now[0].a.egress.segments += 200;
        table.become_as(&lab, &now);
        table.tell(&mut now);
        let imposed = now[0].a_to_b.imposed.unwrap();
        assert_eq!((imposed.sent_segments, imposed.lost_segments), (200, Some(3)));
        assert_eq!(now[0].b_to_a.imposed, None);
        table.set(
            &lab.links[0].name,
            Side::A,
            "2%".parse().map(|loss| Impairment { loss: Some(loss), ..Impairment::default() }).unwrap(),
            &now,
        );
        table.tell(&mut now);
        assert_eq!(now[0].a_to_b.imposed.unwrap().sent_segments, 0);
        table.set(&lab.links[0].name, Side::A, Impairment::default(), &now);
        now[0].a_to_b.imposed = None;
        table.tell(&mut now);
        assert_eq!(now[0].a_to_b.imposed, None);
    }
}
