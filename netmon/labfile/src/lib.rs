//! The lab file: what a person writes, and the checked [`Lab`] that the rest of netmon works with.
//!
//! A [`Lab`] that exists is valid: names fit the kernel's rules, references lead somewhere, nothing is
//! there twice. Nothing here touches the host.
//!
//! [`file`] finds and reads the text, `parse` turns it into a lab section by section (`namespace`, `bridge`, `link`,
//! `route`, `service`, `expect`, `probe`) by the grammar in `schema`, and [`diagnostic`] says what is wrong with it and where.

mod address;
mod bridge;
mod bytes;
pub mod diagnostic;
mod excerpt;
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
