//! Parses the table of the observer benchmark, for commits whose observer prints no JSON.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// Returns the medians with and without hooks, in the form of `netmon-bench observer .. --json`.
pub(super) fn parse(said: &str) -> Result<Value> {
    let row = |name: &str| row(said, name).with_context(|| format!("the observer printed no row `{name}`"));
    let ([off, off_mean], [on, on_mean]) = (row("hooks off")?, row("hooks on")?);
    let values = |minimum: f64, mean: f64| json!({ "minimum_us": minimum, "mean_us": mean });
    Ok(json!({ "off": values(off, off_mean), "on": values(on, on_mean), "difference_us": on - off }))
}

/// Returns the medians in the row `hooks off      4.0 (4.0 to 5.0)     6.0 (6.0 to 7.0)`.
fn row(said: &str, name: &str) -> Option<[f64; 2]> {
    let row = said.lines().find_map(|line| line.strip_prefix(name))?;
    let mut medians = row.split(')').map(|cell| cell.split('(').next()?.trim().parse().ok());
    Some([medians.next()??, medians.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_read_from_the_table() {
        let said = " pair   off: minimum           mean\n    1         4.0 us         6.0 us\n\n\
                    median of 9 runs (lowest to highest), us\n                minimum             mean\n\
                    hooks off       4.0 (4.0 to 4.0)       6.5 (6.1 to 7.0)\n\
                    hooks on        5.0 (5.0 to 5.0)       8.0 (7.9 to 9.3)\n\
                    difference                   1.0                    1.5\n";
        let expected = json!({
            "off": { "minimum_us": 4.0, "mean_us": 6.5 },
            "on": { "minimum_us": 5.0, "mean_us": 8.0 },
            "difference_us": 1.0,
        });
        assert_eq!(parse(said).expect("a table"), expected);
    }

    #[test]
    fn a_missing_row_is_named() {
        let error = parse("nothing\n").expect_err("parsed");
        assert!(error.to_string().contains("`hooks off`"), "{error}");
    }
}
