//! Snapshots: what the engine holds as bytes, and an engine that goes on from them as if it had never stopped.
//!
//! What is written is what cannot be computed: what was told (sightings, source incidents, settings, policy), what is history (ids, sequences,
//! what was handed on last) and what retention left behind. Postings, candidate edges, cores and indexes are made anew. Findings are written
//! in their own order and never by their places in memory, so that equal states are equal bytes.
//!
//! The identity index is not in it: it is handed in, and must know what it knew when the snapshot was taken.

mod bound;
mod bytes;
mod nouns;

pub use bytes::SnapshotError;
pub(crate) use nouns::Word;

use crate::finding::Sightings;
use crate::name::IncidentId;
use crate::posting::{Behind, FindingIx, Link, NOBODY, ValueIx};
use crate::state::{Attachment, Held, Members, Record, RecordIx, Told};
use crate::value::Value;
use crate::{Counts, Engine};
use bytes::{Reader, Writer};
use caponier_model::{AccountKey, FindingKey, Persons};
use sha2::{Digest, Sha256};

/// The layout of the body. A change of the layout, or of what the engine would compute from it, takes the next number.
const VERSION: u32 = 3;
const MAGIC: &[u8; 8] = b"CAPSTATE";
const HEADER: usize = 8 + 4 + 8 + 32;
/// Findings posted together when a snapshot is read.
const POSTED: usize = 1024;

type Result<T> = std::result::Result<T, SnapshotError>;

/// Findings by number, which is their place in the order of (first, key).
struct Order {
    findings: Vec<FindingIx>,
    numbers: Vec<u32>,
}

impl Order {
    fn number(&self, finding: FindingIx) -> u32 {
        self.numbers.get(finding as usize).copied().unwrap_or(u32::MAX)
    }
}

impl<P: Persons> Engine<P> {
    /// The whole state but for the identity index: versioned and with a checksum. Cost in proportion to what is held.
    ///
    /// What waits to be settled is in it; changes that were not polled yet are not: poll them first.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut w = Writer::default();
        let order = self.order();
        w.settings(&self.asked.0);
        w.policy(&self.asked.1);
        w.time(self.now);
        w.time(self.swept);
        for counter in counters(&mut self.counts.clone()) {
            w.number(*counter);
        }
        w.list(self.sources.held(), Writer::source);
        let decisions: Vec<_> = self.decisions.held().collect();
        w.list(decisions.into_iter(), Writer::decision);
        w.list(self.chains.held(), |w, (chain, taken)| {
            w.chain(chain);
            w.time(*taken);
        });
        w.list(order.findings.iter(), |w, ix| {
            if let Some(held) = self.findings.get(*ix) {
                w.key(&held.key);
                let sightings = held.sightings();
                w.list(sightings.all().iter(), Writer::sighting);
                w.flag(held.fresh);
                w.flag(held.slot.is_some_and(|slot| self.detectors.is_common(slot)));
                let stale = Some(held).filter(|held| self.is_stale(held, &sightings));
                let alert = held.slot.and_then(|slot| self.detectors.title(slot)).map_or("", |title| title.as_str());
                w.maybe(stale, |w, held| w.stale(held, alert, &self.postings));
            }
        });
        w.list(self.unpaired.iter(), |w, (key, sightings)| {
            w.key(key);
            w.list(sightings.all().iter(), Writer::sighting);
        });
        let mut staged: Vec<(u32, &Held)> =
            self.staged.iter().filter_map(|f| Some((order.number(*f), self.findings.get(*f)?))).collect();
        staged.sort_by_key(|(number, _)| *number);
        w.list(staged.into_iter(), |w, (number, held)| {
            w.number(number);
            w.flag(held.corrected);
            w.flag(held.withdrawn);
        });
        w.time(self.settle_at);
        self.write_behind(&mut w, &order);
        self.write_wishes(&mut w, &order);
        self.write_history(&mut w, &order);
        seal(&w.out)
    }

    /// An engine that goes on from a snapshot. `formats` are the names of all export formats, `persons` the index as it was.
    ///
    /// # Errors
    /// The bytes are not a whole snapshot of this version, or name what does not exist.
    pub fn restore(bytes: &[u8], formats: &[&'static str], persons: P) -> Result<Self> {
        let mut r = Reader::new(open(bytes)?);
        let (settings, policy) = (r.settings()?, r.policy()?);
        let mut engine = Self::new(settings, policy, persons);
        (engine.now, engine.swept) = (r.time()?, r.time()?);
        for counter in counters(&mut engine.counts) {
            *counter = r.counter()?;
        }
        for source in r.list(Reader::source)? {
            engine.sources.take(source);
        }
        for decision in r.list(Reader::decision)? {
            engine.decisions.take(decision);
        }
        for (chain, taken) in r.list(|r| Ok((r.chain()?, r.time()?)))? {
            engine.chains.take(chain, taken);
        }
        let mut order = Order { findings: Vec::new(), numbers: Vec::new() };
        let (mut posted, mut common) = (Vec::new(), Vec::new());
        for _ in 0..r.count()? {
            let (key, sightings) = engine.read_sightings(&mut r, formats)?;
            let (fresh, was_common, stale) = (r.flag()?, r.flag()?, r.maybe(Reader::stale)?);
            let Some(ix) = engine.hold(key, sightings) else {
                return r.fault("a finding that nobody raised, or twice");
            };
            order.findings.push(ix);
            let bound = stale.map(|stale| {
                if let Some(held) = engine.findings.get_mut(ix) {
                    held.merged = stale.merged;
                }
                (stale.incidents, stale.bindings)
            });
            if !fresh {
                posted.push((ix, bound));
                common.push((ix, was_common));
            }
            // They lie open until they are posted: few at once.
            if posted.len() >= POSTED {
                engine.post_held(posted.drain(..));
            }
        }
        for _ in 0..r.count()? {
            let (key, sightings) = engine.read_sightings(&mut r, formats)?;
            engine.unpaired.insert(key, sightings);
        }
        engine.post_held(posted.into_iter());
        engine.post_end(common);
        for _ in 0..r.count()? {
            let finding = order.findings[r.below(order.findings.len())?];
            let (corrected, withdrawn) = (r.flag()?, r.flag()?);
            if let Some(held) = engine.findings.get_mut(finding).filter(|h| !h.staged) {
                (held.corrected, held.staged) = (corrected, true);
                held.withdrawn = withdrawn && !held.fresh;
                engine.staged.push(finding);
            }
        }
        engine.settle_at = r.time()?;
        if engine.findings.iter().any(|(_, held)| held.fresh && !held.staged) {
            return r.fault("a finding that was never bound and does not wait");
        }
        engine.read_behind(&mut r, &order)?;
        engine.regroup_all();
        engine.read_wishes(&mut r, &order)?;
        engine.read_history(&mut r, &order)?;
        r.end()?;
        Ok(engine)
    }

    fn order(&self) -> Order {
        let findings = self.ranked(self.findings.iter().map(|(ix, _)| ix));
        let mut numbers = vec![u32::MAX; findings.iter().max().map_or(0, |ix| *ix as usize + 1)];
        for (number, ix) in (0u32..).zip(&findings) {
            numbers[*ix as usize] = number;
        }
        Order { findings, numbers }
    }

    fn read_sightings(&self, r: &mut Reader<'_>, formats: &[&'static str]) -> Result<(FindingKey, Sightings)> {
        let key = r.key()?;
        let mut sightings = Sightings::default();
        for sighting in r.list(|r| r.sighting(&key, formats))? {
            sightings.take(sighting, self.settings.limits.finding_sightings);
        }
        Ok((key, sightings))
    }

    /// Where a value is: the first finding that holds it, and its place among that finding's values.
    fn place_of(&self, value: ValueIx, order: &Order) -> (u32, usize) {
        let first = self.postings.get(value).and_then(|p| p.entries.first()).map(|e| e.finding);
        let place = first.and_then(|f| self.findings.get(f)?.posted.values().iter().position(|v| *v == value));
        (first.map_or(u32::MAX, |f| order.number(f)), place.unwrap_or_default())
    }

    fn read_value(&self, r: &mut Reader<'_>, order: &Order) -> Result<(FindingIx, ValueIx)> {
        let finding = order.findings[r.below(order.findings.len())?];
        let values = self.findings.get(finding).map_or(&[][..], |h| h.posted.values());
        Ok((finding, values[r.below(values.len())?]))
    }

    /// True for a finding that is bound otherwise than it would be now: it waits, or a source incident of it was let go.
    fn is_stale(&self, held: &Held, sightings: &Sightings) -> bool {
        if held.staged {
            return true;
        }
        let incidents = self.sources.of(sightings.all());
        if incidents[..] != held.incidents[..] {
            return true;
        }
        let named = held.posted.values().iter().filter_map(|value| match &self.postings.get(*value)?.value {
            Value::SourceIncident(key) => Some(&**key),
            _ => None,
        });
        self.settings.edges.source_incident && !incidents.is_empty() && named.ne(&self.names_of(&incidents))
    }

    /// Values that are not what their findings would make: others left.
    fn write_behind(&self, w: &mut Writer, order: &Order) {
        let behind = self.postings.behind(self.counts.evicted + self.counts.shed > 0, &self.settings, &self.findings);
        let mut behind: Vec<_> = behind.into_iter().map(|(ix, behind)| (self.place_of(ix, order), behind)).collect();
        behind.sort_by_key(|(place, _)| *place);
        w.list(behind.into_iter(), |w, ((finding, place), behind)| {
            w.number(finding);
            w.count(place);
            w.flag(behind.severed);
            w.signed(behind.longest);
            w.maybe(behind.counted, Writer::time);
            w.maybe(behind.links, |w, links| {
                let mut links: Vec<_> = links.iter().map(|l| (self.ends(l, order), l.gap, l.strength)).collect();
                links.sort_unstable();
                w.list(links.into_iter(), |w, ((a, b, account_a, account_b), gap, strength)| {
                    w.number(a);
                    w.number(b);
                    w.signed(gap);
                    w.number(strength);
                    w.maybe(account_a, Writer::account);
                    w.maybe(account_b, Writer::account);
                });
            });
        });
    }

    /// A link by what does not depend on places.
    fn ends(&self, link: &Link, order: &Order) -> (u32, u32, Option<AccountKey>, Option<AccountKey>) {
        let account = |ix| self.postings.account(ix);
        (order.number(link.a), order.number(link.b), account(link.account_a), account(link.account_b))
    }

    fn read_behind(&mut self, r: &mut Reader<'_>, order: &Order) -> Result<()> {
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for _ in 0..r.count()? {
            let (_, value) = self.read_value(r, order)?;
            let Some(kind) = self.postings.get(value).map(|p| p.rule.kind) else { return r.fault("no such value") };
            let (severed, longest, counted) = (r.flag()?, r.signed()?, r.maybe(Reader::time)?);
            let link = |r: &mut Reader<'_>| {
                let [a, b] =
                    [r.below(order.findings.len())?, r.below(order.findings.len())?].map(|n| order.findings[n]);
                let (gap, strength) = (r.signed()?, r.small()?);
                let mut account = || {
                    let account = r.maybe(Reader::account)?;
                    Ok(account.and_then(|a| self.postings.find(&Value::Account(a))).unwrap_or(NOBODY))
                };
                let (account_a, account_b) = (account()?, account()?);
                Ok(Link { a, b, value, kind, gap, strength, account_a, account_b })
            };
            let links = r.maybe(|r| r.list(link))?;
            let behind = Behind { links, severed, longest, counted };
            let (gone, come) = self.postings.adopt(value, behind, &self.settings, &self.findings);
            removed.extend(gone);
            added.extend(come);
        }
        self.adopt_links(removed, added);
        Ok(())
    }

    /// Which loose findings would attach, by what, and whether they were taken.
    fn write_wishes(&self, w: &mut Writer, order: &Order) {
        let wish = |f: &FindingIx| Some((*f, self.findings.get(*f)?, self.findings.get(*f)?.prefers.as_deref()?));
        let wishes: Vec<_> = order.findings.iter().filter_map(wish).collect();
        w.list(wishes.into_iter(), |w, (finding, held, wish)| {
            w.number(order.number(finding));
            w.count(held.posted.values().iter().position(|v| *v == wish.value).unwrap_or_default());
            w.number(order.number(wish.peer));
            w.number(wish.strength);
            w.signed(wish.gap);
            w.flag(wish.prolific);
            w.flag(wish.surplus);
            w.flag(held.attached);
            w.flag(held.unlisted);
        });
    }

    fn read_wishes(&mut self, r: &mut Reader<'_>, order: &Order) -> Result<()> {
        for _ in 0..r.count()? {
            let (finding, value) = self.read_value(r, order)?;
            let peer = order.findings[r.below(order.findings.len())?];
            let (strength, gap) = (r.small()?, r.signed()?);
            let (prolific, surplus, attached, unlisted) = (r.flag()?, r.flag()?, r.flag()?, r.flag()?);
            let group = self.findings.get(peer).and_then(|h| h.group);
            let Some(group) = group.filter(|_| self.is_loose(finding) && !self.is_loose(peer)) else {
                return r.fault("a finding attached where it cannot be");
            };
            if let Some(held) = self.findings.get_mut(finding) {
                held.prefers = Some(Box::new(Attachment { group, peer, value, strength, gap, prolific, surplus }));
                (held.attached, held.unlisted) = (attached, attached && unlisted);
            }
            if let Some(group) = self.groups.get_mut(group) {
                group.wooers.push(finding);
                // In the order of findings, as they are written.
                group.attached.extend(attached.then_some(finding));
            }
        }
        Ok(())
    }

    /// Ids, sequences and what was handed on last.
    fn write_history(&self, w: &mut Writer, order: &Order) {
        let mut records: Vec<(&Record, RecordIx)> = self.records.iter().map(|(ix, r)| (r, ix)).collect();
        records.sort_by_key(|(r, _)| r.id);
        let mut numbers = vec![u32::MAX; records.iter().map(|(_, ix)| *ix as usize + 1).max().unwrap_or_default()];
        for (number, (_, ix)) in (0u32..).zip(&records) {
            numbers[*ix as usize] = number;
        }
        let number = |ix: &RecordIx| numbers.get(*ix as usize).copied().filter(|number| *number != u32::MAX);
        w.list(records.iter(), |w, (record, _)| {
            let core = self.groups.get(record.group).and_then(|g| g.core.members.first());
            w.wide(record.id);
            w.number(record.sequence);
            w.word(record.change);
            w.word(record.state);
            let own = (record.told.is_none() && record.members.len() > 1).then(|| self.told(record));
            let told = record.told.as_deref().or(own.as_ref());
            w.maybe(told.filter(|told| !self.says(record, told)), |w, told| {
                w.time(told.founder.0);
                w.key(&told.founder.1);
                w.words(&told.title);
                w.maybe(told.split_from.as_deref(), Writer::text);
            });
            w.number(core.map_or(u32::MAX, |f| order.number(*f)));
            w.time(record.last);
            let partners: Vec<u32> = record.partners.iter().filter_map(number).collect();
            w.list(partners.into_iter(), Writer::number);
            w.maybe(record.emitted, Writer::number);
        });
        w.list(self.redirects.iter(), |w, (from, to)| {
            w.text(from);
            w.text(to);
        });
        let live: Vec<IncidentId> = records.iter().map(|(r, _)| r.id).collect();
        // Every live one is among those given.
        let all = self.ids.iter().filter(|_| self.ids.len() > live.len());
        let mut gone: Vec<IncidentId> = all.filter(|id| live.binary_search(id).is_err()).copied().collect();
        gone.sort_unstable();
        w.list(gone.into_iter(), Writer::wide);
    }

    /// True where an incident is one finding that says by itself all that it was founded with, and does not wait to say more.
    fn says(&self, record: &Record, told: &Told) -> bool {
        let own = record.members.first().and_then(|f| self.findings.get(*f));
        record.members.len() == 1 && own.is_some_and(|held| !held.staged && Told::by(held) == *told)
    }

    fn read_history(&mut self, r: &mut Reader<'_>, order: &Order) -> Result<()> {
        let count = r.count()?;
        for number in 0..count {
            let id = r.wide()?;
            let (sequence, change, state) = (r.counter()?, r.word()?, r.word()?);
            let told = r.maybe(|r| {
                let founder = (r.time()?, r.key()?);
                Ok(Box::new(Told { founder, title: r.words()?, split_from: r.maybe(Reader::text)? }))
            })?;
            let core = order.findings[r.below(order.findings.len())?];
            let (last, partners) = (r.time()?, r.list(|r| Ok(r.below(count)? as RecordIx))?.into());
            let emitted = r.maybe(Reader::number)?;
            let group = self.findings.get(core).filter(|h| !h.attached && h.record.is_none()).and_then(|h| h.group);
            let Some(group) = group else { return r.fault("an incident without members of its own") };
            let waits = self.findings.get(core).is_some_and(|h| h.staged);
            if !self.ids.insert(id) {
                return r.fault("an id given twice");
            }
            let members = self.members_of(group);
            if told.is_none() && (members.len() > 1 || waits) {
                return r.fault("an incident that was founded with nothing");
            }
            let founder = members.first().copied().unwrap_or_default();
            let record = Record {
                id,
                sequence,
                change,
                told,
                founder,
                members: members.clone(),
                group,
                last,
                partners,
                emitted,
                state,
            };
            let ix = self.records.insert(record);
            debug_assert_eq!(ix as usize, number, "an empty slab counts up");
            self.deadlines.insert((last, ix));
            for member in members {
                if let Some(held) = self.findings.get_mut(member) {
                    held.record = Some(ix);
                }
            }
            if let Some(group) = self.groups.get_mut(group) {
                group.record = Some(ix);
            }
        }
        if self.findings.iter().any(|(_, h)| h.record.is_none() && !h.fresh) {
            return r.fault("a finding that is in no incident");
        }
        for (from, to) in r.list(|r| Ok((r.text()?, r.text()?)))? {
            self.redirected.entry(to.clone()).or_default().push(from.clone());
            self.redirects.insert(from, to);
        }
        self.ids.extend(r.list(Reader::wide)?);
        Ok(())
    }

    /// Core and attached members of a group, by (first, key).
    fn members_of(&self, group: u32) -> Members {
        let group = self.groups.get(group);
        let mut members: Members =
            group.into_iter().flat_map(|g| g.core.members.iter().chain(&g.attached)).copied().collect();
        members.sort_by(|a, b| self.by_rank(Some(*a), Some(*b)));
        members
    }
}

/// The counters that are kept and not computed, in the order in which they are written.
fn counters(counts: &mut Counts) -> [&mut u64; 18] {
    // No `..`: a new counter must say whether it is kept or computed.
    let Counts {
        sightings,
        duplicates,
        late,
        source_incidents,
        identity_changes,
        decisions,
        duplicate_decisions,
        decisions_held: _,
        chains,
        withdrawn,
        policies,
        settings,
        settings_unknown,
        findings: _,
        unpaired: _,
        evicted,
        shed,
        evicted_unpaired,
        values_cut: _,
        values_most,
        over_value: _,
        over_person: _,
        unlisted: _,
        values_stopped: _,
        attached: _,
        common: _,
        sightings_cut,
        incidents: _,
        cross_tenant_incidents: _,
        edges: _,
        refused: _,
        changes,
    } = counts;
    [
        sightings,
        duplicates,
        late,
        source_incidents,
        identity_changes,
        decisions,
        duplicate_decisions,
        chains,
        policies,
        settings,
        settings_unknown,
        evicted,
        shed,
        evicted_unpaired,
        sightings_cut,
        changes,
        values_most,
        withdrawn,
    ]
}

/// Gives a body its header and checksum, as [`Engine::snapshot`] does: for whoever tests what becomes of a whole snapshot that means
/// nothing. The ledger's file has a checksum too, and bytes come by other roads as well.
pub fn seal(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + body.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&(body.len() as u64).to_be_bytes());
    out.extend_from_slice(&checksum(body));
    out.extend_from_slice(body);
    out
}

fn checksum(body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(VERSION.to_be_bytes());
    hash.update(body);
    hash.finalize().into()
}

fn open(bytes: &[u8]) -> Result<&[u8]> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(SnapshotError::Foreign)?;
    let short = |wanted| SnapshotError::Length { found: bytes.len() as u64, wanted };
    let (version, rest) = rest.split_first_chunk().ok_or(short(HEADER as u64))?;
    let found = u32::from_be_bytes(*version);
    if found != VERSION {
        return Err(SnapshotError::Version { found, wanted: VERSION });
    }
    let (length, rest) = rest.split_first_chunk().ok_or(short(HEADER as u64))?;
    let (sum, body) = rest.split_first_chunk::<32>().ok_or(short(HEADER as u64))?;
    let length = u64::from_be_bytes(*length);
    if body.len() as u64 != length {
        return Err(short(length.saturating_add(HEADER as u64)));
    }
    if checksum(body) != *sum {
        return Err(SnapshotError::Damaged);
    }
    Ok(body)
}
