//! Text for people: tables, units, drawings, and the reports that are made of them.
//!
//! Everything is a pure function of data, except for the progress line. No file here reads the kernel, the environment or
//! a terminal: a caller that prints determines what its output can show ([`terminal::Terminal`]). Styles are ANSI escape
//! sequences in the text, and the output stream removes them if it is no terminal.

pub mod banner;
pub mod comparison;
pub mod discovered;
pub mod flows;
pub mod graph;
pub mod impairment;
pub mod progress;
pub mod status;
pub mod style;
pub mod table;
pub mod terminal;
pub mod trace;
pub mod units;

#[cfg(test)]
pub(crate) mod example;

use netmon_model::names::{EndName, NsName};

/// Formats the name of an endpoint: `NAMESPACE:INTERFACE`.
fn endpoint_name(namespace: &NsName, interface: &EndName) -> String {
    format!("{namespace}:{interface}")
}
