//! `netmon compare`: compares two recorded runs, and says whether the new one is worse.

use std::{fs::File, path::PathBuf};

use anyhow::Context as _;
use clap::{Args as ClapArgs, builder::PossibleValue};
use netmon_compare::{
    batches::Run,
    comparison::{Comparison, Settings, compare},
    series::Figure,
};
use serde::Serialize;

use super::{
    exit::ExitCode,
    failure::UsageError,
    output::{self, Format},
};
use crate::render::comparison;

/// Which recordings, and what counts as worse.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon compare base.netmon.gz new.netmon.gz             exits with 5 if the new run is worse
  netmon compare base.netmon.gz new.netmon.gz --all       every figure, not only what changed
  netmon compare base.netmon.gz new.netmon.gz --only tcp_response,link_loss
  netmon compare base.netmon.gz new.netmon.gz --ignore throughput --bound 10
  netmon compare --old a1.gz,a2.gz,a3.gz,a4.gz,a5.gz --new b1.gz,b2.gz,b3.gz,b4.gz,b5.gz
                                                          several runs of each: what changes from run to run counts, too
A figure regressed if its whole interval is beyond the bound. The intervals are so wide that all of them together miss the
truth with the remaining probability only (--confidence). docs/RECORD.md explains how they are made.
Exit codes: 0 nothing regressed, 1 a recording cannot be read or nothing can be compared, 2 wrong usage, 5 a figure
regressed, or is not observed any more.")]
pub struct Args {
    /// The old recording, and the new one.
    #[arg(value_name = "FILE", num_args = 2, required_unless_present_all = ["old", "new"], conflicts_with_all = ["old", "new"])]
    files: Vec<PathBuf>,
    /// Several recordings of the old side.
    #[arg(long, value_name = "FILE", value_delimiter = ',', requires = "new")]
    old: Vec<PathBuf>,
    /// Several recordings of the new side.
    #[arg(long, value_name = "FILE", value_delimiter = ',', requires = "old")]
    new: Vec<PathBuf>,
    /// The change of a latency or of throughput that is tolerated, in percent.
    #[arg(long, env = "NETMON_BOUND", value_name = "PERCENT", default_value_t = 5.0, value_parser = percent)]
    bound: f64,
    /// The change of a share, such as losses, that is tolerated, in percentage points.
    #[arg(long, env = "NETMON_SHARE_BOUND", value_name = "POINTS", default_value_t = 0.1, value_parser = percent)]
    share_bound: f64,
    /// A latency that grew by less than this is never worse, in microseconds.
    #[arg(long, env = "NETMON_FLOOR_US", value_name = "US", default_value_t = 10.0, value_parser = not_negative)]
    floor_us: f64,
    /// The probability that a comparison of equal runs reports no regression, in percent.
    #[arg(long, env = "NETMON_CONFIDENCE", value_name = "PERCENT", default_value_t = 99.9, value_parser = confidence)]
    confidence: f64,
    /// Compare only these figures.
    #[arg(long, env = "NETMON_ONLY", value_name = "FIGURE", value_delimiter = ',')]
    only: Vec<NamedFigure>,
    /// Do not compare these figures.
    #[arg(long, env = "NETMON_IGNORE", value_name = "FIGURE", value_delimiter = ',')]
    ignore: Vec<NamedFigure>,
    /// Compare only what is measured on this link.
    #[arg(long, env = "NETMON_LINK", value_name = "NAME")]
    link: Option<String>,
    /// List every figure, not only those that changed.
    #[arg(long)]
    all: bool,
    /// Output format.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Format,
}

/// A figure, by its name.
#[derive(Clone, Copy, Debug)]
struct NamedFigure(Figure);

impl clap::ValueEnum for NamedFigure {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [NamedFigure; Figure::ALL.len()] = {
            let mut all = [NamedFigure(Figure::LinkLatency); Figure::ALL.len()];
            let mut at = 0;
            while at < all.len() {
                all[at] = NamedFigure(Figure::ALL[at]);
                at += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()))
    }
}

/// The JSON output.
#[derive(Serialize)]
struct Report<'a> {
    old: &'a [PathBuf],
    new: &'a [PathBuf],
    is_regression: bool,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if a recording cannot be read, or the recordings have nothing in common that can be compared.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (old, new) = match args.files.as_slice() {
        [old, new] => (std::slice::from_ref(old), std::slice::from_ref(new)),
        _ => (args.old.as_slice(), args.new.as_slice()),
    };
    let (old_runs, new_runs) = (open_all(old)?, open_all(new)?);
    let settings = settings(args);
    if let Some(link) = &settings.link {
        require_link(link, &old_runs)?;
    }
    let comparison = compare(&old_runs, &new_runs, &settings);
    let is_regression = comparison.is_regression();
    output::print(&match args.output {
        Format::Table => comparison::text(&comparison, args.all),
        Format::Json => {
            serde_json::to_string_pretty(&Report { old, new, is_regression, comparison: &comparison })? + "\n"
        }
    })?;
    if comparison.tests.is_empty() && comparison.gone.is_empty() {
        anyhow::bail!(
            "nothing can be compared: the recordings have no figure in common with enough observations"
        );
    }
    Ok(if is_regression { ExitCode::Expectation } else { ExitCode::Ok })
}

fn open_all(paths: &[PathBuf]) -> anyhow::Result<Vec<Run>> {
    let open = |path: &PathBuf| -> anyhow::Result<Run> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        Run::read(file).with_context(|| path.display().to_string())
    };
    paths.iter().map(open).collect()
}

fn settings(args: &Args) -> Settings {
    let figures = |named: &[NamedFigure]| named.iter().map(|figure| figure.0).collect();
    Settings {
        confidence: args.confidence / 100.0,
        bound: args.bound / 100.0,
        share_bound: args.share_bound / 100.0,
        latency_floor_ns: args.floor_us * 1000.0,
        only: figures(&args.only),
        ignored: figures(&args.ignore),
        link: args.link.clone(),
        ..Settings::default()
    }
}

/// A link that the old side does not know is an error of usage.
fn require_link(wanted: &str, runs: &[Run]) -> Result<(), UsageError> {
    let places = runs.iter().flat_map(|run| &run.summary.series).map(|series| &series.place);
    let names: Vec<&str> = places.filter_map(|place| Some(place.link()?.as_str())).collect();
    if names.contains(&wanted) {
        return Ok(());
    }
    let near = netmon_labfile::suggest::nearest(wanted, names, 5);
    let hint = if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) };
    Err(UsageError(format!("the recordings have no link {wanted:?}{hint}")))
}

fn number(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if number.is_finite() { Ok(number) } else { Err(format!("{text:?} is not a number")) }
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number = number(text)?;
    if number >= 0.0 { Ok(number) } else { Err("must not be negative".to_owned()) }
}

fn percent(text: &str) -> Result<f64, String> {
    not_negative(text.strip_suffix('%').unwrap_or(text))
}

fn confidence(text: &str) -> Result<f64, String> {
    let confidence = percent(text)?;
    let is_possible = (50.0..100.0).contains(&confidence);
    if is_possible { Ok(confidence) } else { Err("must be from 50 to below 100".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(arguments: &[&str]) -> Result<Args, clap::Error> {
        Line::try_parse_from(["compare"].iter().chain(arguments)).map(|line| line.args)
    }

    #[test]
    fn percentages_become_parts_of_one() {
        let args =
            parse(&["a", "b", "--bound", "2.5%", "--share-bound", "1", "--only", "tcp_response,link_loss"]);
        let settings = settings(&args.unwrap());
        assert_eq!(
            (settings.bound, settings.share_bound, settings.latency_floor_ns),
            (0.025, 0.01, 10_000.0)
        );
        assert_eq!(settings.only, [Figure::TcpResponse, Figure::LinkLoss]);
        assert!((settings.confidence - 0.999).abs() < 1e-12);
    }

    #[test]
    fn the_options_defaults_are_those_of_the_settings() {
        let defaults = settings(&parse(&["a", "b"]).unwrap());
        let expected = Settings::default();
        assert!((defaults.confidence - expected.confidence).abs() < 1e-12);
        assert_eq!(Settings { confidence: expected.confidence, ..defaults }, expected);
    }

    #[test]
    fn two_recordings_or_several_of_each_side_are_needed() {
        assert!(parse(&["a"]).is_err());
        assert!(parse(&["a", "b", "c"]).is_err());
        assert!(parse(&["--old", "a"]).is_err());
        assert!(parse(&["a", "b", "--old", "c", "--new", "d"]).is_err());
        let args = parse(&["--old", "a,b", "--new", "c"]).unwrap();
        assert_eq!((args.old.len(), args.new.len()), (2, 1));
    }

    #[test]
    fn a_bound_below_zero_and_a_certainty_are_refused() {
        assert!(parse(&["a", "b", "--bound=-1"]).is_err());
        assert!(parse(&["a", "b", "--confidence", "100"]).is_err());
        assert!(parse(&["a", "b", "--floor-us", "nan"]).is_err());
        assert!(parse(&["a", "b", "--only", "weather"]).is_err());
    }
}
