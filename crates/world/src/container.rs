//! Avro object container files, written: null codec, blocks of about 64 KiB.

use std::io::{self, Write};

use crumbtrail_events::wire::put_signed;

/// A block is written when it holds so many bytes.
const BLOCK: usize = 64 << 10;
/// Ends the header and every block. Fixed, so that the same records make the same file.
const SYNC: [u8; 16] = *b"crumbtrail-world";

/// Writes one container file.
#[derive(Debug)]
pub struct ContainerWriter<W: Write> {
    out: W,
    block: Vec<u8>,
    count: i64,
}

impl<W: Write> ContainerWriter<W> {
    /// Begins a file of records of `schema` (JSON text).
    ///
    /// # Errors
    /// `out` fails.
    pub fn new(mut out: W, schema: &str) -> io::Result<ContainerWriter<W>> {
        let mut header = b"Obj\x01".to_vec();
        put_signed(&mut header, 2);
        for (key, value) in [("avro.schema", schema), ("avro.codec", "null")] {
            for text in [key, value] {
                put_signed(&mut header, text.len() as i64);
                header.extend_from_slice(text.as_bytes());
            }
        }
        put_signed(&mut header, 0);
        header.extend_from_slice(&SYNC);
        out.write_all(&header)?;
        Ok(ContainerWriter { out, block: Vec::with_capacity(BLOCK + 4_096), count: 0 })
    }

    /// Appends one record: `write` appends its body.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        write(&mut self.block);
        self.count += 1;
        if self.block.len() >= BLOCK { self.end_block() } else { Ok(()) }
    }

    /// Writes what is left and gives the file back, flushed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.end_block()?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let mut head = Vec::with_capacity(16);
        put_signed(&mut head, self.count);
        put_signed(&mut head, self.block.len() as i64);
        self.out.write_all(&head)?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&SYNC)?;
        self.block.clear();
        self.count = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Record, World};
    use crumbtrail_events::avro::CLICK_SCHEMA;
    use crumbtrail_events::encode;

    #[test]
    fn another_reader_reads_every_record() {
        let mut writer = ContainerWriter::new(Vec::new(), CLICK_SCHEMA).unwrap();
        let mut count = 0;
        World::new(3, 0.005)
            .visit(|record| match record {
                Record::Click(click) => {
                    count += 1;
                    writer.append(|out| encode::avro::click(&click, out))
                }
                _ => Ok(()),
            })
            .unwrap();
        let file = writer.finish().unwrap();
        let reader = apache_avro::Reader::new(&file[..]).unwrap();
        assert_eq!(reader.map(Result::unwrap).count(), count);
        assert!(count > 500);
    }

    #[test]
    fn no_record_is_a_header_alone() {
        let file = ContainerWriter::new(Vec::new(), CLICK_SCHEMA).unwrap().finish().unwrap();
        assert_eq!(apache_avro::Reader::new(&file[..]).unwrap().count(), 0);
    }
}
