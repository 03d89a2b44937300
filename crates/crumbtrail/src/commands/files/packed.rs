//! What a file is packed with: its first bytes say it, and its name must not say otherwise.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};

/// How a file is packed, as far as it is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        }
    }

    /// As the ending of the name says.
    fn named(name: &str) -> Option<Packing> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Some(Packing::Gzip),
            "zst" | "zstd" => Some(Packing::Zstd),
            _ => None,
        }
    }

    /// As the first bytes say.
    fn begun(magic: &[u8]) -> Option<Packing> {
        if magic.starts_with(&[0x1F, 0x8B]) {
            Some(Packing::Gzip)
        } else if magic.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) {
            Some(Packing::Zstd)
        } else {
            None
        }
    }
}

/// What others pack with: first bytes, name, the program that unpacks to standard output.
const OTHERS: [(&[u8], &str, &str); 5] = [
    (b"BZh", "bzip2", "bzcat"),
    (b"\xFD7zXZ\0", "xz", "xzcat"),
    (b"PK\x03\x04", "zip", "unzip -p"),
    (b"\x04\x22\x4D\x18", "lz4", "lz4cat"),
    (b"7z\xBC\xAF\x27\x1C", "7-Zip", "7z x -so"),
];

/// Reads what a file called `name` is packed into; as it is, if it is not packed.
///
/// # Errors
/// Its name says something else than its first bytes, it is packed in a way that is not read here, it cannot be read.
pub fn unpacked(name: &str, file: File, buffer: usize) -> Result<Box<dyn BufRead>, String> {
    let mut reader = BufReader::with_capacity(buffer, file);
    let magic = reader.fill_buf().map_err(broken)?;
    let begun = Packing::begun(magic);
    if let Some(named) = Packing::named(name).filter(|named| Some(*named) != begun) {
        return Err(misnamed(named, begun, magic));
    }
    if let Some((_, packer, unpack)) =
        OTHERS.into_iter().find(|(first, ..)| begun.is_none() && magic.starts_with(first))
    {
        return Err(format!(
            "it is packed with {packer}, which is not read here: `{unpack} FILE | crumbtrail import … -`, or pack it with gzip or zstd"
        ));
    }
    Ok(match begun {
        Some(Packing::Gzip) => Box::new(BufReader::with_capacity(buffer, flate2::bufread::MultiGzDecoder::new(reader))),
        Some(Packing::Zstd) => Box::new(BufReader::with_capacity(
            buffer,
            zstd::stream::read::Decoder::with_buffer(reader).map_err(broken)?,
        )),
        None => Box::new(reader),
    })
}

/// A name that promises what the bytes don't hold.
fn misnamed(named: Packing, begun: Option<Packing>, magic: &[u8]) -> String {
    let named = named.name();
    if magic.is_empty() {
        return format!("it is empty, and so no {named} file: fetch it again, or leave it out");
    }
    if let Some(begun) = begun {
        return format!("it is not {named} but {}: rename it, then import it", begun.name());
    }
    let is_text = std::str::from_utf8(&magic[..magic.len().min(64)])
        .map_or_else(|error| error.error_len().is_none() && error.valid_up_to() > 0, |_| true)
        && !magic.iter().take(64).any(|byte| *byte == 0);
    if is_text {
        format!(
            "it is not {named}, whatever its name says, but text: if it was unpacked already, rename it, then import it"
        )
    } else {
        format!("it is not {named}, whatever its name says, and no text: it is damaged, fetch it again")
    }
}

/// Why a file cannot be read on.
pub fn broken(error: std::io::Error) -> String {
    if error.kind() == ErrorKind::UnexpectedEof {
        "it ends in the middle".to_owned()
    } else if error.raw_os_error().is_some() {
        format!("it cannot be read on ({error})")
    } else {
        format!("it is damaged ({error})")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    fn read(name: &str, content: &[u8]) -> Result<Vec<u8>, String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut all = Vec::new();
        unpacked(name, file, 4096)?.read_to_end(&mut all).map_err(broken)?;
        Ok(all)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text).unwrap();
        gz.finish().unwrap()
    }

    #[test]
    fn a_name_that_the_bytes_belie_is_refused_with_what_to_do() {
        let zst = zstd::encode_all(&b"line\n"[..], 1).unwrap();
        for (name, content, says) in [
            (
                "x.gz",
                &b"\x9A\x00\xFF\x13 noise"[..],
                "not gzip, whatever its name says, and no text: it is damaged, fetch it again",
            ),
            ("x.jsonl.GZ", b"{\"event_id\":1}\n", "but text: if it was unpacked already, rename it"),
            ("x.zst", b"\x9A\x00\xFF\x13 noise", "not zstd"),
            ("x.zst", &gzip(b"line\n"), "not zstd but gzip: rename it"),
            ("x.gz", &zst, "not gzip but zstd: rename it"),
            ("x.gz", b"", "it is empty, and so no gzip file"),
            ("x.zstd", b"", "it is empty, and so no zstd file"),
            ("x.gz", b"\x1F", "not gzip"),
            ("x", b"BZh91AY", "bzcat FILE | crumbtrail import"),
            ("x.zip", b"PK\x03\x04\x14", "unzip -p"),
        ] {
            let said = read(name, content).unwrap_err();
            assert!(said.contains(says), "{name}: {said}");
        }
        for (name, content) in [("x.gz", gzip(b"line\n")), ("x", gzip(b"line\n")), ("x.zst", zst.clone()), ("gz", zst)]
        {
            assert_eq!(read(name, &content).unwrap(), b"line\n", "{name}");
        }
        assert_eq!(read("x.log", b"").unwrap(), b"");
    }

    #[test]
    fn a_cut_file_ends_in_the_middle_and_a_spoilt_one_is_damaged() {
        let text: Vec<u8> = (0..20_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for (name, whole) in [("x.gz", gzip(&text)), ("x.zst", zstd::encode_all(&text[..], 1).unwrap())] {
            for cut in [1, 12, whole.len() / 2, whole.len() - 8] {
                assert_eq!(
                    read(name, &whole[..whole.len() - cut]).unwrap_err(),
                    "it ends in the middle",
                    "{name} {cut}"
                );
            }
        }
        let mut spoilt = gzip(&text);
        let middle = spoilt.len() / 2;
        spoilt[middle..middle + 64].fill(0xFF);
        assert!(read("x.gz", &spoilt).unwrap_err().contains("it is damaged"));
    }
}
