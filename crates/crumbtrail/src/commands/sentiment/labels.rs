//! Labels of one's own, from CSV (RFC 4180): a header with `text` and `label`, and `language` if one likes.

use anyhow::{Context as _, Result, bail};
use crumbtrail_sentiment::{Label, Language};

/// A labelled text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labelled {
    pub(super) text: String,
    pub(super) label: Label,
    pub(super) language: Option<Language>,
}

/// Reads a whole file.
///
/// # Errors
/// For a header without the two columns, and for the first label that is none, with its row.
pub(super) fn read(csv: &str) -> Result<Vec<Labelled>> {
    let mut rows = rows(csv.trim_start_matches('\u{feff}')).into_iter();
    let header = rows.next().context("the file is empty")?;
    let column = |name: &str| header.iter().position(|field| field.trim().eq_ignore_ascii_case(name));
    let (Some(text), Some(label)) = (column("text"), column("label")) else {
        bail!("the header needs the columns `text` and `label`, it has: {}", header.join(", "));
    };
    let language = column("language");
    let mut labels = Vec::new();
    for (at, row) in rows.enumerate() {
        if row.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        let field = |column: usize| row.get(column).map_or("", String::as_str);
        let name = field(label);
        let label = Label::from_name(name)
            .with_context(|| format!("row {}: {name:?} is none of negative, neutral, positive", at + 2))?;
        let language = language.and_then(|column| Language::from_tag(field(column)));
        labels.push(Labelled { text: field(text).to_owned(), label, language });
    }
    Ok(labels)
}

/// Rows of fields; a quoted field may hold commas, line ends and doubled quotes.
fn rows(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = csv.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted && characters.peek() == Some(&'\n') => {}
            other => field.push(other),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_fields_and_any_column_order_are_read() {
        let csv = "\u{feff}label,Text,language\r\npos,\"so \"\"good\"\", yes\nindeed\",en\r\n\r\nNegative,แย่,th\n";
        let labels = read(csv).unwrap();
        assert_eq!(labels.len(), 2);
        assert_eq!(labels[0].text, "so \"good\", yes\nindeed");
        assert_eq!((labels[1].label, labels[1].language), (Label::Negative, Some(Language::Th)));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_row() {
        assert!(read("text,mood\na,b").unwrap_err().to_string().contains("text, mood"));
        assert!(read("text,label\nfine,pos\nodd,great").unwrap_err().to_string().starts_with("row 3"));
        assert!(read("").is_err());
    }
}
