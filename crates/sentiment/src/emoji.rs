//! Our own table of emoji in five bins of feeling. Training texts hold few emoji, so their bin is a feature of its own.

/// How an emoji feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bin {
    /// Anger, disgust, grief.
    VeryNegative,
    /// Annoyance, worry, disappointment.
    Negative,
    /// An object or a gesture without a side; also every emoji that is not in the table.
    Neutral,
    /// Approval, mild joy.
    Positive,
    /// Love, celebration, delight.
    VeryPositive,
}

impl Bin {
    /// −2, −1, 0, 1 or 2.
    pub const fn valence(self) -> i32 {
        match self {
            Bin::VeryNegative => -2,
            Bin::Negative => -1,
            Bin::Neutral => 0,
            Bin::Positive => 1,
            Bin::VeryPositive => 2,
        }
    }
}

/// Emoji that feel very bad.
pub const VERY_NEGATIVE: &str = "😡🤬😠👿💔🤮😭🖕💩☠💀😤😾🤢👺👹🔪😫😩😖🗑🚮";
/// Emoji that feel bad.
pub const NEGATIVE: &str =
    "😞😔😟😕🙁☹😣😢😥😰😨😱😓😒🙄😑😐😬👎😦😧😪🥱😴🥺😿🙀😳🤦🤨🤒🤕🥴😵❌⚠🚫⛔📉🆘💢🙅😶🐌🥲🤥😷🫤🫠";
/// Emoji with no side of their own but common in support texts.
pub const NEUTRAL: &str = "🤔🤷👀📦🚚🛒🛍📱💻📞📧📍🕒⏰📅📝🔔💳🏪🏬💰🏷🔗📷🎥👉👇👆ℹ❓❔🔍🏠🚗✈🍜☕🧾📌";
/// Emoji that feel good.
pub const POSITIVE: &str =
    "🙂😀😃😄😁😆😅😂🤣😉😌😏😊☺😇👍👌✌🤞🤝🙏💪✅✔🆗😎🤗🙋😜😛😋🤭👋💯🌟✨⭐🌸🌺🌷🌹☀🌈📈🆒😺🤓🫡👏💡";
/// Emoji that feel very good.
pub const VERY_POSITIVE: &str = "😍🥰😘🤩❤💕💖💗💓💘💝💙💚💛💜🧡🖤🤍♥🎉🥳🎊🏆🥇🔥😻🙌💐🎁😚😙🫶💞🤎😽👑🚀";

/// True for a symbol that is drawn as an emoji or pictograph (modifiers and joiners excepted).
#[inline]
pub const fn is_emoji(symbol: u32) -> bool {
    matches!(symbol, 0x231A..=0x23FF | 0x2600..=0x27BF | 0x1F170..=0x1F251 | 0x1F300..=0x1F3FA | 0x1F400..=0x1FAFF | 0x2B50 | 0x2139)
}

/// The bin of an emoji; `Neutral` if the table does not list it.
pub fn bin(symbol: char) -> Bin {
    for (list, bin) in [
        (VERY_POSITIVE, Bin::VeryPositive),
        (POSITIVE, Bin::Positive),
        (NEGATIVE, Bin::Negative),
        (VERY_NEGATIVE, Bin::VeryNegative),
    ] {
        if list.contains(symbol) {
            return bin;
        }
    }
    Bin::Neutral
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_do_not_overlap_and_hold_emoji_only() {
        let all = [VERY_NEGATIVE, NEGATIVE, NEUTRAL, POSITIVE, VERY_POSITIVE].concat();
        let mut symbols: Vec<char> = all.chars().filter(|&symbol| !matches!(symbol, '\u{200d}' | '\u{fe0f}')).collect();
        assert!(symbols.iter().all(|&symbol| is_emoji(symbol as u32)));
        assert!(symbols.len() >= 150, "{} emoji", symbols.len());
        let count = symbols.len();
        symbols.sort_unstable();
        symbols.dedup();
        assert_eq!(symbols.len(), count, "an emoji stands in two bins");
    }

    #[test]
    fn known_emoji_have_their_bin() {
        assert_eq!(bin('😍'), Bin::VeryPositive);
        assert_eq!(bin('👎'), Bin::Negative);
        assert_eq!(bin('😡'), Bin::VeryNegative);
        assert_eq!(bin('📦'), Bin::Neutral);
        assert_eq!(bin('🪟'), Bin::Neutral);
    }
}
