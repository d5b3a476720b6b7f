//! The audit as a table: what passed each hook, what the kernel counted, and what explains the difference.

use super::report::of_endpoint;
use crate::{
    api::{Audit, Endpoint, Hook, Link, Links},
    render::{
        table::table,
        units::{self, NONE},
    },
};

/// A heading and the table; none where nothing was compared yet.
pub(super) fn section(links: &Links) -> Option<String> {
    let ends = links.links.iter().flat_map(Link::ends);
    let rows: Vec<_> = ends
        .flat_map(|end| {
            hooks(end).filter_map(move |(at, hook)| Some(row(of_endpoint(end), at, hook.audit.as_ref()?)))
        })
        .collect();
    let columns = [
        ("AT", false),
        ("HOOK", false),
        ("PACKETS", true),
        ("KERNEL", true),
        ("DIFFERENCE", true),
        ("EXPLAINED", false),
    ];
    (!rows.is_empty())
        .then(|| format!("Packets = kernel's count + explained + difference\n{}", table(columns, rows)))
}

/// What nothing explains at an endpoint.
pub(super) fn troubles(end: &Endpoint) -> impl Iterator<Item = String> {
    hooks(end).filter_map(|(at, hook)| {
        let difference = hook.audit.as_ref()?.difference_packets;
        (difference != 0).then(|| format!("{at}, difference to the kernel's count: {}", signed(difference)))
    })
}

fn hooks(end: &Endpoint) -> impl Iterator<Item = (&'static str, &Hook)> {
    [("ingress", &end.ingress), ("egress", &end.egress)].into_iter()
}

fn row(at: String, hook: &str, audit: &Audit) -> [String; 6] {
    let explained: Vec<_> = audit
        .explained_packets
        .iter()
        .filter(|(_, packets)| **packets != 0)
        .map(|(cause, packets)| format!("{cause} {}", signed(*packets)))
        .collect();
    [
        at,
        hook.to_owned(),
        units::count(audit.hook_packets),
        units::count(audit.kernel_packets),
        signed(audit.difference_packets),
        if explained.is_empty() { NONE.to_owned() } else { explained.join(", ") },
    ]
}

/// `0`, `+1,234`, `-5`.
fn signed(count: i64) -> String {
    let sign = match count {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", units::count(count.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    #[test]
    fn a_row_has_both_counts_the_difference_and_the_causes_that_matter() {
        let mut links = Links::without_rates(&fixtures::direct());
        let end = &mut links.links[0].a;
        end.ingress.audit = None;
        end.egress.audit = Some(Audit {
            taken_at_unix_ms: 0,
            hook_packets: 1200,
            kernel_packets: 2000,
            explained_packets: [("queued".to_owned(), 0), ("segmented".to_owned(), -803)].into(),
            difference_packets: 3,
        });
        let text = section(&links).unwrap();
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with("root:veth0")).collect();
        assert_eq!(rows.len(), 1, "nothing was compared at ingress: {text}");
        let cells: Vec<_> = rows[0].split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells, ["root:veth0", "egress", "1,200", "2,000", "+3", "segmented -803"]);
        let troubles: Vec<_> = troubles(&links.links[0].a).collect();
        assert_eq!(troubles, ["egress, difference to the kernel's count: +3"]);
    }

    #[test]
    fn without_a_comparison_there_is_neither_table_nor_trouble() {
        let mut links = Links::without_rates(&fixtures::direct());
        let link = &mut links.links[0];
        for end in std::iter::once(&mut link.a).chain(&mut link.b) {
            (end.ingress.audit, end.egress.audit) = (None, None);
        }
        assert_eq!(section(&links), None);
        assert_eq!(troubles(&links.links[0].a).count(), 0);
    }
}
