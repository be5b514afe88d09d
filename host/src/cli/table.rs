//! Tables for people: columns aligned by spaces, so that `grep`, `cut` and `awk` still work on them.

use std::fmt;

use anstyle::Style;

/// Rows under a heading.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

/// Text and how it looks on a terminal.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Table {
    /// A table with these column headings.
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Table {
        let bold = Style::new().bold();
        Table {
            rows: vec![headings.map(|text| Cell::styled(text, bold)).into()],
        }
    }

    /// A table without headings.
    pub(crate) fn bare() -> Table {
        Table { rows: Vec::new() }
    }

    /// Adds a row; of control characters only an escaped form is shown.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    /// Width of each column: that of its widest cell.
    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(Cell::width)
                .max()
        };
        (0..columns).map(|column| width(column).unwrap_or(0)).collect()
    }
}

impl Cell {
    /// A cell that stands out.
    pub(crate) fn styled(text: impl AsRef<str>, style: Style) -> Cell {
        Cell {
            text: super::format::one_line(text.as_ref()),
            style,
        }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell::styled(text, Style::new())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for row in &self.rows {
            // Spaces go in front of a cell, not behind it, so that no line ends in them.
            let mut missing = 0;
            for (cell, width) in row.iter().zip(&widths) {
                if !cell.text.is_empty() {
                    let style = cell.style;
                    write!(f, "{:missing$}{style}{}{style:#}", "", cell.text)?;
                    missing = 0;
                }
                missing += width - cell.width() + 2;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_no_line_ends_in_spaces() {
        let mut table = Table::new(["NAME", "VALUE", "DOC"]);
        table.row(["a".into(), "1.0 µm".into(), "".into()]);
        table.row(["longer".into(), "".into(), "said".into()]);
        let text = anstream::adapter::strip_str(&table.to_string()).to_string();
        assert_eq!(text, "NAME    VALUE   DOC\na       1.0 µm\nlonger          said\n");
    }
}
