//! Avro object container files, read: header, blocks, and where each record in a block ends.
//!
//! Bodies carry no length, so the plan of the writer's schema walks over each. Every record is handed on in Confluent's
//! frame under the id of the file's schema, as if it came from a topic.
//! Format: Apache Avro specification 1.12, "Object Container Files".

use std::io::{BufRead, Read as _};
use std::sync::Arc;

use crumbtrail_events::avro::{Plan, confluent};
use crumbtrail_runtime::import::{FileRecord, Records};

use super::packed::broken;

/// What such a file begins with.
pub const MAGIC: &[u8; 4] = b"Obj\x01";
/// Most bytes of a header value or block: far above what writers make, so that damage does not ask for all memory.
const MOST: u64 = 256 << 20;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    schema: String,
    codec: Codec,
    sync: [u8; 16],
}

impl Header {
    /// The writer's schema, JSON.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    Null,
    Deflate,
    Zstandard,
}

/// Reads a header.
///
/// # Errors
/// It is none, is damaged, or names a codec that is not read.
pub fn header(reader: &mut dyn BufRead) -> Result<Header, String> {
    let mut magic = [0; 4];
    reader.read_exact(&mut magic).map_err(broken)?;
    if magic != *MAGIC {
        return Err("it is no Avro object container file (it does not begin with `Obj`, 1)".to_owned());
    }
    let (mut schema, mut codec) = (String::new(), Codec::Null);
    loop {
        let mut count = signed(reader)?;
        if count == 0 {
            break;
        }
        if count < 0 {
            signed(reader)?;
            count = count.saturating_neg();
        }
        for _ in 0..count {
            let (key, value) = (bytes(reader)?, bytes(reader)?);
            match key.as_slice() {
                b"avro.schema" => schema = String::from_utf8(value).map_err(|_| "its schema is not UTF-8")?,
                b"avro.codec" => {
                    codec = match value.as_slice() {
                        b"null" => Codec::Null,
                        b"deflate" => Codec::Deflate,
                        b"zstandard" => Codec::Zstandard,
                        other => {
                            let name = String::from_utf8_lossy(other);
                            return Err(format!(
                                "its codec {name} is not read: write it with null, deflate or zstandard"
                            ));
                        }
                    };
                }
                _ => {}
            }
        }
    }
    let mut sync = [0; 16];
    reader.read_exact(&mut sync).map_err(broken)?;
    Ok(Header { schema, codec, sync })
}

/// Bytes of a record's frame.
const FRAME: usize = 5;

/// The records of a file, each framed.
pub struct Container {
    reader: Box<dyn BufRead>,
    header: Header,
    plan: Arc<Plan>,
    id: u32,
    /// Room for a frame and the open block, the place of the next record, and how many are left.
    block: Vec<u8>,
    at: usize,
    left: i64,
    packed: Vec<u8>,
    framed: Vec<u8>,
}

impl Container {
    /// Opens a file whose schema is known to the decoder by `id`, and whose bodies `plan` reads.
    ///
    /// # Errors
    /// As [`header`].
    pub fn open(mut reader: Box<dyn BufRead>, id: u32, plan: Arc<Plan>) -> Result<Container, String> {
        let header = header(reader.as_mut())?;
        let (block, packed, framed) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Container { reader, header, plan, id, block, at: FRAME, left: 0, packed, framed })
    }

    /// Reads the next block; false at the end.
    fn next_block(&mut self) -> Result<bool, String> {
        if self.reader.fill_buf().map_err(broken)?.is_empty() {
            return Ok(false);
        }
        self.left = signed(self.reader.as_mut())?;
        let size = size(signed(self.reader.as_mut())?)?;
        let (into, from) =
            if self.header.codec == Codec::Null { (&mut self.block, FRAME) } else { (&mut self.packed, 0) };
        fill(self.reader.as_mut(), size, into, from)?;
        let mut sync = [0; 16];
        self.reader.read_exact(&mut sync).map_err(broken)?;
        if sync != self.header.sync {
            return Err("a block does not end with the file's sync marker: the file is damaged".to_owned());
        }
        self.at = FRAME;
        match self.header.codec {
            Codec::Null => {}
            Codec::Deflate => unpack(flate2::read::DeflateDecoder::new(&self.packed[..]), &mut self.block)?,
            Codec::Zstandard => {
                unpack(zstd::stream::read::Decoder::new(&self.packed[..]).map_err(broken)?, &mut self.block)?;
            }
        }
        Ok(true)
    }
}

/// Reads `size` bytes into `into` from its place `from` on, as far as they are there: a damaged size asks for no more
/// memory than that.
fn fill(reader: &mut dyn BufRead, size: u64, into: &mut Vec<u8>, from: usize) -> Result<(), String> {
    /// Read at once: more than readers buffer, so that nothing is copied twice.
    const STEP: usize = 1 << 20;
    let all = usize::try_from(size).unwrap_or(usize::MAX).saturating_add(from);
    let mut done = from;
    while done < all {
        let end = all.min(done.saturating_add(STEP));
        if into.len() < end {
            into.resize(end, 0);
        }
        reader.read_exact(&mut into[done..end]).map_err(broken)?;
        done = end;
    }
    into.truncate(all);
    Ok(())
}

fn unpack(from: impl std::io::Read, block: &mut Vec<u8>) -> Result<(), String> {
    block.clear();
    block.resize(FRAME, 0);
    from.take(MOST).read_to_end(block).map(drop).map_err(broken)
}

impl Container {
    /// Goes to the next record; false at the end.
    #[inline]
    fn go_on(&mut self) -> Result<bool, String> {
        while self.left <= 0 {
            if !self.next_block()? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Records for Container {
    fn next(&mut self) -> Result<Option<FileRecord<'_>>, String> {
        if !self.go_on()? {
            return Ok(None);
        }
        let rest = self.block.get(self.at..).unwrap_or_default();
        let passed = self.plan.times(rest);
        let (times, length) =
            passed.map_err(|why| format!("a record cannot be told from the next ({})", why.detail))?;
        self.framed.clear();
        confluent::put_frame(&mut self.framed, self.id);
        self.framed.extend_from_slice(&rest[..length]);
        self.at += length;
        self.left -= 1;
        Ok(Some(FileRecord { bytes: &self.framed, times: Some(times) }))
    }

    fn ahead(&mut self) -> Result<Option<&[u8]>, String> {
        if !self.go_on()? {
            return Ok(None);
        }
        // What stands before the record was handed out already: the frame takes its place.
        let begin = self.at - FRAME;
        let ahead = self.block.get_mut(begin..).unwrap_or_default();
        if let Some(frame) = ahead.first_chunk_mut::<FRAME>() {
            *frame = confluent::frame(self.id);
        }
        Ok(Some(ahead))
    }

    fn pass(&mut self, length: usize) {
        self.at += length - FRAME;
        self.left -= 1;
    }
}

fn size(size: i64) -> Result<u64, String> {
    u64::try_from(size)
        .ok()
        .filter(|size| *size <= MOST)
        .ok_or_else(|| format!("a block of {size} bytes: the file is damaged"))
}

fn signed(reader: &mut dyn BufRead) -> Result<i64, String> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        reader.read_exact(&mut byte).map_err(broken)?;
        value |= u64::from(byte[0] & 0x7F) << shift;
        if byte[0] & 0x80 == 0 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err("a number that does not end: the file is damaged".to_owned())
}

fn bytes(reader: &mut dyn BufRead) -> Result<Vec<u8>, String> {
    let size = size(signed(reader)?)?;
    let mut bytes = Vec::new();
    reader.take(size).read_to_end(&mut bytes).map_err(broken)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::avro::{CLICK_SCHEMA, Target};
    use crumbtrail_events::encode;
    use crumbtrail_world::container::ContainerWriter;
    use crumbtrail_world::{Load, LoadShape};

    /// A load as a container, and its bodies.
    fn load() -> (Vec<u8>, Vec<Vec<u8>>) {
        let mut bodies = Vec::new();
        let mut writer = ContainerWriter::new(Vec::new(), CLICK_SCHEMA).unwrap();
        let load = Load::new(1, LoadShape { events: 500, visitors: 50, sessions: 90, days: 1 });
        load.visit(|click| {
            let mut body = Vec::new();
            encode::avro::click(&click, &mut body);
            writer.append(|out| out.extend_from_slice(&body))?;
            bodies.push(body);
            Ok::<_, std::io::Error>(())
        })
        .unwrap();
        (writer.finish().unwrap(), bodies)
    }

    fn plan() -> Arc<Plan> {
        Arc::new(Plan::compile(CLICK_SCHEMA, Target::Click).unwrap())
    }

    fn read(file: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
        let mut container = Container::open(Box::new(std::io::Cursor::new(file)), 0x8000_0007, plan())?;
        let mut bodies = Vec::new();
        while let Some(record) = container.next()? {
            let (id, body) = confluent::split(record.bytes).unwrap();
            assert_eq!(id, 0x8000_0007);
            bodies.push(body.to_vec());
        }
        Ok(bodies)
    }

    #[test]
    fn records_come_one_by_one() {
        let (file, bodies) = load();
        assert_eq!(read(file).unwrap(), bodies);
    }

    #[test]
    fn records_are_read_ahead_of_their_end_or_one_by_one_as_whoever_reads_them_likes() {
        let (file, bodies) = load();
        let mut container = Container::open(Box::new(std::io::Cursor::new(file)), 7, plan()).unwrap();
        for (n, expected) in bodies.iter().enumerate() {
            if n % 3 != 0 {
                let (id, ahead) = confluent::split(container.ahead().unwrap().unwrap()).unwrap();
                assert_eq!((id, &ahead[..expected.len()]), (7, &expected[..]));
            }
            if n % 3 == 1 {
                container.pass(FRAME + expected.len());
            } else {
                let record = container.next().unwrap().unwrap();
                assert_eq!(confluent::split(record.bytes), Ok((7, &expected[..])));
            }
        }
        assert!(container.ahead().unwrap().is_none() && container.next().unwrap().is_none());
    }

    #[test]
    fn packed_blocks_are_unpacked() {
        let (_, bodies) = load();
        let block: Vec<u8> = bodies.concat();
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &block).unwrap();
        for (codec, packed) in
            [("deflate", packed.finish().unwrap()), ("zstandard", zstd::encode_all(&block[..], 1).unwrap())]
        {
            let mut file = MAGIC.to_vec();
            let put = |file: &mut Vec<u8>, text: &str| {
                crumbtrail_events::wire::put_signed(file, text.len() as i64);
                file.extend_from_slice(text.as_bytes());
            };
            crumbtrail_events::wire::put_signed(&mut file, 2);
            for text in ["avro.schema", CLICK_SCHEMA, "avro.codec", codec] {
                put(&mut file, text);
            }
            file.push(0);
            file.extend_from_slice(&[9; 16]);
            crumbtrail_events::wire::put_signed(&mut file, bodies.len() as i64);
            crumbtrail_events::wire::put_signed(&mut file, packed.len() as i64);
            file.extend_from_slice(&packed);
            file.extend_from_slice(&[9; 16]);
            assert_eq!(read(file).unwrap(), bodies, "{codec}");
        }
    }

    #[test]
    fn a_cut_or_damaged_file_says_so_and_never_panics() {
        let (file, bodies) = load();
        for length in (0..file.len()).step_by(97) {
            let short = read(file[..length].to_vec());
            assert!(short.is_err() || short.is_ok_and(|read| read.len() < bodies.len()));
        }
        let mut damaged = file.clone();
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        assert!(read(damaged).unwrap_err().contains("sync marker"));
        assert!(read(b"{}".repeat(40)).unwrap_err().contains("no Avro object container"));
    }
}
