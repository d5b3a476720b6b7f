//! `netmon/object/made-from`: what the objects were made from, and by which compiler.

use std::fs;

use anyhow::{Context as _, Result};

use super::folder;
use crate::provision::{linker, toolchain::Toolchain};

const FILE: &str = "made-from";

/// The record beside the objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MadeFrom {
    /// The checksum of the sources.
    pub(super) sources: String,
    /// The compiler's name and release, and the LLVM of the linker, which makes the instructions.
    pub(super) compiler: String,
}

impl MadeFrom {
    pub(super) fn of(toolchain: &Toolchain, sources: String) -> Result<Self> {
        let linker = linker::find(toolchain)?.and_then(|linker| linker::llvm_version(&linker));
        let linker = linker.context("bpf-linker disappeared after it was provided")?;
        Ok(Self { sources, compiler: format!("rustc {}, bpf-linker with LLVM {linker}", toolchain.release) })
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
        let made =
            parse("sources 00ff\ncompiler rustc 1.95.0, bpf-linker with LLVM 22.1.8\n").expect("valid");
        assert_eq!(
            (made.sources.as_str(), made.compiler.as_str()),
            ("00ff", "rustc 1.95.0, bpf-linker with LLVM 22.1.8")
        );
        assert_eq!(parse("sources 00ff\n"), None);
    }
}
