//! What the terminal can show: how wide it is, and which characters.

use std::{env, io};

use rustix::termios::tcgetwinsize;

/// The width that is assumed where there is no terminal.
const USUAL_COLUMNS: usize = 80;

/// Width and characters of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Characters in a line.
    pub columns: usize,
    /// Which characters lines and boxes are drawn with.
    pub charset: Charset,
}

/// The characters that an output can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// 7-bit ASCII only.
    Ascii,
    /// All of Unicode, as UTF-8.
    Utf8,
}

impl Terminal {
    /// What the standard output can show.
    #[must_use]
    pub fn of_stdout() -> Self {
        let window = tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
        let told = || env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let columns = window.filter(|columns| *columns > 0).or_else(told).unwrap_or(USUAL_COLUMNS);
        Self { columns, charset: Charset::of_locale(|variable| env::var(variable).ok()) }
    }
}

impl Charset {
    /// The charset of the locale in the environment, by the order of precedence in locale(7).
    pub fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let given = |name| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(given).unwrap_or_default();
        let codeset = locale.to_ascii_lowercase();
        if codeset.contains("utf-8") || codeset.contains("utf8") { Self::Utf8 } else { Self::Ascii }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let locale = |set: &'static [(&str, &str)]| {
            Charset::of_locale(|name| {
                set.iter().find(|(is, _)| *is == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(locale(&[("LANG", "en_US.UTF-8")]), Charset::Utf8);
        assert_eq!(locale(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8"), ("LANG", "C")]), Charset::Utf8);
        assert_eq!(locale(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]), Charset::Ascii);
        assert_eq!(locale(&[]), Charset::Ascii);
    }
}
