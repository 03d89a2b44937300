//! JSON lines in, JSON lines out. A bad line gives an error on its own line and stops nothing.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use anyhow::{Context as _, Result};
use crumbtrail_sentiment::{Language, Reading, Scorer, Scratch, TopicSet};
use serde::Deserialize;

use super::voice::{Spoke, Voice};

/// One line of input; other fields are ignored.
#[derive(Deserialize)]
struct Input<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(borrow, default)]
    language: Option<Cow<'a, str>>,
}

/// Reads every line of `input` and writes one result to `output` for each, in order. `hint` holds for lines that name no
/// language. Results are flushed whenever the input has nothing more to give at once, so a program may talk line by line.
///
/// # Errors
/// If the input cannot be read or the output not be written; a reader that has gone away is no error.
pub(super) fn run(voice: &mut Voice, hint: Option<Language>, input: impl Read, output: impl Write) -> Result<()> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let mut output = BufWriter::with_capacity(1 << 16, output);
    let mut scratch = Scratch::new();
    let mut line = Vec::new();
    let mut number = 0u64;
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).context("cannot read standard input")? == 0 {
            break;
        }
        number += 1;
        let written = write(voice, hint, &line, number, &mut scratch, &mut output)
            .and_then(|()| if input.buffer().is_empty() { output.flush() } else { Ok(()) });
        if gone_away(written)? {
            return Ok(());
        }
    }
    gone_away(output.flush()).map(|_| ())
}

/// True if nobody reads the output any more.
fn gone_away(written: std::io::Result<()>) -> Result<bool> {
    match written {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

fn write(
    voice: &mut Voice,
    hint: Option<Language>,
    line: &[u8],
    number: u64,
    scratch: &mut Scratch,
    out: &mut impl Write,
) -> std::io::Result<()> {
    match serde_json::from_slice::<Input<'_>>(line) {
        Err(error) => {
            let message = serde_json::to_string(&error.to_string())?;
            writeln!(out, "{{\"line\":{number},\"error\":{message}}}")
        }
        Ok(input) => {
            let hint = input.language.as_deref().and_then(Language::from_tag).or(hint);
            let (reading, spoke) = voice.read(&input.text, hint, scratch);
            write_reading(&voice.scorer, &reading, out)?;
            if voice.has_plugin() {
                write!(out, ",\"model\":\"{}\"", voice.version(&spoke))?;
                if let Spoke::Instead(why) = &spoke {
                    write!(out, ",\"plugin\":\"{}\"", why.kind())?;
                }
            }
            out.write_all(b"}\n")
        }
    }
}

fn write_reading(scorer: &Scorer, reading: &Reading, out: &mut impl Write) -> std::io::Result<()> {
    write!(
        out,
        "{{\"language\":\"{}\",\"label\":\"{}\",\"score\":{:.4},\"confidence\":{:.4},\"kind\":\"{}\",\"topics\":",
        reading.language.as_str(),
        reading.label.as_str(),
        reading.score,
        reading.confidence,
        reading.kind.as_str(),
    )?;
    write_topics(reading.topics, out)?;
    out.write_all(b",\"likes\":")?;
    write_topics(reading.likes, out)?;
    out.write_all(b",\"dislikes\":")?;
    write_topics(reading.dislikes, out)?;
    match reading.friction_kind {
        None => out.write_all(b",\"friction\":false")?,
        Some(kind) => {
            let phrase = serde_json::to_string(scorer.rule_phrase(reading.friction_rule))?;
            write!(out, ",\"friction\":true,\"friction_kind\":\"{}\",\"evidence\":{phrase}", kind.as_str())?;
        }
    }
    write!(out, ",\"characters\":{}", reading.characters)
}

fn write_topics(topics: TopicSet, out: &mut impl Write) -> std::io::Result<()> {
    out.write_all(b"[")?;
    for (at, topic) in topics.iter().enumerate() {
        write!(out, "{}\"{topic}\"", if at == 0 { "" } else { "," })?;
    }
    out.write_all(b"]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(input: &[u8]) -> Vec<serde_json::Value> {
        let mut output = Vec::new();
        run(&mut Voice::of_tables(Scorer::embedded().unwrap()), None, input, &mut output).unwrap();
        String::from_utf8(output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_line_gets_its_answer_in_order_and_bad_ones_an_error() {
        let input = b"{\"text\":\"I never received my parcel\"}\n{\"text\":5}\n\n\xff\xfe\nnot json\n\
            {\"text\":\"\xf0\x9f\x91\x8d\",\"language\":\"th-TH\",\"id\":7}\n{\"language\":\"en\"}\n{\"text\":\"\\u0e14\\u0e35\"}";
        let answers = answers(input);
        assert_eq!(answers.len(), 8);
        assert_eq!(
            (&answers[0]["friction_kind"], &answers[0]["evidence"]),
            (&"not_received".into(), &"never received".into())
        );
        assert_eq!(answers[0]["topics"][0], "delivery");
        for bad in [1, 2, 3, 4, 6] {
            assert_eq!(answers[bad]["line"], bad as u64 + 1);
            assert!(answers[bad]["error"].is_string());
        }
        assert_eq!((&answers[5]["language"], &answers[5]["label"]), (&"th".into(), &"positive".into()));
        assert_eq!(answers[7]["language"], "th");
    }

    #[test]
    fn nothing_in_nothing_out() {
        assert!(answers(b"").is_empty());
    }
}
