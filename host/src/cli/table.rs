//! Tables for people: columns aligned by spaces, so that `grep`, `cut` and `awk` still work on them.

use std::fmt;

use anstyle::Style;

/// The least room that prose is put into beside other columns.
const PROSE: usize = 20;

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

    /// Leaves out the columns that have nothing but a heading.
    pub(crate) fn without_empty_columns(mut self) -> Table {
        let columns = self.rows.first().map_or(0, Vec::len);
        for column in (0..columns).rev() {
            let mut cells = self.rows.iter().skip(1).filter_map(|row| row.get(column));
            if cells.all(|cell| cell.text.is_empty()) {
                self.rows.iter_mut().for_each(|row| drop(row.remove(column)));
            }
        }
        self
    }

    /// Breaks the last column, which is prose, so that no line is wider than `width`: beside the others where there is room
    /// for it, else below each row.
    pub(crate) fn fit(mut self, width: Option<usize>) -> Table {
        let widths = self.widths();
        let (Some(width), Some((_, others))) = (width, widths.split_last()) else {
            return self;
        };
        let beside = others.iter().map(|width| width + 2).sum::<usize>();
        let room = width.saturating_sub(beside);
        if widths.last().is_none_or(|last| *last <= room) {
            return self;
        }
        let (last, mut rows) = (others.len(), Vec::new());
        for (number, mut row) in std::mem::take(&mut self.rows).into_iter().enumerate() {
            let Some(prose) = row.get(last).cloned() else {
                rows.push(row);
                continue;
            };
            if room >= PROSE {
                let mut lines = broken(&prose.text, room).into_iter();
                row[last].text = lines.next().unwrap_or_default();
                rows.push(row);
                rows.extend(lines.map(|line| {
                    let mut cells = vec![Cell::from(""); last];
                    cells.push(Cell::styled(line, prose.style));
                    cells
                }));
            } else {
                row.truncate(last);
                rows.push(row);
                if number > 0 {
                    let lines = broken(&prose.text, width.saturating_sub(4).max(PROSE));
                    rows.extend(
                        lines
                            .into_iter()
                            .map(|line| vec![Cell::styled(format!("    {line}"), prose.style)]),
                    );
                }
            }
        }
        self.rows = rows;
        self
    }

    /// Width of each column: that of its widest cell. What stands alone in its row belongs to none.
    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter(|row| row.len() > 1 || column > 0)
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

/// Text in lines of at most `width`, broken between words.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
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
                missing += width.saturating_sub(cell.width()) + 2;
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

    #[test]
    fn prose_is_broken_beside_the_others_or_below_them() {
        let table = || {
            let mut table = Table::new(["NAME", "EMPTY", "DOC"]);
            table.row([
                "position".into(),
                "".into(),
                "Where the stage is, as its encoder says".into(),
            ]);
            table.row(["".into(), "".into(), "".into()]);
            table.row(["velocity".into(), "".into(), "How fast".into()]);
            table.without_empty_columns()
        };
        let show = |width| {
            let text = table().fit(width).to_string();
            anstream::adapter::strip_str(&text).to_string()
        };
        assert_eq!(show(None), show(Some(80)));
        expect_test::expect![[r#"
            NAME      DOC
            position  Where the stage is, as
                      its encoder says

            velocity  How fast
        "#]]
        .assert_eq(&show(Some(32)));
        expect_test::expect![[r#"
            NAME
            position
                Where the stage is,
                as its encoder says

            velocity
                How fast
        "#]]
        .assert_eq(&show(Some(24)));
    }
}
