//! What a position or a visit says of the fences round shops, as the place of a touchpoint carries it.
//!
//! ```text
//! ""            nothing: no fences, no position, or one that decides nothing
//! "\n"          a position outside of all fences
//! "s1\n"        a position inside s1
//! "s1\ns2\ns3"  inside s1, and no further from s2 and s3 than somebody inside them may seem to be
//! "\ns2"        outside of all, but that near to s2
//! "s1"          a visit to s1 that a beacon, till or check-in told
//! ```

/// Shops by name, read from that form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fences<'a>(pub &'a str);

impl<'a> Fences<'a> {
    /// Whether they say nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether a visit was told, not a position.
    #[must_use]
    pub fn is_told(self) -> bool {
        !self.0.is_empty() && !self.0.contains('\n')
    }

    /// The shop that somebody is in; empty if none.
    #[must_use]
    pub fn inside(self) -> &'a str {
        self.0.split('\n').next().unwrap_or_default()
    }

    /// The shops that somebody who was in them may still be in.
    pub fn near(self) -> impl Iterator<Item = &'a str> {
        self.0.split('\n').skip(1).filter(|store| !store.is_empty())
    }

    /// Whether a shop of this name can be told.
    #[must_use]
    pub fn can_name(store: &str) -> bool {
        !store.is_empty() && !store.contains('\n')
    }

    /// Writes what a position says over what `out` holds.
    pub fn write<'s>(inside: &str, near: impl Iterator<Item = &'s str>, out: &mut String) {
        out.clear();
        out.push_str(inside);
        out.push('\n');
        for (n, store) in near.enumerate() {
            if n > 0 {
                out.push('\n');
            }
            out.push_str(store);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let of = |text| (Fences(text).inside(), Fences(text).near().collect::<Vec<_>>(), Fences(text).is_told());
        assert_eq!(of(""), ("", vec![], false));
        assert_eq!(of("\n"), ("", vec![], false));
        assert_eq!(of("s1\n"), ("s1", vec![], false));
        assert_eq!(of("s1\ns2\ns3"), ("s1", vec!["s2", "s3"], false));
        assert_eq!(of("\ns2"), ("", vec!["s2"], false));
        assert_eq!(of("s1"), ("s1", vec![], true));
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = "old".to_owned();
        for (inside, near) in [("", vec![]), ("s1", vec![]), ("s1", vec!["s2", "s3"]), ("", vec!["s2"])] {
            Fences::write(inside, near.iter().copied(), &mut out);
            assert!(!Fences(&out).is_told() && !Fences(&out).is_empty());
            assert_eq!((Fences(&out).inside(), Fences(&out).near().collect::<Vec<_>>()), (inside, near));
        }
        assert!(Fences::can_name("s1") && !Fences::can_name("") && !Fences::can_name("a\nb"));
    }
}
