//! Families of phrases in rule files: `(a|b)` is one of these, `[a|b]` one or none.

/// All phrases of a family, in the order written.
pub(crate) fn phrases(family: &str) -> Vec<String> {
    if !family.contains(['(', '[']) {
        return vec![family.to_owned()];
    }
    let mut all = vec![String::new()];
    let mut rest = family;
    while let Some(at) = rest.find(['(', '[']) {
        let (close, optional) = if rest[at..].starts_with('(') { (')', false) } else { (']', true) };
        let Some(end) = rest[at..].find(close).map(|end| at + end) else { break };
        let ways: Vec<&str> = rest[at + 1..end].split('|').chain(optional.then_some("")).collect();
        all = all.iter().flat_map(|begun| ways.iter().map(move |way| [begun, &rest[..at], way].concat())).collect();
        rest = &rest[end + 1..];
    }
    for phrase in &mut all {
        phrase.push_str(rest);
        // What was left out leaves its blanks.
        while let Some(at) = phrase.find("  ") {
            phrase.remove(at);
        }
        phrase.truncate(phrase.trim_end().len());
        phrase.drain(..phrase.len() - phrase.trim_start().len());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_every_combination() {
        assert_eq!(phrases("plain phrase*"), ["plain phrase*"]);
        assert_eq!(
            phrases("(no one|nobody) [ever] came"),
            ["no one ever came", "no one came", "nobody ever came", "nobody came"]
        );
        assert_eq!(phrases("otp[ ]ไม่(มา|เข้า)"), ["otp ไม่มา", "otp ไม่เข้า", "otpไม่มา", "otpไม่เข้า"]);
        assert_eq!(phrases("open ( bracket"), ["open ( bracket"]);
    }
}
