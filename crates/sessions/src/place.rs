//! Where the events of a session or conversation came from: one place, the first that names a country.

use crate::intern::Symbol;
use crate::stored::stored_fields;

/// The first place with a country, else the first one that has only coordinates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Whence {
    pub(crate) place: Symbol,
    has_country: bool,
}

stored_fields!(Whence { place, has_country });

impl Whence {
    /// Offers the place of the next event; none changes nothing.
    #[inline]
    pub(crate) fn offer(&mut self, place: Symbol, has_country: bool) {
        if !place.is_none() && (self.place.is_none() || (has_country && !self.has_country)) {
            *self = Whence { place, has_country };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_beats_coordinates_and_the_first_of_equals_stays() {
        let mut whence = Whence::default();
        for (place, has_country, then) in [(0, false, 0), (1, false, 1), (2, false, 1), (3, true, 3), (4, true, 3)] {
            whence.offer(Symbol(place), has_country);
            assert_eq!(whence.place, Symbol(then));
        }
    }
}
