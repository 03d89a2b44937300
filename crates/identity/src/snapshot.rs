//! The state as bytes. Saved at once, equal states give equal bytes; saved in parts, what is known stands in no order.
//!
//! ```text
//! version u8 · watermark · swept · ring · count · known, by key: key u128 · newest · seen, s · kept · claims (name · kind u8 before them, turns after
//! them, if any) · count · settled, by customer: key u128 · flags u8 · gone · day i64 · count · names, by key: key u128 · id · count · aliases, by key: key u128 · home u8 · claims
//! ```

use crate::aliases::{AliasClaim, Aliases};
use crate::claims::{Claim, Claims, How};
use crate::crowd::Settled;
use crate::identity::{Identity, Known};
use crate::ring::{Ring, time};
use crate::rows::{IdKind, Standing};
use crate::rules::Rules;
use crate::saving::Saving;
use crate::turns::{Said, Turn};
use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};
use crumbtrail_events::{Key, Pieces};
use crumbtrail_scratch::Block;

/// The format this build writes.
const VERSION: u8 = 5;

impl Identity {
    /// Appends the whole state but the bytes of its [blocks](Identity::blocks).
    pub fn save(&self, out: &mut Vec<u8>) {
        self.save_begin(out);
        let mut known: Vec<(&Key, &Known)> = self.known.iter().collect();
        known.sort_unstable_by_key(|(key, _)| **key);
        for (key, known) in known {
            put_known(*key, *known, self.claims(*key, *known), out);
        }
        self.save_settled(out);
        self.save_aliases(out);
    }

    /// Begins to save the state as it is now; what changes from here on is not in it.
    pub fn begin_save(&mut self) {
        let (mut begin, mut end) = (Vec::new(), Vec::new());
        self.save_begin(&mut begin);
        self.save_settled(&mut end);
        self.save_aliases(&mut end);
        self.known.begin_save();
        self.claims.begin_save();
        self.saving = Some(Box::new(Saving { pieces: Pieces::beginning(begin), end, next: 0 }));
    }

    /// Saves some more, about `most` keys. When all is saved, gives the state in pieces, back to back as [`Identity::load`] reads
    /// it: like [`Identity::save`]'s, in another order.
    pub fn save_on(&mut self, most: usize) -> Option<Vec<Vec<u8>>> {
        let Identity { known, claims, saving, .. } = self;
        let mut left = most.max(1);
        while left > 0 {
            let Saving { pieces, next, .. } = saving.as_deref_mut()?;
            let (known, claims) = (known.save_shard(*next), claims.save_shard(*next));
            *next += 1;
            let Some((known, claims)) = known.zip(claims) else {
                let Saving { mut pieces, end, .. } = *saving.take()?;
                pieces.push(end);
                return Some(pieces.into_vec());
            };
            for (key, known) in known.iter() {
                let claims = if known.is_claimed { claims.get(key) } else { None };
                put_known(*key, *known, claims, pieces.open());
            }
            // An empty shard costs something, too.
            left = left.saturating_sub(known.len().max(1));
        }
        None
    }

    fn save_begin(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&self.watermark.0.to_le_bytes());
        put_varint(out, self.swept as u64);
        self.ring.save(out);
        put_varint(out, self.known.len() as u64);
    }

    fn save_settled(&self, out: &mut Vec<u8>) {
        let settled = self.ids.settled();
        put_varint(out, settled.len() as u64);
        for (customer, settled) in settled {
            out.extend_from_slice(&customer.0.to_le_bytes());
            out.push(u8::from(settled.is_full) | u8::from(settled.shared.is_some()) << 1);
            put_varint(out, u64::from(settled.gone));
            out.extend_from_slice(&settled.shared.unwrap_or_default().to_le_bytes());
        }
    }

    fn save_aliases(&self, out: &mut Vec<u8>) {
        let names = self.aliases.names();
        put_varint(out, names.len() as u64);
        for (key, name) in names {
            out.extend_from_slice(&key.0.to_le_bytes());
            put_bytes(out, name.as_bytes());
        }
        let all = self.aliases.all();
        put_varint(out, all.len() as u64);
        for (key, alias) in all {
            out.extend_from_slice(&key.0.to_le_bytes());
            out.push(u8::from(alias.is_home));
            put_varint(out, alias.claims.len() as u64);
            for claim in &alias.claims {
                out.extend_from_slice(&claim.of.0.to_le_bytes());
                let word = claim.word.map(|(said, _)| said);
                let links = claim.word.is_some_and(|(_, links)| links);
                out.push(u8::from(claim.said.is_some()) | u8::from(word.is_some()) << 1 | u8::from(links) << 2);
                claim.said.into_iter().chain(word).for_each(|said| put_said(said, out));
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
        let count = reader.varint()?;
        // A key takes more bytes than these, so a damaged number cannot ask for more memory than the bytes there are.
        identity.known.reserve((count as usize).min(reader.rest().len() / 20));
        for _ in 0..count {
            let key = key(&mut reader)?;
            let (newest, seen_s) = (reader.varint()?, reader.varint_u32()?);
            if newest >= identity.ring.next() {
                return Err(WireError::Malformed("a touchpoint of identity behind the last"));
            }
            let kept = u16::try_from(reader.varint()?).map_err(|_| WireError::Malformed("touchpoints kept"))?;
            let mut claims = Claims::default();
            let count = reader.varint()?;
            if count > 0 {
                (claims.name, claims.kind) = (reader.str()?.into(), id_kind(reader.u8()?)?);
            }
            for _ in 0..count {
                claims.all.push(claim(&mut reader)?);
            }
            if count > 0 {
                claims.turns = turns(&mut reader)?;
            }
            identity.restore(key, Known { newest, seen_s, kept, is_claimed: count > 0 }, claims);
        }
        identity.decide(&settled(&mut reader)?);
        identity.aliases = aliases(&mut reader, &rules)?;
        if !reader.is_empty() {
            return Err(WireError::Malformed("bytes after the end of the identity"));
        }
        Ok(identity)
    }
}

fn put_known(key: Key, known: Known, claims: Option<&Claims>, out: &mut Vec<u8>) {
    out.extend_from_slice(&key.0.to_le_bytes());
    put_varint(out, known.newest);
    put_varint(out, u64::from(known.seen_s));
    put_varint(out, u64::from(known.kept));
    put_varint(out, claims.map_or(0, |claims| claims.all.len()) as u64);
    let Some(claims) = claims.filter(|claims| !claims.all.is_empty()) else { return };
    put_bytes(out, claims.name.as_bytes());
    out.push(claims.kind as u8);
    for claim in &claims.all {
        put_bytes(out, claim.customer.as_bytes());
        out.extend_from_slice(&claim.person.0.to_le_bytes());
        out.extend_from_slice(&claim.at.0.to_le_bytes());
        out.extend_from_slice(&claim.id.to_le_bytes());
        let flags = u8::from(claim.is_undone) | u8::from(claim.is_mark) << 1 | u8::from(claim.marked_at.is_some()) << 2;
        out.extend_from_slice(&[claim.how as u8, flags]);
        claim.marked_at.iter().for_each(|said| put_said(**said, out));
    }
    put_varint(out, claims.turns.len() as u64);
    for turn in &claims.turns {
        out.extend_from_slice(&turn.person.0.to_le_bytes());
        put_said(turn.first, out);
        put_said(turn.last, out);
    }
}

fn put_said((at, id): Said, out: &mut Vec<u8>) {
    out.extend_from_slice(&at.0.to_le_bytes());
    out.extend_from_slice(&id.to_le_bytes());
}

fn said(reader: &mut Reader<'_>) -> Result<Said, WireError> {
    Ok((time(reader)?, u64::from_le_bytes(reader.array()?)))
}

fn key(reader: &mut Reader<'_>) -> Result<Key, WireError> {
    Ok(Key(u128::from_le_bytes(reader.array()?)))
}

fn id_kind(code: u8) -> Result<IdKind, WireError> {
    let all = [IdKind::Visitor, IdKind::Contact, IdKind::Customer];
    all.get(usize::from(code)).copied().ok_or(WireError::Malformed("unknown kind of id"))
}

fn settled(reader: &mut Reader<'_>) -> Result<Vec<(Key, Settled)>, WireError> {
    let mut all = Vec::new();
    for _ in 0..reader.varint()? {
        let (customer, flags, gone) = (key(reader)?, reader.u8()?, reader.varint_u32()?);
        let day = i64::from_le_bytes(reader.array()?);
        all.push((customer, Settled { is_full: flags & 1 != 0, gone, shared: (flags & 2 != 0).then_some(day) }));
    }
    Ok(all)
}

fn aliases(reader: &mut Reader<'_>, rules: &Rules) -> Result<Aliases, WireError> {
    let (mut names, mut all) = (Vec::new(), Vec::new());
    for _ in 0..reader.varint()? {
        names.push((key(reader)?, reader.str()?.into()));
    }
    for _ in 0..reader.varint()? {
        let (key, is_home) = (key(reader)?, reader.u8()? != 0);
        let mut claims = Vec::new();
        for _ in 0..reader.varint()? {
            claims.push(alias_claim(reader)?);
        }
        all.push((key, is_home, claims));
    }
    Ok(Aliases::load(all, names, rules))
}

fn alias_claim(reader: &mut Reader<'_>) -> Result<AliasClaim, WireError> {
    let (of, flags) = (key(reader)?, reader.u8()?);
    let mut said = |bit: u8| -> Result<_, WireError> {
        let is_there = flags & (1 << bit) != 0;
        is_there.then(|| self::said(reader)).transpose()
    };
    let (said, word) = (said(0)?, said(1)?);
    let word = word.map(|word| (word, flags & 4 != 0));
    Ok(AliasClaim { of, said, word, standing: Standing::Undone })
}

fn claim(reader: &mut Reader<'_>) -> Result<Claim, WireError> {
    let customer = reader.str()?.into();
    let person = key(reader)?;
    let (at, id) = said(reader)?;
    let how = How::from_code(reader.u8()?).ok_or(WireError::Malformed("unknown kind of claim"))?;
    let flags = reader.u8()?;
    let marked_at = if flags & 4 != 0 { Some(Box::new(said(reader)?)) } else { None };
    Ok(Claim {
        customer,
        person,
        at,
        id,
        how,
        is_undone: flags & 1 != 0,
        cut: None,
        is_mark: flags & 2 != 0,
        marked_at,
    })
}

fn turns(reader: &mut Reader<'_>) -> Result<Vec<Turn>, WireError> {
    let mut turns = Vec::new();
    for _ in 0..reader.varint()? {
        turns.push(Turn { person: key(reader)?, first: said(reader)?, last: said(reader)? });
    }
    Ok(turns)
}
