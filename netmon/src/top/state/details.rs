//! What the stream does not say, and is asked for while a view needs it.

use std::collections::HashMap;

use netmon_model::{names::LinkName, snapshot};

use super::feed::Answer;
use crate::{
    api::{Flow, Flows, Link, Links},
    top::figures::to_f64,
};

/// What the current view needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Want {
    /// Nothing but the stream.
    #[default]
    Nothing,
    /// All connections.
    Connections,
    /// The drops of all links.
    Drops,
    /// One link: its counts, and its connections.
    Link(LinkName),
}

/// What was answered last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    /// Links with all their counts: all of them, or the one that is open.
    pub(crate) links: Option<Links>,
    /// The reading before, for rates.
    pub(crate) earlier_links: Option<Links>,
    /// Connections: all of them, or those of the link that is open.
    pub(crate) flows: Option<Flows>,
    /// Bits per second of each connection, there and back, by its key.
    pub(crate) flow_rates: HashMap<String, (f64, f64)>,
    /// Why the last request failed. `None` if it did not.
    pub(crate) error: Option<String>,
}

impl Details {
    /// Returns whether the state has nothing yet of the kind of an answer.
    pub(super) fn has_no(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Links(_) => self.links.is_none(),
            Answer::Flows(_) => self.flows.is_none(),
            Answer::Failed(_) => self.error.is_none(),
        }
    }

    /// Takes an answer.
    pub(super) fn take(&mut self, answer: Answer) {
        match answer {
            Answer::Links(links) => self.take_links(links),
            Answer::Flows(flows) => self.take_flows(flows),
            Answer::Failed(error) => self.error = Some(error),
        }
    }

    fn take_links(&mut self, links: Links) {
        self.earlier_links = self.links.replace(links);
        self.error = None;
    }

    /// Takes connections, and computes their rates since the reading before.
    fn take_flows(&mut self, flows: Flows) {
        self.flow_rates = match &self.flows {
            Some(earlier) => rates(earlier, &flows),
            None => HashMap::new(),
        };
        self.flows = Some(flows);
        self.error = None;
    }

    /// Returns the counts of a link. `None` if they were not read yet.
    pub(crate) fn link(&self, name: &LinkName) -> Option<&Link> {
        self.links.as_ref()?.links.iter().find(|link| link.name == *name)
    }
}

/// Identifies a connection at an endpoint.
pub(crate) fn key(flow: &snapshot::Flow) -> String {
    let protocol = flow.protocol.as_str();
    format!("{}:{} {protocol} {} {}", flow.namespace, flow.interface, flow.local, flow.remote)
}

fn rates(earlier: &Flows, now: &Flows) -> HashMap<String, (f64, f64)> {
    let ms = now.taken_at_unix_ms.saturating_sub(earlier.taken_at_unix_ms).max(1);
    let before: HashMap<String, &snapshot::Flow> =
        earlier.flows.iter().map(|Flow { seen, .. }| (key(seen), seen)).collect();
    let rate = |now: u64, before: u64| to_f64(8000 * now.saturating_sub(before)) / to_f64(ms);
    let of = |Flow { seen, .. }: &Flow| {
        let key = key(seen);
        let then = before.get(&key)?;
        let out = rate(seen.egress.bytes, then.egress.bytes);
        Some((key, (out, rate(seen.ingress.bytes, then.ingress.bytes))))
    };
    now.flows.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;
    use crate::api::WhichFlows;

    #[test]
    fn the_rate_of_a_connection_is_since_the_reading_before() {
        let mut details = Details::default();
        let mut flows = Flows::of(&fixtures::direct(), fixtures::flows(), &WhichFlows::default());
        details.take_flows(flows.clone());
        assert_eq!(details.flow_rates.len(), 0, "there is none to compare with");
        flows.taken_at_unix_ms += 2000;
        flows.flows[0].seen.egress.bytes += 500;
        let key = key(&flows.flows[0].seen);
        details.take_flows(flows);
        assert_eq!(details.flow_rates[&key], (2000.0, 0.0));
    }
}
