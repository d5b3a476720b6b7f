//! `netmon/object/made-from`: what the objects were made from, and by which compiler.

use std::fs;

use anyhow::{Context as _, Result};

use super::folder;
use crate::provision::toolchain::Toolchain;

const FILE: &str = "made-from";

/// The record beside the objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MadeFrom {
    /// The checksum of the sources.
    pub(super) sources: String,
    /// The compiler's name and release.
    pub(super) compiler: String,
}

impl MadeFrom {
    pub(super) fn of(toolchain: &Toolchain, sources: String) -> Self {
        Self { sources, compiler: format!("rustc {} (LLVM {})", toolchain.release, toolchain.llvm) }
    }

    /// Reads the record. `None` if there is none, or if it has another form.
    pub(super) fn read() -> Result<Option<Self>> {
        Ok(fs::read_to_string(folder()?.join(FILE)).ok().as_deref().and_then(parse))
    }

    pub(super) fn write(&self) -> Result<()> {
        let path = folder()?.join(FILE);
        let text = format!("sources {}\ncompiler {}\n", self.sources, self.compiler);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn parse(text: &str) -> Option<MadeFrom> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    Some(MadeFrom { sources: field("sources ")?, compiler: field("compiler ")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let made = parse("sources 00ff\ncompiler rustc 1.95.0 (LLVM 22)\n").expect("valid");
        assert_eq!((made.sources.as_str(), made.compiler.as_str()), ("00ff", "rustc 1.95.0 (LLVM 22)"));
        assert_eq!(parse("sources 00ff\n"), None);
    }
}
