//! The arguments that choose among the links of the host.

use clap::Args;

use crate::discover::{DEFAULT_LIMIT, Filter, Selection};

/// Which links of the host.
#[derive(Clone, Debug, Args)]
pub struct Selecting {
    /// Take only links of the host of which an end matches; several times for several filters.
    #[arg(long, env = "NETMON_INCLUDE", value_name = "FILTER", value_delimiter = ',')]
    include: Vec<Filter>,
    /// Take no link of the host of which an end matches; several times for several filters.
    #[arg(long, env = "NETMON_EXCLUDE", value_name = "FILTER", value_delimiter = ',')]
    exclude: Vec<Filter>,
    /// Maximum number of endpoints of the host; a link has two.
    #[arg(long, env = "NETMON_DISCOVER_LIMIT", value_name = "N", default_value_t = DEFAULT_LIMIT)]
    discover_limit: u32,
}

impl Selecting {
    /// Returns the selection.
    #[must_use]
    pub fn selection(self) -> Selection {
        let Self { include, exclude, discover_limit: limit } = self;
        Selection { include, exclude, limit }
    }
}
