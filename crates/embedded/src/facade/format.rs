//! Output formats: what they are called over HTTP and which of them can be sent piece by piece.
//!
//! The engine formats every piece of a streamed result as a document of its own. Pieces of row formats can be joined as
//! they are; those with a header once the header of every further piece is cut off; others (JSON, Parquet, …) cannot.

/// How pieces of a format are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joining {
    /// Pieces follow each other.
    Plain,
    /// Every piece begins with this many lines of header.
    HeaderLines(usize),
    /// Every piece begins with a count of columns, then their names and, if set, their types.
    BinaryHeader {
        /// Whether types follow the names.
        types: bool,
    },
    /// Pieces cannot be joined: the whole result is one document.
    Impossible,
}

impl Joining {
    /// Of a format by its ClickHouse name (any case, as the engine takes it).
    pub(super) fn of(format: &str) -> Self {
        match format.to_ascii_lowercase().as_str() {
            "tabseparated"
            | "tsv"
            | "tabseparatedraw"
            | "tsvraw"
            | "raw"
            | "csv"
            | "jsoneachrow"
            | "jsonlines"
            | "ndjson"
            | "jsonstringseachrow"
            | "jsoncompacteachrow"
            | "jsoncompactstringseachrow"
            | "tskv"
            | "rowbinary"
            | "native"
            | "lineasstring"
            | "null" => Self::Plain,
            "tabseparatedwithnames"
            | "tsvwithnames"
            | "csvwithnames"
            | "jsoncompacteachrowwithnames"
            | "tabseparatedrawwithnames"
            | "tsvrawwithnames" => Self::HeaderLines(1),
            "tabseparatedwithnamesandtypes"
            | "tsvwithnamesandtypes"
            | "csvwithnamesandtypes"
            | "jsoncompacteachrowwithnamesandtypes"
            | "tsvrawwithnamesandtypes"
            | "tabseparatedrawwithnamesandtypes" => Self::HeaderLines(2),
            "rowbinarywithnames" => Self::BinaryHeader { types: false },
            "rowbinarywithnamesandtypes" => Self::BinaryHeader { types: true },
            _ => Self::Impossible,
        }
    }

    /// Length of the header of a piece, in bytes; `None` when there is no whole one.
    pub(super) fn header_length(self, piece: &[u8]) -> Option<usize> {
        match self {
            Self::Plain | Self::Impossible => Some(0),
            Self::HeaderLines(lines) => lines_length(piece, lines),
            Self::BinaryHeader { types } => binary_header_length(piece, types),
        }
    }
}

/// The length of `lines` lines; a line end inside double quotes (CSV) does not count.
fn lines_length(piece: &[u8], lines: usize) -> Option<usize> {
    let (mut quoted, mut seen) = (false, 0);
    for (at, &byte) in piece.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                seen += 1;
                if seen == lines {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn binary_header_length(piece: &[u8], types: bool) -> Option<usize> {
    let mut at = 0;
    let columns = varint(piece, &mut at)?;
    for _ in 0..columns * if types { 2 } else { 1 } {
        let length = varint(piece, &mut at)?;
        at = at.checked_add(length).filter(|end| *end <= piece.len())?;
    }
    Some(at)
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let (mut value, mut shift) = (0_usize, 0);
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
        shift += 7;
    }
}

/// The `Content-Type` of a format.
pub(super) fn content_type(format: &str) -> &'static str {
    let name = format.to_ascii_lowercase();
    match name.as_str() {
        "jsoneachrow" | "jsonlines" | "ndjson" | "jsonstringseachrow" => "application/x-ndjson; charset=UTF-8",
        _ if name.starts_with("json") => "application/json; charset=UTF-8",
        _ if name.starts_with("csv") => "text/csv; charset=UTF-8",
        _ if name.starts_with("tabseparated") || name.starts_with("tsv") => "text/tab-separated-values; charset=UTF-8",
        "native" | "arrow" | "arrowstream" | "parquet" | "orc" | "avro" | "protobuf" | "msgpack" => {
            "application/octet-stream"
        }
        _ if name.starts_with("rowbinary") => "application/octet-stream",
        "xml" => "application/xml; charset=UTF-8",
        "html" => "text/html; charset=UTF-8",
        _ => "text/plain; charset=UTF-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_measured() {
        assert_eq!(Joining::of("TSVWithNames").header_length(b"a\tb\n1\t2\n"), Some(4));
        assert_eq!(Joining::of("CSVWithNamesAndTypes").header_length(b"\"a\nb\"\n\"Int8\"\n1\n"), Some(13));
        assert_eq!(Joining::of("RowBinaryWithNames").header_length(b"\x02\x01a\x02bc\x07"), Some(6));
        assert_eq!(Joining::of("RowBinaryWithNamesAndTypes").header_length(b"\x01\x01a\x05UInt8\x07"), Some(9));
        assert_eq!(Joining::of("RowBinaryWithNames").header_length(b"\x02\x01a\x7f"), None);
        assert_eq!(Joining::of("Native").header_length(b"x"), Some(0));
        assert_eq!(Joining::of("JSON"), Joining::Impossible);
    }
}
