//! `mac` of a link's end.

use std::collections::HashMap;

use netmon_model::{mac::Mac, text::quoted};

use super::{report::Report, section::Section};

/// The declared addresses, with the place of each.
#[derive(Default)]
pub(super) struct Macs(HashMap<Mac, usize>);

impl Macs {
    /// Reads the address of an end, if it has one. It must be unicast and unique in the lab.
    pub(super) fn read(&mut self, section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Mac> {
        let written = section.string("mac", report)?;
        let example = "six bytes in hexadecimal, for example \"02:00:00:00:00:01\"";
        let Ok(mac) = written.get_ref().parse::<Mac>() else {
            let message = format!("{} is not a link-layer address", quoted(written.get_ref()));
            report.error(written.span(), message, format!("write {example}"));
            return None;
        };
        if mac.is_group() {
            let message = format!("{mac} is a group address, not that of one interface");
            report.error(written.span(), message, "write an even first byte, for example 02");
        } else if mac.is_zero() {
            report.error(
                written.span(),
                format!("{mac} cannot be an interface's address"),
                format!("write {example}"),
            );
        } else if let Some(first) = self.0.insert(mac, written.span().start) {
            let help =
                format!("the first one is on line {}; give this one another address", report.line(first));
            report.error(written.span(), format!("two ends have the address {mac}"), help);
        }
        Some(mac)
    }
}
