//! The audit: the packets of each hook, the kernel's own count, and what explains the difference.

use crate::{
    api::{Audit, Endpoint, Hook, Link, Links},
    render::{
        endpoint_name,
        table::table,
        units::{self, NONE},
    },
};

const COLUMNS: [(&str, bool); 6] = [
    ("AT", false),
    ("HOOK", false),
    ("PACKETS", true),
    ("KERNEL", true),
    ("DIFFERENCE", true),
    ("EXPLAINED", false),
];

/// Renders the audit of all links. Returns `None` if no hook has been audited yet.
pub(super) fn section(links: &Links) -> Option<String> {
    let audits = |end| hooks(end).filter_map(move |(at, hook)| Some(row(end, at, hook.audit.as_ref()?)));
    let rows: Vec<_> = links.links.iter().flat_map(Link::ends).flat_map(audits).collect();
    (!rows.is_empty())
        .then(|| format!("Packets = kernel's count + explained + difference\n{}", table(COLUMNS, rows)))
}

/// Returns a text for each hook of an endpoint that has an unexplained difference.
pub(super) fn problems(end: &Endpoint) -> impl Iterator<Item = String> {
    hooks(end).filter_map(|(at, hook)| {
        let difference = hook.audit.as_ref()?.difference_packets;
        (difference != 0).then(|| format!("{at}, difference from the kernel's count: {}", signed(difference)))
    })
}

fn hooks(end: &Endpoint) -> impl Iterator<Item = (&'static str, &Hook)> {
    [("ingress", &end.ingress), ("egress", &end.egress)].into_iter()
}

fn row(end: &Endpoint, hook: &str, audit: &Audit) -> [String; 6] {
    let explained: Vec<_> = audit
        .explained_packets
        .iter()
        .filter(|(_, packets)| **packets != 0)
        .map(|(cause, packets)| format!("{cause} {}", signed(*packets)))
        .collect();
    [
        endpoint_name(&end.namespace, &end.interface),
        hook.to_owned(),
        units::count(audit.hook_packets),
        units::count(audit.kernel_packets),
        signed(audit.difference_packets),
        if explained.is_empty() { NONE.to_owned() } else { explained.join(", ") },
    ]
}

/// Formats a count with its sign: `0`, `+1,234`, `-5`.
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
    use insta::assert_snapshot;

    use super::*;
    use crate::render::example;

    #[test]
    fn a_hook_has_both_counts_the_difference_and_its_causes() {
        assert_snapshot!(section(&example::links()).unwrap());
    }

    #[test]
    fn a_hook_that_was_not_audited_has_no_row_and_no_problem() {
        let mut links = example::links();
        links.links[0].a.ingress.audit = None;
        links.links[0].a.egress.audit.as_mut().unwrap().difference_packets = 3;
        let text = section(&links).unwrap();
        assert_eq!(text.matches("root:veth0").count(), 1, "{text}");
        let problems: Vec<_> = problems(&links.links[0].a).collect();
        assert_eq!(problems, ["egress, difference from the kernel's count: +3"]);
    }

    #[test]
    fn without_an_audit_there_is_neither_a_table_nor_a_problem() {
        let mut links = example::links();
        let link = &mut links.links[0];
        for end in std::iter::once(&mut link.a).chain(&mut link.b) {
            (end.ingress.audit, end.egress.audit) = (None, None);
        }
        assert_eq!(section(&links), None);
        assert_eq!(problems(&links.links[0].a).count(), 0);
    }
}
