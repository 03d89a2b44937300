//! Media events as engagement: what Segment, GA4, Snowplow and Matomo call play, progress and complete, as one thing.

use crumbtrail_events::Kind;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// What became of a video or sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It began or went on.
    Play,
    /// It is being watched.
    Progress,
    /// It was stopped or left.
    Pause,
    /// It was watched to its end.
    Complete,
}

impl Phase {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Play => "play",
            Phase::Progress => "progress",
            Phase::Pause => "pause",
            Phase::Complete => "complete",
        }
    }
}

/// A media event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Media {
    /// What became of it.
    pub phase: Phase,
    /// How far it got, percent of its length, 0 to 100.
    pub percent: Option<f32>,
    /// Where it is, s.
    pub position_s: Option<f32>,
    /// Its length, s.
    pub length_s: Option<f32>,
}

impl Media {
    /// Whether somebody is engaged with it: watched to the end, a quarter of it, or ten seconds.
    #[must_use]
    pub fn is_engagement(&self) -> bool {
        self.phase == Phase::Complete
            || self.percent.is_some_and(|percent| percent >= 25.0)
            || self.position_s.is_some_and(|position| position >= 10.0)
    }
}

/// The kind of an event whose name says no more than `kind`: that of a media event by how far it got, else `kind`.
#[inline]
#[must_use]
pub fn kind_of(kind: Kind, name: &str, properties: &str) -> Kind {
    if !matches!(kind, Kind::Custom | Kind::MediaPlayed) {
        return kind;
    }
    // Our own name for it is none of a vocabulary, and not kept beside the kind.
    let name = if kind == Kind::MediaPlayed { "media_played" } else { name };
    match read(name, properties) {
        Some(Media { phase: Phase::Complete, .. }) => Kind::MediaCompleted,
        Some(media) if media.is_engagement() => Kind::MediaWatched,
        Some(_) => Kind::MediaPlayed,
        None => kind,
    }
}

/// The media event of this name with these properties (a JSON object, or nothing); `None` for an event of another kind.
#[must_use]
pub fn read(name: &str, properties: &str) -> Option<Media> {
    let phase = phase(name)?;
    let found: Found = serde_json::from_str(properties).unwrap_or_default();
    let sane = |value: Option<f64>| value.filter(|value| value.is_finite() && *value >= 0.0).map(|value| value as f32);
    let (position_s, length_s) = (sane(found.position), sane(found.length).filter(|length| *length > 0.0));
    let told = sane(found.percent).filter(|percent| *percent <= 100.0);
    let percent = match (phase, told, position_s, length_s) {
        (Phase::Complete, ..) => Some(100.0),
        (_, Some(percent), ..) => Some(percent),
        (_, None, Some(position), Some(length)) => Some((position / length * 100.0).min(100.0)),
        _ => None,
    };
    Some(Media { phase, percent, position_s, length_s })
}

/// The words of an event's name, in any of the usual spellings: `Video Playback Started`, `video_start`,
/// `media.percent_progress`, `VideoPlay`.
fn phase(name: &str) -> Option<Phase> {
    const LONGEST: usize = 48;
    let mut lower = [0u8; LONGEST];
    let mut len = 0;
    for byte in name.bytes().filter(u8::is_ascii_alphanumeric) {
        *lower.get_mut(len)? = byte.to_ascii_lowercase();
        len += 1;
    }
    let rest = match std::str::from_utf8(&lower[..len]).ok()? {
        name if name.starts_with("video") => &name["video".len()..],
        name if name.starts_with("audio") => &name["audio".len()..],
        name if name.starts_with("media") => &name["media".len()..],
        name if name.starts_with("podcast") => &name["podcast".len()..],
        _ => return None,
    };
    let rest = rest.strip_prefix("playback").or_else(|| rest.strip_prefix("content")).unwrap_or(rest);
    Some(match rest.strip_suffix("event").unwrap_or(rest) {
        "play" | "playing" | "start" | "started" | "resume" | "resumed" | "played" => Phase::Play,
        "progress" | "percentprogress" | "ping" | "heartbeat" => Phase::Progress,
        "pause" | "paused" | "stop" | "stopped" | "interrupted" | "exited" | "seek" => Phase::Pause,
        "complete" | "completed" | "end" | "ended" | "finish" | "finished" => Phase::Complete,
        _ => return None,
    })
}

#[derive(Default)]
struct Found {
    percent: Option<f64>,
    position: Option<f64>,
    length: Option<f64>,
}

impl<'de> Deserialize<'de> for Found {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Found, D::Error> {
        struct FoundVisitor;
        impl<'de> Visitor<'de> for FoundVisitor {
            type Value = Found;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a media event's properties")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
                let mut found = Found::default();
                while let Some(Name(field)) = map.next_key::<Name>()? {
                    match field {
                        Some(Field::Percent) => found.percent = map.next_value::<Amount>()?.0,
                        Some(Field::Position) => found.position = map.next_value::<Amount>()?.0,
                        Some(Field::Length) => found.length = map.next_value::<Amount>()?.0,
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_map(FoundVisitor)
    }
}

enum Field {
    Percent,
    Position,
    Length,
}

/// A property's name as a field of ours.
struct Name(Option<Field>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                Ok(Name(match name {
                    "percent" | "video_percent" | "percent_progress" | "percentProgress" | "progress" => {
                        Some(Field::Percent)
                    }
                    "position" | "video_current_time" | "current_time" | "currentTime" => Some(Field::Position),
                    "total_length" | "totalLength" | "video_duration" | "duration" | "length" => Some(Field::Length),
                    _ => None,
                }))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// A number, or a text that holds one; anything else is none.
struct Amount(Option<f64>);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
        struct AmountVisitor;
        impl<'de> Visitor<'de> for AmountVisitor {
            type Value = Amount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_f64<E>(self, value: f64) -> Result<Amount, E> {
                Ok(Amount(Some(value)))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Amount, E> {
                Ok(Amount(Some(value as f64)))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Amount, E> {
                Ok(Amount(Some(value as f64)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Amount, E> {
                Ok(Amount(text.trim_end_matches('%').parse().ok()))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Amount, E> {
                Ok(Amount(None))
            }
            fn visit_unit<E>(self) -> Result<Amount, E> {
                Ok(Amount(None))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Amount, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Amount(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Amount, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Amount(None))
            }
        }
        deserializer.deserialize_any(AmountVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vocabularys_media_events_are_one() {
        for (name, expected) in [
            ("Video Playback Started", Phase::Play),
            ("Video Content Playing", Phase::Play),
            ("video_start", Phase::Play),
            ("VideoPlay", Phase::Play),
            ("media_play_event", Phase::Play),
            ("video_progress", Phase::Progress),
            ("media.percent_progress_event", Phase::Progress),
            ("Video Playback Paused", Phase::Pause),
            ("Video Playback Interrupted", Phase::Pause),
            ("video_complete", Phase::Complete),
            ("Audio Finished", Phase::Complete),
        ] {
            assert_eq!(read(name, "").map(|media| media.phase), Some(expected), "{name}");
        }
        for name in ["", "Product Viewed", "video", "Video Shared", "videogame_added", "play", &"video".repeat(30)] {
            assert_eq!(read(name, ""), None, "{name}");
        }
    }

    #[test]
    fn how_far_it_got_is_told_or_reckoned() {
        let percent = |name, properties| read(name, properties).unwrap().percent;
        assert_eq!(percent("video_progress", r#"{"video_percent":50,"a":{"b":[1]}}"#), Some(50.0));
        assert_eq!(percent("video_progress", r#"{"percent":"75%"}"#), Some(75.0));
        assert_eq!(percent("Video Content Playing", r#"{"position":30,"total_length":120}"#), Some(25.0));
        assert_eq!(percent("video_progress", r#"{"position":300,"total_length":120}"#), Some(100.0));
        assert_eq!(percent("video_progress", r#"{"percent":-3,"duration":0}"#), None);
        assert_eq!(percent("video_progress", "not json"), None);
        assert_eq!(percent("video_complete", "{}"), Some(100.0));
    }

    #[test]
    fn a_media_event_has_the_kind_of_how_far_it_got() {
        let percent = |percent| format!(r#"{{"percent":{percent}}}"#);
        for (name, properties, expected) in [
            ("video_start", percent(0), Kind::MediaPlayed),
            ("Video Playback Paused", percent(24), Kind::MediaPlayed),
            ("video_progress", percent(25), Kind::MediaWatched),
            ("video_complete", String::new(), Kind::MediaCompleted),
            ("Coupon Denied", percent(99), Kind::Custom),
        ] {
            assert_eq!(kind_of(Kind::Custom, name, &properties), expected, "{name} {properties}");
        }
        assert_eq!(kind_of(Kind::MediaPlayed, "", &percent(30)), Kind::MediaWatched);
        assert_eq!(kind_of(Kind::MediaPlayed, "", ""), Kind::MediaPlayed);
        assert_eq!(kind_of(Kind::Click, "video_complete", ""), Kind::Click, "what is known stays");
    }

    #[test]
    fn a_quarter_or_ten_seconds_is_engagement() {
        let engaged = |name, properties| read(name, properties).unwrap().is_engagement();
        assert!(engaged("video_complete", ""));
        assert!(engaged("video_progress", r#"{"percent":25}"#));
        assert!(engaged("Video Playback Paused", r#"{"position":10.5}"#));
        assert!(!engaged("video_start", ""));
        assert!(!engaged("video_progress", r#"{"percent":10,"position":3}"#));
    }
}
