//! What earlier processes recorded in /run/netmon: the state of a lab, its holder, its services.

use netmon::{
    ownership::{Holder, mark::Mark, state::State},
    services,
};
use netmon_model::names::LabName;

use super::control::again;

/// Reads bytes as each of the files, and as the mark of an object.
pub(super) fn read(bytes: &[u8]) -> bool {
    let lab: LabName = "direct".parse().expect("a name");
    let of_services = services::fuzz::records(bytes, &lab) > 0;
    let Ok(text) = std::str::from_utf8(bytes) else { return of_services };
    let is_mark = Mark::lab_in(text).is_some_and(|lab| {
        assert_eq!(Mark::of(&lab).as_str(), text);
        true
    });
    let kinds = [again::<State>(text), again::<Holder>(text), is_mark, of_services];
    kinds.contains(&true)
}
