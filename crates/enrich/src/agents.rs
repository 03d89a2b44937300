//! Agents by hash, so that each is read once; the different readings are kept once.

use crumbtrail_events::touchpoint::Section;
use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::agent::Agent;
use crate::cache::Cache;
use crate::places::section;

/// Different readings kept before the table is begun anew: some MB at most.
const MOST_READINGS: usize = 1 << 14;

pub(crate) struct Agents {
    cache: Cache<u16>,
    /// Each with the touchpoint's section it makes if it is no robot.
    list: Vec<(Agent, Box<[u8]>)>,
    numbers: HashMap<Agent, u16>,
    nobody: Agent,
    /// Agents read, and those of them in which no browser was recognised.
    pub(crate) unknown: u64,
}

impl Agents {
    pub(crate) fn new() -> Agents {
        Agents {
            cache: Cache::new(11),
            list: Vec::new(),
            numbers: HashMap::new(),
            nobody: Agent::default(),
            unknown: 0,
        }
    }

    /// What an agent says, and the touchpoint's section it makes if it is no robot.
    #[inline]
    pub(crate) fn of(&mut self, text: &str) -> (&Agent, &[u8]) {
        if text.is_empty() {
            return (&self.nobody, &[]);
        }
        let hash = xxh3_64(text.as_bytes());
        let number = match self.cache.get(hash) {
            Some(number) => number,
            None => self.read(text, hash),
        };
        let (agent, section) = &self.list[usize::from(number)];
        self.unknown += u64::from(agent.is_unknown());
        (agent, section)
    }

    #[cold]
    fn read(&mut self, text: &str, hash: u64) -> u16 {
        let agent = Agent::read(text);
        if self.list.len() >= MOST_READINGS {
            self.cache.clear();
            self.list.clear();
            self.numbers.clear();
        }
        let number = *self.numbers.entry(agent).or_insert_with(|| {
            self.list.push((agent, section(Section::Device, |touchpoint| agent.put(touchpoint))));
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
            assert_eq!(agents.of(&text).0.browser_version.as_str(), format!("{n}.0"));
            assert!(agents.list.len() <= MOST_READINGS);
        }
        assert_eq!(*agents.of("").0, Agent::default());
        assert_eq!(agents.unknown, 0);
        assert!(agents.of("Mozilla/4.0 (compatible;)").0.browser.is_empty());
        assert_eq!(agents.unknown, 1);
    }
}
