//! `netmon down`: removes a lab, whatever built it.

use clap::Args;

use super::{exit::ExitCode, privileges::require_topology};
use crate::{
    control::{
        LabHandle,
        locate::{self, RecordedLab},
    },
    render::progress::ProgressLine,
};

/// Which lab is removed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon down              the built-in lab
  netmon down office       the lab of this name; its file is not needed
  netmon down my.toml      the lab of this file, or the one that was built from it")]
pub struct Down {
    /// The lab, by its name or its file; without one, the built-in lab `direct`.
    #[arg(value_name = "LAB|FILE", env = "NETMON_FILE")]
    lab: Option<String>,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if the lab cannot be determined, a privilege is missing, or the lab is held by a process that is no agent; or
/// with everything that could not be removed.
pub fn run(args: &Down) -> anyhow::Result<ExitCode> {
    let recorded = locate::recorded();
    let lab = locate::lab_to_remove(args.lab.as_deref(), &recorded)?;
    require_topology(&format!("removing lab {lab}"))?;
    // Also without a record: objects may carry the lab's mark all the same.
    LabHandle::acquire(&lab)?.down(&ProgressLine::start())?;
    if recorded.iter().any(|there| there.name == lab) {
        log::info!("lab {lab} is down");
    } else {
        log::warn!("lab {lab} was not up{}", others(&recorded));
    }
    Ok(ExitCode::Ok)
}

/// Returns the end of a sentence that names the labs that are up.
fn others(recorded: &[RecordedLab]) -> String {
    let name = |lab: &RecordedLab| match &lab.file {
        Some(file) => format!("{} ({})", lab.name, file.display()),
        None => lab.name.to_string(),
    };
    match recorded {
        [] => String::new(),
        labs => format!("; these labs are: {}", labs.iter().map(name).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labs_that_are_up_are_named_with_their_files() {
        assert_eq!(others(&[]), "");
        let lab = |name: &str, file: Option<&str>| RecordedLab {
            name: name.parse().unwrap(),
            file: file.map(Into::into),
        };
        let text = others(&[lab("direct", None), lab("n1", Some("/labs/n1.toml"))]);
        assert_eq!(text, "; these labs are: direct, n1 (/labs/n1.toml)");
    }
}
