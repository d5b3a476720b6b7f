//! The status of several labs: one line for each, the same as JSON.

use netmon_model::{names::LabName, server_address::ServerAddress};
use serde::Serialize;

use super::{
    super::{
        style::{BAD, DIM},
        table::table,
        units::{self, NONE},
    },
    host::left_out,
};
use crate::api::{Endpoint, Hook, Host, Link, Links, Probe};

const COLUMNS: [(&str, bool); 9] = [
    ("LAB", false),
    ("LINKS", true),
    ("HOOKS", true),
    ("PACKETS", true),
    ("PACKETS/S", true),
    ("RATE", true),
    ("LOST", true),
    ("PROBLEMS", true),
    ("AGENT", false),
];

/// A lab of this host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabStatus {
    /// Its name.
    pub lab: LabName,
    /// Where its agent serves HTTP. `None` if none does.
    pub address: Option<ServerAddress>,
    /// What its agent measured. `None` if no agent answered.
    pub totals: Option<LabTotals>,
    /// Why there are no totals. `None` if there are.
    pub error: Option<String>,
    /// What is known of the host. `None` if its agent does not discover links.
    pub host: Option<Host>,
}

/// The sums over all links of a lab. Every packet of a link counts once, where it left.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabTotals {
    /// Links.
    pub links: usize,
    /// Hooks: two for each end of a link.
    pub hooks: usize,
    /// Hooks that a program is attached to.
    pub hooks_attached: usize,
    /// Packets, in both directions.
    pub packets: u64,
    /// Bytes, in both directions, link-layer header included.
    pub bytes: u64,
    /// Rate of `packets`; null in the agent's first moments.
    pub packets_per_second: Option<f64>,
    /// Rate of `bytes`; null in the agent's first moments.
    pub bytes_per_second: Option<f64>,
    /// Segments that left and did not arrive; null where the kernel cannot stamp packets.
    pub lost_segments: Option<u64>,
    /// Ends of links that are down, missing, or differ from the lab file.
    pub faulty_ends: usize,
    /// Probes whose last attempt failed.
    pub failing_probes: usize,
}

impl LabTotals {
    /// Adds up the links and probes of a lab.
    #[must_use]
    pub fn of(links: &Links, probes: &[Probe]) -> Self {
        let ends = || links.links.iter().flat_map(Link::ends);
        let hooks = || ends().flat_map(|end| [&end.ingress, &end.egress]);
        let sent = || ends().map(|end| &end.egress);
        let rate =
            |pick: fn(&Hook) -> Option<f64>| links.window_seconds.map(|_| sent().filter_map(pick).sum());
        let lost: Vec<u64> = links
            .links
            .iter()
            .flat_map(Link::directions)
            .filter_map(|(direction, _)| direction.lost_segments)
            .collect();
        Self {
            links: links.links.len(),
            hooks: hooks().count(),
            hooks_attached: hooks().filter(|hook| hook.attached.is_some()).count(),
            packets: sent().map(|hook| hook.packets).sum(),
            bytes: sent().map(|hook| hook.bytes).sum(),
            packets_per_second: rate(|hook| hook.packets_per_second),
            bytes_per_second: rate(|hook| hook.bytes_per_second),
            lost_segments: (!lost.is_empty()).then(|| lost.iter().sum()),
            faulty_ends: ends().filter(|end| is_faulty(end)).count(),
            failing_probes: probes.iter().filter(|probe| probe.success == Some(false)).count(),
        }
    }

    /// Hooks without a program, faulty ends and failing probes.
    fn problems(&self) -> usize {
        self.hooks - self.hooks_attached + self.faulty_ends + self.failing_probes
    }
}

fn is_faulty(end: &Endpoint) -> bool {
    !end.up || !end.drift.is_empty()
}

/// Renders a line for each lab, and below them why labs have no figures.
#[must_use]
pub fn several(labs: &[LabStatus]) -> String {
    let mut text = table(COLUMNS, labs.iter().map(row)) + "\n";
    for error in labs.iter().filter_map(|lab| lab.error.as_ref()) {
        text += &format!("\n{BAD}{error}{BAD:#}\n");
    }
    for left_out in labs.iter().filter_map(|lab| left_out(lab.host.as_ref()?)) {
        text += &format!("\n{left_out}\n");
    }
    text + &format!("\n{DIM}`netmon status LAB` shows the links of one lab{DIM:#}\n")
}

fn row(lab: &LabStatus) -> [String; 9] {
    let cell = |value: Option<String>| value.unwrap_or_else(|| NONE.to_owned());
    let of = |show: fn(&LabTotals) -> Option<String>| cell(lab.totals.as_ref().and_then(show));
    [
        lab.lab.to_string(),
        of(|totals| Some(totals.links.to_string())),
        of(|totals| Some(format!("{}/{}", totals.hooks_attached, totals.hooks))),
        of(|totals| Some(units::count(totals.packets))),
        of(|totals| totals.packets_per_second.map(units::per_second)),
        of(|totals| totals.bytes_per_second.map(units::bytes_per_second)),
        of(|totals| totals.lost_segments.map(units::count)),
        of(|totals| Some(totals.problems().to_string())),
        cell(lab.address.as_ref().map(|address| address.to_reach().url())),
    ]
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use netmon_model::fixtures;

    use super::*;
    use crate::render::{example, style::visible};

    fn measured(name: &str, port: u16, totals: LabTotals) -> LabStatus {
        let address = Some(std::net::SocketAddr::from(([127, 0, 0, 1], port)).into());
        LabStatus { lab: name.parse().unwrap(), address, totals: Some(totals), error: None, host: None }
    }

    #[test]
    fn each_lab_has_a_line_and_one_without_an_agent_says_why() {
        let totals = LabTotals::of(&example::links(), &example::probes());
        let error = "lab site is up, but nothing measures it".to_owned();
        let (address, totals_of_site, host) = (None, None, None);
        let site = LabStatus {
            lab: "site".parse().unwrap(),
            address,
            totals: totals_of_site,
            error: Some(error),
            host,
        };
        let new = LabTotals::of(&Links::without_rates(&fixtures::star(3)), &[]);
        let labs = [measured("direct", 9477, totals), measured("star", 9478, new), site];
        assert_snapshot!(visible(&several(&labs)));
    }

    #[test]
    fn a_packet_of_a_link_counts_once() {
        let totals = LabTotals::of(&example::links(), &[]);
        assert_eq!((totals.packets, totals.bytes), (1_234 + 1_100, 98 * (1_234 + 1_100)));
        assert_eq!(totals.packets_per_second, Some(75.0));
        assert_eq!(totals.lost_segments, Some(3));
    }

    #[test]
    fn hooks_ends_and_probes_that_fail_are_problems() {
        let mut links = example::links();
        links.links[0].a.egress.attached = None;
        links.links[0].b.as_mut().unwrap().up = false;
        let totals = LabTotals::of(&links, &example::probes());
        assert_eq!((totals.hooks, totals.hooks_attached), (4, 3));
        assert_eq!((totals.faulty_ends, totals.failing_probes, totals.problems()), (1, 1, 3));
    }

    #[test]
    fn where_nothing_was_measured_there_is_no_zero() {
        let mut links = Links::without_rates(&fixtures::direct());
        let link = &mut links.links[0];
        for direction in link.a_to_b.iter_mut().chain(&mut link.b_to_a) {
            direction.lost_segments = None;
        }
        let totals = LabTotals::of(&links, &[]);
        assert_eq!((totals.packets_per_second, totals.lost_segments), (None, None));
    }
}
