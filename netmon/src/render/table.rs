//! Tables without frames, for screen readers and for tools that split columns.

use comfy_table::{CellAlignment, Table, presets};

/// Renders rows under headings. `columns` has the headings, each with whether its column holds numbers, which are
/// aligned to the right.
///
/// # Examples
///
/// ```
/// use netmon::render::table::table;
///
/// let rows = [["veth0".to_owned(), "1,000".to_owned()], ["veth1".to_owned(), "7".to_owned()]];
/// let text = table([("INTERFACE", false), ("PACKETS", true)], rows);
/// assert_eq!(text, "INTERFACE  PACKETS\nveth0        1,000\nveth1            7");
/// ```
#[must_use]
pub fn table<const N: usize>(
    columns: [(&str, bool); N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(columns.map(|(heading, _)| heading));
    table.add_rows(rows);
    for (column, (_, is_number)) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2));
        if is_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_are_aligned_to_the_right() {
        let rows = [["a".to_owned(), "1".to_owned()], ["bbb".to_owned(), "1,000".to_owned()]];
        let text = table([("NAME", false), ("PACKETS", true)], rows);
        assert_eq!(text, "NAME  PACKETS\na           1\nbbb     1,000");
    }
}
