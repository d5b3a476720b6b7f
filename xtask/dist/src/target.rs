//! What a program was built for.

use std::str::FromStr;

/// A target that netmon is packed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    triple: String,
    cpu: Cpu,
}

/// A processor architecture that the eBPF programs and the agent know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cpu {
    X86_64,
    Aarch64,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(triple: &str) -> Result<Self, String> {
        let cpu = match triple.split('-').next() {
            Some("x86_64") => Cpu::X86_64,
            Some("aarch64") => Cpu::Aarch64,
            _ => return Err(format!("{triple} is not a target that netmon is packed for")),
        };
        Ok(Self { triple: triple.to_owned(), cpu })
    }
}

impl Target {
    /// Returns what rustc calls it.
    pub(crate) fn triple(&self) -> &str {
        &self.triple
    }

    /// Returns whether a program for it needs no library of the system.
    pub(crate) fn is_static(&self) -> bool {
        self.triple.ends_with("-musl")
    }

    /// Returns what Debian, and images of containers, call its architecture.
    pub(crate) fn debian(&self) -> &'static str {
        match self.cpu {
            Cpu::X86_64 => "amd64",
            Cpu::Aarch64 => "arm64",
        }
    }

    /// Returns what RPM calls its architecture.
    pub(crate) fn rpm(&self) -> &'static str {
        match self.cpu {
            Cpu::X86_64 => "x86_64",
            Cpu::Aarch64 => "aarch64",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_the_names_that_each_format_uses() {
        let target: Target = "aarch64-unknown-linux-musl".parse().expect("valid");
        assert_eq!((target.debian(), target.rpm(), target.is_static()), ("arm64", "aarch64", true));
    }

    #[test]
    fn a_processor_without_programs_is_refused() {
        assert!("riscv64gc-unknown-linux-gnu".parse::<Target>().is_err());
    }
}
