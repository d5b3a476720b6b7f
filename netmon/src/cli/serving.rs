//! The arguments that say how the agent serves: under which names, and how much it remembers.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, ValueEnum};

use super::failure::UsageError;
use crate::server::{AllowedHost, Options, Secure};

/// Binary units, by their symbols.
const UNITS: [(&str, usize); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// How the agent serves.
#[derive(Clone, Debug, Args)]
pub struct Serving {
    /// Answer under this name too (the header `host`), as in http://NAME:9477/. Loopback's names and the address of
    /// --listen are always answered; others are not, because a web page may make its own name lead here. May be
    /// repeated.
    #[arg(long, env = "NETMON_ALLOW_HOST", value_name = "NAME", value_delimiter = ',')]
    allow_host: Vec<AllowedHost>,
    /// Whether to keep what happened in the last 15 minutes. If it is off, nothing is read between requests.
    #[arg(long, env = "NETMON_HISTORY", value_enum, default_value = "on", value_name = "ON|OFF")]
    history: History,
    /// Maximum memory of the history, in bytes or with KiB, MiB or GiB. With many links it becomes coarser, not larger.
    #[arg(long, env = "NETMON_HISTORY_MEMORY", default_value = "16MiB", value_name = "SIZE",
          value_parser = size)]
    history_memory: usize,
    /// Ask clients over TCP for TLS, passwords or certificates, as this web configuration file says. It has the keys of
    /// Prometheus' exporters, and is read again when it or a certificate changes. Needs a netmon with the feature `tls`.
    #[arg(long, env = "NETMON_WEB_CONFIG", value_name = "FILE", conflicts_with = "prometheus")]
    web_config: Option<PathBuf>,
}

/// Whether there is a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum History {
    /// The last 15 minutes are kept.
    On,
    /// Nothing is kept, and nothing is read between requests.
    Off,
}

impl Serving {
    /// The server's options.
    ///
    /// # Errors
    ///
    /// Fails if the web configuration file cannot be used.
    pub fn options(&self) -> Result<Options, UsageError> {
        Ok(Options {
            history_bytes: (self.history == History::On).then_some(self.history_memory),
            allowed_hosts: self.allow_host.clone(),
            security: self.web_config.as_deref().map(secured).transpose()?,
            ..Options::default()
        })
    }
}

/// Loads a web configuration file.
#[cfg(feature = "tls")]
fn secured(file: &Path) -> Result<Arc<dyn Secure>, UsageError> {
    let loaded = crate::web::WebConfig::load(file);
    let unusable = |error| UsageError(format!("--web-config: {}", netmon_model::error::chain(&error)));
    loaded.map(|config| Arc::new(config) as Arc<dyn Secure>).map_err(unusable)
}

#[cfg(not(feature = "tls"))]
fn secured(_: &Path) -> Result<Arc<dyn Secure>, UsageError> {
    let advice = "build it with `cargo build --release --bin netmon --features tls`";
    Err(UsageError(format!("--web-config: this netmon was built without TLS; {advice}")))
}

/// Parses a size: a whole number of bytes, or of a binary unit.
fn size(text: &str) -> Result<usize, String> {
    let unit = UNITS.iter().find_map(|(symbol, bytes)| Some((text.strip_suffix(symbol)?, *bytes)));
    let (number, unit) = unit.unwrap_or((text, 1));
    let number = number.trim_end().parse::<usize>().ok();
    let bytes = number.and_then(|number| number.checked_mul(unit)).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| "a size is a number of bytes, or of KiB, MiB or GiB: 16MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_with_a_binary_unit_or_none() {
        let sizes = [("1", 1), ("65536", 65_536), ("64KiB", 65_536), ("16 MiB", 16 << 20), ("2GiB", 2 << 30)];
        for (text, bytes) in sizes {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "0MiB", "-1", "16MB", "16 mib", "MiB", "1.5MiB", "99999999999999999999", "off"]
        {
            assert!(size(text).is_err(), "{text:?}");
        }
    }
}
