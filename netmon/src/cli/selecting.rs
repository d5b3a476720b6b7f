//! The arguments that choose among the links of the host, and the configuration file that they override.

use std::path::PathBuf;

use clap::Args;
use netmon_labfile::settings::{self, DiscoverSettings, Settings, SettingsError};
use netmon_model::survey::DiscoverMode;

use crate::discover::{DEFAULT_LIMIT, DeviceKind, Filter, Selection};

/// Which links of the host.
#[derive(Clone, Debug, Args)]
pub struct Selecting {
    /// Take only links of the host of which an end matches; several times for several filters.
    #[arg(long, env = "NETMON_INCLUDE", value_name = "FILTER", value_delimiter = ',')]
    include: Vec<Filter>,
    /// Take no link of the host of which an end matches; several times for several filters.
    #[arg(long, env = "NETMON_EXCLUDE", value_name = "FILTER", value_delimiter = ',')]
    exclude: Vec<Filter>,
    /// Take interfaces of this kind of the host, too, each by itself: bridge, macvlan, vxlan, tun and others as `ip -d link`
    /// names them, or `physical`.
    #[arg(long, env = "NETMON_INCLUDE_KIND", value_name = "KIND", value_delimiter = ',')]
    include_kind: Vec<DeviceKind>,
    /// Maximum number of endpoints of the host; a link has two. The default is 1024.
    #[arg(long, env = "NETMON_DISCOVER_LIMIT", value_name = "N")]
    discover_limit: Option<u32>,
    /// Configuration file, whose section [discover] applies to what no argument says. The default is
    /// /etc/netmon/netmon.toml, if it exists.
    #[arg(long, env = "NETMON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Which links.
    pub selection: Selection,
    /// How they are measured, if the configuration file says so.
    pub mode: Option<DiscoverMode>,
}

impl Selecting {
    /// Returns whether an argument chooses among the links of the host.
    #[must_use]
    pub fn is_given(&self) -> bool {
        let Self { include, exclude, include_kind, discover_limit, config: _ } = self;
        !include.is_empty() || !exclude.is_empty() || !include_kind.is_empty() || discover_limit.is_some()
    }

    /// Returns what the arguments choose, and the configuration file where they say nothing.
    ///
    /// # Errors
    ///
    /// Fails if the configuration file cannot be read, or has errors (exit code 2).
    pub fn choose(self) -> Result<Chosen, SettingsError> {
        let Settings { discover } = settings::load(self.config.as_deref())?;
        Ok(self.over(discover))
    }

    fn over(self, file: DiscoverSettings<Filter, DeviceKind>) -> Chosen {
        let selection = Selection {
            include: first(self.include, file.include),
            exclude: first(self.exclude, file.exclude),
            limit: self.discover_limit.or(file.limit).unwrap_or(DEFAULT_LIMIT),
            kinds: first(self.include_kind, file.include_kind),
        };
        Chosen { selection, mode: file.mode }
    }
}

/// Returns the arguments, or what the file says if there are none.
fn first<T>(arguments: Vec<T>, file: Vec<T>) -> Vec<T> {
    if arguments.is_empty() { file } else { arguments }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Selecting {
        let (include, exclude, include_kind) = (Vec::new(), Vec::new(), Vec::new());
        Selecting { include, exclude, include_kind, discover_limit: None, config: None }
    }

    fn file() -> DiscoverSettings<Filter, DeviceKind> {
        let text = "[discover]\ninclude = [\"shop.*\"]\nexclude = [\"runtime=podman\"]\ninclude_kind = [\"bridge\"]\n\
                    limit = 10\nmode = \"count\"\n";
        settings::parse(text, "netmon.toml").expect("settings").discover
    }

    #[test]
    fn the_file_applies_to_what_no_argument_says() {
        let Chosen { selection, mode } = nothing().over(file());
        assert_eq!((selection.include, selection.limit), (vec!["shop.*".parse().unwrap()], 10));
        assert_eq!(selection.kinds, ["bridge".parse().unwrap()]);
        assert_eq!(mode, Some(DiscoverMode::Count));
        let arguments =
            Selecting { include: vec!["web".parse().unwrap()], discover_limit: Some(7), ..nothing() };
        let Chosen { selection, .. } = arguments.over(file());
        assert_eq!((selection.include, selection.limit), (vec!["web".parse().unwrap()], 7));
        assert_eq!(selection.exclude, ["runtime=podman".parse().unwrap()]);
    }

    #[test]
    fn without_arguments_and_without_a_file_everything_is_chosen() {
        let chosen = nothing().over(DiscoverSettings::default());
        assert_eq!(chosen, Chosen { selection: Selection::default(), mode: None });
    }

    #[test]
    fn a_filter_in_the_file_is_an_error_at_its_place() {
        let text = "[discover]\ninclude = [\"colour=red\"]\ninclude_kind = [\"veth\"]\n";
        let errors = settings::parse::<Filter, DeviceKind>(text, "netmon.toml").unwrap_err();
        let said: Vec<_> = errors.iter().map(|error| (error.line, error.help.as_str())).collect();
        assert_eq!(said[0].0, 2);
        assert!(said[0].1.contains("write netns=PATTERN"), "{said:?}");
        assert_eq!(said[1].0, 3);
        assert!(said[1].1.contains("pairs"), "{said:?}");
    }
}
