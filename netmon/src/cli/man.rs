//! `netmon man`: prints the help texts as man pages.

use std::{io, path::PathBuf};

use anyhow::Context as _;
use clap::{Args as ClapArgs, Command, CommandFactory as _};
use clap_mangen::Man;

use super::{Cli, exit::ExitCode, output};

/// Where the pages are written.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon man | man -l -                       reads the page
  netmon man --dir /usr/local/share/man/man1  installs netmon.1, netmon-run.1 and so on")]
pub struct Args {
    /// Write a page for netmon and each subcommand into this directory, which is created if missing.
    #[arg(long, env = "NETMON_DIR", value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if the directory or standard output cannot be written to.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.dir {
        Some(directory) => {
            let failed = || format!("cannot write man pages into {}", directory.display());
            std::fs::create_dir_all(directory).with_context(failed)?;
            clap_mangen::generate_to(command(), directory).with_context(failed)?;
        }
        None => output::print(&page(command())?)?,
    }
    Ok(ExitCode::Ok)
}

fn command() -> Command {
    // `netmon help run` needs no page: it would be that of `netmon-run`.
    let mut command = Cli::command().disable_help_subcommand(true);
    // Gives each subcommand its full name.
    command.build();
    command
}

fn page(command: Command) -> io::Result<String> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_page_names_every_subcommand_but_hidden_ones() {
        let page = page(command()).unwrap();
        assert!(page.contains(".TH netmon 1") && page.contains(r"netmon\-generate(1)"), "{page}");
        assert!(!page.contains("supervise"), "{page}");
    }

    #[test]
    fn a_directory_gets_a_page_for_each_subcommand() {
        let directory = tempfile::tempdir().unwrap();
        run(&Args { dir: Some(directory.path().to_owned()) }).unwrap();
        let mut pages: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|page| page.unwrap().file_name().into_string().unwrap())
            .collect();
        pages.sort();
        let generate = fs::read_to_string(directory.path().join("netmon-generate.1")).unwrap();
        assert!(
            pages.contains(&"netmon.1".to_owned()) && pages.contains(&"netmon-run.1".to_owned()),
            "{pages:?}"
        );
        assert!(!pages.iter().any(|page| page.contains("supervise") || page.contains("help")), "{pages:?}");
        assert!(generate.contains("netmon generate star"), "{generate}");
    }
}
