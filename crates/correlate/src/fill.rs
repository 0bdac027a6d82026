//! How a finding is filled: from its sightings when it comes, and from what binding said of it. Knows no other finding.

use crate::bind::{Bindings, COUNTED, COUNTED_MAX, DEVICE, PERSON};
use crate::detector::Detectors;
use crate::few::Few;
use crate::finding::{Brief, Kept, Sightings};
use crate::posted::Posted;
use crate::posting::ValueIx;
use crate::state::{Accounts, Held};
use crate::value::Value;
use caponier_model::{FindingKey, Severity};
use smallvec::SmallVec;

/// As many as there are.
const MANY: usize = usize::MAX;

impl Held {
    /// One that waits to be bound for the first time.
    pub(crate) fn new(key: FindingKey, sightings: Sightings, merged: Brief) -> Self {
        Self {
            key,
            kept: Kept::Open(sightings),
            merged,
            incidents: Few::default(),
            accounts: Accounts::default(),
            posted: Posted::default(),
            links: Vec::new(),
            group: None,
            prefers: None,
            attached: false,
            unlisted: false,
            record: None,
            slot: None,
            common: false,
            cut: 0,
            stopped: 0,
            staged: false,
            corrected: false,
            withdrawn: false,
            fresh: true,
        }
    }

    /// True where its detector is common that day and it is not severe.
    pub(crate) fn is_common(&self, detectors: &Detectors) -> bool {
        self.merged.severity < Severity::High && self.slot.is_some_and(|slot| detectors.is_common(slot))
    }

    /// Takes over what binding said; a value that was cut is not posted and counts nowhere.
    pub(crate) fn fill(&mut self, bindings: Bindings<'_>, uses: &[(ValueIx, ValueIx)]) {
        let mut lists: [SmallVec<[ValueIx; 8]>; 3] = Default::default();
        for (used, (value, _)) in bindings.uses.iter().zip(uses).filter(|(used, _)| used.part != 0) {
            for (list, (part, most)) in lists.iter_mut().zip([(COUNTED, COUNTED_MAX), (PERSON, MANY), (DEVICE, MANY)]) {
                // Equal values stand side by side; the first of them in canonical order are taken.
                if used.part & part != 0 && list.len() < most && list.last() != Some(value) {
                    list.push(*value);
                }
            }
        }
        lists.iter_mut().for_each(|list| list.sort_unstable());
        self.posted = Posted::new(uses, lists.each_ref().map(|list| &list[..]));
        self.fresh = false;
        let place = |account| {
            let own = bindings.uses.iter().position(|used| used.value == Value::Account(account));
            own.map(|at| uses[at].0)
        };
        self.accounts = Accounts::new(bindings.accounts, place);
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        self.cut = small(bindings.cut);
        self.stopped = small(bindings.stopped);
    }
}
