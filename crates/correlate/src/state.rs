//! What the engine holds of findings, groups and incidents.

use crate::bind::Bound;
use crate::cold::{Cold, Formats};
use crate::detector::Slot;
use crate::few::Few;
use crate::finding::{Brief, Kept, Rank, Sightings, Taken};
use crate::name::IncidentId;
use crate::partition::Core;
use crate::posted::Posted;
use crate::posting::{FindingIx, Holder, Link, Postings, ValueIx};
use crate::slab::Slab;
use crate::value::Counterpart;
use caponier_model::{
    AccountKey, ChangeKind, EventTime, FindingKey, IncidentState, Sighting, SourceIncidentKey, TenantId, Text,
};
use compact_str::CompactString;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A group's place in the slab.
pub(crate) type GroupIx = u32;
/// An incident's place in the slab.
pub(crate) type RecordIx = u32;

/// A few places of findings, with no memory of their own while they are four at most: most incidents are one finding.
pub(crate) type Members = SmallVec<[FindingIx; 4]>;

/// A finding, bound.
#[derive(Debug)]
pub(crate) struct Held {
    pub key: FindingKey,
    pub kept: Kept,
    pub merged: Brief,
    /// Source incidents, by their own names.
    pub incidents: Few<SourceIncidentKey>,
    pub accounts: Accounts,
    /// Values it is posted under and counted by.
    pub posted: Posted,
    /// Candidate bridge edges that end here.
    pub links: Vec<Link>,
    pub group: Option<GroupIx>,
    /// Where a loose finding would attach.
    pub prefers: Option<Box<Attachment>>,
    /// Whether the core took it.
    pub attached: bool,
    /// It was taken beyond the size of an incident, and is counted there and not listed (G12).
    pub unlisted: bool,
    pub record: Option<RecordIx>,
    /// Where it is counted among the findings of its detector.
    pub slot: Option<Slot>,
    /// Its detector is common: an account or a device alone ties it to nothing.
    pub common: bool,
    /// Values left out (G12).
    pub cut: u32,
    /// Stop values it names (G1).
    pub stopped: u32,
    /// It waits to be bound and settled.
    pub staged: bool,
    /// What it waits for came late.
    pub corrected: bool,
    /// It waits to be let go: what raised it took it back.
    pub withdrawn: bool,
    /// It was never bound.
    pub fresh: bool,
}

impl Held {
    /// What was told of it.
    pub(crate) fn sightings(&self) -> Cow<'_, Sightings> {
        self.kept.get(&self.key)
    }

    /// Takes in one more sighting.
    pub(crate) fn take(&mut self, sighting: Sighting, limit: u32) -> Taken {
        let mut sightings = self.sightings().into_owned();
        let taken = sightings.take(sighting, limit);
        if taken != Taken::Known {
            self.kept = Kept::Open(sightings);
        }
        taken
    }

    /// Unpacks it for who reads it more than once.
    pub(crate) fn unpack(&mut self) {
        if let Kept::Cold(cold) = &self.kept {
            self.kept = Kept::Open(cold.unpack(&self.key));
        }
    }

    /// Packs what was told of it until somebody asks.
    pub(crate) fn pack(&mut self, formats: &mut Formats, room: &mut Vec<u8>) {
        if let Kept::Open(sightings) = &self.kept {
            self.kept = Kept::Cold(Cold::pack(sightings, &self.key, formats, room));
        }
    }

    pub(crate) fn rank(&self) -> Rank {
        (self.merged.first, self.key.clone())
    }

    /// True for one that is new and waits to be bound for the first time.
    pub(crate) const fn waits(&self) -> bool {
        self.staged && self.fresh
    }

    /// Confidence, in millionths, that an account it names is the person.
    pub(crate) fn confidence(&self, account: AccountKey) -> u32 {
        let bound = self.accounts.listed().iter().find(|b| b.account == account);
        bound.and_then(|b| b.via.as_deref()).map_or(1_000_000, |link| link.confidence)
    }

    /// Compares by (first, key) without copying the key.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        self.merged.first.cmp(&other.merged.first).then_with(|| self.key.cmp(&other.key))
    }
}

/// The accounts that a finding names, by key.
#[derive(Debug)]
pub(crate) enum Accounts {
    /// One that no link leads anywhere, by the place of its own value: most findings name no other.
    Own(ValueIx),
    /// Any others.
    Listed(Box<[Bound]>),
}

impl Default for Accounts {
    fn default() -> Self {
        Self::Listed(Box::default())
    }
}

impl Accounts {
    /// As they were bound; `place` tells the place of an account's value, where it is posted.
    pub(crate) fn new(bound: Vec<Bound>, place: impl Fn(AccountKey) -> Option<ValueIx>) -> Self {
        if let [one] = &bound[..]
            && one.person == one.account
            && one.via.is_none()
            && one.possible.is_empty()
            && let Some(place) = place(one.account)
        {
            return Self::Own(place);
        }
        Self::Listed(bound.into_boxed_slice())
    }

    /// Those that say more than who they are.
    pub(crate) fn listed(&self) -> &[Bound] {
        match self {
            Self::Own(_) => &[],
            Self::Listed(bound) => bound,
        }
    }

    /// All of them.
    pub(crate) fn list(&self, postings: &Postings) -> Cow<'_, [Bound]> {
        match self {
            Self::Own(place) => {
                let own = |account| Bound { account, person: account, via: None, possible: Vec::new() };
                Cow::Owned(postings.account(*place).map(own).into_iter().collect())
            }
            Self::Listed(bound) => Cow::Borrowed(bound),
        }
    }
}

/// A loose finding's best core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Attachment {
    pub group: GroupIx,
    pub peer: FindingIx,
    pub value: ValueIx,
    pub strength: u32,
    pub gap: i64,
    /// The value is above its cap (G2): it could not have bridged.
    pub prolific: bool,
    /// One of the two is beyond the value's budget of its hour (G12): it could have bridged.
    pub surplus: bool,
}

/// A core with what hangs on it.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub core: Core,
    /// Tenants of the core, sorted.
    pub tenants: SmallVec<[TenantId; 1]>,
    /// Loose findings that prefer this core, taken or not.
    pub wooers: Few<FindingIx>,
    /// Those taken, by (first, key).
    pub attached: Few<FindingIx>,
    /// The incident of this group; none while it is a loose finding that is attached elsewhere.
    pub record: Option<RecordIx>,
}

/// An incident's history.
#[derive(Debug)]
pub(crate) struct Record {
    pub id: IncidentId,
    pub sequence: u64,
    pub change: ChangeKind,
    /// What was fixed when it was founded; none while its founder is a member that still says all of it.
    pub told: Option<Box<Told>>,
    /// Who founded it, while that is written nowhere else.
    pub founder: FindingIx,
    pub members: Members,
    pub group: GroupIx,
    /// Last activity of the members: retention counts from here.
    pub last: EventTime,
    /// Incidents named as related in the last version.
    pub partners: Few<RecordIx>,
    /// A hash of what was last handed on, to tell whether anything changed.
    pub emitted: Option<u64>,
    /// The state that was last handed on.
    pub state: IncidentState,
}

/// What an incident is founded with, for ever.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub founder: Rank,
    pub title: Text,
    pub split_from: Option<CompactString>,
}

impl Told {
    /// What a finding founds by itself.
    pub(crate) fn by(held: &Held) -> Self {
        let title = held.sightings().title().cloned().unwrap_or_else(|| Text::plain(""));
        Self { founder: held.rank(), title, split_from: None }
    }
}

impl Holder for Slab<Held> {
    fn compare(&self, a: FindingIx, b: FindingIx) -> Ordering {
        self.get(a).map(|h| &h.key).cmp(&self.get(b).map(|h| &h.key))
    }

    fn counterparts(&self, finding: FindingIx, what: Counterpart) -> &[ValueIx] {
        self.get(finding).map_or(&[], |held| match what {
            Counterpart::Persons => held.posted.persons(),
            Counterpart::Devices => held.posted.devices(),
            Counterpart::Either if held.posted.persons().is_empty() => held.posted.devices(),
            Counterpart::Either => held.posted.persons(),
        })
    }

    fn links(&self, finding: FindingIx) -> &[Link] {
        self.get(finding).map_or(&[], |held| &held.links)
    }

    fn values(&self, finding: FindingIx) -> impl Iterator<Item = ValueIx> {
        self.get(finding).into_iter().flat_map(|held| held.posted.values()).copied()
    }

    fn tenant(&self, finding: FindingIx) -> Option<TenantId> {
        self.get(finding).map(|held| held.key.tenant)
    }
}
