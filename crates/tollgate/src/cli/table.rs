//! Tables for people.

use comfy_table::{CellAlignment, Table, presets};

/// A plain table: a heading, two spaces between columns, no frame. Columns named in `numbers` stand to the right.
pub(super) fn table(headings: &[&str], numbers: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(headings.iter().map(|heading| heading.to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    for (index, heading) in headings.iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
            if numbers.contains(heading) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    trimmed(&table)
}

/// Names and values, one per line.
pub(super) fn pairs(rows: &[(&str, String)]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    for (name, value) in rows {
        table.add_row([(*name).to_owned(), printable(value)]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    trimmed(&table)
}

/// Names come from clients and upstreams: none of them may steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn trimmed(table: &Table) -> String {
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{pairs, table};

    #[test]
    fn a_table_is_aligned_and_cannot_steer_the_terminal() {
        let rows =
            vec![vec!["a\u{1b}[2J".to_owned(), "1.00".to_owned()], vec!["bb".to_owned(), "10.00".to_owned()]];
        assert_eq!(table(&["name", "spent"], &["spent"], rows), "NAME   SPENT\na�[2J   1.00\nbb     10.00");
        assert_eq!(pairs(&[("id", "x".to_owned()), ("name", "y".to_owned())]), "id    x\nname  y");
    }
}
