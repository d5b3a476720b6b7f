//! The licences of netmon and of what is compiled into it.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result};

use crate::packages::{Package, Packages};

/// Returns Debian's file `copyright` (machine-readable, version 1.0). The licences' texts are those of the sources.
pub(crate) fn copyright(source: &Path) -> Result<String> {
    let read = |name: &str| {
        let path = source.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: netmon\n\
         Comment: The licences of the crates that are compiled in are listed in third-party.txt.\n\n\
         Files: *\n\
         Copyright: The netmon authors\n\
         License: Apache-2.0 or Expat\n\n\
         Files: netmon-ebpf/*\n\
         Copyright: The netmon authors\n\
         License: Expat or GPL-2\n\n\
         License: Expat\n{}\n\
         License: Apache-2.0\n On Debian systems, the text is in /usr/share/common-licenses/Apache-2.0.\n\n\
         License: GPL-2\n On Debian systems, the text is in /usr/share/common-licenses/GPL-2.\n",
        indented(&read("LICENSE-MIT")?)
    ))
}

/// Indents a text as a field of a control file wants it: empty lines become a full stop.
fn indented(text: &str) -> String {
    text.trim()
        .lines()
        .map(|line| format!(" {}\n", if line.trim().is_empty() { "." } else { line }))
        .collect()
}

/// Returns a list of the crates that are in the program, and each text of a licence once, with the crates that have it.
pub(crate) fn third_party(packages: &Packages) -> Result<String> {
    let foreign: Vec<_> =
        packages.sorted().into_iter().map(|(_, one)| one).filter(|one| one.checksum.is_some()).collect();
    let mut text = "netmon contains these crates.\n\n".to_owned();
    for package in &foreign {
        text.push_str(&format!("{} {}: {}\n", package.name, package.version, package.licence));
    }
    let mut texts: BTreeMap<String, Vec<&Package>> = BTreeMap::new();
    for package in &foreign {
        for licence in texts_of(package)? {
            texts.entry(licence).or_default().push(package);
        }
    }
    for (licence, packages) in texts {
        let names: Vec<_> = packages.iter().map(|one| format!("{} {}", one.name, one.version)).collect();
        text.push_str(&format!("\n{}\n{}:\n\n{licence}\n", "-".repeat(80), names.join(", ")));
    }
    Ok(text)
}

/// Returns the texts of the licences that lie beside the manifest of a crate.
fn texts_of(package: &Package) -> Result<Vec<String>> {
    let failed = || format!("cannot read {}", package.folder.display());
    let mut texts = Vec::new();
    for item in fs::read_dir(&package.folder).with_context(failed)? {
        let path = item.with_context(failed)?.path();
        if path.is_file() && is_licence(&path.file_name().unwrap_or_default().to_string_lossy()) {
            let bytes = fs::read(&path).with_context(failed)?;
            texts.push(String::from_utf8_lossy(&bytes).replace("\r\n", "\n").trim().to_owned());
        }
    }
    texts.sort();
    Ok(texts)
}

fn is_licence(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["license", "licence", "copying", "copyright", "notice", "unlicense"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_licences_are_known_by_their_names() {
        for name in ["LICENSE", "LICENSE-MIT", "license.md", "COPYING", "NOTICE.txt", "UNLICENSE"] {
            assert!(is_licence(name), "{name}");
        }
        assert!(!is_licence("Cargo.toml") && !is_licence("README.md"));
    }

    #[test]
    fn an_empty_line_is_a_full_stop_in_a_field() {
        assert_eq!(indented("MIT\n\ntext\n"), " MIT\n .\n text\n");
    }
}
