//! What commands say, in words.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use crumbtrail_events::instant::put_rfc3339;

/// One line: what happened, and of its causes those that it does not already tell.
#[must_use]
pub fn in_words(error: &anyhow::Error) -> String {
    let mut words = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
pub fn print(text: &str) -> Result<ExitCode> {
    print_bytes(text.as_bytes())
}

/// The same of bytes.
pub fn print_bytes(bytes: &[u8]) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// One line to standard output, as `println!`; but a reader that has gone away (`| head`) is no error, and a full disk no panic.
macro_rules! sayln {
    ($($words:tt)*) => { $crate::say::line(format_args!($($words)*)) };
}

/// For [`sayln`].
pub fn line(words: std::fmt::Arguments<'_>) {
    if let Err(error) = print(&format!("{words}\n")) {
        eprintln!("crumbtrail: cannot write to standard output: {error}");
        std::process::exit(1);
    }
}

/// A moment as people read it.
pub fn time_of(at_ms: i64) -> String {
    let mut at = Vec::new();
    put_rfc3339(&mut at, at_ms);
    String::from_utf8_lossy(&at).into_owned()
}

/// A time in words.
pub fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn what_an_error_tells_of_its_causes_is_not_told_again() {
        let full = anyhow!("no space left").context("intake: no space left").context("cannot import");
        assert_eq!(in_words(&full), "cannot import: intake: no space left");
    }

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        let span = |seconds| span(Duration::from_secs(seconds));
        assert_eq!([span(90), span(600), span(9_000)], ["90 s", "10 min", "2 h 30 min"]);
    }
}
