//! `cargo xtask tidy --arrows`: lists the rooms of the code in the notation of the table, with an example of each
//! arrow.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use anyhow::Result;

use super::{Place, Uses, rooms::TABLE, sources::Sources};
use crate::tidy::tree::Tree;

/// Returns the listing of all rooms from the bottom up. Arrows that close a cycle are marked.
pub(in crate::tidy) fn listing(tree: &Tree) -> Result<String> {
    let sources = Sources::of(tree, &TABLE)?;
    let uses = Uses::of(&sources, &TABLE);
    let mut text = String::new();
    let mut listed: Vec<&str> = Vec::new();
    for room in bottom_up(&sources, &uses) {
        let (rooms, crates) = (of_room(&uses.arrows, room), of_room(&uses.kernel, room));
        let words =
            |named: &[(&str, &Place)]| named.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
        let (imports, kernel) = (words(&rooms), words(&crates));
        text += &format!("Room {{ name: {room:?}, imports: {imports:?}, kernel: {kernel:?} }},\n");
        for (what, place) in rooms.into_iter().chain(crates) {
            let is_up = uses.has(room, what) && !listed.contains(&what);
            let mark = if is_up { " (closes a cycle)" } else { "" };
            text += &format!("    // {what}: {}:{}{mark}\n", place.path, place.line);
        }
        listed.push(room);
    }
    Ok(text)
}

/// Returns what a room imports, with the first place of each.
fn of_room<'u>(uses: &'u BTreeMap<(String, String), Vec<Place>>, room: &str) -> Vec<(&'u str, &'u Place)> {
    let of_it = uses.iter().filter(|((from, _), _)| from == room);
    of_it.filter_map(|((_, to), places)| Some((to.as_str(), places.first()?))).collect()
}

/// Returns the rooms, each after those that it imports, except where there is a cycle.
fn bottom_up<'s>(sources: &'s Sources<'_>, uses: &'s Uses) -> Vec<&'s str> {
    let mut left: Vec<&str> = sources.rooms().keys().map(String::as_str).collect();
    // The table may omit such a root, too.
    left.retain(|room| !TABLE.is_divided(room) || uses.has_arrows(room));
    // Keeps the order of the table where it is right.
    left.sort_by_key(|name| TABLE.rooms.iter().position(|room| room.name == *name).unwrap_or(usize::MAX));
    let mut order = Vec::new();
    while !left.is_empty() {
        let missing = |from: &str| left.iter().filter(|to| uses.has(from, to)).count();
        let importers = |to: &str| left.iter().filter(|from| uses.has(from, to)).count();
        let free = left.iter().position(|room| missing(room) == 0);
        // If no room is free, some are in a cycle. Rooms that only import from a cycle come after it.
        let cycle = || {
            let round = (0..left.len()).filter(|at| is_in_cycle(left[*at], &left, uses));
            round.min_by_key(|at| (missing(left[*at]), Reverse(importers(left[*at]))))
        };
        let next = free.or_else(cycle).unwrap_or_default();
        order.push(left.remove(next));
    }
    order
}

/// Returns whether arrows lead from a room back to itself through `rooms`.
fn is_in_cycle(room: &str, rooms: &[&str], uses: &Uses) -> bool {
    let mut reached = vec![room];
    let mut next = 0;
    while let Some(from) = reached.get(next).copied() {
        if next > 0 && uses.has(from, room) {
            return true;
        }
        reached.extend(rooms.iter().filter(|to| uses.has(from, to)));
        // Each room once, visited or waiting.
        let mut seen = BTreeSet::new();
        reached.retain(|room| seen.insert(*room));
        next += 1;
    }
    false
}
