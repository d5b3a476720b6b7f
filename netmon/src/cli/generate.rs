//! `netmon generate`: lab files of the usual shapes.

use clap::{
    Args as ClapArgs,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use ipnet::Ipv4Net;
use netmon_labfile::generate::{self, LabKind, Options};
use netmon_model::names::LabName;

use super::{exit::ExitCode, output};

/// Of which shape and size.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon generate star -n 50 > star.toml           fifty namespaces, each linked to root
  netmon generate chain -n 5 --http > chain.toml   five in a row, a web server in each
  netmon generate mesh -n 4 --name lab2 --subnet 10.77.0.0/24

Then: netmon up star.toml, and the ping that the file's first lines show.
More namespaces than fit are refused, with the largest number that does.")]
pub struct Args {
    /// The shape.
    #[arg(value_parser = kinds())]
    kind: LabKind,
    /// How many namespaces; without -n three, and of `direct` always one.
    #[arg(short, long, env = "NETMON_NAMESPACES", value_name = "N")]
    namespaces: Option<usize>,
    /// The lab's name, which the names of its namespaces begin with; without --name the shape's.
    #[arg(long, env = "NETMON_NAME", value_parser = lab_name)]
    name: Option<LabName>,
    /// The network that all addresses are in; without --subnet, one of 10.200.0.0/16 to 10.205.0.0/16.
    #[arg(long, env = "NETMON_SUBNET", value_name = "CIDR")]
    subnet: Option<Ipv4Net>,
    /// Run the built-in web server in every namespace.
    #[arg(long, env = "NETMON_HTTP")]
    http: bool,
}

fn kinds() -> impl TypedValueParser<Value = LabKind> {
    let values = LabKind::ALL.map(|kind| PossibleValue::new(kind.name()).help(kind.about()));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<LabKind>())
}

fn lab_name(name: &str) -> Result<LabName, String> {
    name.parse().map_err(|error: netmon_model::names::InvalidName| error.to_string())
}

/// Runs the command.
///
/// # Errors
///
/// When so many namespaces do not fit, or netmon could not read the file that it would print; exit code 2.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { kind, namespaces, name, subnet, http } = args;
    let options = Options { kind, namespaces, name, subnet, http };
    let text = generate::lab_file(&options).map_err(|error| ExitCode::Usage.because(error))?;
    output::print(&text)?;
    Ok(ExitCode::Ok)
}
