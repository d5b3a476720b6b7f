//! What is imposed on the directions of the lab's links, and what had passed by then: so that what is measured can be
//! held against it, also after it was changed.

use std::collections::HashMap;

use netmon_model::{
    impairment::Impairment,
    lab::Lab,
    names::{LinkName, Side},
    snapshot::{DirectionSnapshot, EndpointSnapshot, Imposed, LinkSnapshot},
};

/// By link, and by the end that packets leave through.
#[derive(Debug, Default)]
pub(crate) struct ImposedTable(HashMap<(LinkName, Side), Since>);

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
    pub(crate) fn become_as(&mut self, lab: &Lab, now: &[LinkSnapshot]) {
        let was = std::mem::take(&mut self.0);
        let now: HashMap<&LinkName, &LinkSnapshot> = now.iter().map(|link| (&link.name, link)).collect();
        for link in &lab.links {
            for side in [Side::A, Side::B] {
                let (key, impairment) = ((link.name.clone(), side), link.end(side).impairment);
                if impairment.is_none() {
                    continue;
                }
                let known = was.get(&key).filter(|was| was.impairment == impairment).copied();
                let since = known.unwrap_or_else(|| {
                    let counts = now.get(&link.name).map(|there| counts(leaving(there, side)));
                    let (sent_segments, lost_segments) = counts.unwrap_or_default();
                    Since { impairment, sent_segments, lost_segments }
                });
                self.0.insert(key, since);
            }
        }
    }

    /// Writes into a reading what is imposed.
    pub(crate) fn tell(&self, links: &mut [LinkSnapshot]) {
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
    use netmon_model::{fixtures, lab::Link};

    use super::*;

    fn lossy() -> Lab {
        let lab = netmon_labfile::built_in();
        Lab { links: changed(&lab, "1%"), ..lab }
    }

    fn changed(lab: &Lab, loss: &str) -> Vec<Link> {
        let mut links = lab.links.clone();
        links[0].a.impairment.loss = loss.parse().ok();
        links
    }

    #[test]
    fn counts_begin_when_the_impairment_does_and_go_on_while_it_stays() {
        let (lab, mut now) = (lossy(), fixtures::direct().links);
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
        let other = Lab { links: changed(&lab, "2%"), ..lab.clone() };
        table.become_as(&other, &now);
        table.tell(&mut now);
        assert_eq!(now[0].a_to_b.imposed.unwrap().sent_segments, 0);
        table.become_as(&netmon_labfile::built_in(), &now);
        now[0].a_to_b.imposed = None;
        table.tell(&mut now);
        assert_eq!(now[0].a_to_b.imposed, None);
    }
}
