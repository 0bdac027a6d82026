//! Which accounts bear a key. Knows keys as numbers and accounts as slots, nothing of either's meaning.

use super::ties::Key;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::collections::BTreeSet;

/// Above this many bearers a list gives way to a tree, so that one more bearer of a value which everybody bears costs no more
/// than one of another.
const LIST: usize = 64;

/// Bearers by key. Of every two keys nearly all have one bearer: it stands in the map itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Postings {
    /// Classes are all 0 for a whole key.
    map: HashMap<u64, Bearers, FixedState>,
}

/// (class, slot), sorted.
#[derive(Clone, Debug)]
#[expect(
    clippy::box_collection,
    reason = "the map holds millions of these and nearly all are `One`: sixteen bytes, not thirty-two"
)]
enum Bearers {
    One(u64, u32),
    Few(Box<Vec<(u64, u32)>>),
    Many(Box<BTreeSet<(u64, u32)>>),
}

impl Bearers {
    /// The first bearer that is not before `bound`.
    fn at(&self, bound: (u64, u32)) -> Option<(u64, u32)> {
        match self {
            Self::One(class, slot) => Some((*class, *slot)).filter(|b| *b >= bound),
            Self::Few(list) => list.get(list.partition_point(|b| *b < bound)).copied(),
            Self::Many(tree) => tree.range(bound..).next().copied(),
        }
    }

    fn add(&mut self, new: (u64, u32)) {
        match self {
            Self::One(class, slot) => {
                let mut list = vec![(*class, *slot), new];
                list.sort_unstable();
                list.dedup();
                *self = Self::Few(Box::new(list));
            }
            Self::Few(list) => {
                if let Err(at) = list.binary_search(&new) {
                    list.insert(at, new);
                }
                if list.len() > LIST {
                    *self = Self::Many(Box::new(list.iter().copied().collect()));
                }
            }
            Self::Many(tree) => {
                tree.insert(new);
            }
        }
    }

    /// True when nobody is left.
    fn remove(&mut self, old: (u64, u32)) -> bool {
        match self {
            Self::One(class, slot) => (*class, *slot) == old,
            Self::Few(list) => {
                list.retain(|b| *b != old);
                match list[..] {
                    [] => return true,
                    [(class, slot)] => *self = Self::One(class, slot),
                    _ => {}
                }
                false
            }
            Self::Many(tree) => {
                tree.remove(&old);
                if tree.len() <= LIST / 2 {
                    *self = Self::Few(Box::new(tree.iter().copied().collect()));
                }
                false
            }
        }
    }
}

impl Postings {
    /// `slot` bears `key`; again is as good as once.
    pub(super) fn add(&mut self, key: Key, slot: u32) {
        match self.map.entry(key.hash) {
            Entry::Occupied(mut bearers) => {
                if bearers.get().at((key.class, slot)) != Some((key.class, slot)) {
                    bearers.get_mut().add((key.class, slot));
                }
            }
            Entry::Vacant(place) => {
                place.insert(Bearers::One(key.class, slot));
            }
        }
    }

    /// `slot` bears `key` no more.
    pub(super) fn remove(&mut self, key: Key, slot: u32) {
        if let Entry::Occupied(mut bearers) = self.map.entry(key.hash)
            && bearers.get_mut().remove((key.class, slot))
        {
            bearers.remove();
        }
    }

    /// Every bearer of a key, by class and slot.
    pub(super) fn bearers(&self, hash: u64) -> impl Iterator<Item = (u64, u32)> {
        let bearers = self.map.get(&hash);
        let mut bound = Some((0, 0));
        std::iter::from_fn(move || {
            let found = bearers?.at(bound?)?;
            bound = after(found);
            Some(found)
        })
    }

    /// Of every class of a key's bearers the first two that are `wanted`; costs those passed over, not those left out.
    pub(super) fn two_of_each_class(
        &self,
        hash: u64,
        mut wanted: impl FnMut(u32) -> bool,
        mut found: impl FnMut(u64, Two),
    ) {
        let Some(bearers) = self.map.get(&hash) else { return };
        let mut next = bearers.at((0, 0));
        while let Some((class, _)) = next {
            let mut two = Two::None;
            while let Some(bearer) = next.filter(|b| b.0 == class) {
                if wanted(bearer.1) {
                    two = match two {
                        Two::None => Two::One(bearer.1),
                        Two::One(first) => Two::Both(first, bearer.1),
                        both @ Two::Both(..) => both,
                    };
                }
                if matches!(two, Two::Both(..)) {
                    break;
                }
                next = after(bearer).and_then(|b| bearers.at(b));
            }
            found(class, two);
            next = class.checked_add(1).and_then(|class| bearers.at((class, 0)));
        }
    }

    /// How many keys are borne.
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }
}

/// The first bearers of one class: nobody, the only one, or two of perhaps more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Two {
    None,
    One(u32),
    Both(u32, u32),
}

impl Two {
    /// Those there are.
    pub(super) fn slots(self) -> impl Iterator<Item = u32> {
        let (first, second) = match self {
            Self::None => (None, None),
            Self::One(one) => (Some(one), None),
            Self::Both(first, second) => (Some(first), Some(second)),
        };
        first.into_iter().chain(second)
    }
}

fn after((class, slot): (u64, u32)) -> Option<(u64, u32)> {
    match slot.checked_add(1) {
        Some(slot) => Some((class, slot)),
        None => class.checked_add(1).map(|class| (class, 0)),
    }
}
