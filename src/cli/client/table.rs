//! Tables for people: aligned columns, cut to the width of the terminal.

use std::io::{self, IsTerminal};

use terminal_size::{Width, terminal_size_of};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::failure::Failure;
use super::output::{harmless, print};

/// A column is not cut below this width.
const NARROWEST: usize = 8;

/// A column of a table.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub(super) head: &'static str,
    pub(super) align: Align,
    /// Whether its cells may be cut.
    pub(super) is_flexible: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Align {
    Left,
    Right,
}

impl Column {
    /// Text that may be cut.
    pub(super) const fn text(head: &'static str) -> Self {
        Self { head, align: Align::Left, is_flexible: true }
    }

    /// A name or a time, always shown as a whole.
    pub(super) const fn fixed(head: &'static str) -> Self {
        Self { head, align: Align::Left, is_flexible: false }
    }

    /// A number.
    pub(super) const fn number(head: &'static str) -> Self {
        Self { head, align: Align::Right, is_flexible: false }
    }
}

/// Prints rows below the names of the columns. On a terminal, the table is as wide as the terminal at most.
pub(super) fn print_table<const N: usize>(columns: [Column; N], rows: Vec<[String; N]>) -> Result<(), Failure> {
    let out = io::stdout();
    let width = terminal_size_of(&out).filter(|_| out.is_terminal()).map(|(Width(width), _)| usize::from(width));
    print(table(columns, rows, width).as_bytes())
}

fn table<const N: usize>(columns: [Column; N], rows: Vec<[String; N]>, width: Option<usize>) -> String {
    let mut lines: Vec<[String; N]> = vec![columns.map(|column| column.head.to_owned())];
    lines.extend(rows.into_iter().map(|row| row.map(|cell| harmless(&cell, &[]))));
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.width().max(*width);
        }
    }
    if let Some(width) = width {
        fit(&mut widths, &columns, width);
    }
    let mut out = String::new();
    for line in &lines {
        let cells = columns.iter().zip(line).zip(widths).map(|((column, cell), width)| pad(cell, width, column.align));
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    out
}

/// Narrows the widest flexible columns until the table is this wide.
fn fit<const N: usize>(widths: &mut [usize; N], columns: &[Column; N], width: usize) {
    let gaps = 2 * N.saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let flexible = widths.iter_mut().zip(columns).filter(|(_, column)| column.is_flexible);
        let Some((widest, _)) = flexible.max_by_key(|(width, _)| **width).filter(|(its, _)| **its > NARROWEST) else {
            return;
        };
        *widest -= 1;
    }
}

/// The cell in this width, cut if necessary.
fn pad(cell: &str, width: usize, align: Align) -> String {
    let cell = if cell.width() > width { cut(cell, width) } else { cell.to_owned() };
    let blanks = " ".repeat(width - cell.width());
    match align {
        Align::Left => cell + &blanks,
        Align::Right => blanks + &cell,
    }
}

/// The beginning of the text and `…`, in at most this width.
fn cut(text: &str, width: usize) -> String {
    let mut left = width.saturating_sub(1);
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let is_room = width <= left;
        left -= if is_room { width } else { 0 };
        is_room
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [Column::fixed("id"), Column::text("subject"), Column::number("size")];

    fn rows() -> Vec<[String; 3]> {
        let row = |id: &str, subject: &str, size: &str| [id.to_owned(), subject.to_owned(), size.to_owned()];
        vec![row("m1", "Grüße\nan alle", "5"), row("m10", "日本語の件名がここにある", "1200"), row("m11", "", "7")]
    }

    #[test]
    fn columns_are_aligned() {
        let table = table(COLUMNS, rows(), None);

        assert_eq!(
            table,
            "id   subject                   size\n\
             m1   Grüße\\nan alle               5\n\
             m10  日本語の件名がここにある  1200\n\
             m11                               7\n"
        );
    }

    #[test]
    fn only_text_is_cut_to_the_width() {
        let cut = table(COLUMNS, rows(), Some(24));
        assert_eq!(
            cut,
            "id   subject        size\n\
             m1   Grüße\\nan al…     5\n\
             m10  日本語の件名…  1200\n\
             m11                    7\n"
        );
        assert!(cut.lines().all(|line| line.width() <= 24));

        let narrow = table(COLUMNS, rows(), Some(1));
        assert!(narrow.contains("m10  日本語…   1200\n"), "{narrow}");
    }
}
