//! The subcommands by what people want, as `netmon --help` and docs/COMMANDS.md show them.

use clap::Command;

/// Each heading with its subcommands, in the order of use.
pub const GROUPS: [(&str, &[&str]); 4] = [
    ("Build and run labs", &["run", "up", "reload", "down", "plan", "exec", "generate", "graph"]),
    ("See what happens", &["status", "top", "flows", "trace", "discover"]),
    ("Test and measure", &["impair", "test", "record", "compare", "selftest", "overhead"]),
    ("This host and netmon itself", &["doctor", "clean", "schema", "completions", "man"]),
];

/// The columns of the names.
const INDENT: &str = "  ";

/// Replaces clap's list of subcommands by the groups.
#[must_use]
pub fn grouped(command: Command) -> Command {
    let list = list(&command);
    let name = command.get_name().to_owned();
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}\nOptions:\n{{options}}\n\n\
         `{name} help COMMAND` and `{name} COMMAND --help` describe a command, with examples.\n"
    ))
}

fn list(command: &Command) -> String {
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (heading, names) in GROUPS {
        text.push_str(&format!("{heading}:\n"));
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("{INDENT}{name:width$}  {}\n", about.trim_end_matches('.')));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_visible_subcommand_is_in_one_group() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let command = Cli::command();
        let visible = command.get_subcommands().filter(|command| !command.is_hide_set());
        let mut visible: Vec<&str> = visible.map(Command::get_name).collect();
        grouped.sort_unstable();
        visible.sort_unstable();
        assert_eq!(grouped, visible);
    }

    #[test]
    fn the_help_shows_the_groups() {
        let help = grouped(Cli::command()).render_help().to_string();
        insta::assert_snapshot!(help);
    }
}
