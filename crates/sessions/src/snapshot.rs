//! The state as bytes. Saved at once, equal states give equal bytes: keys, chains and ids are sorted, symbols are numbered by use.
//! Saved in parts, keys stand in no order.
//!
//! ```text
//! version u8 · watermark · wall time · watermark when a gap grew · values (leaf or tuple, each after those it is made of) · keys
//! key: u128 · due · dirty · visitor · site · chains: class, flags, events, rare part
//! ```

use crate::chain::{Base, Chain, Class, Rare};
use crate::conversation;
use crate::event::Event;
use crate::intern::{Interner, Symbol};
use crate::live::Live;
use crate::names::Names;
use crate::rows::Cut;
use crate::rules::RuleBook;
use crate::saving::{Numbers, Saving};
use crate::session;
use crate::slots::Slot;
use crate::state::{Sessions, Site};
use crate::stored::{Resolve, Stored};
use crate::told::Told;
use crumbtrail_events::wire::{Reader, WireError, put_bytes, put_varint};
use crumbtrail_events::{Key, Pieces};
use smallvec::SmallVec;
use std::io;

/// The format this build writes.
const VERSION: u8 = 8;

/// What a state needs beside its slots to save them.
#[derive(Clone, Copy)]
struct Beside<'a> {
    sites: &'a [Site],
    names: &'a Names,
    interner: &'a Interner,
}

impl Beside<'_> {
    fn save(self, slot: &Slot, numbers: &mut Numbers, out: &mut Vec<u8>) -> io::Result<()> {
        out.extend_from_slice(&slot.key().0.to_le_bytes());
        let symbol: &mut dyn FnMut(Symbol) -> Symbol = &mut |symbol| numbers.of(symbol, self.interner);
        slot.due.save(out, symbol);
        slot.is_dirty.save(out, symbol);
        put_bytes(out, self.names.bytes(slot.visitor));
        put_bytes(out, self.sites[usize::from(slot.site)].name.as_bytes());
        put_varint(out, slot.chains.len() as u64);
        let mut chains: SmallVec<[&Chain; 4]> = slot.chains.iter().collect();
        chains.sort_by_key(|chain| (chain.class, chain.span()));
        chains.into_iter().try_for_each(|chain| save_chain(chain, self.interner, out, symbol))
    }
}

impl Sessions {
    /// Appends the whole state to `out`; equal states give equal bytes, wherever their events lie.
    ///
    /// # Errors
    /// Events that were moved to disk cannot be read.
    pub fn save(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let mut numbers = Numbers::new(&self.interner);
        let mut keys: Vec<(Key, u32)> = self.slots.numbers().map(|n| (self.slots.get(n).key(), n)).collect();
        keys.sort_unstable();
        let beside = Beside { sites: &self.sites, names: &self.names, interner: &self.interner };
        let mut body = Vec::new();
        for (_, n) in &keys {
            beside.save(self.slots.get(*n), &mut numbers, &mut body)?;
        }
        put_begin(out, self.times(), &numbers, keys.len() as u64);
        out.extend_from_slice(&body);
        Ok(())
    }

    /// Begins to save the state as it is now; what changes from here on is not in it.
    pub fn begin_save(&mut self) {
        self.slots.begin_save();
        self.names.hold();
        let (times, numbers) = (self.times(), Numbers::new(&self.interner));
        self.saving = Some(Box::new(Saving { times, numbers, keys: 0, pieces: Pieces::default() }));
    }

    /// Those a state begins with.
    fn times(&self) -> [i64; 3] {
        [self.watermark.0, self.wall_ms, self.grown_at.0]
    }

    /// Saves some keys more, about `most`. When all are, gives the state in pieces, back to back as [`Sessions::load`] reads it:
    /// like [`Sessions::save`]'s, in another order.
    ///
    /// # Errors
    /// Events that were moved to disk cannot be read: the state is not to be used any more.
    pub fn save_on(&mut self, most: usize) -> io::Result<Option<Vec<Vec<u8>>>> {
        let Sessions { slots, sites, names, interner, saving, .. } = self;
        let Some(Saving { numbers, keys, pieces, .. }) = saving.as_deref_mut() else { return Ok(None) };
        let beside = Beside { sites, names, interner };
        let mut left = most.max(1);
        while left > 0 {
            let Some(page) = slots.save_page() else {
                names.let_go();
                let Some(saving) = saving.take() else { return Ok(None) };
                let Saving { times, numbers, keys, pieces } = *saving;
                let mut begin = Vec::with_capacity(numbers.values.len() + 64);
                put_begin(&mut begin, times, &numbers, keys);
                let mut all = Pieces::beginning(begin);
                all.append(pieces);
                return Ok(Some(all.into_vec()));
            };
            left = left.saturating_sub(page.len());
            for slot in page.iter().filter(|slot| !slot.chains.is_empty()) {
                beside.save(slot, numbers, pieces.open())?;
                *keys += 1;
            }
        }
        Ok(None)
    }

    /// Reads what [`Sessions::save`] wrote.
    ///
    /// # Errors
    /// Damaged bytes or another format version.
    pub fn load(rules: RuleBook, bytes: &[u8]) -> Result<Sessions, WireError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(WireError::Malformed(
                "sessions state of another format version: remove the snapshots, the log makes it anew",
            ));
        }
        let mut state = Sessions::new(rules);
        state.watermark.0 = i64::from_le_bytes(reader.array()?);
        state.wall_ms = i64::from_le_bytes(reader.array()?);
        state.grown_at.0 = i64::from_le_bytes(reader.array()?);
        let symbols = load_values(&mut reader, &mut state.interner)?;
        let resolve = |n: u32| {
            symbols.get(n as usize).copied().ok_or(WireError::Malformed("sessions state names a value it lacks"))
        };
        let keys = reader.varint()?;
        // A key takes more bytes than these, so a damaged number cannot ask for more memory than the bytes there are.
        state.slots.reserve((keys as usize).min(reader.rest().len() / 64));
        for _ in 0..keys {
            let key = Key(u128::from_le_bytes(reader.array()?));
            let due = i64::load(&mut reader, &resolve)?;
            let is_dirty = bool::load(&mut reader, &resolve)?;
            let visitor = state.names.add(reader.bytes()?);
            let site = state.site(reader.str()?);
            let mut slot = Slot::new(key, visitor, site);
            (slot.due, slot.is_dirty) = (due, is_dirty);
            for _ in 0..reader.varint()? {
                slot.chains.push(load_chain(&mut reader, &resolve, &mut state.interner)?);
            }
            if slot.chains.is_empty() || state.slots.find(key).is_some() {
                return Err(WireError::Malformed("sessions state has an empty or repeated key"));
            }
            state.restore(slot);
        }
        if !reader.is_empty() {
            return Err(WireError::Malformed("sessions state goes on after its end"));
        }
        Ok(state)
    }
}

fn put_begin(out: &mut Vec<u8>, times: [i64; 3], numbers: &Numbers, keys: u64) {
    out.push(VERSION);
    times.iter().for_each(|time| out.extend_from_slice(&time.to_le_bytes()));
    put_varint(out, u64::from(numbers.count));
    out.extend_from_slice(&numbers.values);
    put_varint(out, keys);
}

fn load_values(reader: &mut Reader<'_>, interner: &mut Interner) -> Result<Vec<Symbol>, WireError> {
    let mut symbols = vec![Symbol::NONE];
    let mut value = Vec::new();
    for _ in 0..reader.varint()? {
        let parts = reader.u8()?;
        value.clear();
        for _ in 0..parts {
            let part = usize::try_from(reader.varint()?).ok().and_then(|n| symbols.get(n));
            let part = part.ok_or(WireError::Malformed("sessions state has a value before its parts"))?;
            value.extend_from_slice(&part.0.to_le_bytes());
        }
        value.extend_from_slice(reader.bytes()?);
        symbols.push(interner.value(&value, parts));
    }
    Ok(symbols)
}

fn save_chain(
    chain: &Chain,
    interner: &Interner,
    out: &mut Vec<u8>,
    symbol: &mut dyn FnMut(Symbol) -> Symbol,
) -> io::Result<()> {
    out.push(chain.class.0);
    out.push(u8::from(chain.is_dirty) | u8::from(chain.is_settled) << 1 | u8::from(chain.rare.is_some()) << 2);
    put_varint(out, chain.live.len() as u64);
    chain.live.whole()?.iter().for_each(|event| event.save(interner, out, symbol));
    let Some(rare) = &chain.rare else { return Ok(()) };
    match &rare.base {
        None => out.push(0),
        Some(Base::Session(sum)) => {
            out.push(1);
            sum.save(out, symbol);
        }
        Some(Base::Conversation(sum)) => {
            out.push(2);
            sum.save(out, symbol);
        }
    }
    put_varint(out, rare.done.len() as u64);
    for (sum, cut) in &rare.done {
        sum.save(out, symbol);
        out.push(*cut as u8);
    }
    put_varint(out, rare.stale.len() as u64);
    rare.stale.iter().for_each(|order| order.save(out, symbol));
    rare.folded_to.save(out, symbol);
    let mut ids: Vec<u64> = rare.folded.iter().copied().collect();
    ids.sort_unstable();
    put_varint(out, ids.len() as u64);
    ids.into_iter().for_each(|id| id.save(out, symbol));
    rare.changed_from.save(out, symbol);
    out.push(u8::from(rare.told.is_some()));
    rare.told.iter().for_each(|told| told.save(out, symbol));
    Ok(())
}

fn load_chain(reader: &mut Reader<'_>, resolve: &Resolve<'_>, interner: &mut Interner) -> Result<Chain, WireError> {
    let mut chain = Chain::new(Class(reader.u8()?));
    let flags = reader.u8()?;
    (chain.is_dirty, chain.is_settled) = (flags & 1 != 0, flags & 2 != 0);
    let events = reader.varint()?;
    // An event takes more bytes than these, so a damaged number cannot ask for more memory than the bytes there are.
    chain.live = Live::with_room((events as usize).min(reader.rest().len() / 32));
    for _ in 0..events {
        chain.insert(Event::load(reader, resolve, interner)?);
    }
    if flags & 4 != 0 {
        let base = match reader.u8()? {
            0 => None,
            1 => Some(Base::Session(Box::new(session::Summary::load(reader, resolve)?))),
            2 => Some(Base::Conversation(Box::new(conversation::Summary::load(reader, resolve)?))),
            _ => return Err(WireError::Malformed("sessions state has an unknown sum")),
        };
        let mut rare = Rare { base, ..Rare::default() };
        for _ in 0..reader.varint()? {
            let sum = session::Summary::load(reader, resolve)?;
            let cut = Cut::from_code(reader.u8()?).ok_or(WireError::Malformed("sessions state has an unknown cut"))?;
            rare.done.push((sum, cut));
        }
        for _ in 0..reader.varint()? {
            rare.stale.push(Stored::load(reader, resolve)?);
        }
        rare.folded_to = Stored::load(reader, resolve)?;
        for _ in 0..reader.varint()? {
            rare.folded.insert(Stored::load(reader, resolve)?);
        }
        rare.changed_from = Stored::load(reader, resolve)?;
        if bool::load(reader, resolve)? {
            rare.told = Some(Box::new(Told::load(reader, resolve)?));
        }
        chain.rare = Some(Box::new(rare));
    } else {
        chain.rare = None;
    }
    chain.rebuild();
    Ok(chain)
}
