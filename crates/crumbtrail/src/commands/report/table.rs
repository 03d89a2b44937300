//! Plain tables: aligned by the widest cell, words to the left, numbers to the right.

/// A table being laid out.
#[derive(Debug)]
pub(super) struct Table {
    title: String,
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table; the first column holds words, the others numbers.
    pub(super) fn new(title: impl Into<String>, heads: &[&'static str]) -> Table {
        Table { title: title.into(), heads: heads.to_vec(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Its lines, all of one width but for the title.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.title.clone()];
        if self.rows.is_empty() {
            lines.push("  (nothing yet)".to_owned());
            return lines;
        }
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).chain([self.heads[column].chars().count()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(width).collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut text = String::from(" ");
            for (column, (cell, width)) in cells.zip(&widths).enumerate() {
                text.push(' ');
                let fill = " ".repeat(width.saturating_sub(cell.chars().count()));
                if column == 0 {
                    text.push_str(cell);
                    text.push_str(&fill);
                } else {
                    text.push(' ');
                    text.push_str(&fill);
                    text.push_str(cell);
                }
            }
            text
        };
        lines.push(line(&mut self.heads.iter().copied()));
        lines.extend(self.rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
        lines
    }
}

/// Two tables beside each other.
pub(super) fn beside(left: &Table, right: &Table) -> Vec<String> {
    let (left, right) = (left.lines(), right.lines());
    let width = left.iter().map(|line| line.chars().count()).max().unwrap_or_default() + 3;
    (0..left.len().max(right.len()))
        .map(|row| {
            let (left, right) = (left.get(row).map_or("", String::as_str), right.get(row).map_or("", String::as_str));
            let fill = " ".repeat(width - left.chars().count());
            format!("{left}{fill}{right}").trim_end().to_owned()
        })
        .collect()
}

/// `1234567.8` as `1,234,568`.
pub(super) fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number <= -0.5 { format!("-{text}") } else { text }
}

/// A count.
pub(super) fn count(number: u64) -> String {
    grouped(number as f64)
}

/// A share, 0 to 1, as percent; a dash if there is none.
pub(super) fn percent(share: Option<f64>) -> String {
    share.filter(|share| share.is_finite()).map_or_else(|| "-".to_owned(), |share| format!("{:.1}%", share * 100.0))
}

/// `part` of `whole`, if there is a whole.
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A time in ms, in its largest fitting unit; a dash if there is none.
pub(super) fn span(ms: Option<f64>) -> String {
    let Some(minutes) = ms.map(|ms| ms / 60_000.0) else { return "-".to_owned() };
    match minutes {
        ..60.0 => format!("{minutes:.0} min"),
        ..1_440.0 => format!("{:.1} h", minutes / 60.0),
        _ => format!("{:.1} d", minutes / 1_440.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new("Sessions", &["channel", "n"]);
        table.row(vec!["direct".to_owned(), "1,200".to_owned()]);
        table.row(vec!["(none)".to_owned(), "7".to_owned()]);
        assert_eq!(table.lines(), ["Sessions", "  channel      n", "  direct   1,200", "  (none)       7"]);
    }

    #[test]
    fn tables_stand_beside_each_other() {
        let mut left = Table::new("L", &["a"]);
        left.row(vec!["x".to_owned()]);
        left.row(vec!["y".to_owned()]);
        let right = Table::new("R", &["b"]);
        assert_eq!(beside(&left, &right), ["L     R", "  a     (nothing yet)", "  x", "  y"]);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(1_234_567.8), "1,234,568");
        assert_eq!([grouped(0.0), grouped(999.0), grouped(-1_000.0), grouped(-0.2)], ["0", "999", "-1,000", "0"]);
        assert_eq!([percent(Some(0.7004)), percent(None), percent(Some(f64::NAN))], ["70.0%", "-", "-"]);
        assert_eq!(
            [span(Some(300_000.0)), span(Some(5.4e6)), span(Some(1.8e8)), span(None)],
            ["5 min", "1.5 h", "2.1 d", "-"]
        );
        assert_eq!([share(1, 4), share(1, 0)], [Some(0.25), None]);
    }
}
