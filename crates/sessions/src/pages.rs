//! Views by group of pages: a group is the first step of the templated path (`/orders/:id` → `/orders`), or the first two
//! where the first is a language (`/en/orders/:id` → `/en/orders`).

use crate::intern::{Interner, Symbol};
use crate::stored::{Resolve, Stored};
use crumbtrail_events::wire::{Reader, WireError};
use smallvec::SmallVec;

/// The group of a templated path, as bytes.
fn group(page: &[u8]) -> &[u8] {
    let step_end = |from: usize| {
        let rest = page.get(from + 1..)?;
        rest.iter().position(|&byte| byte == b'/').map(|end| from + 1 + end)
    };
    match step_end(0) {
        Some(end) if is_language(&page[1..end]) => &page[..step_end(end).unwrap_or(page.len())],
        Some(end) => &page[..end],
        None => page,
    }
}

/// Whether a step looks like a language tag: `en`, `pt-BR`.
fn is_language(step: &[u8]) -> bool {
    match step {
        [a, b] => a.is_ascii_lowercase() && b.is_ascii_lowercase(),
        [a, b, b'-' | b'_', c, d] => [a, b, c, d].iter().all(|byte| byte.is_ascii_alphabetic()),
        _ => false,
    }
}

/// Counts of views by group; a group is named by a page of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pages(SmallVec<[(Symbol, u32); 4]>);

impl Pages {
    /// Most groups of one session; views of further ones count in the last.
    const MOST: usize = 64;

    /// Counts a view.
    pub(crate) fn view(&mut self, page: Symbol, interner: &Interner) {
        let is_same = |&(held, _): &(Symbol, u32)| held == page;
        let found = self.0.iter().position(is_same).or_else(|| {
            let name = group(interner.bytes(page));
            self.0.iter().position(|&(held, _)| group(interner.bytes(held)) == name)
        });
        match found {
            Some(at) => self.0[at].1 += 1,
            None if self.0.len() == Pages::MOST => self.0[Pages::MOST - 1].1 += 1,
            None => self.0.push((page, 1)),
        }
    }

    /// The groups, for a row.
    pub(crate) fn groups<'a>(&'a self, interner: &'a Interner) -> PageGroups<'a> {
        PageGroups { counts: &self.0, interner: Some(interner) }
    }

    /// Appends it to a snapshot.
    pub(crate) fn save(&self, out: &mut Vec<u8>, symbol: &mut dyn FnMut(Symbol) -> Symbol) {
        (self.0.len() as u32).save(out, symbol);
        self.0.iter().for_each(|count| count.save(out, symbol));
    }

    /// Reads it back.
    pub(crate) fn load(reader: &mut Reader<'_>, symbol: &Resolve<'_>) -> Result<Pages, WireError> {
        let mut counts = SmallVec::new();
        for _ in 0..u32::load(reader, symbol)? {
            counts.push(Stored::load(reader, symbol)?);
        }
        Ok(Pages(counts))
    }

    /// Marks the symbols it holds.
    pub(crate) fn mark(&self, interner: &mut Interner) {
        self.0.iter().for_each(|&(page, _)| interner.mark(page));
    }
}

/// Views by group of pages, as a row has them.
#[derive(Clone, Copy, Default)]
pub struct PageGroups<'a> {
    counts: &'a [(Symbol, u32)],
    interner: Option<&'a Interner>,
}

impl<'a> PageGroups<'a> {
    /// How many groups there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether nothing was viewed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Name and views of each group, in the order of their first view.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, u32)> + use<'a> {
        let interner = self.interner;
        let name = move |page| interner.map_or(&[][..], |interner| group(interner.bytes(page)));
        self.counts.iter().map(move |&(page, count)| (std::str::from_utf8(name(page)).unwrap_or_default(), count))
    }
}

impl std::fmt::Debug for PageGroups<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for PageGroups<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_of_a_path_is_its_group() {
        for (page, name) in [
            ("/", "/"),
            ("", ""),
            ("/cart", "/cart"),
            ("/p/:id", "/p"),
            ("/p/:id/reviews", "/p"),
            ("home", "home"),
            ("é/a", "é"),
            ("/en", "/en"),
            ("/en/", "/en/"),
            ("/en/cart", "/en/cart"),
            ("/pt-BR/p/:id", "/pt-BR/p"),
            ("/id5/p/:id", "/id5"),
        ] {
            assert_eq!(group(page.as_bytes()), name.as_bytes(), "{page}");
        }
    }

    #[test]
    fn views_are_counted_by_group_and_the_last_takes_the_rest() {
        let mut interner = Interner::new();
        let mut pages = Pages::default();
        for page in ["/p/:id", "/cart", "/p/:id/reviews", ""] {
            let page = interner.text(page);
            pages.view(page, &interner);
        }
        assert_eq!(pages.groups(&interner).iter().collect::<Vec<_>>(), [("/p", 2), ("/cart", 1), ("", 1)]);
        for n in 0..100 {
            let page = interner.text(&format!("/{n}"));
            pages.view(page, &interner);
        }
        assert_eq!((pages.groups(&interner).len(), pages.0[Pages::MOST - 1].1), (64, 40));
    }
}
