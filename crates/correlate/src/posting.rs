//! Postings: per value, the findings that hold it in order of time, and the candidate edges between neighbours.
//!
//! What changes is noted and brought up to date once, by [`Postings::refresh`], and only around what changed.

use crate::Settings;
use crate::ahead::Spot;
use crate::entries::{Entries, Entry, late};
use crate::meant::Meant;
use crate::place::{self, Places};
use crate::prolific::{Crossed, Measure, Prolific};
use crate::slab::Slab;
use crate::value::{Counterpart, Rule, Value};
use caponier_model::{AccountKey, EdgeKind, EventTime, TenantId};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

mod behind;

pub(crate) use behind::Behind;

/// A finding's place in the engine's slab.
pub(crate) type FindingIx = u32;
/// A value's place in the arena.
pub(crate) type ValueIx = u32;

/// No place: an account where none is meant.
pub(crate) const NOBODY: u32 = u32::MAX;

/// What a posting must know of a finding.
pub(crate) trait Holder {
    /// Compares two findings by key; times are compared before.
    fn compare(&self, a: FindingIx, b: FindingIx) -> std::cmp::Ordering;
    /// What G2 counts for this finding.
    fn counterparts(&self, finding: FindingIx, what: Counterpart) -> &[ValueIx];
    /// Candidate edges that end at this finding.
    fn links(&self, finding: FindingIx) -> &[Link];
    /// Values the finding is posted under.
    fn values(&self, finding: FindingIx) -> impl Iterator<Item = ValueIx>;
    /// The tenant of a finding.
    fn tenant(&self, finding: FindingIx) -> Option<TenantId>;
}

/// A candidate bridge edge; `a` is the earlier end. Accounts are places of their values, or [`NOBODY`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Link {
    pub a: FindingIx,
    pub b: FindingIx,
    pub value: ValueIx,
    pub kind: EdgeKind,
    pub gap: i64,
    pub strength: u32,
    pub account_a: ValueIx,
    pub account_b: ValueIx,
}

/// How prolific a value is for an edge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Level {
    /// It may bridge.
    Open,
    /// Above the cap: it may attach.
    Attach,
    /// Above twice the cap: it joins nothing.
    Closed,
}

/// One value's findings.
#[derive(Debug)]
pub(crate) struct Posting {
    pub value: Value,
    pub rule: Arc<Rule>,
    pub entries: Entries,
    /// What is known of several entries; none while there was never more than one.
    pub more: Option<More>,
    /// No interval among the entries is longer, nor was one ever, in seconds: how far back a scan must look beyond the window.
    pub longest: i64,
    /// Weak pairs that rest on this value.
    pairs: u32,
    /// Its place among what changed, or [`NOBODY`].
    noted: u32,
    /// G4: the operator says that it is shared.
    shared: bool,
}

/// What several entries of one value are together.
#[derive(Debug, Default)]
pub(crate) struct More {
    prolific: Option<Box<Prolific>>,
    /// Counterparts of all entries together.
    mass: u32,
    /// Accounts that its entries mean.
    meant: Meant,
    /// It joins nothing: a name of two accounts, or a source incident that is too big.
    severed: bool,
    /// Entries beyond the budget of their hour (G12).
    pub surplus: u32,
}

impl More {
    pub(crate) fn of(entries: &[Entry]) -> Self {
        let mut more = Self::default();
        entries.iter().for_each(|entry| more.add(entry));
        more
    }

    fn add(&mut self, entry: &Entry) {
        self.mass += u32::from(entry.parts);
        self.meant.add(entry.account);
    }

    fn take(&mut self, gone: &Entry, left: &[Entry]) {
        self.mass -= u32::from(gone.parts);
        self.surplus -= u32::from(gone.is_surplus());
        self.meant.take(gone.account, left);
    }
}

/// What changed in a posting since it was refreshed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dirty {
    value: ValueIx,
    /// Entries before this one are as they were.
    pub from: usize,
    /// The earliest and latest beginning of what changed.
    pub low: EventTime,
    pub high: EventTime,
    /// A window of too many started at an entry that is gone.
    pub was_over: bool,
}

/// All postings.
#[derive(Debug, Default)]
pub(crate) struct Postings {
    ids: Places,
    all: Slab<Posting>,
    rules: Vec<Arc<Rule>>,
    tenants: Vec<TenantId>,
    noted: Vec<Dirty>,
    /// Values that a link which is not accepted points to.
    possible: usize,
    /// Pairs of tenants whose trust some finding says was changed.
    trusts: usize,
    /// For each place of a value, whether a loose finding could attach by it: [`Posting::may_attach`] without the row.
    attaching: Vec<bool>,
    /// Values that became prolific and were not told yet: at most one for each that is held.
    pub crossed: VecDeque<Crossed>,
}

/// What refreshing one posting after the other changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Links that are gone; some of them may be among the added again.
    pub removed: Vec<Link>,
    pub added: Vec<Link>,
    /// Of the last of them, entries, from the first to the last, between which the value became more or less prolific.
    pub levels: Option<(usize, usize)>,
}

impl Postings {
    /// The place of a value, made on first use.
    pub(crate) fn intern(&mut self, value: &Value, settings: &Settings) -> ValueIx {
        self.intern_at(value, Spot { hash: place::hash(value), place: None }, settings, |_| None)
    }

    /// Where a value of this hash is likely to be.
    pub(crate) fn likely(&self, hash: u32) -> Option<ValueIx> {
        self.ids.likely(hash)
    }

    /// The same of a value that was looked for, where the caller may know the places of what a pair rests on.
    pub(crate) fn intern_at(
        &mut self,
        value: &Value,
        spot: Spot,
        settings: &Settings,
        known: impl Fn(&Value) -> Option<ValueIx>,
    ) -> ValueIx {
        let Spot { hash, place } = spot;
        if let Some(ix) = place.filter(|ix| self.get(*ix).is_some_and(|p| p.value == *value)) {
            return ix;
        }
        if let Some(ix) = self.find_hashed(hash, value) {
            return ix;
        }
        let posting = self.posting(value.clone(), settings);
        let ix = self.all.insert(posting);
        self.ids.insert_new(hash, ix);
        self.possible += usize::from(matches!(value, Value::Possible(_)));
        self.trusts += usize::from(matches!(value, Value::Trust(..)));
        for half in value.halves().into_iter().flatten() {
            let half = known(&half).unwrap_or_else(|| self.intern(&half, settings));
            if let Some(posting) = self.all.get_mut(half) {
                posting.pairs += 1;
            }
        }
        ix
    }

    fn posting(&mut self, value: Value, settings: &Settings) -> Posting {
        let rule = value.rule(settings);
        let rule = match self.rules.iter().find(|r| ***r == rule) {
            Some(rule) => rule.clone(),
            None => {
                let rule = Arc::new(rule);
                self.rules.push(rule.clone());
                rule
            }
        };
        // What has no cap is no value that many may share: a detection is not its account.
        let listed = rule.cap.is_some() && !settings.shared_values.is_empty();
        let shared = listed && settings.shared_values.contains(&value.shown().1);
        Posting { value, rule, entries: Entries::default(), more: None, longest: 0, pairs: 0, noted: NOBODY, shared }
    }

    /// A tenant's place among those seen.
    pub(crate) fn tenant(&mut self, tenant: TenantId) -> u16 {
        let known = self.tenants.iter().position(|t| *t == tenant);
        let place = known.unwrap_or_else(|| {
            self.tenants.push(tenant);
            self.tenants.len() - 1
        });
        place.min(usize::from(u16::MAX)) as u16
    }

    /// The account whose value has this place.
    pub(crate) fn account(&self, ix: ValueIx) -> Option<AccountKey> {
        match self.get(ix)?.value {
            Value::Account(account) => Some(account),
            _ => None,
        }
    }

    /// False where no loose finding could attach by this value.
    pub(crate) fn may_attach(&self, ix: ValueIx) -> bool {
        self.attaching.get(ix as usize).is_some_and(|open| *open)
    }

    /// Writes down whether a loose finding could attach by a value, after it changed.
    fn keep_open(&mut self, ix: ValueIx) {
        let open = self.get(ix).is_some_and(Posting::may_attach);
        let at = ix as usize;
        if at >= self.attaching.len() {
            self.attaching.resize(at + 1, false);
        }
        self.attaching[at] = open;
    }

    /// The place of a value that is held.
    pub(crate) fn find(&self, value: &Value) -> Option<ValueIx> {
        self.find_hashed(place::hash(value), value)
    }

    fn find_hashed(&self, hash: u32, value: &Value) -> Option<ValueIx> {
        self.ids.find(hash, |ix| self.get(ix).is_some_and(|p| p.value == *value))
    }

    /// A posting that is held.
    pub(crate) fn get(&self, ix: ValueIx) -> Option<&Posting> {
        self.all.get(ix)
    }

    /// All that are held.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Posting> {
        self.all.iter().map(|(_, posting)| posting)
    }

    /// How many values are held.
    pub(crate) fn held(&self) -> usize {
        self.ids.len()
    }

    /// False where no finding names an account that a link which is not accepted leads away from.
    pub(crate) fn any_possible(&self) -> bool {
        self.possible > 0
    }

    /// False where no finding says that the trust between tenants was changed.
    pub(crate) fn any_trust(&self) -> bool {
        self.trusts > 0
    }

    /// Puts a finding into a posting; [`Postings::refresh`] must follow.
    pub(crate) fn insert(&mut self, ix: ValueIx, entry: Entry, holder: &impl Holder) {
        let Some(posting) = self.get(ix) else { return };
        let before = |e: &Entry| {
            let order = e.first.cmp(&entry.first).then_with(|| holder.compare(e.finding, entry.finding));
            order.then_with(|| self.account(e.account).cmp(&self.account(entry.account))).is_lt()
        };
        let at = match posting.entries.last() {
            None => 0,
            Some(last) if before(last) => posting.entries.len(),
            Some(_) => late(&posting.entries, before),
        };
        let Some(posting) = self.all.get_mut(ix) else { return };
        let parts = holder.counterparts(entry.finding, posting.rule.counts).len();
        let mut entry = Entry { parts: parts.min(usize::from(u16::MAX)) as u16, ..entry };
        posting.longest = posting.longest.max(entry.last.seconds_since(entry.first));
        if posting.more.is_some() || !posting.entries.is_empty() {
            posting.more.get_or_insert_with(|| More::of(&posting.entries)).add(&entry);
            entry.set_new();
        }
        posting.entries.insert(at, entry);
        // What stands alone joins nothing: there is nothing to bring up to date.
        if !posting.is_single() {
            note(&mut self.noted, posting, ix, (at, entry.first));
        }
        self.keep_open(ix);
    }

    /// Takes a finding that began at `first` out of a posting; [`Postings::refresh`] must follow.
    pub(crate) fn remove(&mut self, ix: ValueIx, finding: FindingIx, first: EventTime) {
        let Some(posting) = self.all.get_mut(ix) else { return };
        while let Some(at) = posting.place(finding, first) {
            let Some(gone) = posting.entries.remove(at) else { break };
            posting.less(&gone);
            let dirty = note(&mut self.noted, posting, ix, (at, first));
            dirty.was_over |= gone.over() > 0;
        }
        self.keep_open(ix);
    }

    /// Lets an evicted finding go: its links go with it, and nobody else's change.
    pub(crate) fn forget(&mut self, ix: ValueIx, finding: FindingIx, first: EventTime) {
        let Some(posting) = self.all.get_mut(ix) else { return };
        while let Some(at) = posting.place(finding, first) {
            let Some(gone) = posting.entries.remove(at) else { break };
            posting.less(&gone);
            if at == 0 && posting.noted == NOBODY && !posting.has_surplus() {
                let prolific = posting.more.as_mut().and_then(|more| more.prolific.as_mut());
                prolific.into_iter().for_each(|p| p.pop_front());
            } else if posting.prolific().is_some() || posting.has_surplus() {
                note(&mut self.noted, posting, ix, (at, first));
            }
        }
        self.keep_open(ix);
    }

    /// Counts again where findings were let go between others; links stay as they are.
    pub(crate) fn remeasure(&mut self, settings: &Settings, holder: &impl Holder) {
        for dirty in std::mem::take(&mut self.noted) {
            if let Some(posting) = self.all.get_mut(dirty.value) {
                posting.noted = NOBODY;
                posting.measure(&dirty, settings.caps.window, holder);
                posting.spend(&dirty);
            }
            self.keep_open(dirty.value);
            self.release(dirty.value);
        }
    }

    /// Notes that the edges of a finding in this posting must be looked at again.
    pub(crate) fn touch(&mut self, ix: ValueIx, finding: FindingIx, first: EventTime) {
        if let Some(posting) = self.all.get_mut(ix)
            && let Some(at) = posting.place(finding, first)
        {
            note(&mut self.noted, posting, ix, (at, first));
        }
    }

    /// Says of a finding in a posting that its detector is common, or is not; [`Postings::refresh`] must follow.
    pub(crate) fn mark(&mut self, ix: ValueIx, finding: FindingIx, first: EventTime, common: bool) {
        let Some(posting) = self.all.get_mut(ix) else { return };
        let Some(start) = posting.place(finding, first) else { return };
        for at in start..posting.entries.len() {
            let entry = posting.entries[at];
            if entry.first != first {
                break;
            }
            if entry.finding == finding {
                posting.entries[at] = entry.of_common(common);
            }
        }
        note(&mut self.noted, posting, ix, (start, first));
    }

    /// The values that changed since this was last called: what is no pair first, since pairs rest on it.
    pub(crate) fn changed(&mut self) -> (Vec<Dirty>, Vec<Dirty>) {
        let mut noted = std::mem::take(&mut self.noted);
        noted.sort_unstable_by_key(|d| d.value);
        for dirty in &noted {
            if let Some(posting) = self.all.get_mut(dirty.value) {
                posting.noted = NOBODY;
            }
        }
        noted.into_iter().partition(|d| self.get(d.value).is_some_and(|p| !p.value.is_pair()))
    }

    /// Frees the value where nobody holds it any more.
    pub(crate) fn release(&mut self, ix: ValueIx) {
        let Some(posting) = self.all.get(ix) else { return };
        if !posting.entries.is_empty() || posting.pairs > 0 || posting.noted != NOBODY {
            return;
        }
        let Some(posting) = self.all.remove(ix) else { return };
        self.keep_open(ix);
        self.ids.remove(place::hash(&posting.value), ix);
        self.possible -= usize::from(matches!(posting.value, Value::Possible(_)));
        self.trusts -= usize::from(matches!(posting.value, Value::Trust(..)));
        for half in posting.value.halves().into_iter().flatten() {
            let Some(half) = self.find(&half) else { continue };
            if let Some(posting) = self.all.get_mut(half) {
                posting.pairs -= 1;
            }
            self.release(half);
        }
    }

    /// Brings a posting up to date: how prolific it is, and its links around what changed. Where levels changed, the pairs that
    /// rest on it are noted.
    pub(crate) fn refresh(&mut self, dirty: &Dirty, settings: &Settings, holder: &impl Holder, out: &mut Changes) {
        out.levels = None;
        let ix = dirty.value;
        let Some(posting) = self.all.get_mut(ix).filter(|posting| !posting.is_single()) else { return };
        out.levels = posting.measure(dirty, settings.caps.window, holder);
        if let Some(levels) = out.levels {
            self.crossed.extend(posting.crossed(levels, holder));
        }
        if let Some((low, high)) = posting.spend(dirty) {
            out.levels = Some(out.levels.map_or((low, high), |(l, h)| (l.min(low), h.max(high))));
        }
        let range = out.levels.filter(|_| posting.pairs > 0);
        let concerned: Vec<(FindingIx, EventTime)> =
            range.iter().flat_map(|(i, j)| posting.entries[*i..=*j].iter()).map(|e| (e.finding, e.first)).collect();
        match posting.value.halves().filter(|_| posting.rule.bridges) {
            None if posting.rule.bridges => posting.relink(dirty, settings, holder, &[], out),
            None => {}
            Some(halves) => {
                // Others are looked at meanwhile.
                let Some(mut posting) = self.all.lift(ix) else { return };
                let halves = halves.map(|h| self.find(&h).and_then(|h| self.get(h)));
                posting.relink(dirty, settings, holder, &halves, out);
                self.all.put(ix, posting);
            }
        }
        self.keep_open(ix);
        for (finding, first) in concerned {
            let pairs = holder.values(finding).filter(|v| self.rests_on(*v, ix));
            for pair in pairs.collect::<Vec<_>>() {
                self.touch(pair, finding, first);
            }
        }
    }

    fn rests_on(&self, pair: ValueIx, half: ValueIx) -> bool {
        let Some(half) = self.get(half).map(|p| &p.value) else { return false };
        self.get(pair).and_then(|p| p.value.halves()).is_some_and(|halves| halves.contains(half))
    }
}

impl Dirty {
    /// The value whose posting changed.
    pub(crate) const fn value(&self) -> ValueIx {
        self.value
    }
}

fn note<'d>(
    noted: &'d mut Vec<Dirty>,
    posting: &mut Posting,
    ix: ValueIx,
    (at, first): (usize, EventTime),
) -> &'d mut Dirty {
    if posting.noted == NOBODY {
        posting.noted = noted.len() as u32;
        noted.push(Dirty { value: ix, from: at, low: first, high: first, was_over: false });
    }
    let dirty = &mut noted[posting.noted as usize];
    dirty.from = dirty.from.min(at);
    dirty.low = dirty.low.min(first);
    dirty.high = dirty.high.max(first);
    dirty
}

impl Posting {
    /// Something of every piece of memory that posting one more finding touches.
    pub(crate) fn glance(&self) -> u32 {
        self.entries.last().map_or(0, |e| e.finding) ^ self.mass() ^ self.noted ^ self.value.glance()
    }

    /// Where a finding stands.
    pub(crate) fn place(&self, finding: FindingIx, first: EventTime) -> Option<usize> {
        let start = late(&self.entries, |e| e.first < first);
        let same = self.entries[start..].iter().take_while(|e| e.first == first);
        Some(start + same.map(|e| e.finding).position(|f| f == finding)?)
    }

    /// Entries within the window of the one at `at`, itself excepted, with the gap in seconds.
    pub(crate) fn near(&self, at: usize) -> impl Iterator<Item = (usize, &Entry, i64)> {
        let here = self.entries[at];
        let window = self.rule.window.unwrap_or(i64::MAX);
        let reach = window.saturating_add(self.longest);
        let before = (0..at).rev().map(|i| (i, &self.entries[i]));
        let before = before.take_while(move |(_, e)| here.first.seconds_since(e.first) <= reach);
        let after = (at + 1..self.entries.len()).map(|i| (i, &self.entries[i]));
        let after = after.take_while(move |(_, e)| e.first.seconds_since(here.last) <= window);
        before
            .chain(after)
            .filter(move |(_, e)| e.finding != here.finding)
            .map(move |(i, e)| (i, e, gap(&here, e)))
            .filter(move |(_, _, gap)| *gap <= window)
    }

    /// True where the value is so prolific around an entry that it joins it to nothing: one look instead of a scan, since
    /// a busy address has thousands of neighbours.
    pub(crate) fn is_closed_around(&self, at: usize, span: i64) -> bool {
        if !self.is_prolific() {
            return false;
        }
        let here = self.entries[at];
        let window = self.rule.window.unwrap_or(i64::MAX);
        let reach = window.saturating_add(self.longest);
        let from = late(&self.entries, |e| here.first.seconds_since(e.first) > reach);
        let until = late(&self.entries, |e| e.first.seconds_since(here.last) <= window);
        // A window that holds the outermost two holds every pair between them.
        self.level(from, until.saturating_sub(1), span) == Level::Closed
    }

    /// Entries within `window` seconds of an interval, with the gap in seconds.
    pub(crate) fn around(&self, first: EventTime, last: EventTime, window: i64) -> impl Iterator<Item = (&Entry, i64)> {
        let reach = window.saturating_add(self.longest);
        let start = late(&self.entries, |e| first.seconds_since(e.first) > reach);
        let entries = self.entries[start..].iter().take_while(move |e| e.first.seconds_since(last) <= window);
        entries
            .map(move |e| (e, e.first.max(first).seconds_since(e.last.min(last)).max(0)))
            .filter(move |(_, gap)| *gap <= window)
    }

    /// An entry is gone.
    fn less(&mut self, gone: &Entry) {
        if let Some(more) = &mut self.more {
            more.take(gone, &self.entries);
        }
    }

    fn prolific(&self) -> Option<&Prolific> {
        self.more.as_ref()?.prolific.as_deref()
    }

    fn mass(&self) -> u32 {
        let one = || self.entries.iter().map(|e| u32::from(e.parts)).sum();
        self.more.as_ref().map_or_else(one, |more| more.mass)
    }

    /// True where it joined nothing when it was last looked at.
    fn is_cut_off(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.severed)
    }

    /// G4: the operator says that it is shared.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// False where no loose finding could attach by it: not its kind, or a bridge that is not prolific anywhere.
    pub(crate) fn may_attach(&self) -> bool {
        let bridges = self.rule.bridges && !self.shared && !self.has_surplus();
        self.entries.len() > 1 && self.rule.attaches && (!bridges || self.is_prolific())
    }

    /// True for a value of one finding, which joins nothing: most are.
    fn is_single(&self) -> bool {
        self.entries.len() < 2
            && !self.has_surplus()
            && self.prolific().is_none()
            && self.rule.cap.is_none_or(|cap| self.mass() <= cap)
    }

    fn is_prolific(&self) -> bool {
        self.prolific().is_some_and(|p| !p.is_quiet())
    }

    /// G2 by G3: how prolific the value is for the edge between two entries.
    pub(crate) fn level(&self, i: usize, j: usize, span: i64) -> Level {
        let ends = (i.min(j), i.max(j));
        match self.prolific().map_or(0, |p| p.level(&self.entries, ends, span)) {
            2 => Level::Closed,
            1 => Level::Attach,
            _ if self.shared => Level::Attach,
            _ => Level::Open,
        }
    }

    /// Counts counterparts around what changed. Most values never come near their cap: nothing is counted for them.
    fn measure(&mut self, dirty: &Dirty, span: i64, holder: &impl Holder) -> Option<(usize, usize)> {
        let cap = self.rule.cap?;
        if self.mass() <= cap && self.prolific().is_none() {
            return None;
        }
        let what = self.rule.counts;
        let measure = Measure { span, cap, parts: |e: &Entry| holder.counterparts(e.finding, what) };
        let more = self.more.get_or_insert_with(|| More::of(&self.entries));
        more.prolific.get_or_insert_default().update(&mut self.entries, dirty, &measure)
    }

    /// That the value is prolific, once.
    fn crossed(&mut self, (low, high): (usize, usize), holder: &impl Holder) -> Option<Crossed> {
        let (first, last) = (self.entries.get(low)?, self.entries.get(high)?);
        let (first, last, from) = (first.first, last.first, holder.tenant(first.finding));
        let prolific = self.more.as_mut().and_then(|more| more.prolific.as_mut())?;
        let tenant = self.value.owner().filter(|_| prolific.is_news())?.or(from)?;
        let (cap, (kind, value)) = (self.rule.cap?, self.value.shown());
        Some(Crossed { kind, value, tenant, cap, first, last })
    }

    /// Counts counterparts though there are few of them, as after findings were let go.
    fn count_all(&mut self, span: i64, high: EventTime, holder: &impl Holder) {
        let (Some(cap), Some(low)) = (self.rule.cap, self.entries.first().map(|e| e.first)) else { return };
        let what = self.rule.counts;
        let more = self.more.get_or_insert_with(|| More::of(&self.entries));
        let prolific = more.prolific.get_or_insert_default();
        let measure = Measure { span, cap, parts: |e: &Entry| holder.counterparts(e.finding, what) };
        let all = Dirty { value: NOBODY, from: 0, low, high, was_over: false };
        prolific.update(&mut self.entries, &all, &measure);
        prolific.set_high(high);
    }

    /// Computes the links around what changed anew.
    fn relink(
        &mut self,
        dirty: &Dirty,
        settings: &Settings,
        holder: &impl Holder,
        halves: &[Option<&Self>],
        out: &mut Changes,
    ) {
        let severed = self.is_severed(settings);
        let more = self.more.get_or_insert_with(|| More::of(&self.entries));
        let was = std::mem::replace(&mut more.severed, severed);
        let count = self.entries.len();
        let (mut from, mut until) = match (was, severed) {
            (true, true) => return,
            (false, false) => self.concerned(dirty, out.levels),
            _ => (0, count),
        };
        // A finding that stands twice, with two accounts of one person, is one end.
        while from > 0 && from < count && self.entries[from - 1].finding == self.entries[from].finding {
            from -= 1;
        }
        while until > from && until < count && self.entries[until - 1].finding == self.entries[until].finding {
            until += 1;
        }
        let mut former = NOBODY;
        for entry in self.entries[from.min(count)..until].iter() {
            if entry.finding != former && count > 1 {
                let old = holder.links(entry.finding).iter();
                out.removed.extend(old.filter(|l| l.value == dirty.value && l.b == entry.finding));
            }
            former = entry.finding;
        }
        if !severed && count > 1 {
            self.chain(dirty.value, (from, until), settings, halves, &mut out.added);
        }
    }

    /// The entries whose links to earlier ones may change.
    fn concerned(&self, dirty: &Dirty, levels: Option<(usize, usize)>) -> (usize, usize) {
        let from = levels.map_or(dirty.from, |(low, _)| low.min(dirty.from));
        let Some(window) = self.rule.window else { return (from, self.entries.len()) };
        let reach = window.saturating_add(self.longest);
        let until = late(&self.entries, |e| e.first.seconds_since(dirty.high) <= reach);
        // A window may be told anything, even less than nothing: no range ends before it begins.
        (from, levels.map_or(until, |(_, high)| until.max(high + 1)).max(from))
    }

    /// True where it joins nothing whatever lies near.
    fn is_severed(&self, settings: &Settings) -> bool {
        match self.value {
            Value::SourceIncident(_) => self.entries.len() > settings.limits.source_alerts as usize,
            // A name or SID that two accounts bore would say that two objects are one.
            Value::Name(..) | Value::Sid(..) => self.more.as_ref().is_some_and(|more| more.meant.is_torn()),
            _ => false,
        }
    }

    /// The links of the entries in a range to those before them: each to the one before it and to the one that lasted longest
    /// before it, per tenant (and per account, for persons), which connects exactly what a clique within the window would connect.
    /// `halves` are the postings of a pair's two values, which must both be open.
    fn chain(
        &self,
        ix: ValueIx,
        (from, until): (usize, usize),
        settings: &Settings,
        halves: &[Option<&Self>],
        links: &mut Vec<Link>,
    ) {
        let Some(start) = self.entries.get(from).filter(|_| from < until) else { return };
        let reach = self.rule.window.map_or(i64::MAX, |w| w.saturating_add(self.longest));
        let begin = late(&self.entries, |e| start.first.seconds_since(e.first) > reach).min(from);
        // Where one window above the cap holds them all, none of them is open.
        if self.level(begin, until - 1, settings.caps.window) != Level::Open {
            return;
        }
        // Accounts of one person, a detection and its alert: what stands under one account is not joined here.
        let person = matches!(self.value, Value::Person(_) | Value::Detection(..));
        let mut lanes: SmallVec<[Lane; 4]> = SmallVec::new();
        let personal = self.value.is_personal();
        for (j, entry) in self.entries[begin..until].iter().enumerate().map(|(i, e)| (begin + i, e)) {
            if personal && entry.is_common() || entry.is_surplus() {
                continue;
            }
            for lane in lanes.iter().filter(|_| j >= from) {
                if person && lane.account == entry.account {
                    continue;
                }
                let widest = (lane.widest != lane.latest).then_some(lane.widest);
                for i in [Some(lane.latest), widest].into_iter().flatten() {
                    let open = || {
                        self.level(i, j, settings.caps.window) == Level::Open
                            && halves.iter().flatten().all(|half| half.is_open(&self.entries[i], entry, settings))
                    };
                    if let Some(link) = self.link(ix, i, j).filter(|_| open()) {
                        links.push(link);
                    }
                }
            }
            let mine = if person { entry.account } else { NOBODY };
            match lanes.iter_mut().find(|l| l.tenant == entry.tenant && l.account == mine) {
                Some(lane) => {
                    lane.latest = j;
                    if entry.last > self.entries[lane.widest].last {
                        lane.widest = j;
                    }
                }
                None => lanes.push(Lane { tenant: entry.tenant, account: mine, latest: j, widest: j }),
            }
        }
    }

    fn link(&self, ix: ValueIx, i: usize, j: usize) -> Option<Link> {
        let (a, b) = (&self.entries[i], &self.entries[j]);
        let gap = gap(a, b);
        if a.finding == b.finding || self.rule.window.is_some_and(|w| gap > w) {
            return None;
        }
        // Others are joined by the person alone.
        if matches!(self.value, Value::At(..)) && !a.is_common() && !b.is_common() {
            return None;
        }
        let strength = match self.value {
            Value::Person(_) | Value::At(..) => a.strength().min(b.strength()).min(self.rule.strength),
            _ => self.value.strength(&self.rule, gap),
        };
        Some(Link {
            a: a.finding,
            b: b.finding,
            value: ix,
            kind: self.rule.kind,
            gap,
            strength,
            account_a: a.account,
            account_b: b.account,
        })
    }

    fn is_open(&self, a: &Entry, b: &Entry, settings: &Settings) -> bool {
        let places = self.place(a.finding, a.first).zip(self.place(b.finding, b.first));
        places.is_some_and(|(i, j)| self.level(i, j, settings.caps.window) == Level::Open)
    }
}

/// One line of a chain: the findings of one tenant (and, for a person, one account).
struct Lane {
    tenant: u16,
    account: ValueIx,
    latest: usize,
    widest: usize,
}

/// Seconds between the nearest ends of two intervals.
pub(crate) fn gap(a: &Entry, b: &Entry) -> i64 {
    a.first.max(b.first).seconds_since(a.last.min(b.last)).max(0)
}
