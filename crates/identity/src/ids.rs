//! By customer, the visitors and contacts of this partition that were claimed for them.

use crumbtrail_events::Key;
use smallvec::SmallVec;

use crate::crowd::{Crowd, Flip, Rank, Settled};
use crate::rows::Standing;
use crate::rules::Rules;
use crate::shards::Keyed;

#[derive(Debug)]
enum Of {
    /// In the order of their keys; so few that all may link.
    Few(SmallVec<[Key; 1]>),
    Many(Box<Crowd>),
}

/// The ids of every customer. Not stored but for what is [settled](Ids::settled).
#[derive(Debug, Default)]
pub(crate) struct Ids(Keyed<Of>);

impl Ids {
    /// Those that were claimed for a customer, in the order of their keys.
    pub(crate) fn of(&self, customer: Key) -> impl Iterator<Item = Key> + '_ {
        let (few, many) = match self.0.get(&customer) {
            Some(Of::Few(ids)) => (ids.as_slice(), None),
            Some(Of::Many(crowd)) => (&[][..], Some(&crowd.ids)),
            None => (&[][..], None),
        };
        few.iter().chain(many.into_iter().flatten()).copied()
    }

    /// Notes that the claim of `id` for a customer has another place; gives why it does not link, if so, and the others that
    /// stand otherwise now. `rank` tells the place of the claim of an id that is listed already.
    pub(crate) fn change(
        &mut self,
        customer: Key,
        id: Key,
        (before, after): (Option<Rank>, Option<Rank>),
        rules: &Rules,
        rank: impl Fn(Key) -> Option<Rank>,
    ) -> (Option<Standing>, Vec<Flip>) {
        let of = self.0.entry(customer).or_insert_with(|| Of::Few(SmallVec::new()));
        if let Of::Few(ids) = of {
            if let Err(place) = ids.binary_search(&id) {
                ids.insert(place, id);
            }
            if ids.len() <= rules.fewest() {
                return (None, Vec::new());
            }
            let others = ids.iter().filter(|listed| **listed != id).map(|listed| (*listed, rank(*listed)));
            *of = Of::Many(Box::new(crowd(others.chain([(id, before)]), Settled::default(), rules)));
        }
        let Of::Many(crowd) = of else { return (None, Vec::new()) };
        crowd.ids.insert(id);
        let others = crowd.change(id, before, after, rules);
        (after.and_then(|after| crowd.cut(after, rules)), others)
    }

    /// Takes an id off a customer's list; gives the others that stand otherwise now.
    pub(crate) fn remove(&mut self, customer: Key, id: Key, rank: Option<Rank>, rules: &Rules) -> Vec<Flip> {
        match self.0.get_mut(&customer) {
            Some(Of::Few(ids)) => ids.retain(|listed| *listed != id),
            Some(Of::Many(crowd)) => {
                crowd.ids.remove(&id);
                return crowd.change(id, rank, None, rules);
            }
            None => {}
        }
        Vec::new()
    }

    /// Forgets an id that nobody has seen for long: nothing stands otherwise for it.
    pub(crate) fn forget(&mut self, customer: Key, id: Key, rank: Option<Rank>, rules: &Rules) {
        let is_done = match self.0.get_mut(&customer) {
            Some(Of::Few(ids)) => {
                ids.retain(|listed| *listed != id);
                ids.is_empty()
            }
            Some(Of::Many(crowd)) => {
                crowd.forget(id, rank, rules);
                crowd.ids.is_empty() && crowd.settled == Settled::default()
            }
            None => false,
        };
        if is_done {
            self.0.remove(&customer);
        }
    }

    /// Notes an id of a snapshot; [`Ids::decide`] comes when all are.
    pub(crate) fn list(&mut self, customer: Key, id: Key) {
        if let Of::Few(ids) = self.0.entry(customer).or_insert_with(|| Of::Few(SmallVec::new()))
            && let Err(place) = ids.binary_search(&id)
        {
            ids.insert(place, id);
        }
    }

    /// Decides of all that is listed, given what was settled, in the order of the customers' keys; gives the claims that do not link, by customer.
    pub(crate) fn decide(
        &mut self,
        settled: &[(Key, Settled)],
        rules: &Rules,
        rank: impl Fn(Key, Key) -> Option<Rank>,
    ) -> Vec<(Key, Flip)> {
        for (customer, _) in settled {
            self.0.entry(*customer).or_insert_with(|| Of::Few(SmallVec::new()));
        }
        let mut cut = Vec::new();
        for (customer, of) in &mut self.0 {
            let place = settled.binary_search_by_key(customer, |(key, _)| *key);
            let settled = place.ok().map(|place| settled[place].1);
            let Of::Few(ids) = of else { continue };
            if ids.len() <= rules.fewest() && settled.is_none() {
                continue;
            }
            let ranks: Vec<(Key, Option<Rank>)> = ids.iter().map(|id| (*id, rank(*id, *customer))).collect();
            let crowd = crowd(ranks.iter().copied(), settled.unwrap_or_default(), rules);
            let why = |(id, rank): (Key, Option<Rank>)| Some((*customer, (id, Some(crowd.cut(rank?, rules)?))));
            cut.extend(ranks.into_iter().filter_map(why));
            *of = Of::Many(Box::new(crowd));
        }
        cut
    }

    /// What is to be stored, in the order of the customers' keys.
    pub(crate) fn settled(&self) -> Vec<(Key, Settled)> {
        let settled = |(customer, of): (&Key, &Of)| match of {
            Of::Many(crowd) if crowd.settled != Settled::default() => Some((*customer, crowd.settled)),
            _ => None,
        };
        let mut all: Vec<(Key, Settled)> = self.0.iter().filter_map(settled).collect();
        all.sort_unstable_by_key(|(customer, _)| *customer);
        all
    }

    pub(crate) fn resident_bytes(&self) -> usize {
        let heap = |of: &Of| match of {
            Of::Few(ids) if ids.spilled() => ids.capacity() * size_of::<Key>(),
            Of::Few(_) => 0,
            Of::Many(crowd) => crowd.resident_bytes(),
        };
        self.0.capacity() * (size_of::<(Key, Of)>() + 1) + self.0.values().map(heap).sum::<usize>()
    }
}

fn crowd(ids: impl Iterator<Item = (Key, Option<Rank>)>, settled: Settled, rules: &Rules) -> Crowd {
    let mut crowd = Crowd::new(settled);
    for (id, rank) in ids {
        crowd.ids.insert(id);
        crowd.change(id, None, rank, rules);
    }
    crowd
}
