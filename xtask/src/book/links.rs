//! Finds links of the finished book that lead to no file, or to no place in it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// A page that repeats all others in one, where mdBook leaves some of their links as they were.
const PRINT: &str = "print.html";

/// Returns the dead links of all pages below a folder, each with its page.
pub(super) fn dead(html: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    read(html, &mut pages)?;
    let mut dead = Vec::new();
    for (path, text) in &pages {
        let at_hand = |target: &str| leads_somewhere(&pages, path, target);
        let targets = targets(text).filter(|target| !at_hand(target));
        dead.extend(targets.map(|target| format!("{}: {target}", path.display())));
    }
    Ok(dead)
}

fn read(folder: &Path, pages: &mut BTreeMap<PathBuf, String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot list {}", folder.display()))?.path();
        if path.is_dir() {
            read(&path, pages)?;
        } else if path.extension().is_some_and(|ending| ending == "html") && !path.ends_with(PRINT) {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            pages.insert(path, text);
        }
    }
    Ok(())
}

/// Returns the links of a page that do not lead to another host.
fn targets(html: &str) -> impl Iterator<Item = &str> {
    let starts = ["href=\"", "src=\""];
    let all = starts.into_iter().flat_map(|start| html.split(start).skip(1));
    let targets = all.filter_map(|rest| rest.split('"').next());
    targets.filter(|target| !target.contains(':') && !target.is_empty())
}

fn leads_somewhere(pages: &BTreeMap<PathBuf, String>, from: &Path, target: &str) -> bool {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => from.to_owned(),
        file => normal(&from.parent().unwrap_or(from).join(file)),
    };
    match pages.get(&path) {
        Some(text) => anchor.is_empty() || text.contains(&format!("id=\"{anchor}\"")),
        None => path.exists(),
    }
}

/// Resolves `..` by name.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_pages_places_and_other_hosts_pass_and_others_are_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        fs::create_dir(folder.path().join("docs")).expect("created");
        write("a.css", "");
        write(
            "index.html",
            "<a id=\"top\" href=\"docs/b.html#here\"><a href=\"https://a.b/c\"><a href=\"#top\">",
        );
        write(
            "docs/b.html",
            "<p id=\"here\"><a href=\"../index.html#gone\"><a href=\"c.html\"><img src=\"../a.css\">",
        );
        let dead: Vec<String> = dead(folder.path())
            .expect("read")
            .iter()
            .map(|line| line.rsplit(' ').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(dead, ["../index.html#gone", "c.html"]);
    }
}
