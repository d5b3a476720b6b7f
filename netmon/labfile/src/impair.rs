//! `impair` of a link and of its ends: which amounts, and for which direction.

use std::{ops::Range, str::FromStr};

use netmon_model::impairment::{Impairment, InvalidAmount, USUAL_MTU};

use super::{
    report::Report,
    schema,
    section::{Section, Text},
};

/// What is written in one place.
pub(super) struct Written<'t, 'i> {
    impairment: Impairment,
    section: Section<'t, 'i>,
}

impl Written<'_, '_> {
    /// Where it is.
    pub(super) fn at(&self) -> Range<usize> {
        self.section.at()
    }
}

/// Reads `impair` of a link or of an end, if it is there.
pub(super) fn read<'t, 'i>(of: &Section<'t, 'i>, report: &mut Report<'_>) -> Option<Written<'t, 'i>> {
    let section = of.table("impair", &schema::IMPAIR, report)?;
    let impairment = Impairment {
        delay: section.string("delay", report).and_then(|text| amount(&text, report)),
        jitter: section.string("jitter", report).and_then(|text| amount(&text, report)),
        loss: section.string("loss", report).and_then(|text| amount(&text, report)),
        rate: section.string("rate", report).and_then(|text| amount(&text, report)),
    };
    if section.is_empty() && report.is_whole(&section.at()) {
        let help = "write what is to be done, for example impair = { loss = \"1%\" }, or take it out";
        report.error(section.at(), "`impair` is empty", help);
    }
    Some(Written { impairment, section })
}

pub(super) fn amount<T: FromStr<Err = InvalidAmount>>(
    written: &Text<'_>,
    report: &mut Report<'_>,
) -> Option<T> {
    let parsed = written.get_ref().parse();
    parsed.map_err(|InvalidAmount { wrong, help }| report.error(written.span(), wrong, help)).ok()
}

/// What is done at an end, by its own `impair` or by the link's: not by both.
pub(super) fn of_end(
    end: Option<Written<'_, '_>>,
    link: Option<&Written<'_, '_>>,
    mtu: Option<u32>,
    report: &mut Report<'_>,
) -> Impairment {
    match (end, link) {
        (Some(end), Some(link)) => {
            let line = report.line(link.at().start);
            let message = format!("this end is impaired by the link's `impair` on line {line} already");
            let help =
                "keep one of them: the link's is for both directions, an end's for what leaves through it";
            report.error(end.at(), message, help);
            Impairment::default()
        }
        (Some(end), None) => checked(&end, mtu, report),
        (None, Some(link)) => link.impairment.without_zeros(),
        (None, None) => Impairment::default(),
    }
}

/// Reports amounts that do not go together, at the one that is to blame.
pub(super) fn checked(written: &Written<'_, '_>, mtu: Option<u32>, report: &mut Report<'_>) -> Impairment {
    let impairment = written.impairment.without_zeros();
    if let Err(invalid) = impairment.check(mtu.unwrap_or(USUAL_MTU))
        // What could not be read is an error of its own, and may be what lacks here.
        && ["delay", "rate"].iter().all(|key| written.has_amount(key) || written.section.get(key).is_none())
    {
        let at = written.section.get(invalid.key).map_or(written.at(), toml::Spanned::span);
        report.error(at, invalid.wrong, invalid.help);
    }
    impairment
}

impl Written<'_, '_> {
    fn has_amount(&self, key: &str) -> bool {
        match key {
            "delay" => self.impairment.delay.is_some(),
            _ => self.impairment.rate.is_some(),
        }
    }
}
