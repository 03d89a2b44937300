//! Files as imports read them: plain, gzip or zstd, standard input by way of a spool; lines, or Avro containers.

mod container;
mod packed;

use std::fs::File;
use std::io::{BufRead, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, anyhow, bail};
use crumbtrail_events::avro::Plan;
use crumbtrail_runtime::import::{FileRecord, ImportFile, Records};
use memchr::memchr;

use self::container::Container;
use self::packed::{broken, unpacked};
use crate::args::FileFormat;

/// Longest line read into memory: beyond it the record is a dead letter (`oversize`) and the rest of the line skipped.
const MAX_LINE: usize = (1 << 20) + 1;
const BUFFER: usize = 256 << 10;
/// The same for a file that is read in large pieces anyway.
const SMALL_BUFFER: usize = 8 << 10;

/// A file of records.
pub struct SourceFile {
    name: String,
    /// As it was given, for messages.
    place: String,
    path: PathBuf,
    is_container: bool,
    /// A copy, removed in the end.
    is_spooled: bool,
    /// Id and plan of an Avro container's schema; see [`SourceFile::prepare`].
    schema: Option<(u32, Arc<Plan>)>,
}

impl SourceFile {
    /// Checks that `path` is a readable file. `-` spools standard input into `spool`, since an import reads twice.
    ///
    /// # Errors
    /// It is missing, a directory, unreadable or packed otherwise than its name says: one line that says so.
    pub fn open(path: &Path, spool: &Path, format: FileFormat) -> Result<SourceFile> {
        let is_container = format == FileFormat::Avro;
        if path == Path::new("-") {
            let path = spooled(&mut std::io::stdin().lock(), spool).context("cannot read standard input")?;
            let place = "standard input".to_owned();
            return SourceFile { name: "-".to_owned(), place, path, is_container, is_spooled: true, schema: None }
                .tried();
        }
        let place = path.display().to_string();
        let meta = std::fs::metadata(path).with_context(|| format!("cannot read {place}"))?;
        if meta.is_dir() {
            bail!("{place} is a directory: name the files in it, such as {}/*", place.trim_end_matches('/'));
        }
        let mut file = File::open(path).with_context(|| format!("cannot read {place}"))?;
        let name = path.file_name().map_or_else(|| place.clone(), |n| n.to_string_lossy().into_owned());
        // A pipe can be read once.
        let is_spooled = !meta.is_file();
        let path = if is_spooled {
            spooled(&mut file, spool).with_context(|| format!("cannot read {place}"))?
        } else {
            path.to_owned()
        };
        SourceFile { name, place, path, is_container, is_spooled, schema: None }.tried()
    }

    /// Begins to read it, so that a file that cannot be read is told before anything else is done.
    fn tried(self) -> Result<SourceFile> {
        self.reader().map_err(|why| anyhow!("{}: {why}", self.place))?;
        Ok(self)
    }

    /// Its content, unpacked.
    fn reader(&self) -> Result<Box<dyn BufRead>, String> {
        let file = File::open(&self.path).map_err(|error| error.to_string())?;
        // A container reads whole blocks: a buffer as large would only be copied from.
        unpacked(&self.name, file, if self.is_container { SMALL_BUFFER } else { BUFFER })
    }

    /// Hands an Avro container's schema to `add`, which gives its id and plan. Nothing to do for lines.
    ///
    /// # Errors
    /// It is no container, or its schema does not fit.
    pub fn prepare(&mut self, add: impl FnOnce(&str, &SourceFile) -> Result<(u32, Arc<Plan>)>) -> Result<()> {
        if self.is_container {
            let header = self
                .reader()
                .and_then(|mut reader| container::header(reader.as_mut()))
                .map_err(|why| anyhow!("{}: {why}", self.place))?;
            self.schema = Some(add(header.schema(), self).with_context(|| self.place.clone())?);
        }
        Ok(())
    }
}

/// What can be read once, in a file of its own.
fn spooled(from: &mut dyn Read, spool: &Path) -> Result<PathBuf> {
    static SPOOLED: AtomicU32 = AtomicU32::new(0);
    let number = SPOOLED.fetch_add(1, Ordering::Relaxed);
    let path = spool.join(format!("import-{}-{number}.spool", std::process::id()));
    let mut file = File::create(&path).with_context(|| format!("cannot spool to {}", path.display()))?;
    std::io::copy(from, &mut file)?;
    file.flush()?;
    Ok(path)
}

impl Drop for SourceFile {
    fn drop(&mut self) {
        if self.is_spooled {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl ImportFile for SourceFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn place(&self) -> &str {
        &self.place
    }

    fn open(&self) -> Result<Box<dyn Records + '_>, String> {
        let reader = self.reader()?;
        Ok(match &self.schema {
            Some((id, plan)) => Box::new(Container::open(reader, *id, plan.clone())?),
            None if self.is_container => return Err("its schema was not read yet".to_owned()),
            None => {
                let mut reader = reader;
                let begin = reader.fill_buf().map_err(broken)?;
                if begin.starts_with(container::MAGIC) {
                    return Err("it is an Avro object container file: import it with --format avro".to_owned());
                }
                // What some editors begin a file with is no part of its first record.
                if begin.starts_with(b"\xEF\xBB\xBF") {
                    reader.consume(3);
                }
                Box::new(Lines { reader, line: Vec::new(), used: 0 })
            }
        })
    }
}

struct Lines {
    reader: Box<dyn BufRead>,
    line: Vec<u8>,
    /// Bytes of the reader's buffer that the last record was borrowed from.
    used: usize,
}

impl Records for Lines {
    fn next(&mut self) -> Result<Option<FileRecord<'_>>, String> {
        self.reader.consume(std::mem::take(&mut self.used));
        let buffer = self.reader.fill_buf().map_err(broken)?;
        // Nearly every line lies whole in the buffer and needs no copy.
        match memchr(b'\n', buffer) {
            Some(end) if end < MAX_LINE => {
                self.used = end + 1;
                let line = self.reader.fill_buf().map_err(broken)?;
                Ok(line.get(..end).map(without_return).map(FileRecord::new))
            }
            _ => Ok(self.gather()?.map(FileRecord::new)),
        }
    }
}

impl Lines {
    /// The next line, put together from several fillings of the buffer.
    fn gather(&mut self) -> Result<Option<&[u8]>, String> {
        self.line.clear();
        let read = (&mut self.reader).take(MAX_LINE as u64).read_until(b'\n', &mut self.line).map_err(broken)?;
        if read == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if self.line.len() == MAX_LINE {
            // Kept one byte too long, so that it is found oversize; the rest is passed over.
            skip_line(self.reader.as_mut()).map_err(broken)?;
        }
        Ok(Some(without_return(&self.line)))
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn skip_line(reader: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (used, done) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        reader.consume(used);
        if done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, bytes).unwrap();
        let file = SourceFile::open(&path, folder.path(), FileFormat::Native).unwrap();
        let mut records = ImportFile::open(&file).unwrap();
        let mut all = Vec::new();
        while let Some(line) = records.next().unwrap() {
            all.push(line.bytes.to_vec());
        }
        all
    }

    #[test]
    fn plain_gzip_and_zstd_give_the_same_lines() {
        let text = b"one\r\ntwo\n\nlast";
        let expected: Vec<Vec<u8>> = [&b"one"[..], b"two", b"", b"last"].map(<[u8]>::to_vec).into();
        assert_eq!(lines(text), expected);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text).unwrap();
        assert_eq!(lines(&gz.finish().unwrap()), expected);
        assert_eq!(lines(&zstd::encode_all(&text[..], 1).unwrap()), expected);
    }

    #[test]
    fn a_mark_of_byte_order_is_no_part_of_the_first_record() {
        assert_eq!(lines(b"\xEF\xBB\xBFone\n\xEF\xBB\xBFtwo\n"), [&b"one"[..], b"\xEF\xBB\xBFtwo"]);
        assert_eq!(lines(b"\xEF\xBB"), [b"\xEF\xBB"]);
    }

    #[test]
    fn a_pipe_is_spooled_and_its_copy_removed() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::write(pipe, b"one\ntwo\n").unwrap()
        });
        let file = SourceFile::open(&pipe, folder.path(), FileFormat::Native).unwrap();
        writer.join().unwrap();
        for _ in 0..2 {
            let mut records = ImportFile::open(&file).unwrap();
            assert_eq!(records.next().unwrap().unwrap().bytes, b"one");
        }
        drop(file);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_endless_line_is_one_oversize_record_and_the_next_is_read() {
        let mut text = vec![b'x'; 3 << 20];
        text.extend_from_slice(b"\nnext\n");
        let read = lines(&text);
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].len(), MAX_LINE);
        assert_eq!(read[1], b"next");
    }

    #[test]
    fn a_directory_a_missing_file_and_a_cut_gzip_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &Path| SourceFile::open(path, folder.path(), FileFormat::Native).err().unwrap().to_string();
        assert!(error(folder.path()).contains("directory"));
        assert!(error(&folder.path().join("no")).contains("cannot read"));
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&b"line\n".repeat(1000)).unwrap();
        let whole = gz.finish().unwrap();
        let path = folder.path().join("cut.gz");
        std::fs::write(&path, &whole[..whole.len() - 12]).unwrap();
        let file = SourceFile::open(&path, folder.path(), FileFormat::Native).unwrap();
        let mut records = ImportFile::open(&file).unwrap();
        let ended = loop {
            match records.next() {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(why) => break Some(why),
            }
        };
        assert!(ended.is_some_and(|why| why == "it ends in the middle"));
    }
}
