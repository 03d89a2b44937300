//! What people hold in their hands: user agents as browsers and crawlers send them.

use crate::dice::Dice;

/// Class of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Desktop,
    Android,
    Phone,
    Tablet,
    Robot,
}

use Class::{Android, Desktop, Phone, Robot, Tablet};

/// Class, weight within all people, user agent.
pub(crate) const AGENTS: [(Class, u32, &str); 24] = [
    (
        Android,
        120,
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36",
    ),
    (
        Android,
        70,
        "Mozilla/5.0 (Linux; Android 14; SM-A556E) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
    ),
    (
        Android,
        60,
        "Mozilla/5.0 (Linux; Android 13; CPH2565) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Mobile Safari/537.36",
    ),
    (
        Android,
        50,
        "Mozilla/5.0 (Linux; Android 14; V2318) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/135.0.0.0 Mobile Safari/537.36",
    ),
    (
        Android,
        40,
        "Mozilla/5.0 (Linux; Android 12; 2201117TG; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/134.0.6998.135 Mobile Safari/537.36 Line/15.5.1/IAB",
    ),
    (
        Android,
        30,
        "Mozilla/5.0 (Linux; Android 14; 23090RA98G; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/136.0.7103.60 Mobile Safari/537.36 Instagram 381.0.0.50.84 Android",
    ),
    (
        Phone,
        130,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    ),
    (
        Phone,
        60,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
    ),
    (
        Phone,
        40,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/136.0.7103.91 Mobile/15E148 Safari/604.1",
    ),
    (
        Phone,
        30,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari Line/15.6.0",
    ),
    (
        Tablet,
        60,
        "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    ),
    (
        Tablet,
        40,
        "Mozilla/5.0 (Linux; Android 14; SM-X216B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36",
    ),
    (
        Desktop,
        120,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36",
    ),
    (
        Desktop,
        50,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36 Edg/136.0.0.0",
    ),
    (
        Desktop,
        50,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
    ),
    (
        Desktop,
        30,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36",
    ),
    (Desktop, 20, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:138.0) Gecko/20100101 Firefox/138.0"),
    (Robot, 0, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    (Robot, 0, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
    (Robot, 0, "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"),
    (Robot, 0, "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)"),
    (
        Robot,
        0,
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    ),
    (Robot, 0, "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"),
    (Robot, 0, "python-requests/2.32.3"),
];

/// How many of the agents are people's; robots' follow.
pub(crate) const PEOPLES: usize = 17;

/// A person's device.
pub(crate) fn any(dice: &mut Dice) -> u8 {
    dice.weighted(AGENTS.iter().map(|(_, weight, _)| *weight)) as u8
}

/// A robot's.
pub(crate) fn robot(dice: &mut Dice) -> u8 {
    (PEOPLES + dice.index(AGENTS.len() - PEOPLES)) as u8
}

/// Class of an agent.
pub(crate) fn class(agent: u8) -> Class {
    AGENTS[usize::from(agent)].0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_enrich::Agent;
    use crumbtrail_events::vocabulary::Device;

    #[test]
    fn agents_are_read_as_what_they_are() {
        for (class, _, agent) in AGENTS {
            let read = Agent::read(agent);
            let (device, is_bot) = match class {
                Class::Desktop => (Device::Desktop, false),
                Class::Android | Class::Phone => (Device::Mobile, false),
                Class::Tablet => (Device::Tablet, false),
                Class::Robot => (read.device, true),
            };
            assert_eq!((read.device, !read.bot.is_empty()), (device, is_bot), "{agent}");
        }
        assert!(AGENTS[PEOPLES..].iter().all(|(class, ..)| *class == Class::Robot));
        assert!(AGENTS[..PEOPLES].iter().all(|(class, ..)| *class != Class::Robot));
    }
}
