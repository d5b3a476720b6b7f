//! `netmon generate`: prints lab files of common shapes.

use clap::{
    Args as ClapArgs,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use ipnet::{IpNet, Ipv4Net};
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
    #[arg(long, env = "NETMON_SUBNET", value_name = "CIDR", value_parser = subnet)]
    subnet: Option<Ipv4Net>,
    /// Run the built-in web server in every namespace.
    #[arg(long, env = "NETMON_HTTP")]
    http: bool,
}

fn kinds() -> impl TypedValueParser<Value = LabKind> {
    let values = LabKind::ALL.map(|kind| PossibleValue::new(kind.name()).help(kind.about()));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<LabKind>())
}

fn subnet(text: &str) -> Result<Ipv4Net, String> {
    match text.parse::<IpNet>() {
        Ok(IpNet::V4(net)) => Ok(net),
        Ok(IpNet::V6(_)) => {
            Err("generated labs have IPv4 addresses only: write for example 10.77.0.0/16".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
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
    log::info!("{}", summary(&text));
    Ok(ExitCode::Ok)
}

/// Counts what a lab file has, for those who redirected it.
fn summary(text: &str) -> String {
    let count = |what: &str| text.lines().filter(|line| *line == format!("[[{what}]]")).count();
    let counts = ["namespace", "bridge", "link", "service"].map(|what| (count(what), what));
    let parts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_what_the_file_has() {
        let options = Options { namespaces: Some(5), http: true, ..Options::new(LabKind::Star) };
        let text = generate::lab_file(&options).unwrap();
        assert_eq!(summary(&text), "5 namespaces, 5 links, 5 services");
        assert_eq!(summary("[[namespace]]\n[[bridge]]\n"), "1 namespace, 1 bridge");
    }

    #[test]
    fn an_ipv6_subnet_is_refused_with_the_reason() {
        assert_eq!(subnet("10.77.0.0/16"), Ok("10.77.0.0/16".parse().unwrap()));
        assert!(subnet("fd00::/64").unwrap_err().starts_with("generated labs have IPv4 addresses only"));
        assert!(subnet("10.77.0.0").is_err());
    }
}
