//! Rows for other programs and for eyes: CSV that no spreadsheet takes for formulas, text that commands no terminal, tables that fit.
//! Knows nothing of what the rows mean.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::borrow::Cow;
use std::io::{self, Write};

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff20}'];

/// Between two columns.
const GAP: usize = 2;

/// A column is never cut below this, however narrow the terminal.
const NARROWEST: usize = 8;

/// One field of CSV. A text that a spreadsheet would run as a formula gets an apostrophe in front.
pub enum Field<'a> {
    /// Of somebody's making: guarded.
    Text(&'a str),
    /// Made by the program: numbers, times, identifiers.
    Plain(&'a str),
}

/// Writes one line of CSV (RFC 4180, lines end in a line feed).
///
/// # Errors
/// Whatever is written to fails.
pub fn csv_line<'a>(out: &mut dyn Write, fields: impl IntoIterator<Item = Field<'a>>) -> io::Result<()> {
    for (i, field) in fields.into_iter().enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        let text = match field {
            Field::Text(text) if text.trim_start().starts_with(FORMULA) || text.starts_with(FORMULA) => {
                Cow::Owned(format!("'{text}"))
            }
            Field::Text(text) | Field::Plain(text) => Cow::Borrowed(text),
        };
        if text.contains(['"', ',', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
            write!(out, "\"{}\"", text.replace('"', "\"\""))?;
        } else {
            out.write_all(text.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

/// A text without what could command a terminal or reverse what is read: control and bidirectional characters.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let bad = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(bad) { Cow::Owned(text.replace(bad, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// A table of texts under bold-less headings, its columns aligned; `right` says which stand on the right. Wide columns are cut
/// where `width` columns of a terminal are given.
pub fn table(headings: &[String], rows: &[Vec<String>], right: &[bool], width: Option<usize>) -> String {
    let widths = widths(headings, rows, width);
    let fit = |row: &[String]| {
        row.iter().zip(&widths).map(|(text, width)| cut(&harmless(text), *width).into_owned()).collect::<Vec<_>>()
    };
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(fit(headings));
    for row in rows {
        table.add_row(fit(row));
    }
    for (column, right) in table.column_iter_mut().zip(right) {
        column.set_padding((0, GAP as u16));
        if *right {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// How wide each column may be: as wide as it wants, or the widest are cut alike until all fit.
fn widths(headings: &[String], rows: &[Vec<String>], width: Option<usize>) -> Vec<usize> {
    let lengths = |row: &[String]| row.iter().map(|t| t.chars().count()).collect::<Vec<_>>();
    let mut wanted = lengths(headings);
    for row in rows {
        wanted.iter_mut().zip(lengths(row)).for_each(|(w, l)| *w = (*w).max(l));
    }
    let Some(width) = width else { return wanted };
    let room = width.saturating_sub(GAP * wanted.len());
    let fits = |most: usize| wanted.iter().map(|w| (*w).min(most)).sum::<usize>() <= room;
    let widest = wanted.iter().copied().max().unwrap_or_default();
    let most = (NARROWEST..=widest).rev().find(|most| fits(*most)).unwrap_or(NARROWEST);
    wanted.into_iter().map(|w| w.min(most)).collect()
}

/// The first `width` columns of a text; an ellipsis says that there was more.
pub fn cut(text: &str, width: usize) -> Cow<'_, str> {
    match text.char_indices().nth(width) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let end = text.char_indices().nth(width.saturating_sub(1)).map_or(0, |(at, _)| at);
            Cow::Owned(format!("{}…", &text[..end]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(fields: &[Field<'_>]) -> String {
        let mut out = Vec::new();
        let again = fields.iter().map(|f| match f {
            Field::Text(t) => Field::Text(t),
            Field::Plain(t) => Field::Plain(t),
        });
        csv_line(&mut out, again).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_looks_like_a_formula_stays_a_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =cmd|' /C calc'!A0", "\u{ff1d}1"] {
            let line = csv(&[Field::Text(formula)]);
            assert!(line.trim_start_matches('"').starts_with('\''), "{line:?}");
        }
        assert_eq!(csv(&[Field::Plain("-1.5"), Field::Text("a-b"), Field::Text("")]), "-1.5,a-b,\n");
    }

    #[test]
    fn quotes_commas_and_breaks_stay_inside_their_field() {
        assert_eq!(csv(&[Field::Text("a,b"), Field::Text("say \"no\"\nnow")]), "\"a,b\",\"say \"\"no\"\"\nnow\"\n");
    }

    #[test]
    fn a_table_fits_the_terminal_and_is_whole_elsewhere() {
        let text = |t: &str| t.to_owned();
        let (headings, rows) = ([text("n"), text("words")], vec![vec![text("7"), "x".repeat(100)]]);
        let whole = table(&headings, &rows, &[true, false], None);
        assert!(whole.contains(&"x".repeat(100)), "{whole}");
        let narrow = table(&headings, &rows, &[true, false], Some(40));
        assert!(narrow.lines().all(|l| l.chars().count() <= 40) && narrow.contains("xx…"), "{narrow}");
    }

    #[test]
    fn nothing_commands_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(harmless("Zoë 東京"), "Zoë 東京");
    }
}
