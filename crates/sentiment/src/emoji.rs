//! Our own table of emoji in five bins of feeling. Training texts hold few emoji, so their bin is a feature of its own.

use std::sync::LazyLock;

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
pub const NEUTRAL: &str = "🙂🙏🤔🤷👀📦🚚🛒🛍📱💻📞📧📍🕒⏰📅📝🔔💳🏪🏬💰🏷🔗📷🎥👉👇👆ℹ❓❔🔍🏠🚗✈🍜☕🧾📌";
/// Emoji that feel good.
pub const POSITIVE: &str =
    "😀😃😄😁😆😅😂🤣😉😌😏😊☺😇👍👌✌🤞🤝💪✅✔🆗😎🤗🙋😜😛😋🤭👋💯🌟✨⭐🌸🌺🌷🌹☀🌈📈🆒😺🤓🫡👏💡";
/// Emoji that feel very good.
pub const VERY_POSITIVE: &str = "😍🥰😘🤩❤💕💖💗💓💘💝💙💚💛💜🧡🖤🤍♥🎉🥳🎊🏆🥇🔥😻🙌💐🎁😚😙🫶💞🤎😽👑🚀";

/// True for a symbol that is drawn as an emoji or pictograph (modifiers and joiners excepted).
#[inline]
pub const fn is_emoji(symbol: u32) -> bool {
    matches!(symbol, 0x231A..=0x23FF | 0x2600..=0x27BF | 0x1F170..=0x1F251 | 0x1F300..=0x1F3FA | 0x1F400..=0x1FAFF | 0x2B50 | 0x2139)
}

/// The bin of an emoji; `Neutral` if the table does not list it.
pub fn bin(symbol: char) -> Bin {
    match valence(symbol as u32) {
        2 => Bin::VeryPositive,
        1 => Bin::Positive,
        -1 => Bin::Negative,
        -2 => Bin::VeryNegative,
        _ => Bin::Neutral,
    }
}

/// First code points of the two blocks that hold all emoji.
const BLOCKS: [u32; 2] = [0x2000, 0x1F100];
const BLOCK_SIZE: u32 = 0xC00;

static VALENCES: LazyLock<[[i8; BLOCK_SIZE as usize]; 2]> = LazyLock::new(|| {
    let mut table = [[0; BLOCK_SIZE as usize]; 2];
    for (list, valence) in [(VERY_POSITIVE, 2), (POSITIVE, 1), (NEGATIVE, -1), (VERY_NEGATIVE, -2)] {
        for code in list.chars().map(u32::from) {
            for (block, first) in table.iter_mut().zip(BLOCKS) {
                if let Some(place) = code.checked_sub(first).and_then(|at| block.get_mut(at as usize)) {
                    *place = valence;
                }
            }
        }
    }
    table
});

/// The valence of an emoji's bin, by its code point.
#[inline]
pub(crate) fn valence(code: u32) -> i32 {
    let block = usize::from(code >= BLOCKS[1]);
    let at = code.wrapping_sub(BLOCKS[block]);
    if at < BLOCK_SIZE { i32::from(VALENCES[block][at as usize]) } else { 0 }
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
        for (list, bin_of_list) in
            [(POSITIVE, Bin::Positive), (NEGATIVE, Bin::Negative), (VERY_NEGATIVE, Bin::VeryNegative)]
        {
            assert!(list.chars().all(|symbol| bin(symbol) == bin_of_list), "{list}");
        }
        let count = symbols.len();
        symbols.sort_unstable();
        symbols.dedup();
        assert_eq!(symbols.len(), count, "an emoji stands in two bins");
    }

    #[test]
    fn known_emoji_have_their_bin() {
        assert_eq!(bin('😍'), Bin::VeryPositive);
        assert_eq!(bin('👎'), Bin::Negative);
        assert_eq!(bin('⭐'), Bin::Positive);
        assert_eq!(bin('😡'), Bin::VeryNegative);
        assert_eq!(bin('📦'), Bin::Neutral);
        assert_eq!(bin('🪟'), Bin::Neutral);
    }
}
