//! Who made the device: Apple by its systems, the others by how they name their models.

use std::sync::OnceLock;

use crate::text::lines;

/// Brands and the beginnings of their models' names, longest first.
fn prefixes() -> &'static [(&'static str, &'static str)] {
    static PREFIXES: OnceLock<Vec<(&'static str, &'static str)>> = OnceLock::new();
    PREFIXES.get_or_init(|| {
        let mut prefixes: Vec<_> = lines(include_str!("../../data/brands.txt"))
            .filter_map(|line| line.split_once(": "))
            .flat_map(|(brand, list)| list.split(", ").map(move |prefix| (prefix, brand)))
            .collect();
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        prefixes
    })
}

/// Brands of devices that are no Android phones, by a part of the agent.
const BY_TOKEN: [(&str, &str); 22] = [
    ("iphone", "Apple"),
    ("ipad", "Apple"),
    ("ipod", "Apple"),
    ("macintosh", "Apple"),
    ("appletv", "Apple"),
    ("apple tv", "Apple"),
    ("playstation", "Sony"),
    ("bravia", "Sony"),
    ("xbox", "Microsoft"),
    ("nintendo", "Nintendo"),
    ("roku", "Roku"),
    ("crkey", "Google"),
    ("web0s", "LG"),
    ("netcast", "LG"),
    ("viera", "Panasonic"),
    ("tizen", "Samsung"),
    ("blackberry", "BlackBerry"),
    ("bb10", "BlackBerry"),
    ("playbook", "BlackBerry"),
    ("kindle", "Amazon"),
    ("silk/", "Amazon"),
    ("nokia", "Nokia"),
];

/// The brand of the device that sent `agent` (in lower case); empty if it doesn't tell.
pub(super) fn of_agent(os: &str, agent: &str) -> &'static str {
    if os == "Android" || os == "HarmonyOS" {
        let brand = of_model(android_model(agent));
        if !brand.is_empty() {
            return brand;
        }
    }
    if os == "iOS" {
        return "Apple";
    }
    BY_TOKEN.iter().find(|(token, _)| agent.contains(token)).map_or("", |(_, brand)| brand)
}

/// The brand of a model, in any case: `SM-S918B` is Samsung's.
pub(super) fn of_model(model: &str) -> &'static str {
    let begins = |prefix: &str| model.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    prefixes().iter().find(|(prefix, _)| begins(prefix)).map_or_else(|| by_shape(model.as_bytes()), |(_, brand)| brand)
}

/// Two makers that number their models: Xiaomi by year and month (`23021RAAEG`), Huawei by three letters and a kind
/// (`NOH-AN01`, `VOG-AL10`, `MAR-LX1A`).
fn by_shape(model: &[u8]) -> &'static str {
    let is_xiaomi = (8..=12).contains(&model.len())
        && model.iter().all(u8::is_ascii_alphanumeric)
        && model.last().is_some_and(u8::is_ascii_alphabetic)
        && matches!(model, [b'2', b'1'..=b'9', b'0', b'1'..=b'9', ..] | [b'2', b'1'..=b'9', b'1', b'0'..=b'2', ..]);
    if is_xiaomi {
        return "Xiaomi";
    }
    let [a, b, c, b'-', kind_a, kind_b, number, ..] = model else { return "" };
    let is_huawei = [a, b, c].iter().all(|letter| letter.is_ascii_alphabetic())
        && [*b"an", *b"al", *b"tl", *b"lx"].contains(&[kind_a, kind_b].map(u8::to_ascii_lowercase))
        && number.is_ascii_digit()
        && model.len() <= 9;
    if is_huawei { "Huawei" } else { "" }
}

/// The model in `(Linux; Android 13; SM-S918B Build/…)`: what follows the system and is neither a language nor a mark.
fn android_model(agent: &str) -> &str {
    let Some(at) = agent.find("android") else { return "" };
    let rest = &agent[at..];
    let rest = &rest[..rest.find(')').unwrap_or(rest.len())];
    let is_mark = |part: &str| {
        matches!(part, "" | "u" | "wv" | "k" | "mobile" | "tablet" | "tv")
            || part.starts_with("rv:")
            || part.len() == 2
            || (part.len() == 5
                && matches!(part.as_bytes()[2], b'-' | b'_')
                && !part.contains(|c: char| c.is_ascii_digit()))
    };
    let part = rest.split(';').skip(1).map(str::trim).find(|part| !is_mark(part)).unwrap_or_default();
    part[..part.find(" build").unwrap_or(part.len())].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_tell_their_makers() {
        for (agent, brand) in [
            ("mozilla/5.0 (linux; android 13; sm-s918b) applewebkit", "Samsung"),
            ("mozilla/5.0 (linux; u; android 12; th; cph2239) applewebkit", "OPPO"),
            ("mozilla/5.0 (linux; u; android 13; id-id; m2101k6g build/tkq1) applewebkit", "Xiaomi"),
            ("mozilla/5.0 (linux; android 13; redmi note 12) applewebkit", "Xiaomi"),
            ("mozilla/5.0 (linux; android 13; v2207; wv) applewebkit", "vivo"),
            ("mozilla/5.0 (linux; android 14; pixel 8) applewebkit", "Google"),
            ("mozilla/5.0 (linux; android 13; rmx3710) applewebkit", "realme"),
            ("mozilla/5.0 (linux; android 12; infinix x6816) applewebkit", "Infinix"),
            ("mozilla/5.0 (linux; android 9; aftt) applewebkit silk/94", "Amazon"),
            ("mozilla/5.0 (linux; android 10; k) applewebkit", ""),
            ("mozilla/5.0 (linux; android 13; 23021raaeg) applewebkit", "Xiaomi"),
            ("mozilla/5.0 (linux; android 14; 2501frp68g build/up1a) applewebkit", "Xiaomi"),
            ("mozilla/5.0 (linux; android 10; noh-an01) applewebkit", "Huawei"),
            ("mozilla/5.0 (linux; android 10; hma-al00) applewebkit", "Huawei"),
            ("mozilla/5.0 (linux; android 9; dra-lx5) applewebkit", "Huawei"),
            ("mozilla/5.0 (linux; android 12; nth-an00) applewebkit", "HONOR"),
            ("mozilla/5.0 (linux; android 10; jsn-l21) applewebkit", "HONOR"),
            ("mozilla/5.0 (linux; android 10; 20231301) applewebkit", ""),
            ("mozilla/5.0 (linux; android 10; 2313raaeg) applewebkit", ""),
            ("mozilla/5.0 (linux; android 10; abc-animal) applewebkit", ""),
            ("mozilla/5.0 (android 14; mobile; rv:127.0) gecko", ""),
            ("dalvik/2.1.0 (linux; u; android 13; sm-a536e build/tp1a)", "Samsung"),
        ] {
            assert_eq!(of_agent("Android", agent), brand, "{agent}");
        }
        assert_eq!(of_agent("iOS", "shop/4.2.1 cfnetwork/1410.0.3 darwin/22.6.0"), "Apple");
        assert_eq!(of_agent("macOS", "mozilla/5.0 (macintosh; intel mac os x 10_15_7)"), "Apple");
        assert_eq!(of_agent("Windows", "mozilla/5.0 (windows nt 10.0; win64; x64)"), "");
        assert_eq!(of_model("Pixel 8 Pro"), "Google");
    }

    #[test]
    fn no_prefix_belongs_to_two_brands() {
        let mut seen: Vec<_> = prefixes().iter().map(|(prefix, _)| prefix).collect();
        seen.sort_unstable();
        let all = seen.len();
        seen.dedup();
        assert_eq!((all, all > 80), (seen.len(), true));
    }
}
