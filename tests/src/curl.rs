//! Pages, as `curl` gets them.

use std::process::{Command, Stdio};

/// The page at a URL. Returns `None` if there is no answer within five seconds, or one that is an error.
///
/// # Panics
///
/// If curl is not installed, or the page is no text.
#[must_use]
pub fn page(url: &str) -> Option<String> {
    let curl = Command::new("curl").args(["-sf", "--max-time", "5", url]).stdin(Stdio::null()).output();
    let curl = curl.expect("curl is installed");
    curl.status.success().then(|| String::from_utf8(curl.stdout).expect("a page of text"))
}

/// Whether a URL has a page.
#[must_use]
pub fn answers(url: &str) -> bool {
    page(url).is_some()
}
