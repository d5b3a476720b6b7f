//! `netmon top`: shows an agent live on a terminal.

use std::{env, io, sync::Arc};

use clap::{Args as ClapArgs, ValueEnum};
use log::LevelFilter;
use netmon_model::server_address::ServerAddress;
use rustix::{
    process::{Signal, kill_current_process_group},
    termios::isatty,
};

use super::{exit::ExitCode, failure::UsageError, which_agent::WhichAgent};
use crate::{
    render::terminal::Charset,
    top::{self, Options, View},
};

/// Which lab, and how it is shown.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon top                          the lab that the agent on this host runs
  netmon top office --interval 5      a picture every five seconds, of the last five seconds
  netmon top --view connections       begins with the connections
  netmon top --address 10.1.2.3:9477  an agent on another host

Keys: j k and arrows move, Enter opens, Esc goes back, / filters, < > choose the column to sort by,
r reverses, Space pauses, Tab and 1 to 5 change the view, + and - the interval, ? shows all keys, q
quits.

Colours are off if NO_COLOR is set, and the characters are ASCII if the locale is not UTF-8 or TERM
is linux.")]
pub struct Args {
    #[command(flatten)]
    agent: WhichAgent,
    /// The view to begin with.
    #[arg(long, env = "NETMON_VIEW", value_enum, default_value = "links", value_name = "VIEW")]
    view: FirstView,
    /// Seconds between two pictures, which show the rates over this time.
    #[arg(short, long, env = "NETMON_INTERVAL", default_value_t = 1, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=64))]
    interval: u64,
    /// Whether to use colours.
    #[arg(long, env = "NETMON_COLOR", value_enum, default_value = "auto", value_name = "WHEN")]
    color: When,
    /// Use ASCII characters only.
    #[arg(long, env = "NETMON_ASCII")]
    ascii: bool,
    /// Leave the mouse to the terminal, which can then select text.
    #[arg(long, env = "NETMON_NO_MOUSE")]
    no_mouse: bool,
}

/// The views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FirstView {
    /// Rates, latencies and losses of every link.
    Links,
    /// Traffic of every namespace.
    Namespaces,
    /// TCP connections.
    Connections,
    /// Dropped and lost packets.
    Drops,
    /// Results of the probes.
    Probes,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum When {
    /// Unless NO_COLOR is set or the terminal has none.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl From<FirstView> for View {
    fn from(view: FirstView) -> Self {
        match view {
            FirstView::Links => Self::Links,
            FirstView::Namespaces => Self::Namespaces,
            FirstView::Connections => Self::Connections,
            FirstView::Drops => Self::Drops,
            FirstView::Probes => Self::Probes,
        }
    }
}

/// Runs the command.
///
/// # Errors
///
/// Fails if standard input or output is no terminal (exit code 2), if no agent runs or it does not answer, or if the
/// terminal fails (1).
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if !isatty(io::stdin()) || !isatty(io::stdout()) {
        let message = "netmon top needs a terminal; `netmon status` prints the same figures once";
        return Err(UsageError(message.to_owned()).into());
    }
    let address = args.agent.address()?;
    if isatty(io::stderr()) {
        // Log lines would be written over the picture.
        log::set_max_level(LevelFilter::Off);
    }
    let variable = |name: &str| env::var(name).ok();
    let options = Options {
        address,
        view: args.view.into(),
        interval: args.interval,
        has_colours: has_colours(args.color, variable),
        charset: charset(args.ascii, variable),
        has_mouse: !args.no_mouse,
        suspend: || Ok(kill_current_process_group(Signal::TSTP)?),
        // For tests of what a panic leaves; never in a release.
        can_panic: cfg!(debug_assertions) && variable("NETMON_TEST_PANIC").is_some(),
        find: Arc::new(move || find(&args.agent)),
    };
    top::run(options).await?;
    Ok(ExitCode::Ok)
}

fn find(agent: &WhichAgent) -> Result<ServerAddress, String> {
    agent.address().map_err(|error| error.to_string())
}

fn has_colours(when: When, variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => !is_set("NO_COLOR") && variable("TERM").as_deref() != Some("dumb"),
    }
}

/// The console of the kernel has UTF-8 and a font of 256 or 512 characters, without most blocks.
fn charset(ascii: bool, variable: impl Fn(&str) -> Option<String>) -> Charset {
    match ascii || variable("TERM").as_deref() == Some("linux") {
        true => Charset::Ascii,
        false => Charset::from_locale(variable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(set: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| set.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn colours_are_used_unless_the_environment_or_the_user_says_no() {
        let of = |when, set: &[(&str, &str)]| has_colours(when, environment(set));
        assert!(of(When::Auto, &[("TERM", "xterm")]));
        assert!(of(When::Auto, &[("NO_COLOR", "")]), "an empty variable is not set, as no-color.org says");
        assert!(!of(When::Auto, &[("NO_COLOR", "1")]));
        assert!(of(When::Always, &[("NO_COLOR", "1")]));
        assert!(!of(When::Never, &[]));
        assert!(!of(When::Auto, &[("TERM", "dumb")]));
    }

    #[test]
    fn the_characters_are_ascii_without_utf_8_and_on_the_console_of_the_kernel() {
        let utf8 = ("LANG", "C.UTF-8");
        assert_eq!(charset(false, environment(&[utf8])), Charset::Utf8);
        assert_eq!(charset(true, environment(&[utf8])), Charset::Ascii);
        assert_eq!(charset(false, environment(&[utf8, ("TERM", "linux")])), Charset::Ascii);
        assert_eq!(charset(false, environment(&[])), Charset::Ascii);
    }
}
