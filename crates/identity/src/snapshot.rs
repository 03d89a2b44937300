//! The state as bytes. Equal states give equal bytes.
//!
//! ```text
//! version u8 · watermark · swept · ring · count · known, by key: key u128 · newest · kept · seen · claims
//! ```

use crate::claims::{Claim, Claims, How};
use crate::identity::{Identity, Known};
use crate::ring::Ring;
use crate::rules::Rules;
use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};
use crumbtrail_events::{EventTime, Key};

/// The format this build writes.
const VERSION: u8 = 1;

impl Identity {
    /// Appends the whole state.
    pub fn save(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&self.watermark.0.to_le_bytes());
        put_varint(out, self.swept as u64);
        self.ring.save(out);
        let mut known: Vec<(&Key, &Known)> = self.known.iter().collect();
        known.sort_unstable_by_key(|(key, _)| **key);
        put_varint(out, known.len() as u64);
        for (key, known) in known {
            out.extend_from_slice(&key.0.to_le_bytes());
            put_varint(out, known.newest);
            put_varint(out, u64::from(known.kept));
            out.extend_from_slice(&known.seen.0.to_le_bytes());
            put_varint(out, known.claims.0.len() as u64);
            for claim in &known.claims.0 {
                put_bytes(out, claim.customer.as_bytes());
                out.extend_from_slice(&claim.person.0.to_le_bytes());
                out.extend_from_slice(&claim.at.0.to_le_bytes());
                out.extend_from_slice(&claim.id.to_le_bytes());
                out.extend_from_slice(&[claim.how as u8, u8::from(claim.is_undone)]);
            }
        }
    }

    /// The state saved in `bytes`.
    ///
    /// # Errors
    /// Damaged bytes, or another format version.
    pub fn load(rules: Rules, bytes: &[u8]) -> Result<Identity, WireError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(WireError::Malformed("identity of another format version"));
        }
        let mut identity = Identity::new(rules);
        identity.watermark = time(&mut reader)?;
        identity.swept = reader.varint()? as usize;
        identity.ring = Ring::load(&mut reader)?;
        for _ in 0..reader.varint()? {
            let key = Key(u128::from_le_bytes(reader.array()?));
            let (newest, kept, seen) = (reader.varint()?, reader.varint_u32()?, time(&mut reader)?);
            let mut claims = Claims::default();
            for _ in 0..reader.varint()? {
                claims.0.push(claim(&mut reader)?);
            }
            identity.restore(key, Known { claims, newest, kept, seen });
        }
        if !reader.is_empty() {
            return Err(WireError::Malformed("bytes after the end of the identity"));
        }
        Ok(identity)
    }
}

fn time(reader: &mut Reader<'_>) -> Result<EventTime, WireError> {
    Ok(EventTime(i64::from_le_bytes(reader.array()?)))
}

fn claim(reader: &mut Reader<'_>) -> Result<Claim, WireError> {
    let customer = reader.str()?.into();
    let person = Key(u128::from_le_bytes(reader.array()?));
    let at = time(reader)?;
    let id = u64::from_le_bytes(reader.array()?);
    let how = How::from_code(reader.u8()?).ok_or(WireError::Malformed("unknown kind of claim"))?;
    Ok(Claim { customer, person, at, id, how, is_undone: reader.u8()? != 0 })
}
