//! Maps source files to rooms, and leaves out tests.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use super::{
    imports::is_test,
    table::{Crate, Rooms, Table},
};
use crate::tidy::{
    Finding,
    tree::{File, Tree},
};

/// A place in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) line: usize,
}

impl Place {
    pub(super) fn finding(&self, message: &str) -> Finding {
        Finding::new(&self.path, self.line, message)
    }
}

/// A source file that is not a test.
pub(super) struct Source<'t> {
    pub(super) file: &'t File,
    pub(super) syntax: syn::File,
    /// The name of its crate.
    pub(super) krate: &'static str,
    /// The path of its module; empty for the root of the crate.
    pub(super) module: Vec<String>,
    pub(super) room: String,
}

/// All source files that are not tests.
pub(super) struct Sources<'t> {
    crates: &'static [Crate],
    sources: Vec<Source<'t>>,
    /// The rooms, each with one of its files.
    rooms: BTreeMap<String, &'t str>,
}

impl<'t> Sources<'t> {
    pub(super) fn of(tree: &'t Tree, table: &Table) -> Result<Self> {
        let sources: Vec<_> =
            table.crates.iter().map(|krate| of_crate(tree, krate)).collect::<Result<_>>()?;
        let sources: Vec<Source<'_>> = sources.into_iter().flatten().collect();
        let files = sources.iter().rev();
        let rooms = files.map(|source| (source.room.clone(), source.file.path.as_str())).collect();
        Ok(Self { crates: table.crates, sources, rooms })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Source<'t>> {
        self.sources.iter()
    }

    /// Returns the rooms, each with one of its files.
    pub(super) fn rooms(&self) -> &BTreeMap<String, &'t str> {
        &self.rooms
    }

    /// Returns the room of a path that begins with the name of a crate, or `None` if that crate has no rooms. A path
    /// that leads to no module is an item of the crate's root.
    pub(super) fn room_of(&self, path: &[String]) -> Option<String> {
        let (first, rest) = path.split_first()?;
        let krate = self.crates.iter().find(|krate| krate.name == first)?;
        let room = room(krate, rest);
        Some(if self.rooms.contains_key(&room) { room } else { krate.name.to_owned() })
    }
}

/// Returns the name that the room of a module would have.
fn room(krate: &Crate, module: &[String]) -> String {
    match (krate.rooms, module.first()) {
        (Rooms::Modules(prefix), Some(top)) => format!("{prefix}{top}"),
        _ => krate.name.to_owned(),
    }
}

/// Returns the files of a crate, except those that are compiled for tests only.
fn of_crate<'t>(tree: &'t Tree, krate: &Crate) -> Result<Vec<Source<'t>>> {
    let mut sources = Vec::new();
    let mut tests = Vec::new();
    for file in tree.under(krate.source, ".rs") {
        let module = module_of(file.path.strip_prefix(krate.source).unwrap_or_default());
        let syntax = syn::parse_file(&file.text).with_context(|| format!("{} is not Rust", file.path))?;
        tests.extend(test_modules(&syntax.items, &module));
        let room = room(krate, &module);
        sources.push(Source { file, syntax, krate: krate.name, module, room });
    }
    let is_test = |module: &[String]| {
        module.iter().any(|name| name == "tests") || tests.iter().any(|test| module.starts_with(test))
    };
    sources.retain(|source| !is_test(&source.module));
    Ok(sources)
}

/// Returns the module of a file: `a::b` for `a/b.rs` and `a/b/mod.rs`, the root for `lib.rs`, and `main` for the
/// `main.rs` of a binary.
fn module_of(path: &str) -> Vec<String> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if stem == "lib" { Vec::new() } else { stem.split('/').map(str::to_owned).collect() }
}

/// Returns the modules that `items` declare for tests only and that have a file of their own.
fn test_modules(items: &[syn::Item], module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for item in items {
        let syn::Item::Mod(declared) = item else { continue };
        let path = [module, &[declared.ident.to_string()]].concat();
        match &declared.content {
            None if is_test(&declared.attrs) => found.push(path),
            Some((_, items)) if !is_test(&declared.attrs) => found.extend(test_modules(items, &path)),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_file_names_its_module() {
        assert_eq!(module_of("lib.rs"), [""; 0]);
        assert_eq!(module_of("main.rs"), ["main"]);
        assert_eq!(module_of("names.rs"), ["names"]);
        assert_eq!(module_of("lab/mod.rs"), ["lab"]);
        assert_eq!(module_of("lab/traffic/record.rs"), ["lab", "traffic", "record"]);
    }
}
