//! `impair` of a link and of its ends: the amounts, and the direction that they apply to.

use std::{ops::Range, str::FromStr};

use netmon_model::impairment::{Impairment, InvalidAmount, USUAL_MTU};

use super::{
    report::Report,
    schema,
    section::{Section, Text},
};

/// One `impair` table.
pub(super) struct WrittenImpairment<'t, 'i> {
    impairment: Impairment,
    section: Section<'t, 'i>,
}

impl WrittenImpairment<'_, '_> {
    /// Returns the place of the table in the text.
    pub(super) fn at(&self) -> Range<usize> {
        self.section.at()
    }
}

/// Reads `impair` of a link or of an end, if it has one.
pub(super) fn read<'t, 'i>(
    of: &Section<'t, 'i>,
    report: &mut Report<'_>,
) -> Option<WrittenImpairment<'t, 'i>> {
    let section = of.table("impair", &schema::IMPAIR, report)?;
    let impairment = Impairment {
        delay: section.string("delay", report).and_then(|text| amount(&text, report)),
        jitter: section.string("jitter", report).and_then(|text| amount(&text, report)),
        loss: section.string("loss", report).and_then(|text| amount(&text, report)),
        rate: section.string("rate", report).and_then(|text| amount(&text, report)),
    };
    if section.is_empty() && report.is_whole(&section.at()) {
        let help = "write an impairment, for example impair = { loss = \"1%\" }, or remove it";
        report.error(section.at(), "`impair` is empty", help);
    }
    Some(WrittenImpairment { impairment, section })
}

/// Reads one amount.
pub(super) fn amount<T: FromStr<Err = InvalidAmount>>(
    written: &Text<'_>,
    report: &mut Report<'_>,
) -> Option<T> {
    let parsed = written.get_ref().parse();
    parsed.map_err(|InvalidAmount { wrong, help }| report.error(written.span(), wrong, help)).ok()
}

/// Returns the impairment of an end, by its own `impair` or by the link's. Both together are an error.
pub(super) fn of_end(
    end: Option<WrittenImpairment<'_, '_>>,
    link: Option<&WrittenImpairment<'_, '_>>,
    mtu: Option<u32>,
    report: &mut Report<'_>,
) -> Impairment {
    match (end, link) {
        (Some(end), Some(link)) => {
            let line = report.line(link.at().start);
            let message = format!("the link's `impair` on line {line} already applies to this end");
            let help =
                "keep one of them: the link's applies to both directions, an end's to what leaves through it";
            report.error(end.at(), message, help);
            Impairment::default()
        }
        (Some(end), None) => checked(&end, mtu, report),
        (None, Some(link)) => link.impairment.without_zeros(),
        (None, None) => Impairment::default(),
    }
}

/// Reports amounts that contradict each other, at the key that causes it.
pub(super) fn checked(
    written: &WrittenImpairment<'_, '_>,
    mtu: Option<u32>,
    report: &mut Report<'_>,
) -> Impairment {
    let impairment = written.impairment.without_zeros();
    if let Err(invalid) = impairment.check(mtu.unwrap_or(USUAL_MTU))
        // An amount that could not be read is an error of its own, and may be the one that is missing here.
        && ["delay", "rate"].iter().all(|key| written.has_amount(key) || written.section.get(key).is_none())
    {
        let at = written.section.get(invalid.key).map_or(written.at(), toml::Spanned::span);
        report.error(at, invalid.wrong, invalid.help);
    }
    impairment
}

impl WrittenImpairment<'_, '_> {
    fn has_amount(&self, key: &str) -> bool {
        match key {
            "delay" => self.impairment.delay.is_some(),
            _ => self.impairment.rate.is_some(),
        }
    }
}
