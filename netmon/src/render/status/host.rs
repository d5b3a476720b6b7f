//! The interfaces of the host that are not watched, and why.

use crate::{
    api::Host,
    render::{style::DIM, table::table},
};

const COLUMNS: [(&str, bool); 3] = [("NOT WATCHED", false), ("KIND", false), ("BECAUSE", false)];

/// Renders the list. Returns `None` if every interface is watched, or the agent does not discover links.
#[must_use]
pub fn left_out(host: &Host) -> Option<String> {
    let all = host.skipped_interfaces();
    if all == 0 {
        return None;
    }
    let rows = host.left_out.iter().map(|one| {
        [format!("{}:{}", one.netns, one.interface), one.kind.clone(), one.reason.as_str().to_owned()]
    });
    let more = all.saturating_sub(host.left_out.len());
    let more = if more > 0 { format!("\n{DIM}and {more} more{DIM:#}") } else { String::new() };
    Some(table(COLUMNS, rows) + &more)
}

/// Returns how many interfaces are not watched, as a line. `None` if every one is.
pub(super) fn note(host: &Host) -> Option<String> {
    let all = host.skipped_interfaces();
    let interfaces = if all == 1 { "1 interface".to_owned() } else { format!("{all} interfaces") };
    (all > 0).then(|| format!("{interfaces} of this host not watched: `netmon status --all` says why"))
}

#[cfg(test)]
mod tests {
    use netmon_model::survey::{LeftOut, SkipReason};

    use super::*;
    use crate::render::style::visible;

    fn host(listed: usize, limit: usize) -> Host {
        let one = |index| LeftOut {
            netns: "shop.web".parse().unwrap(),
            interface: format!("eth{index}"),
            kind: "veth".to_owned(),
            reason: SkipReason::Selection,
        };
        let skipped = [(SkipReason::Selection, listed), (SkipReason::Limit, limit)].into();
        Host { discovers: true, skipped, left_out: (0..listed).map(one).collect(), ..Host::default() }
    }

    #[test]
    fn each_interface_has_a_line_with_the_reason_and_the_rest_is_counted() {
        insta::assert_snapshot!(visible(&left_out(&host(2, 7)).unwrap()));
    }

    #[test]
    fn where_everything_is_watched_nothing_is_said() {
        assert_eq!((left_out(&host(0, 0)), note(&host(0, 0))), (None, None));
        assert!(note(&host(1, 0)).unwrap().starts_with("1 interface of this host not watched"));
        assert!(note(&host(2, 7)).unwrap().starts_with("9 interfaces"));
    }
}
