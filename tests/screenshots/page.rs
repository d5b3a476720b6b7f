//! Pictures of the page: light, dark, narrow, a link, the table.

use std::path::Path;

use netmon_tests::{
    agent::ADDRESS,
    browser::{Appearance, Browser},
};

/// A name, an appearance, the part of the address after the path, and what has to be there.
type Picture = (&'static str, Appearance, &'static str, &'static str);

const DARK: Appearance = Appearance { dark: true, ..Appearance::WIDE };
const PICTURES: [Picture; 6] = [
    ("page", Appearance::WIDE, "", FIGURES),
    ("page-dark", DARK, "", FIGURES),
    ("page-link", Appearance::WIDE, "#link=uplink", DETAILS),
    ("page-link-dark", DARK, "#link=data", DETAILS),
    ("page-table", Appearance::WIDE, "#view=table&sort=-bitsPerSecond.aToB", ROWS),
    ("page-narrow", Appearance::NARROW, "#view=picture", FIGURES),
];
const FIGURES: &str = "return document.querySelectorAll('.line.animated').length > 4";
const DETAILS: &str = "return document.querySelectorAll('#panel .stack').length > 0";
const ROWS: &str = "return document.querySelectorAll('#table tbody tr').length > 4";
/// A history that is worth looking at.
const HISTORY_MS: u32 = 75_000;

/// Takes every picture.
pub(crate) fn pictures(folder: &Path) {
    let mut browser = Browser::start(Appearance::WIDE);
    browser.open(&format!("http://{ADDRESS}/"));
    for _ in 0..HISTORY_MS / 25_000 {
        browser.run_async("await new Promise((done) => setTimeout(done, 25000));");
    }
    for (name, appearance, hash, ready) in PICTURES {
        browser.appear(appearance);
        browser.open("about:blank");
        browser.open(&format!("http://{ADDRESS}/{hash}"));
        browser.eventually(name, ready);
        browser.run_async("await new Promise((done) => setTimeout(done, 2500));");
        browser.screenshot(&folder.join(format!("{name}.png")));
    }
}
