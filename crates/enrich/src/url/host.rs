//! Hosts as people read them: lower case, internationalised names decoded (RFC 3492), so that `xn--…` and the name
//! itself are one host.

use super::lowered;

/// `host` in lower case with its `xn--` labels decoded: itself where nothing changes, else in `out` (cleared first). A
/// label that decodes to nothing readable stays as it is.
#[inline]
pub fn host_name<'a>(host: &'a str, out: &'a mut String) -> &'a str {
    // All bytes, not up to the first: what the compiler makes wide.
    let plain = |b: u8| u8::from(b.is_ascii_uppercase()) | (b & 0x80) | u8::from(b == b'-');
    if host.bytes().fold(0, |changes, b| changes | plain(b)) == 0 {
        return host;
    }
    if host.contains("--") { rare_host_name(host, out) } else { lowered(host, out) }
}

/// Whether `host` is `domain` or one of its subdomains; both lower-case.
#[inline]
#[must_use]
pub fn covers(domain: &str, host: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')) && !domain.is_empty()
}

fn rare_host_name<'a>(host: &str, out: &'a mut String) -> &'a str {
    let lower = host.to_lowercase();
    out.clear();
    for label in lower.split('.') {
        if !out.is_empty() {
            out.push('.');
        }
        match label.strip_prefix("xn--").and_then(decode) {
            // Nothing that could be taken for another part of a URL, or for nothing.
            Some(name) if !name.is_empty() && name.chars().all(is_name) => out.push_str(&name),
            _ => out.push_str(label),
        }
    }
    out
}

fn is_name(c: char) -> bool {
    // Thai vowels and tone marks are no letters by themselves.
    c.is_alphanumeric() || c == '-' || matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{ebf}')
}

/// What follows `xn--`, decoded; `None` if it is no Punycode.
fn decode(text: &str) -> Option<String> {
    const MOST: usize = 63;
    let (basic, rest) = text.rsplit_once('-').unwrap_or(("", text));
    if text.len() > MOST || !basic.is_ascii() {
        return None;
    }
    let mut name: Vec<char> = basic.chars().collect();
    let (mut code, mut at, mut bias) = (128u32, 0u32, 72u32);
    let mut digits = rest.bytes().peekable();
    while digits.peek().is_some() {
        let (before, mut weight, mut step) = (at, 1u32, 36u32);
        loop {
            let digit = match digits.next()? {
                letter @ b'a'..=b'z' => u32::from(letter - b'a'),
                number @ b'0'..=b'9' => u32::from(number - b'0') + 26,
                _ => return None,
            };
            at = at.checked_add(digit.checked_mul(weight)?)?;
            let threshold = step.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
            step += 36;
        }
        let count = name.len() as u32 + 1;
        bias = adapted(at - before, count, before == 0);
        code = code.checked_add(at / count)?;
        at %= count;
        name.insert(at as usize, char::from_u32(code)?);
        at += 1;
    }
    Some(name.into_iter().collect())
}

fn adapted(delta: u32, count: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / count;
    let mut steps = 0;
    while delta > 455 {
        delta /= 35;
        steps += 36;
    }
    steps + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_covers_its_subdomains_only() {
        assert!(covers("shop.example", "shop.example"));
        assert!(covers("shop.example", "www.shop.example"));
        assert!(!covers("shop.example", "myshop.example"));
        assert!(!covers("shop.example", "example"));
        assert!(!covers("", "shop.example"));
    }

    #[test]
    fn internationalised_hosts_are_read() {
        for (host, name) in [
            ("shop.example", "shop.example"),
            ("Shop.Example", "shop.example"),
            ("xn--bcher-kva.example", "bücher.example"),
            ("XN--BCHER-KVA.example", "bücher.example"),
            ("Bücher.example", "bücher.example"),
            ("xn--42c5b3a1dc8kd.xn--o3cw4h", "ร้านค้า.ไทย"),
            ("xn--r8jz45g.jp", "例え.jp"),
            ("www.xn--mnchen-3ya.de", "www.münchen.de"),
            ("my--shop.example", "my--shop.example"),
            ("xn--.example", "xn--.example"),
            ("xn--99999999999.example", "xn--99999999999.example"),
            ("xn--a\u{e9}.example", "xn--a\u{e9}.example"),
        ] {
            let mut out = String::new();
            assert_eq!(host_name(host, &mut out), name, "{host}");
        }
    }

    #[test]
    fn any_host_is_survived() {
        proptest::proptest!(|(host in "(xn--)?[a-z0-9-]{0,70}(\\.xn--[a-z0-9-]{0,20})?")| {
            let _ = host_name(&host, &mut String::new());
        });
        proptest::proptest!(|(host in "\\PC{0,80}")| {
            let _ = host_name(&host, &mut String::new());
        });
    }
}
