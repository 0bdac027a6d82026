//! Postings: per value, the findings that hold it in order of time, and the candidate edges between neighbours.
//!
//! The candidate edges of a value form chains and not a clique: each finding is tied to the one before it and to the one that
//! lasted longest before it, per tenant (and per account, for persons), which connects exactly what a clique within the window
//! would connect while the cost stays linear.

use crate::Settings;
use crate::value::Counterpart;
use crate::value::{Rule, Value};
use caponier_model::{AccountKey, EdgeKind, EventTime, TenantId};
use hashbrown::HashMap;

/// A finding's place in the engine's slab.
pub(crate) type FindingIx = u32;
/// A value's place in the arena.
pub(crate) type ValueIx = u32;

/// What a posting must know of a finding.
pub(crate) trait Holder {
    /// Compares two findings by key; times are compared before.
    fn compare(&self, a: FindingIx, b: FindingIx) -> std::cmp::Ordering;
    /// What G2 counts for this finding.
    fn counterparts(&self, finding: FindingIx, what: Counterpart) -> &[ValueIx];
    /// Confidence, in millionths, that the account the finding names is the person.
    fn confidence(&self, finding: FindingIx, account: AccountKey) -> u32;
}

/// One finding in a posting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub first: EventTime,
    pub last: EventTime,
    pub finding: FindingIx,
    pub tenant: TenantId,
    pub account: Option<AccountKey>,
}

/// A candidate bridge edge; `a` is the earlier end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Link {
    pub a: FindingIx,
    pub b: FindingIx,
    pub value: ValueIx,
    pub kind: EdgeKind,
    pub gap: i64,
    pub strength: u32,
    pub account_a: Option<AccountKey>,
    pub account_b: Option<AccountKey>,
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
    pub rule: Rule,
    /// G4: the operator says that it is shared.
    shared: bool,
    pub entries: Vec<Entry>,
    links: Vec<Link>,
    /// The longest interval among the entries, in seconds: how far back a scan must look beyond the window.
    longest: i64,
    /// For each entry the latest start, at or before it, of a window of too many counterparts; empty while there is none.
    over_cap: Vec<u32>,
    over_twice: Vec<u32>,
    /// Weak pairs that rest on this value.
    pairs: Vec<ValueIx>,
}

/// No window starts at or before the entry.
const NEVER: u32 = u32::MAX;

/// All postings.
#[derive(Debug, Default)]
pub(crate) struct Postings {
    ids: HashMap<Value, ValueIx, foldhash::fast::FixedState>,
    all: Vec<Option<Posting>>,
    free: Vec<ValueIx>,
}

/// What a refresh changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub removed: Vec<Link>,
    pub added: Vec<Link>,
    /// Entries for which the value became more or less prolific.
    pub levels: bool,
}

impl Postings {
    /// The place of a value, made on first use.
    pub(crate) fn intern(&mut self, value: &Value, settings: &Settings) -> ValueIx {
        if let Some(ix) = self.ids.get(value) {
            return *ix;
        }
        let posting = Posting::new(value.clone(), settings);
        let ix = match self.free.pop() {
            Some(ix) => {
                self.all[ix as usize] = Some(posting);
                ix
            }
            None => {
                self.all.push(Some(posting));
                (self.all.len() - 1) as ValueIx
            }
        };
        self.ids.insert(value.clone(), ix);
        if let Some(halves) = value.halves() {
            for half in halves {
                let half = self.intern(&half, settings);
                if let Some(posting) = &mut self.all[half as usize] {
                    posting.pairs.push(ix);
                }
            }
        }
        ix
    }

    /// The place of a value that is held.
    pub(crate) fn find(&self, value: &Value) -> Option<ValueIx> {
        self.ids.get(value).copied()
    }

    /// A posting that is held.
    pub(crate) fn get(&self, ix: ValueIx) -> Option<&Posting> {
        self.all.get(ix as usize)?.as_ref()
    }

    /// How many values are held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.ids.len()
    }

    /// Puts a finding into a posting; [`Postings::refresh`] must follow.
    pub(crate) fn insert(&mut self, ix: ValueIx, entry: Entry, holder: &impl Holder) {
        let Some(posting) = self.all.get_mut(ix as usize).and_then(Option::as_mut) else { return };
        let order = |e: &Entry| e.first.cmp(&entry.first).then_with(|| holder.compare(e.finding, entry.finding));
        let at = posting.entries.partition_point(|e| order(e).then(e.account.cmp(&entry.account)).is_lt());
        posting.entries.insert(at, entry);
    }

    /// Takes a finding out of a posting; [`Postings::refresh`] must follow.
    pub(crate) fn remove(&mut self, ix: ValueIx, finding: FindingIx) {
        if let Some(posting) = self.all.get_mut(ix as usize).and_then(Option::as_mut) {
            posting.entries.retain(|e| e.finding != finding);
        }
    }

    /// Lets an evicted finding go: its links go with it, and nobody else's change.
    pub(crate) fn forget(&mut self, ix: ValueIx, finding: FindingIx) {
        self.remove(ix, finding);
        if let Some(posting) = self.all.get_mut(ix as usize).and_then(Option::as_mut) {
            posting.links.retain(|l| l.a != finding && l.b != finding);
            posting.over_cap.clear();
            posting.over_twice.clear();
        }
    }

    /// Measures a posting again after some of its findings were let go; its links stay.
    pub(crate) fn remeasure(&mut self, ix: ValueIx, settings: &Settings, holder: &impl Holder) {
        if let Some(posting) = self.all.get_mut(ix as usize).and_then(Option::as_mut) {
            posting.measure(settings.caps.window, holder);
        }
    }

    /// Frees the value where nobody holds it any more.
    pub(crate) fn release(&mut self, ix: ValueIx) {
        let Some(Some(posting)) = self.all.get(ix as usize) else { return };
        if !posting.entries.is_empty() || !posting.pairs.is_empty() {
            return;
        }
        let Some(posting) = self.all[ix as usize].take() else { return };
        self.ids.remove(&posting.value);
        self.free.push(ix);
        for half in posting.value.halves().into_iter().flatten() {
            let Some(half) = self.find(&half) else { continue };
            if let Some(posting) = self.all[half as usize].as_mut() {
                posting.pairs.retain(|p| *p != ix);
            }
            self.release(half);
        }
    }

    /// Computes the links of a posting again, and of the pairs that rest on it where its levels changed.
    pub(crate) fn refresh(&mut self, ix: ValueIx, settings: &Settings, holder: &impl Holder, out: &mut Changes) {
        let Some(mut posting) = self.all.get_mut(ix as usize).and_then(Option::take) else { return };
        let levels = posting.measure(settings.caps.window, holder);
        out.levels |= levels;
        let halves = posting.value.halves().map(|halves| halves.map(|h| self.find(&h).and_then(|h| self.get(h))));
        let links = if posting.rule.bridges {
            posting.chain(ix, settings, holder, halves.as_ref().map_or(&[], |h| &h[..]))
        } else {
            Vec::new()
        };
        diff(&posting.links, &links, out);
        posting.links = links;
        let pairs = if levels { posting.pairs.clone() } else { Vec::new() };
        self.all[ix as usize] = Some(posting);
        for pair in pairs {
            self.refresh(pair, settings, holder, out);
        }
    }
}

/// Old and new lists mostly share a prefix and a suffix, since one finding changes its neighbourhood only.
fn diff(old: &[Link], new: &[Link], out: &mut Changes) {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[prefix..], &new[prefix..]);
    let suffix = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    out.removed.extend_from_slice(&old[..old.len() - suffix]);
    out.added.extend_from_slice(&new[..new.len() - suffix]);
}

impl Posting {
    fn new(value: Value, settings: &Settings) -> Self {
        let rule = value.rule(settings);
        let shown = value.shown().1;
        // What has no cap is no value that many may share: a detection is not its account.
        let shared = rule.cap.is_some() && settings.shared_values.contains(&shown);
        Self {
            value,
            rule,
            shared,
            entries: Vec::new(),
            links: Vec::new(),
            longest: 0,
            over_cap: Vec::new(),
            over_twice: Vec::new(),
            pairs: Vec::new(),
        }
    }

    /// Where a finding stands.
    pub(crate) fn place(&self, finding: FindingIx, first: EventTime) -> Option<usize> {
        let start = self.entries.partition_point(|e| e.first < first);
        let offset =
            self.entries[start..].iter().take_while(|e| e.first == first).position(|e| e.finding == finding)?;
        Some(start + offset)
    }

    /// Entries within the window of the one at `at`, itself excepted, with the gap in seconds.
    pub(crate) fn near(&self, at: usize) -> impl Iterator<Item = (usize, &Entry, i64)> {
        let here = self.entries[at];
        let window = self.rule.window.unwrap_or(i64::MAX);
        let reach = window.saturating_add(self.longest);
        let before = self.entries[..at].iter().enumerate().rev();
        let before = before.take_while(move |(_, e)| here.first.seconds_since(e.first) <= reach);
        let after = self.entries.iter().enumerate().skip(at + 1);
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
        if self.over_twice.is_empty() {
            return false;
        }
        let here = self.entries[at];
        let window = self.rule.window.unwrap_or(i64::MAX);
        let reach = window.saturating_add(self.longest);
        let from = self.entries.partition_point(|e| here.first.seconds_since(e.first) > reach);
        let until = self.entries.partition_point(|e| e.first.seconds_since(here.last) <= window);
        // A window that holds the outermost two holds every pair between them.
        self.level(from, until.saturating_sub(1), span) == Level::Closed
    }

    /// Entries within `window` seconds of an interval, with the gap in seconds.
    pub(crate) fn around(&self, first: EventTime, last: EventTime, window: i64) -> impl Iterator<Item = (&Entry, i64)> {
        let reach = window.saturating_add(self.longest);
        let start = self.entries.partition_point(|e| first.seconds_since(e.first) > reach);
        let entries = self.entries[start..].iter().take_while(move |e| e.first.seconds_since(last) <= window);
        entries
            .map(move |e| (e, e.first.max(first).seconds_since(e.last.min(last)).max(0)))
            .filter(move |(_, gap)| *gap <= window)
    }

    /// False where no loose finding could attach by it: not its kind, or a bridge that is not prolific anywhere.
    pub(crate) fn may_attach(&self) -> bool {
        self.rule.attaches && (!self.rule.bridges || self.shared || !self.over_cap.is_empty())
    }

    /// G2 by G3: how prolific the value is for the edge between two entries.
    pub(crate) fn level(&self, i: usize, j: usize, window: i64) -> Level {
        let (i, j) = (i.min(j), i.max(j));
        let over = |starts: &[u32]| {
            starts.get(i).is_some_and(|k| {
                *k != NEVER && self.entries[j].first.seconds_since(self.entries[*k as usize].first) <= window
            })
        };
        if over(&self.over_twice) {
            Level::Closed
        } else if self.shared || over(&self.over_cap) {
            Level::Attach
        } else {
            Level::Open
        }
    }

    /// Counts distinct counterparts in the window that starts at each entry. True where a level may have changed.
    fn measure(&mut self, window: i64, holder: &impl Holder) -> bool {
        self.longest = self.entries.iter().map(|e| e.last.seconds_since(e.first)).max().unwrap_or(0);
        let (mut over_cap, mut over_twice) = (Vec::new(), Vec::new());
        if let Some(cap) = self.rule.cap.map(|c| c as usize) {
            let parts = |e: &Entry| holder.counterparts(e.finding, self.rule.counts);
            // Most values never come near their cap: no window of them needs looking at.
            if self.entries.iter().map(|e| parts(e).len()).sum::<usize>() > cap {
                let counts = windows(&self.entries, window, parts);
                for (starts, cap) in [(&mut over_cap, cap), (&mut over_twice, 2 * cap)] {
                    if counts.iter().any(|n| *n > cap) {
                        let mut latest = NEVER;
                        *starts = (0u32..)
                            .zip(&counts)
                            .map(|(k, n)| {
                                if *n > cap {
                                    latest = k;
                                    k
                                } else {
                                    latest
                                }
                            })
                            .collect();
                    }
                }
            }
        }
        let quiet = self.over_cap.is_empty() && over_cap.is_empty();
        self.over_cap = over_cap;
        self.over_twice = over_twice;
        !quiet
    }

    /// The links of the chains. `halves` are the postings of a pair's two values, which must both be open.
    fn chain(&self, ix: ValueIx, settings: &Settings, holder: &impl Holder, halves: &[Option<&Posting>]) -> Vec<Link> {
        let too_big = matches!(self.value, Value::SourceIncident(_))
            && self.entries.len() > settings.limits.source_alerts as usize;
        if too_big || self.is_ambiguous() {
            return Vec::new();
        }
        // Accounts of one person, a detection and its alert: what stands under one account is not joined here.
        let person = matches!(self.value, Value::Person(_) | Value::Detection(..));
        let mut lanes: Vec<Lane> = Vec::new();
        let mut links = Vec::new();
        for (j, entry) in self.entries.iter().enumerate() {
            for lane in &lanes {
                if person && lane.account == entry.account {
                    continue;
                }
                let widest = (lane.widest != lane.latest).then_some(lane.widest);
                for i in [Some(lane.latest), widest].into_iter().flatten() {
                    let open = || {
                        self.level(i, j, settings.caps.window) == Level::Open
                            && halves.iter().flatten().all(|half| half.is_open(&self.entries[i], entry, settings))
                    };
                    if let Some(link) = self.link(ix, i, j, holder).filter(|_| open()) {
                        links.push(link);
                    }
                }
            }
            let mine = if person { entry.account } else { None };
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
        links
    }

    fn link(&self, ix: ValueIx, i: usize, j: usize, holder: &impl Holder) -> Option<Link> {
        let (a, b) = (&self.entries[i], &self.entries[j]);
        let gap = gap(a, b);
        if a.finding == b.finding || self.rule.window.is_some_and(|w| gap > w) {
            return None;
        }
        let strength = match (&self.value, a.account, b.account) {
            (Value::Person(_), Some(x), Some(y)) => {
                holder.confidence(a.finding, x).min(holder.confidence(b.finding, y)).min(self.rule.strength)
            }
            _ => self.rule.strength,
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

    /// A name or SID that two accounts bore joins nothing: it would say that two objects are one.
    fn is_ambiguous(&self) -> bool {
        if !matches!(self.value, Value::Name(..) | Value::Sid(..)) {
            return false;
        }
        let mut meant = self.entries.iter().filter_map(|e| e.account);
        let first = meant.next();
        meant.any(|account| Some(account) != first)
    }

    fn is_open(&self, a: &Entry, b: &Entry, settings: &Settings) -> bool {
        let places = self.place(a.finding, a.first).zip(self.place(b.finding, b.first));
        places.is_some_and(|(i, j)| self.level(i, j, settings.caps.window) == Level::Open)
    }
}

/// One line of a chain: the findings of one tenant (and, for a person, one account).
struct Lane {
    tenant: TenantId,
    account: Option<AccountKey>,
    latest: usize,
    widest: usize,
}

/// Seconds between the nearest ends of two intervals.
pub(crate) fn gap(a: &Entry, b: &Entry) -> i64 {
    a.first.max(b.first).seconds_since(a.last.min(b.last)).max(0)
}

/// Distinct counterparts in the window of `span` seconds that starts at each entry.
fn windows<'a>(entries: &[Entry], span: i64, parts: impl Fn(&Entry) -> &'a [ValueIx]) -> Vec<usize> {
    let mut seen: HashMap<ValueIx, u32, foldhash::fast::FixedState> = HashMap::default();
    let mut end = 0;
    let mut counts = Vec::with_capacity(entries.len());
    for start in entries {
        while end < entries.len() && entries[end].first.seconds_since(start.first) <= span {
            for part in parts(&entries[end]) {
                *seen.entry(*part).or_insert(0) += 1;
            }
            end += 1;
        }
        counts.push(seen.len());
        for part in parts(start) {
            if let Some(n) = seen.get_mut(part) {
                *n -= 1;
                if *n == 0 {
                    seen.remove(part);
                }
            }
        }
    }
    counts
}
