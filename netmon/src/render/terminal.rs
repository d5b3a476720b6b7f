//! What an output can show: its width, and its characters.

/// The width that is assumed if it is unknown.
const DEFAULT_COLUMNS: usize = 80;

/// Width and characters of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Characters in a line.
    pub columns: usize,
    /// The characters for lines and boxes.
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
    /// Determines what an output can show.
    ///
    /// `window` is the width of the terminal, if there is one. Otherwise the environment variable `COLUMNS` decides.
    /// `variable` reads an environment variable.
    pub fn new(window: Option<usize>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = || variable("COLUMNS").and_then(|columns| columns.parse().ok());
        let columns = window.filter(|columns| *columns > 0).or_else(set).unwrap_or(DEFAULT_COLUMNS);
        Self { columns, charset: Charset::from_locale(variable) }
    }
}

impl Charset {
    /// Returns the charset of the locale, by the order of precedence in locale(7). `variable` reads an environment
    /// variable.
    pub fn from_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let codeset = locale.to_ascii_lowercase();
        if codeset.contains("utf-8") || codeset.contains("utf8") { Self::Utf8 } else { Self::Ascii }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(set: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| set.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let charset = |set: &[(&str, &str)]| Charset::from_locale(environment(set));
        assert_eq!(charset(&[("LANG", "en_US.UTF-8")]), Charset::Utf8);
        assert_eq!(charset(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8"), ("LANG", "C")]), Charset::Utf8);
        assert_eq!(charset(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]), Charset::Ascii);
        assert_eq!(charset(&[]), Charset::Ascii);
    }

    #[test]
    fn the_window_decides_the_width_then_the_environment() {
        let columns = |window, set: &[(&str, &str)]| Terminal::new(window, environment(set)).columns;
        assert_eq!(columns(Some(120), &[("COLUMNS", "100")]), 120);
        assert_eq!(columns(None, &[("COLUMNS", "100")]), 100);
        assert_eq!(columns(Some(0), &[]), DEFAULT_COLUMNS, "some terminals do not report a size");
        assert_eq!(columns(None, &[("COLUMNS", "wide")]), DEFAULT_COLUMNS);
    }
}
