//! Tables of text: columns two blanks apart, and nothing drawn.

use comfy_table::{Table, presets};

/// Blanks between two columns.
const GAP: u16 = 2;

/// The rows under their headings, one line each.
pub(crate) fn render<R: IntoIterator<Item = String>>(
    headings: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(headings.iter().copied());
    for row in rows {
        table.add_row(row.into_iter().map(|cell| one_line(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

/// Cells that are on no table, in one line.
pub(crate) fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| one_line(&cell)).collect();
    cells.join("  ") + "\n"
}

/// Control characters, line ends among them, would break the table or the terminal.
fn one_line(text: &str) -> String {
    let blank = |char: char| if char.is_control() { ' ' } else { char };
    text.chars().map(blank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["1", "a\nb"].map(str::to_owned),
            ["22,000", "書"].map(str::to_owned),
        ];
        assert_eq!(
            render(&["Id", "Text"], rows),
            "Id      Text\n1       a b\n22,000  書\n"
        );
    }
}
