//! A refusal in the engine's own words: `Code: N. DB::Exception: … (NAME)`.

use std::fmt;

/// An error of the engine or of the facade, in the form every ClickHouse client understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The stable ClickHouse error code, such as 60.
    pub code: u32,
    message: String,
}

impl Exception {
    /// An error raised by the facade itself. `name` is the code's ClickHouse name.
    pub fn new(code: u32, name: &str, detail: impl fmt::Display) -> Self {
        Self { code, message: format!("Code: {code}. DB::Exception: {detail} ({name})") }
    }

    /// An error text of the engine; the version it sometimes ends with is cut off.
    pub fn from_engine(text: &str) -> Self {
        let text = text.trim();
        let message = match text.rfind(" (version ") {
            Some(at) if text.ends_with(')') => &text[..at],
            _ => text,
        };
        match leading_code(message) {
            Some(code) => Self { code, message: message.to_owned() },
            None => Self::new(1002, "UNKNOWN_EXCEPTION", message),
        }
    }

    /// Where there is no space left, says of which disk: the engine does not.
    pub fn with_place(mut self, folder: &str) -> Self {
        if self.code == 243 && !self.message.contains(folder) {
            self.message = self.message.replacen(
                " (NOT_ENOUGH_SPACE)",
                &format!(" The disk of {folder} is full. (NOT_ENOUGH_SPACE)"),
                1,
            );
        }
        self
    }

    /// The HTTP status that a ClickHouse server gives this error.
    pub fn http_status(&self) -> u16 {
        match self.code {
            194 => 401,
            192 | 193 | 497 | 512 | 516 => 403,
            6 | 8 | 15 | 25 | 26 | 27 | 36 | 37 | 38 | 41 | 44 | 53 | 62 | 72 | 117 | 123 | 167 | 168 | 223 | 321
            | 376 | 427 | 441 | 675 | 676 => 400,
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 152 | 336 | 511 => 404,
            159 => 408,
            381 => 411,
            229 => 413,
            779 => 415,
            48 => 501,
            76 | 209 | 439 => 503,
            _ => 500,
        }
    }
}

fn leading_code(message: &str) -> Option<u32> {
    let rest = message.strip_prefix("Code: ")?;
    rest[..rest.find('.')?].parse().ok()
}

impl fmt::Display for Exception {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Exception {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_text_keeps_its_code_and_loses_its_version() {
        let exception = Exception::from_engine(
            "Code: 60. DB::Exception: Table x does not exist. (UNKNOWN_TABLE) (version 26.7.2.1)",
        );
        assert_eq!(exception.code, 60);
        assert_eq!(exception.to_string(), "Code: 60. DB::Exception: Table x does not exist. (UNKNOWN_TABLE)");
        assert_eq!(exception.http_status(), 404);
    }

    #[test]
    fn a_full_disk_is_named() {
        let full = "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)";
        let named = Exception::from_engine(full).with_place("/data/engine/store").to_string();
        assert!(
            named.ends_with("not enough space. The disk of /data/engine/store is full. (NOT_ENOUGH_SPACE)"),
            "{named}"
        );
        let other = "Code: 60. DB::Exception: Table x does not exist. (UNKNOWN_TABLE)";
        assert_eq!(Exception::from_engine(other).with_place("/data").to_string(), other);
    }

    #[test]
    fn a_text_without_a_code_becomes_an_unknown_exception() {
        let exception = Exception::from_engine("something odd");
        assert_eq!(exception.code, 1002);
        assert_eq!(exception.to_string(), "Code: 1002. DB::Exception: something odd (UNKNOWN_EXCEPTION)");
    }

    #[test]
    fn statuses_follow_the_server() {
        for (code, status) in [(62, 400), (60, 404), (516, 403), (159, 408), (241, 500), (48, 501), (164, 500)] {
            assert_eq!(Exception::new(code, "X", "y").http_status(), status, "code {code}");
        }
    }
}
