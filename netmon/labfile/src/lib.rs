//! Reads, checks and generates lab files. The result is a [`Lab`](netmon_model::lab::Lab), with which the rest of netmon
//! works.
//!
//! A lab that exists is valid: names follow the kernel's rules, references resolve, nothing is declared twice. Nothing here
//! touches the host.
//!
//! `file` reads the text. `syntax` makes it readable if it is not TOML, `parse` turns it into a lab section by section
//! (`namespace`, `bridge`, `link`, `route`, `service`, `expect`, `probe`) by the grammar in `schema`, and `report` collects
//! the errors, each a [`Diagnostic`]. [`generate`] writes lab files of the usual shapes, and [`json_schema`] describes the
//! grammar to editors.
//!
//! ```
//! let text = r#"
//! [[namespace]]
//! name = "web"
//! [[link]]
//! a = { namespace = "root", interface = "web0", addresses = ["10.9.0.1/30"] }
//! b = { namespace = "web", interface = "eth0", addresses = ["10.9.0.2/30"] }
//! "#;
//! let lab = netmon_labfile::parse(text, "office.toml", "office").expect("a valid lab");
//! assert_eq!(lab.links[0].name.as_str(), "root:web0--web:eth0");
//! ```

#![forbid(unsafe_code)]

mod address;
mod bridge;
mod bytes;
pub mod diagnostic;
mod excerpt;
mod execution;
mod expect;
mod file;
pub mod generate;
mod impair;
mod index;
mod interface;
mod json_schema;
mod link;
mod mac;
mod namespace;
mod parse;
mod probe;
mod ready;
#[cfg(test)]
mod reference;
mod report;
mod route;
mod schema;
mod section;
mod service;
pub mod settings;
pub mod suggest;
mod syntax;
mod sysctl;
mod time;
mod traffic;

pub use self::{
    bridge::MAX_PORTS,
    diagnostic::Diagnostic,
    file::{LoadError, MAX_FILE_BYTES, built_in, load, open},
    json_schema::json_schema,
    parse::parse,
};
