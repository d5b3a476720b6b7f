//! `netmon generate`: prints lab files of common shapes.

use clap::{
    Args as ClapArgs,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use ipnet::Ipv4Net;
use netmon_labfile::generate::{self, LabKind, Options};
use netmon_model::names::LabName;

use super::{exit::ExitCode, output};

/// The shape and its size.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon generate star -n 50 > star.toml           fifty namespaces, each linked to root
  netmon generate chain -n 5 --http > chain.toml   five namespaces in a row, a web server in each
  netmon generate mesh -n 4 --name lab2 --subnet 10.77.0.0/24

Then run `netmon up star.toml`, and the ping in the first lines of the file.
If the namespaces do not fit into the subnet, the error says how many do.")]
pub struct Args {
    /// The shape.
    #[arg(value_parser = kinds())]
    kind: LabKind,
    /// Number of namespaces; 3 without -n, and always 1 for `direct`.
    #[arg(short, long, env = "NETMON_NAMESPACES", value_name = "N")]
    namespaces: Option<usize>,
    /// Name of the lab, and prefix of the names of its namespaces; without --name, that of the shape.
    #[arg(long, env = "NETMON_NAME", value_parser = lab_name)]
    name: Option<LabName>,
    /// Network of all addresses; without --subnet, one of 10.200.0.0/16 to 10.205.0.0/16.
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
/// Fails if the namespaces do not fit into the subnet (exit code 2).
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { kind, namespaces, name, subnet, http } = args;
    let options = Options { kind, namespaces, name, subnet, http };
    let text = generate::lab_file(&options)?;
    output::print(&text)?;
    Ok(ExitCode::Ok)
}
