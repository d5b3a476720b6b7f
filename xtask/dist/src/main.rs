//! Packs a built netmon: an archive, packages for Debian and for RPM, an image for containers, a bill of materials, and
//! checksums of all of them. `cargo xtask dist` builds the program and calls this.
//!
//! The same program and commit give the same bytes: every entry has the time of the commit, belongs to root, and lies in
//! the order of its name.

mod archive;
mod contents;
mod deb;
mod glibc;
mod image;
mod licences;
mod packages;
mod rpm_package;
mod sbom;
mod target;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;
use sha2::{Digest as _, Sha256};

use self::{contents::Contents, packages::Packages, target::Target};

/// Packs a built netmon.
#[derive(Debug, Parser)]
struct Cli {
    /// The program that is packed
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// The program that writes man pages and completions, if this machine cannot run the packed one
    #[arg(long, value_name = "FILE")]
    runner: Option<PathBuf>,
    /// What the program was built for, as rustc calls it
    #[arg(long, value_name = "TRIPLE")]
    target: Target,
    /// The top folder of the sources
    #[arg(long, value_name = "DIR")]
    source: PathBuf,
    /// Where the packages are written
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The time of all files, in seconds since 1970
    #[arg(long, value_name = "SECONDS")]
    epoch: u32,
}

/// What all packages say about themselves.
struct About {
    version: String,
    target: Target,
    epoch: u32,
}

const SUMMARY: &str = "eBPF-instrumented network-namespace traffic monitor";
const DESCRIPTION: &str = "netmon builds labs of network namespaces and veth pairs, or finds those that are already on a \
host, watches every link by eBPF programs, and shows how many packets cross it, how late and how many are lost: on a \
page, in a terminal, and as metrics for Prometheus.";
const VENDOR: &str = "The netmon authors";

fn main() -> Result<()> {
    let cli = Cli::parse();
    let packages = Packages::load(&cli.source, &cli.target)?;
    let about = About { version: packages.version()?, target: cli.target.clone(), epoch: cli.epoch };
    let runner = cli.runner.as_ref().unwrap_or(&cli.program);
    let contents = Contents::collect(&cli.source, &cli.program, runner, &about, &packages)?;

    let mut files = vec![
        (about.name("tar.gz"), archive::tar_gz(&contents, &about)?),
        (about.name("cdx.json"), sbom::cyclonedx(&packages, &about)?.into_bytes()),
    ];
    if cli.target.is_static() {
        files.push((about.name("oci.tar"), image::oci(&contents, &about)?));
    } else {
        files.push((deb::file_name(&about), deb::package(&contents, &about)?));
        files.push((rpm_package::file_name(&about), rpm_package::package(&contents, &about)?));
    }
    write(&cli.to, &files)
}

impl About {
    /// Returns the name of a file with this extension.
    fn name(&self, extension: &str) -> String {
        format!("{}.{extension}", self.stem())
    }

    fn stem(&self) -> String {
        format!("netmon-{}-{}", self.version, self.target.triple())
    }
}

/// Writes the files, and their checksums beside them in a form that `sha256sum -c` reads.
fn write(to: &PathBuf, files: &[(String, Vec<u8>)]) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for (name, bytes) in files {
        let path = to.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        let sum = format!("{}  {name}\n", hex(&Sha256::digest(bytes)));
        let beside = to.join(format!("{name}.sha256"));
        fs::write(&beside, sum).with_context(|| format!("cannot write {}", beside.display()))?;
        println!("{} ({} bytes)", path.display(), bytes.len());
    }
    Ok(())
}

/// Returns bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
