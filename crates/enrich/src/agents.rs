//! Agents by hash, so that each is read once; the different readings are kept once.

use crumbtrail_events::touchpoint::{Section, Touchpoint};
use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::agent::Agent;
use crate::agent::sent::Sent;
use crate::cache::Cache;
use crate::places::section;

/// Different readings kept before the table is begun anew: some MB at most.
const MOST_READINGS: usize = 1 << 14;

pub(crate) struct Agents {
    cache: Cache<u16>,
    list: Vec<KeptAgent>,
    numbers: HashMap<Agent, u16>,
    nobody: KeptAgent,
    /// Agents read, and those of them in which no browser was recognised.
    pub(crate) unknown: u64,
}

/// A reading, and the same as sections of a touchpoint.
#[derive(Default)]
pub(crate) struct KeptAgent {
    pub(crate) agent: Agent,
    /// The versions, checked to be text once.
    browser_version: Box<str>,
    os_version: Box<str>,
    /// True of it if it is no robot.
    device: Box<[u8]>,
    /// True of it if nothing but the agent says something of robots.
    detail: Box<[u8]>,
}

impl KeptAgent {
    fn new(agent: Agent) -> KeptAgent {
        KeptAgent {
            browser_version: agent.browser_version.as_str().into(),
            os_version: agent.os_version.as_str().into(),
            device: section(Section::Device, |touchpoint| agent.put(touchpoint)),
            detail: section(Section::Agent, |touchpoint| agent.put(touchpoint)),
            agent,
        }
    }

    /// As [`Agent::put`].
    #[inline]
    pub(crate) fn put<'a>(&'a self, out: &mut Touchpoint<'a>) {
        self.agent.put_versioned((&self.browser_version, &self.os_version), out);
        (out.prepared.device, out.prepared.agent) = (&self.device, &self.detail);
    }
}

impl Agents {
    pub(crate) fn new() -> Agents {
        Agents {
            cache: Cache::new(11),
            list: Vec::new(),
            numbers: HashMap::new(),
            nobody: KeptAgent::default(),
            unknown: 0,
        }
    }

    /// What an agent says.
    #[inline]
    pub(crate) fn of(&mut self, text: &str) -> &KeptAgent {
        if text.is_empty() {
            return &self.nobody;
        }
        let hash = xxh3_64(text.as_bytes());
        let number = match self.cache.get(hash) {
            Some(number) => number,
            None => self.keep(Agent::read(text), hash),
        };
        self.counted(number)
    }

    /// What an agent says, mended by the hints that came with it.
    pub(crate) fn hinted(&mut self, text: &str, sent: &Sent<'_>) -> &KeptAgent {
        let hash = sent.hash(xxh3_64(text.as_bytes()));
        let number = match self.cache.get(hash) {
            Some(number) => number,
            None => {
                let agent = if text.is_empty() { Agent::default() } else { Agent::read(text) };
                self.keep(sent.mend(agent), hash)
            }
        };
        self.counted(number)
    }

    #[inline]
    fn counted(&mut self, number: u16) -> &KeptAgent {
        let kept = &self.list[usize::from(number)];
        self.unknown += u64::from(kept.agent.is_unknown());
        kept
    }

    #[cold]
    fn keep(&mut self, agent: Agent, hash: u64) -> u16 {
        if self.list.len() >= MOST_READINGS {
            self.cache.clear();
            self.list.clear();
            self.numbers.clear();
        }
        let number = *self.numbers.entry(agent).or_insert_with(|| {
            self.list.push(KeptAgent::new(agent));
            (self.list.len() - 1) as u16
        });
        self.cache.put(hash, number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_readings_than_are_kept_stay_right() {
        let mut agents = Agents::new();
        for n in (0..40_000).chain(0..10) {
            let text = format!("Mozilla/5.0 (Linux; Android {}.{}; SM-S918B) Chrome/{}.0 Mobile", n % 7, n % 11, n);
            assert_eq!(agents.of(&text).agent.browser_version.as_str(), format!("{n}.0"));
            assert!(agents.list.len() <= MOST_READINGS);
        }
        assert_eq!(agents.of("").agent, Agent::default());
        assert_eq!(agents.unknown, 0);
        assert!(agents.of("Mozilla/4.0 (compatible;)").agent.browser.is_empty());
        assert_eq!(agents.unknown, 1);
    }
}
