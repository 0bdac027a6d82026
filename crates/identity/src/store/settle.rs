//! One question for all that has changed, and what its answer changes. Knows how answers hang together, not what they say.

use super::answer::{Answer, Said};
use super::change::Why;
use super::closure::Closure;
use super::profile::Profiles;
use super::row::{Held, Kinds};
use super::{Account, Store};
use crate::facts::facts;
use crate::known::equal_range;
use crate::{Weighed, decide, star};
use caponier_model::{
    AccountFacts, AccountKey, IdentityChange, Link, LinkState, Portion, Refusal, Statement, Tenants, Testimony, Topic,
    Topics,
};
use compact_str::CompactString;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What a settlement did: what it cost, and whether it was in proportion.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Settled {
    /// Accounts whose rows, or whose domains, had changed.
    pub changed: usize,
    /// Accounts of which something else might have been said.
    pub affected: usize,
    /// Accounts whose rows were asked about.
    pub asked: usize,
    /// Rows that were asked about.
    pub rows: usize,
    /// The most accounts that one key brought in.
    pub fan_out: usize,
    /// Changes told.
    pub told: usize,
    /// How often an account was looked at, for its key, its rows or its answer, since the settlement before: what the store did
    /// itself, in proportion to which its time is.
    pub looks: usize,
}

impl Store {
    /// Asks once about all that has changed, and tells what differs from what was told before: sorted, each thing once, nothing
    /// that is as it was. The sum of all changes told is what a join of all rows would tell.
    ///
    /// `ask` is the join: of each topic it says what that topic's query says of the portions that name it. It is not called when
    /// nothing has changed.
    ///
    /// # Errors
    /// What `ask` returns. Everything is then as before, and asked again next time.
    pub fn settle<E>(
        &mut self,
        ask: impl FnOnce(&[Portion], &Tenants) -> Result<Testimony, E>,
    ) -> Result<Vec<IdentityChange>, E> {
        self.absorb();
        let mut changed: BTreeMap<u32, Why> = self.changed.keys().map(|slot| (*slot, Why::Rows)).collect();
        let derived = self.domains.derived();
        changed.extend(self.of_changed_domains(&derived).into_iter().map(|slot| (slot, Why::Domain)));
        changed.extend(self.recheck.iter().map(|slot| (*slot, Why::Recheck)));
        if changed.is_empty() {
            self.settled_domains = derived;
            self.accounts.take_looks();
            return Ok(Vec::new());
        }
        let mut profiles = std::mem::take(&mut self.profiles);
        let closure = self.closure(&changed, &mut profiles);
        // Where it fails, what was learned of profiles is gone, and is learned again.
        let said = ask(&closure.portions, &self.domains.tenants())?;
        let mut changes = self.changed_facts(&closure, &mut profiles);
        let decided = self.decided(&closure, said, &mut profiles);
        changes.extend(self.held_together(&closure, decided));
        changes.sort_unstable();
        let (affected, asked, rows) = (closure.affected.len(), closure.asked, closure.rows());
        let (told, fan_out) = (changes.len(), closure.fan_out);
        let looks = self.accounts.take_looks();
        self.last = Settled { changed: changed.len(), affected, asked, rows, fan_out, told, looks };
        self.changed.clear();
        self.recheck.clear();
        self.settled_domains = derived;
        Ok(changes)
    }

    /// The accounts with a name in a domain that came or went since the last settlement. Looks through all accounts, unless the
    /// changed ones are the only bearers: a rare event.
    fn of_changed_domains(&self, derived: &BTreeSet<(CompactString, caponier_model::TenantId)>) -> Vec<u32> {
        let turned = derived.symmetric_difference(&self.settled_domains);
        let turned: BTreeSet<&str> = turned.map(|(domain, _)| domain.as_str()).collect();
        if turned.is_empty() {
            return Vec::new();
        }
        let bears = |slot: u32| {
            let facts = self.profile(&self.accounts[slot as usize].rows).facts;
            let mut names = facts.iter().flat_map(|f| &f.names);
            names.any(|n| turned.contains(super::domains::domain(n)))
        };
        let known = self.changed.keys().filter(|slot| bears(**slot)).count();
        if turned.iter().map(|d| self.domains.bearers(d)).sum::<usize>() <= known {
            return Vec::new();
        }
        (0..self.accounts.len() as u32).filter(|slot| bears(*slot)).collect()
    }

    /// Facts that differ from those told.
    fn changed_facts(&self, closure: &Closure, profiles: &mut Profiles) -> Vec<IdentityChange> {
        let mut changes = Vec::new();
        for (slot, held) in &self.changed {
            let rows = &self.accounts[*slot as usize].rows;
            let differ = held.differing(rows).iter().fold(Kinds::NONE, |kinds, r| kinds.or(Kinds::of(r)));
            if !Kinds::FACTS.meets(differ) {
                continue;
            }
            if closure.whole || held.kinds().or(rows.kinds()).meets(Kinds::CALLER) {
                // Tokens show PUIDs, which no profile has.
                let made = |held: &Held| facts(&held.rows_of(Kinds::FACTS, &self.words));
                let now = match &closure.portions[..] {
                    [all] if closure.whole => {
                        Cow::Borrowed(equal_range(&all.facts, |f| f.account, self.accounts[*slot as usize].key))
                    }
                    _ => Cow::Owned(made(rows)),
                };
                told_facts(&made(held), &now, &mut changes);
            } else {
                profiles.before(*slot, || self.profile(held));
                profiles.now(*slot, || self.profile(rows));
                if let Some((before, now)) = profiles.both(*slot) {
                    told_facts(&before.facts, &now.facts, &mut changes);
                }
            }
        }
        changes
    }

    /// What is said of each account of which anything else is said, or that is to be decided about again, and what that makes of it
    /// by itself. On topics that were not asked about an account, what was said before still holds.
    fn decided(&self, closure: &Closure, said: Testimony, profiles: &mut Profiles) -> Vec<Decided> {
        let slots: BTreeSet<u32> = closure.affected.keys().chain(&closure.again).copied().collect();
        let place: HashMap<AccountKey, usize, FixedState> =
            slots.iter().enumerate().map(|(i, s)| (self.accounts[*s as usize].key, i)).collect();
        let asked = |slot: u32| closure.affected.get(&slot).copied().unwrap_or_default();
        let topics: Vec<Topics> = slots.iter().map(|s| asked(*s)).collect();
        let mut all: Vec<Decided> = slots.iter().map(|slot| self.standing(*slot, asked(*slot))).collect();
        // Of the others not everything was asked that bears on them.
        let at = |account, topic| place.get(&account).copied().filter(|at| topics[*at].has(topic));
        deal(said.evidence, |e| at(e.account, Topic::of(e.kind)), |at, e| all[at].new.testimony.evidence.push(e));
        deal(said.ambiguities, |a| at(a.account, Topic::of(a.kind)), |at, a| all[at].new.testimony.ambiguities.push(a));
        deal(
            said.refutations,
            |r| at(r.account, Topic::Refutations),
            |at, r| all[at].new.testimony.refutations.push(r),
        );
        all.retain_mut(|Decided { slot, old, new }| {
            new.testimony.evidence.sort_unstable();
            new.testimony.refutations.sort_unstable();
            new.testimony.ambiguities.sort_unstable();
            closure.whole
                || new.testimony != old.testimony
                || new.testimony.evidence.iter().any(|e| closure.outside.contains(&e.home))
                || (closure.again.contains(slot) && !self.is_silent(*slot, old, profiles))
        });
        let whole = self.together(&all);
        let facts = if closure.whole {
            Cow::Borrowed(&closure.portions[0].facts[..])
        } else {
            let homes: BTreeSet<AccountKey> = whole.evidence.iter().map(|e| e.home).collect();
            let homes = homes.into_iter().filter_map(|home| self.find(home));
            let slots: BTreeSet<u32> = all.iter().map(|d| d.slot).chain(homes).collect();
            let make = |slot: u32| self.profile(&self.accounts[slot as usize].rows);
            slots.into_iter().flat_map(|slot| profiles.now(slot, || make(slot)).facts.clone()).collect()
        };
        let Weighed { links, refusals } = decide(&whole, &facts, &self.settings);
        let place: HashMap<AccountKey, usize, FixedState> =
            all.iter().enumerate().map(|(i, d)| (self.accounts[d.slot as usize].key, i)).collect();
        let at = |account: AccountKey| place.get(&account).copied();
        deal(links, |l| at(l.account), |at, l| all[at].new.decided.links.push(l));
        deal(refusals, |r| at(r.account), |at, r| all[at].new.decided.refusals.push(r));
        all
    }

    /// What was said of an account on topics other than `asked`: what stands of it.
    fn standing(&self, slot: u32, asked: Topics) -> Decided {
        let old = self.accounts[slot as usize].answer.read(&self.words);
        let stands = |topic| !asked.has(topic);
        let mut testimony = Testimony::default();
        testimony.evidence.extend(old.testimony.evidence.iter().filter(|e| stands(Topic::of(e.kind))).cloned());
        testimony.ambiguities.extend(old.testimony.ambiguities.iter().filter(|a| stands(Topic::of(a.kind))).cloned());
        if stands(Topic::Refutations) {
            testimony.refutations.clone_from(&old.testimony.refutations);
        }
        Decided { slot, old, new: Said { testimony, ..Said::default() } }
    }

    /// Nothing was ever said of the account, and by its directory there is nothing to explain.
    fn is_silent(&self, slot: u32, old: &Said, profiles: &mut Profiles) -> bool {
        let Account { key, rows, .. } = &self.accounts[slot as usize];
        *old == Said::default()
            && !self.statements.contains_key(key)
            && profiles.now(slot, || self.profile(rows)).outside().is_empty()
    }

    /// All testimony about these accounts, with the statements that name them.
    fn together(&self, all: &[Decided]) -> Testimony {
        let mut whole = Testimony::default();
        for Decided { slot, new, .. } in all {
            whole.evidence.extend_from_slice(&new.testimony.evidence);
            whole.refutations.extend_from_slice(&new.testimony.refutations);
            whole.ambiguities.extend_from_slice(&new.testimony.ambiguities);
            let key = self.accounts[*slot as usize].key;
            whole.statements.extend(self.statements.get(&key).into_iter().flatten().cloned());
        }
        whole.statements.sort_unstable();
        whole.statements.dedup();
        whole
    }

    /// Holds those about whom something else was decided, and those for which they are homes or rivals, against each other, keeps
    /// the result and tells which links differ.
    fn held_together(&mut self, closure: &Closure, decided: Vec<Decided>) -> Vec<IdentityChange> {
        let mut new: BTreeMap<AccountKey, Said> = BTreeMap::new();
        for Decided { slot, old, new: mut said } in decided {
            if said.decided == old.decided && !closure.stated.contains(&slot) {
                said.told.clone_from(&old.told);
                if said != old {
                    self.accounts[slot as usize].answer = Answer::write(&said, &mut self.words);
                }
            } else {
                new.insert(self.accounts[slot as usize].key, said);
            }
        }
        let mut touched: BTreeSet<AccountKey> = new.keys().copied().collect();
        for account in new.keys() {
            touched.extend(self.satellites.get(account).into_iter().flatten());
            touched.extend(self.rivals(*account));
        }
        let (decided, statements) = self.hop(&touched, &new);
        let mut told = split(star(decided, &statements));
        let mut changes = Vec::new();
        for account in touched {
            let slot = self.slot(account);
            let old = self.accounts[slot as usize].answer.read(&self.words);
            let mut said = new.remove(&account).unwrap_or_else(|| old.clone());
            said.told = told.remove(&account).unwrap_or_default();
            if said != old {
                changed_links(&old.told.links, &said.told.links, &mut changes);
                self.follow_homes(account, &old.decided.links, &said.decided.links);
                self.accounts[slot as usize].answer = Answer::write(&said, &mut self.words);
            }
        }
        changes
    }

    /// The accounts that a statement sets apart from this one, or once did.
    fn rivals(&self, account: AccountKey) -> impl Iterator<Item = AccountKey> {
        let said = self.statements.get(&account).into_iter().flatten();
        said.map(move |s| if s.account == account { s.home } else { s.account })
    }

    /// What the answers of `touched` rest on: the links as decided of these accounts, of their homes and of their rivals; their
    /// own refusals; and the statements between them.
    fn hop(&self, touched: &BTreeSet<AccountKey>, new: &BTreeMap<AccountKey, Said>) -> (Weighed, Vec<Statement>) {
        let decided = |account: AccountKey| match new.get(&account) {
            Some(said) => said.decided.clone(),
            None => self
                .find(account)
                .map_or_else(Weighed::default, |slot| self.accounts[slot as usize].answer.decided(&self.words)),
        };
        let mut all = Weighed::default();
        let mut beyond: BTreeSet<AccountKey> = BTreeSet::new();
        let mut statements: BTreeSet<&Statement> = BTreeSet::new();
        for account in touched {
            let Weighed { links, refusals } = decided(*account);
            beyond.extend(links.iter().filter(|l| l.state == LinkState::Accepted).map(|l| l.home));
            beyond.extend(self.rivals(*account));
            statements.extend(self.statements.get(account).into_iter().flatten());
            all.links.extend(links);
            all.refusals.extend(refusals);
        }
        let beyond = beyond.difference(touched);
        all.links.extend(beyond.flat_map(|account| decided(*account).links));
        (all, statements.into_iter().cloned().collect())
    }

    fn follow_homes(&mut self, account: AccountKey, old: &[Link], new: &[Link]) {
        let homes = |links: &[Link]| links.iter().map(|l| l.home).collect::<BTreeSet<_>>();
        let (old, new) = (homes(old), homes(new));
        for home in old.difference(&new) {
            if let Some(satellites) = self.satellites.get_mut(home) {
                satellites.retain(|s| *s != account);
                if satellites.is_empty() {
                    self.satellites.remove(home);
                }
            }
        }
        for home in new.difference(&old) {
            let satellites = self.satellites.entry(*home).or_default();
            if let Err(at) = satellites.binary_search(&account) {
                satellites.insert(at, account);
            }
        }
    }

    /// Rebuilds what follows from the answers, as after reading them from a snapshot; `None` when one is none.
    pub(super) fn index_answers(&mut self) -> Option<()> {
        for slot in 0..self.accounts.len() {
            let account = self.accounts[slot].key;
            let said = self.accounts[slot].answer.checked(&self.words)?;
            self.follow_homes(account, &[], &said.decided.links);
        }
        Some(())
    }
}

/// What to tell of the facts of one account.
fn told_facts(before: &[AccountFacts], now: &[AccountFacts], changes: &mut Vec<IdentityChange>) {
    let gone = before.iter().filter(|b| !now.iter().any(|n| n.from == b.from));
    changes.extend(gone.map(|b| IdentityChange::Forget(b.account, b.from)));
    changes.extend(now.iter().filter(|n| !before.contains(n)).cloned().map(IdentityChange::Account));
}

/// An account decided about: what was said and decided last time, and now.
struct Decided {
    slot: u32,
    old: Said,
    new: Said,
}

/// Hands each item to its place, if it has one.
fn deal<T>(list: Vec<T>, place: impl Fn(&T) -> Option<usize>, mut to: impl FnMut(usize, T)) {
    for item in list {
        if let Some(at) = place(&item) {
            to(at, item);
        }
    }
}

/// Links and refusals by account.
fn split(weighed: Weighed) -> BTreeMap<AccountKey, Weighed> {
    let mut out: BTreeMap<AccountKey, Weighed> = BTreeMap::new();
    weighed.links.into_iter().for_each(|l: Link| out.entry(l.account).or_default().links.push(l));
    weighed.refusals.into_iter().for_each(|r: Refusal| out.entry(r.account).or_default().refusals.push(r));
    out
}

/// Links are told apart by home and beginning.
fn changed_links(old: &[Link], new: &[Link], changes: &mut Vec<IdentityChange>) {
    let same = |a: &Link, b: &Link| (a.account, a.home, a.from) == (b.account, b.home, b.from);
    let gone = old.iter().filter(|o| !new.iter().any(|n| same(o, n)));
    changes.extend(gone.map(|l| IdentityChange::Unlink(l.account, l.home, l.from)));
    changes.extend(new.iter().filter(|n| !old.contains(n)).cloned().map(IdentityChange::Link));
}
