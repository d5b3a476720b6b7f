//! `netmon completions`: prints the completion script of a shell.

use clap::{Args as ClapArgs, Command, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::{Cli, exit::ExitCode, output};

/// Which shell.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon completions bash | sudo tee /etc/bash_completion.d/netmon > /dev/null
  netmon completions zsh > ~/.zfunc/_netmon         with ~/.zfunc in $fpath
  netmon completions fish > ~/.config/fish/completions/netmon.fish")]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if standard output cannot be written to.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    output::print(&script(args.shell))?;
    Ok(ExitCode::Ok)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut visible(), "netmon", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The command without its hidden subcommands, which clap_complete would offer.
fn visible() -> Command {
    let whole = Cli::command();
    let subcommands = whole.get_subcommands().filter(|command| !command.is_hide_set());
    Command::new("netmon").args(whole.get_arguments()).subcommands(subcommands)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_gets_the_subcommands_and_their_values() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            assert!(!script.contains("supervise"), "{shell}");
            for word in ["generate", "completions", "mermaid", "selftest"] {
                // Scripts for Elvish and PowerShell have no values.
                let is_value = word == "mermaid" && matches!(shell, Shell::Elvish | Shell::PowerShell);
                assert!(is_value || script.contains(word), "{shell}: {word}");
            }
        }
    }
}
