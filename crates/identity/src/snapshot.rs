//! The state as bytes. Equal states give equal bytes.
//!
//! ```text
//! version u8 · watermark · swept · ring · count · known, by key: key u128 · newest · seen, s · kept · claims
//! ```

use crate::claims::{Claim, Claims, How};
use crate::identity::{Identity, Known};
use crate::ring::{Ring, time};
use crate::rules::Rules;
use crumbtrail_events::Key;
use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};
use crumbtrail_scratch::Block;

/// The format this build writes.
const VERSION: u8 = 2;

impl Identity {
    /// Appends the whole state but the bytes of its [blocks](Identity::blocks).
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
            put_varint(out, u64::from(known.seen_s));
            put_varint(out, u64::from(known.kept));
            let claims = self.claims.get(key).filter(|_| known.is_claimed).map_or(&[][..], |claims| &claims.0);
            put_varint(out, claims.len() as u64);
            for claim in claims {
                put_bytes(out, claim.customer.as_bytes());
                out.extend_from_slice(&claim.person.0.to_le_bytes());
                out.extend_from_slice(&claim.at.0.to_le_bytes());
                out.extend_from_slice(&claim.id.to_le_bytes());
                out.extend_from_slice(&[claim.how as u8, u8::from(claim.is_undone)]);
            }
        }
    }

    /// The state saved in `bytes`, with its blocks in order.
    ///
    /// # Errors
    /// Damaged bytes, other blocks, or another format version.
    pub fn load(rules: Rules, bytes: &[u8], blocks: &[Block]) -> Result<Identity, WireError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(WireError::Malformed("identity of another format version"));
        }
        let mut identity = Identity::new(rules);
        identity.watermark = time(&mut reader)?;
        identity.swept = reader.varint()? as usize;
        identity.ring = Ring::load(&mut reader, blocks)?;
        for _ in 0..reader.varint()? {
            let key = Key(u128::from_le_bytes(reader.array()?));
            let (newest, seen_s) = (reader.varint()?, reader.varint_u32()?);
            let kept = u16::try_from(reader.varint()?).map_err(|_| WireError::Malformed("touchpoints kept"))?;
            let mut claims = Claims::default();
            for _ in 0..reader.varint()? {
                claims.0.push(claim(&mut reader)?);
            }
            identity.restore(key, Known { newest, seen_s, kept, is_claimed: !claims.0.is_empty() }, claims);
        }
        if !reader.is_empty() {
            return Err(WireError::Malformed("bytes after the end of the identity"));
        }
        Ok(identity)
    }
}

fn claim(reader: &mut Reader<'_>) -> Result<Claim, WireError> {
    let customer = reader.str()?.into();
    let person = Key(u128::from_le_bytes(reader.array()?));
    let at = time(reader)?;
    let id = u64::from_le_bytes(reader.array()?);
    let how = How::from_code(reader.u8()?).ok_or(WireError::Malformed("unknown kind of claim"))?;
    Ok(Claim { customer, person, at, id, how, is_undone: reader.u8()? != 0 })
}
