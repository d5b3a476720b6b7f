//! Rooms and arrows: which part of the code may import which, by the table in [`rooms`].
//!
//! A room is a crate, or a top-level module of a crate that the table divides. An arrow says that one room imports
//! another. The table lists every room from the bottom up, with its arrows and with the kernel crates (interfaces
//! to the kernel such as aya and rustix) that it may name. An import without an arrow is a finding, and so is an
//! arrow without an import, so that the table stays true. Tests are exempt: they may import anything.

mod imports;
mod listing;
mod paths;
mod rooms;
mod sources;
mod table;

use std::collections::BTreeMap;

use anyhow::Result;

pub(super) use self::listing::listing;
use self::{
    rooms::TABLE,
    sources::{Place, Sources},
    table::Table,
};
use super::{Finding, tree::Tree};

/// The file that findings about the table point to.
const TABLE_FILE: &str = "xtask/src/tidy/arrows/rooms.rs";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    against(tree, &TABLE)
}

fn against(tree: &Tree, table: &Table) -> Result<Vec<Finding>> {
    let sources = Sources::of(tree, table)?;
    let uses = Uses::of(&sources, table);
    let mut findings = unlisted_crates(tree, table);
    findings.extend(unlisted_rooms(&sources, &uses, table));
    findings.extend(uses.forbidden(table));
    let of_itself = table.cycles().into_iter().chain(table.renderers_with_kernel_access());
    findings.extend(of_itself.map(|(room, message)| of_table(tree, room, message)));
    findings.extend(unused(tree, &sources, &uses, table));
    Ok(findings)
}

/// The imports of the code: between rooms, and of kernel crates.
#[derive(Debug, Default)]
struct Uses {
    /// Their places, by the importing and the imported room.
    arrows: BTreeMap<(String, String), Vec<Place>>,
    /// Their places, by the importing room and the kernel crate.
    kernel: BTreeMap<(String, String), Vec<Place>>,
}

impl Uses {
    fn of(sources: &Sources<'_>, table: &Table) -> Self {
        let mut uses = Self::default();
        for source in sources.iter() {
            for import in imports::of(source, table) {
                let place = Place { path: source.file.path.clone(), line: import.line };
                let (all, to) = match sources.room_of(&import.path) {
                    Some(room) => (&mut uses.arrows, room),
                    None => (&mut uses.kernel, import.path[0].clone()),
                };
                if to == source.room {
                    continue;
                }
                let places = all.entry((source.room.clone(), to)).or_default();
                // A `use` of several items is one import.
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        uses
    }

    fn has(&self, from: &str, to: &str) -> bool {
        self.arrows.contains_key(&(from.to_owned(), to.to_owned()))
    }

    fn names(&self, from: &str, krate: &str) -> bool {
        self.kernel.contains_key(&(from.to_owned(), krate.to_owned()))
    }

    /// Returns whether a room imports another or is imported.
    fn has_arrows(&self, room: &str) -> bool {
        self.arrows.keys().any(|(from, to)| from == room || to == room)
    }

    /// Returns the imports that the table does not allow.
    fn forbidden(&self, table: &Table) -> Vec<Finding> {
        let mut findings = Vec::new();
        for ((from, to), places) in &self.arrows {
            if !table.allows(from, to) && !table.excepts(from, to) {
                let message = format!("`{from}` imports `{to}`, which {TABLE_FILE} does not allow");
                findings.extend(places.iter().map(|place| place.finding(&message)));
            }
        }
        for ((from, krate), places) in &self.kernel {
            if !table.allows_kernel(from, krate) {
                let message =
                    format!("`{from}` names the crate `{krate}`, which {TABLE_FILE} does not allow");
                findings.extend(places.iter().map(|place| place.finding(&message)));
            }
        }
        findings
    }
}

/// Returns the crates that are in the tree but not in the table, and the other way round.
fn unlisted_crates(tree: &Tree, table: &Table) -> Vec<Finding> {
    let known = |folder: &str| table.crates.iter().any(|krate| krate.source == format!("{folder}src/"));
    let mut findings = Vec::new();
    for manifest in tree.under("", "/Cargo.toml") {
        let folder = manifest.path.strip_suffix("Cargo.toml").unwrap_or_default();
        if !known(folder) && !table.outside.contains(&folder) {
            let message = format!("this crate is not among CRATES in {TABLE_FILE}");
            findings.push(Finding::new(&manifest.path, 1, message));
        }
    }
    for krate in table.crates {
        if tree.under(krate.source, ".rs").next().is_none() {
            let message = format!("there is no crate `{}` in {}", krate.name, krate.source);
            findings.push(of_table(tree, krate.name, message));
        }
    }
    findings
}

/// Returns the rooms of the tree that the table does not list. It may omit the root of a divided crate that imports
/// nothing and is not imported, which is usually just a list of modules.
fn unlisted_rooms(sources: &Sources<'_>, uses: &Uses, table: &Table) -> Vec<Finding> {
    let is_bare_root = |room: &str| table.is_divided(room) && !uses.has_arrows(room);
    let rooms = sources.rooms();
    let missing = rooms.iter().filter(|(room, _)| table.room(room).is_none() && !is_bare_root(room));
    missing
        .map(|(room, path)| Finding::new(path, 1, format!("the room `{room}` is not in {TABLE_FILE}")))
        .collect()
}

/// Returns the entries of the table that the code does not use.
fn unused(tree: &Tree, sources: &Sources<'_>, uses: &Uses, table: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |room: &str, message: String| findings.push(of_table(tree, room, message));
    let rooms = sources.rooms();
    for room in table.rooms {
        if !rooms.contains_key(room.name) {
            add(room.name, format!("there is no room `{}`", room.name));
            continue;
        }
        for to in room.imports().filter(|to| !uses.has(room.name, to)) {
            add(room.name, format!("`{}` does not import `{to}`: remove the arrow", room.name));
        }
        for krate in room.kernel().filter(|krate| !uses.names(room.name, krate)) {
            add(room.name, format!("`{}` does not name the crate `{krate}`: remove it", room.name));
        }
    }
    for (from, to) in table.exceptions {
        if !uses.has(from, to) {
            add(from, format!("`{from}` no longer imports `{to}`: remove the exception"));
        }
        if table.allows(from, to) {
            add(from, format!("`{from}` has an arrow to `{to}`: remove the exception"));
        }
    }
    findings
}

/// Returns a finding about the table, at the line of the room if the table has it.
fn of_table(tree: &Tree, room: &str, message: String) -> Finding {
    let name = format!("name: \"{room}\"");
    let text = tree.file(TABLE_FILE).map_or("", |file| file.text.as_str());
    let line = text.lines().position(|line| line.contains(&name));
    Finding::new(TABLE_FILE, line.map_or(0, |index| index + 1), message)
}

#[cfg(test)]
mod tests;
