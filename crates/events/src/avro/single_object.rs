//! Avro single-object encoding: `C3 01`, the CRC-64-AVRO fingerprint of the writer's schema as eight little-endian
//! bytes, the body. For streams without a registry: the schemas a stream may use are given by configuration.

use apache_avro::Schema;
use apache_avro::rabin::Rabin;

use super::compile::incompatible;
use super::{Plan, Target};
use crate::reject::{Reason, Reject};

/// Fingerprint and body of a record.
///
/// # Errors
/// `unknown_magic` if it does not start with `C3 01`, `malformed_avro` if the frame is cut short.
#[inline]
pub fn split(bytes: &[u8]) -> Result<(u64, &[u8]), Reject> {
    match bytes {
        [0xC3, 0x01, rest @ ..] => match rest.split_first_chunk::<8>() {
            Some((fingerprint, body)) => Ok((u64::from_le_bytes(*fingerprint), body)),
            None => Err(Reject::new(Reason::MalformedAvro, "the frame ends inside the fingerprint")),
        },
        [] => Err(Reject::new(Reason::Empty, "a payload of 0 bytes")),
        _ => Err(Reject::new(Reason::UnknownMagic, "single-object encoding starts with the bytes c3 01")),
    }
}

/// Appends the frame of a schema's fingerprint; the body follows.
pub fn put_frame(out: &mut Vec<u8>, fingerprint: u64) {
    out.extend_from_slice(&[0xC3, 0x01]);
    out.extend_from_slice(&fingerprint.to_le_bytes());
}

/// CRC-64-AVRO of the schema's parsing canonical form.
///
/// # Errors
/// `incompatible_schema` if the text is not an Avro schema.
pub fn fingerprint(schema: &str) -> Result<u64, Reject> {
    let schema = Schema::parse_str(schema).map_err(|error| incompatible(format!("not an Avro schema: {error}")))?;
    let bytes = schema.fingerprint::<Rabin>().bytes;
    let bytes: [u8; 8] = bytes.try_into().map_err(|_| incompatible("the fingerprint is not of eight bytes"))?;
    Ok(u64::from_le_bytes(bytes))
}

/// The plans of the schemas a stream may use, by fingerprint. A handful: searched in order.
#[derive(Debug, Default)]
pub struct Plans(Vec<(u64, Plan)>);

impl Plans {
    /// Plans for our own schema of `target` and for `others`.
    ///
    /// # Errors
    /// `incompatible_schema` for the first schema that cannot be read.
    pub fn new<'s>(target: Target, others: impl IntoIterator<Item = &'s str>) -> Result<Plans, Reject> {
        let mut plans = Vec::new();
        for schema in std::iter::once(target.schema()).chain(others) {
            plans.push((fingerprint(schema)?, Plan::compile(schema, target)?));
        }
        Ok(Plans(plans))
    }

    /// The plan of a fingerprint.
    ///
    /// # Errors
    /// `unknown_schema` with the fingerprint.
    #[inline]
    pub fn get(&self, fingerprint: u64) -> Result<&Plan, Reject> {
        self.0.iter().find(|(of, _)| *of == fingerprint).map(|(_, plan)| plan).ok_or_else(|| {
            Reject::new(Reason::UnknownSchema, format!("no schema with fingerprint {fingerprint:016x} is configured"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_the_specification() {
        // From the Avro specification's own test vectors.
        assert_eq!(fingerprint("\"int\"").unwrap(), 0x7275_d51a_3f39_5c8f);
        assert_eq!(fingerprint("\"null\"").unwrap(), 0x63dd_24e7_cc25_8f8a);
    }

    #[test]
    fn frames_and_plans() {
        let plans = Plans::new(Target::Click, []).unwrap();
        let own = fingerprint(Target::Click.schema()).unwrap();
        let mut bytes = Vec::new();
        put_frame(&mut bytes, own);
        let (read, body) = split(&bytes).unwrap();
        assert!(body.is_empty() && plans.get(read).is_ok());
        assert_eq!(plans.get(1).unwrap_err().reason, Reason::UnknownSchema);
        assert_eq!(split(&bytes[..9]).unwrap_err().reason, Reason::MalformedAvro);
        assert_eq!(split(&[0xC3, 0x02]).unwrap_err().reason, Reason::UnknownMagic);
    }
}
