//! Avro object container files, read: header, blocks, and where each record in a block ends.
//!
//! Bodies carry no length, so the writer's schema is turned into a [`Shape`] that is walked over each. Every record is
//! handed on in Confluent's frame under the id of the file's schema, as if it came from a topic.
//! Format: Apache Avro specification 1.12, "Object Container Files".

use std::collections::HashMap;
use std::io::{BufRead, Read as _};

use crumbtrail_events::avro::confluent;
use crumbtrail_events::wire::{Reader, WireError};
use crumbtrail_runtime::import::Records;
use serde_json::Value;

/// What such a file begins with.
pub const MAGIC: &[u8; 4] = b"Obj\x01";
/// Most bytes of a header value or block: far above what writers make, so that damage does not ask for all memory.
const MOST: u64 = 256 << 20;
/// Deepest nesting of a schema and of a record.
const DEEPEST: usize = 64;

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
    reader.read_exact(&mut magic).map_err(cut_short)?;
    if magic != *MAGIC {
        return Err("is no Avro object container file (it does not begin with `Obj`, 1)".to_owned());
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
    reader.read_exact(&mut sync).map_err(cut_short)?;
    Ok(Header { schema, codec, sync })
}

/// The records of a file, each framed.
pub struct Container {
    reader: Box<dyn BufRead>,
    header: Header,
    shapes: Shapes,
    id: u32,
    /// The open block, what of it was handed out, and how many records are left in it.
    block: Vec<u8>,
    at: usize,
    left: i64,
    packed: Vec<u8>,
    framed: Vec<u8>,
}

impl Container {
    /// Opens a file whose schema is known to the decoder by `id`.
    ///
    /// # Errors
    /// As [`header`], or its schema is not one.
    pub fn open(mut reader: Box<dyn BufRead>, id: u32) -> Result<Container, String> {
        let header = header(reader.as_mut())?;
        let shapes = Shapes::new(&header.schema)?;
        let (block, packed, framed) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Container { reader, header, shapes, id, block, at: 0, left: 0, packed, framed })
    }

    /// Reads the next block; false at the end.
    fn next_block(&mut self) -> Result<bool, String> {
        if self.reader.fill_buf().map_err(cut_short)?.is_empty() {
            return Ok(false);
        }
        self.left = signed(self.reader.as_mut())?;
        let size = size(signed(self.reader.as_mut())?)?;
        let into = if self.header.codec == Codec::Null { &mut self.block } else { &mut self.packed };
        into.clear();
        (&mut self.reader).take(size).read_to_end(into).map_err(cut_short)?;
        let mut sync = [0; 16];
        self.reader.read_exact(&mut sync).map_err(cut_short)?;
        if sync != self.header.sync {
            return Err("a block does not end with the file's sync marker: the file is damaged".to_owned());
        }
        self.at = 0;
        match self.header.codec {
            Codec::Null => {}
            Codec::Deflate => unpack(flate2::read::DeflateDecoder::new(&self.packed[..]), &mut self.block)?,
            Codec::Zstandard => {
                unpack(zstd::stream::read::Decoder::new(&self.packed[..]).map_err(cut_short)?, &mut self.block)?;
            }
        }
        Ok(true)
    }
}

fn unpack(from: impl std::io::Read, block: &mut Vec<u8>) -> Result<(), String> {
    block.clear();
    from.take(MOST).read_to_end(block).map(drop).map_err(cut_short)
}

impl Records for Container {
    fn next(&mut self) -> Result<Option<&[u8]>, String> {
        while self.left <= 0 {
            if !self.next_block()? {
                return Ok(None);
            }
        }
        let rest = self.block.get(self.at..).unwrap_or_default();
        let mut reader = Reader::new(rest);
        self.shapes.pass(&mut reader).map_err(|error| format!("a record cannot be told from the next ({error})"))?;
        let length = rest.len() - reader.rest().len();
        self.framed.clear();
        confluent::put_frame(&mut self.framed, self.id);
        self.framed.extend_from_slice(&rest[..length]);
        self.at += length;
        self.left -= 1;
        Ok(Some(&self.framed))
    }
}

/// How many bytes values of a schema take.
#[derive(Debug)]
enum Shape {
    Varint,
    Fixed(usize),
    Bytes,
    Record(Vec<Shape>),
    Array(Box<Shape>),
    Map(Box<Shape>),
    Union(Vec<Shape>),
    /// A named type, by its number.
    Named(usize),
}

#[derive(Debug)]
struct Shapes {
    whole: Shape,
    named: Vec<Shape>,
}

impl Shapes {
    fn new(schema: &str) -> Result<Shapes, String> {
        let schema: Value = serde_json::from_str(schema).map_err(|error| format!("its schema is not JSON: {error}"))?;
        let mut compiler = Compiler { numbers: HashMap::new(), named: Vec::new() };
        let whole = compiler.shape(&schema, "", 0)?;
        Ok(Shapes { whole, named: compiler.named })
    }

    fn pass(&self, reader: &mut Reader<'_>) -> Result<(), WireError> {
        self.over(&self.whole, reader, 0)
    }

    fn over(&self, shape: &Shape, reader: &mut Reader<'_>, depth: usize) -> Result<(), WireError> {
        match shape {
            Shape::Varint => drop(reader.signed()?),
            Shape::Fixed(size) => drop(reader.take(*size)?),
            Shape::Bytes => raw(reader)?,
            Shape::Record(fields) => fields.iter().try_for_each(|field| self.over(field, reader, depth))?,
            Shape::Array(element) => blocks(reader, |reader| self.over(element, reader, depth))?,
            Shape::Map(value) => blocks(reader, |reader| {
                raw(reader)?;
                self.over(value, reader, depth)
            })?,
            Shape::Union(branches) => {
                let branch = usize::try_from(reader.signed()?).ok().and_then(|index| branches.get(index));
                self.over(branch.ok_or(WireError::Malformed("a union index out of range"))?, reader, depth)?;
            }
            Shape::Named(_) if depth >= DEEPEST => return Err(WireError::Malformed("nested too deep")),
            Shape::Named(number) => self.over(&self.named[*number], reader, depth + 1)?,
        }
        Ok(())
    }
}

fn raw(reader: &mut Reader<'_>) -> Result<(), WireError> {
    let length = usize::try_from(reader.signed()?).map_err(|_| WireError::Malformed("a negative length"))?;
    reader.take(length).map(drop)
}

fn blocks(
    reader: &mut Reader<'_>,
    mut element: impl FnMut(&mut Reader<'_>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    loop {
        let count = reader.signed()?;
        if count == 0 {
            return Ok(());
        }
        // A negative count is followed by the block's size: the block is passed over at once.
        if count < 0 {
            raw(reader)?;
            continue;
        }
        for _ in 0..count {
            let before = reader.rest().len();
            element(reader)?;
            if reader.rest().len() == before {
                return Err(WireError::Malformed("an array of values without bytes"));
            }
        }
    }
}

struct Compiler {
    numbers: HashMap<String, usize>,
    named: Vec<Shape>,
}

impl Compiler {
    fn shape(&mut self, schema: &Value, namespace: &str, depth: usize) -> Result<Shape, String> {
        if depth > DEEPEST {
            return Err("its schema is nested too deep".to_owned());
        }
        match schema {
            Value::String(name) => self.by_name(name, namespace),
            Value::Array(branches) => {
                let branches = branches.iter().map(|branch| self.shape(branch, namespace, depth + 1));
                Ok(Shape::Union(branches.collect::<Result<_, _>>()?))
            }
            Value::Object(fields) => {
                let part = |key: &str| fields.get(key).ok_or_else(|| format!("its schema has a type without `{key}`"));
                match part("type")? {
                    Value::String(kind) => match kind.as_str() {
                        "record" | "error" | "enum" | "fixed" => self.define(kind, schema, namespace, depth),
                        "array" => Ok(Shape::Array(Box::new(self.shape(part("items")?, namespace, depth + 1)?))),
                        "map" => Ok(Shape::Map(Box::new(self.shape(part("values")?, namespace, depth + 1)?))),
                        name => self.by_name(name, namespace),
                    },
                    nested => self.shape(nested, namespace, depth + 1),
                }
            }
            _ => Err("its schema has a type that is none".to_owned()),
        }
    }

    fn by_name(&self, name: &str, namespace: &str) -> Result<Shape, String> {
        Ok(match name {
            "null" => Shape::Fixed(0),
            "boolean" => Shape::Fixed(1),
            "int" | "long" => Shape::Varint,
            "float" => Shape::Fixed(4),
            "double" => Shape::Fixed(8),
            "bytes" | "string" => Shape::Bytes,
            _ => {
                let found = self.numbers.get(&full_name(name, namespace)).or_else(|| self.numbers.get(name));
                Shape::Named(*found.ok_or_else(|| format!("its schema uses {name} without defining it"))?)
            }
        })
    }

    fn define(&mut self, kind: &str, schema: &Value, namespace: &str, depth: usize) -> Result<Shape, String> {
        let name = schema["name"].as_str().ok_or("its schema has a named type without a name")?;
        let namespace = schema["namespace"].as_str().unwrap_or(namespace);
        let full = full_name(name, namespace);
        let number = self.named.len();
        // Known before its fields are: they may refer to it.
        self.numbers.insert(full.clone(), number);
        self.named.push(Shape::Varint);
        self.named[number] = match kind {
            "enum" => Shape::Varint,
            "fixed" => {
                let size = schema["size"].as_u64().and_then(|size| usize::try_from(size).ok());
                Shape::Fixed(size.ok_or("its schema has a fixed type without a size")?)
            }
            _ => {
                let inner = full.rsplit_once('.').map_or("", |(namespace, _)| namespace);
                let fields = schema["fields"].as_array().ok_or("its schema has a record without fields")?;
                let fields = fields.iter().map(|field| self.shape(&field["type"], inner, depth + 1));
                Shape::Record(fields.collect::<Result<_, _>>()?)
            }
        };
        Ok(Shape::Named(number))
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    if namespace.is_empty() || name.contains('.') { name.to_owned() } else { format!("{namespace}.{name}") }
}

fn cut_short(error: std::io::Error) -> String {
    format!("damaged or cut short after what was read so far ({error})")
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
        reader.read_exact(&mut byte).map_err(cut_short)?;
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
    reader.take(size).read_to_end(&mut bytes).map_err(cut_short)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_events::avro::CLICK_SCHEMA;
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

    fn read(file: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
        let mut container = Container::open(Box::new(std::io::Cursor::new(file)), 0x8000_0007)?;
        let mut bodies = Vec::new();
        while let Some(record) = container.next()? {
            let (id, body) = confluent::split(record).unwrap();
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

    #[test]
    fn recursive_schemas_end() {
        let schema = r#"{"type":"record","name":"a.N","fields":[
            {"name":"x","type":"string"},{"name":"kids","type":{"type":"array","items":"N"}},
            {"name":"mood","type":["null",{"type":"enum","name":"M","symbols":["A"]}]},
            {"name":"m","type":{"type":"map","values":{"type":"fixed","name":"F","size":2}}}]}"#;
        let shapes = Shapes::new(schema).unwrap();
        let body = [2, b'x', 2, 2, b'y', 0, 0, 0, 0, 2, 0, 2, 2, b'k', 1, 2, 0, 0xFF];
        let mut reader = Reader::new(&body);
        shapes.pass(&mut reader).unwrap();
        assert_eq!(reader.rest(), [0xFF]);
        let deep = [2, b'x', 2].repeat(1_000);
        assert!(shapes.pass(&mut Reader::new(&deep)).is_err());
        assert!(Shapes::new(r#"{"type":"record","name":"R","fields":[{"name":"x","type":"Q"}]}"#).is_err());
    }
}
