//! What the agent knows of the host, beside the links that it watches: namespaces, and what is left out, with reasons. Pure.

use std::collections::BTreeSet;

use netmon_model::{
    names::LabName,
    snapshot::HostSnapshot,
    survey::{End, LeftOut, Link, LoneEnd, MAX_LEFT_OUT, SkipReason, Survey},
};

/// Describes the host of a survey. The links of the labs in `left` belong to other agents.
pub(super) fn describe(survey: &Survey, left: &BTreeSet<&LabName>) -> HostSnapshot {
    let of_links = survey.links.iter().flat_map(|link| skipped_of(link, left));
    let lone = survey.lone_ends.iter().filter_map(skipped_alone);
    let further: Vec<LeftOut> = of_links.chain(lone).collect();
    let mut skipped = survey.skipped.clone();
    for one in &further {
        *skipped.entry(one.reason).or_default() += 1;
    }
    let mut left_out = survey.left_out.clone();
    left_out.extend(further);
    left_out.sort();
    left_out.truncate(MAX_LEFT_OUT);
    HostSnapshot { namespaces: survey.namespaces.clone(), skipped, left_out, remarks: survey.remarks.clone() }
}

/// Returns the ends of a link that are not watched.
fn skipped_of(link: &Link, left: &BTreeSet<&LabName>) -> Vec<LeftOut> {
    let is_left = link.lab.as_ref().is_some_and(|lab| left.contains(lab));
    let reason = |end: &End| match (is_left, end.id()) {
        (true, _) => Some(SkipReason::Lab),
        (false, None) => Some(SkipReason::Unreadable),
        (false, Some(_)) => None,
    };
    link.ends().filter_map(|end| Some(left_out(end, link.kind.as_str(), reason(end)?))).collect()
}

fn skipped_alone(lone: &LoneEnd) -> Option<LeftOut> {
    let unreadable = lone.end.id().is_none().then_some(SkipReason::Unreadable);
    Some(left_out(&lone.end, &lone.kind, lone.reason.skips().or(unreadable)?))
}

fn left_out(end: &End, kind: &str, reason: SkipReason) -> LeftOut {
    let (netns, interface) = (end.netns.clone(), end.interface.clone());
    LeftOut { netns, interface, kind: kind.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use netmon_model::{fixtures, names::Cookie, survey::LoneReason};

    use super::*;

    /// The survey of the fixture, in which every namespace could be opened.
    fn survey() -> Survey {
        let mut survey = fixtures::survey();
        let ends = survey.links.iter_mut().flat_map(|link| [&mut link.a, &mut link.b]);
        ends.chain(survey.lone_ends.iter_mut().map(|lone| &mut lone.end))
            .for_each(|end| end.cookie = Some(Cookie(7)));
        survey
    }

    #[test]
    fn what_the_survey_left_out_is_counted_with_ends_without_a_peer() {
        let host = describe(&survey(), &BTreeSet::new());
        let expected = BTreeMap::from([(SkipReason::Selection, 4), (SkipReason::OnLowerDevice, 1)]);
        assert_eq!(host.skipped, expected);
        let [mac] = &host.left_out[..] else { panic!("{:?}", host.left_out) };
        assert_eq!((mac.interface.as_str(), mac.kind.as_str()), ("mac0", "macvlan"));
        assert_eq!(host.namespaces, survey().namespaces);
    }

    #[test]
    fn both_ends_of_another_agents_link_are_left_out() {
        let lab: LabName = "direct".parse().unwrap();
        let host = describe(&survey(), &BTreeSet::from([&lab]));
        assert_eq!(host.skipped[&SkipReason::Lab], 2);
    }

    #[test]
    fn an_end_in_a_namespace_that_cannot_be_opened_is_left_out_and_its_peer_is_not() {
        let mut survey = survey();
        survey.links[0].b.cookie = None;
        let host = describe(&survey, &BTreeSet::new());
        assert_eq!(host.skipped[&SkipReason::Unreadable], 1);
    }

    #[test]
    fn an_end_that_was_asked_for_is_not_left_out() {
        let mut survey = survey();
        survey.lone_ends[0].reason = LoneReason::Asked;
        assert_eq!(describe(&survey, &BTreeSet::new()).left_out, []);
        survey.lone_ends[0].end.cookie = None;
        let host = describe(&survey, &BTreeSet::new());
        assert_eq!(host.left_out[0].reason, SkipReason::Unreadable);
    }
}
