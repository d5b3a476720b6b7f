//! Lab files, as text that may be anything.

/// Reads bytes as a lab file. Errors point into the text, and their own text obeys no terminal.
pub(super) fn read(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Err(errors) = netmon_labfile::parse(&text, "fuzzed.toml", "fuzzed") else { return true };
    assert!(!errors.is_empty(), "refused without a reason");
    let lines = text.split('\n').count();
    for error in errors {
        assert!((1..=lines).contains(&error.line) && error.column >= 1, "{error:?} of {lines} lines");
        let shown = error.to_string();
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }
    false
}
