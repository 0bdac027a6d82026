//! What of a value is not what its present findings would make of it, because others were let go: a snapshot writes it down, and
//! restoring takes it over. Knows postings, nothing of how a snapshot is written.

use super::{Holder, Link, More, Posting, Postings, ValueIx};
use crate::Settings;
use crate::prolific::Prolific;
use caponier_model::EventTime;

/// A value that is not what its present findings would make of it.
#[derive(Debug)]
pub(crate) struct Behind {
    /// Its links, where they are others.
    pub links: Option<Vec<Link>>,
    pub severed: bool,
    pub longest: i64,
    /// The latest instant counted, where counterparts are counted.
    pub counted: Option<EventTime>,
}

impl Postings {
    /// The links of a value as its findings would make them now, and as they are; both sorted.
    fn links_of(
        &self,
        ix: ValueIx,
        posting: &Posting,
        settings: &Settings,
        holder: &impl Holder,
    ) -> (Vec<Link>, Vec<Link>) {
        let (mut fresh, mut held) = (Vec::new(), Vec::new());
        if posting.entries.len() > 1 && posting.rule.bridges {
            let halves = posting.value.halves().map(|halves| halves.map(|h| self.find(&h).and_then(|h| self.get(h))));
            if !posting.is_severed(settings) {
                let halves = halves.as_ref().map_or(&[][..], |h| &h[..]);
                posting.chain(ix, (0, posting.entries.len()), settings, halves, &mut fresh);
            }
            for entry in posting.entries.iter() {
                let own = |l: &&Link| l.value == ix && l.b == entry.finding;
                held.extend(holder.links(entry.finding).iter().filter(own));
            }
        }
        for list in [&mut fresh, &mut held] {
            list.sort_unstable();
            list.dedup();
        }
        (fresh, held)
    }

    /// What differs, value by value, from what their present findings would make: those that left leave it behind.
    /// Links are compared only where something was ever let go: until then none can differ.
    pub(crate) fn behind(&self, evicted: bool, settings: &Settings, holder: &impl Holder) -> Vec<(ValueIx, Behind)> {
        let held = self.all.iter();
        let differs = |(ix, posting): (ValueIx, &Posting)| {
            let links = evicted.then(|| self.links_of(ix, posting, settings, holder));
            let links = links.filter(|(fresh, held)| fresh != held).map(|(_, held)| held);
            let longest = posting.entries.iter().map(|e| e.last.seconds_since(e.first)).max().unwrap_or(0).max(0);
            let last = posting.entries.last().map(|e| e.first);
            let counted = posting.prolific().map(Prolific::high);
            let usual = posting.rule.cap.is_some_and(|cap| posting.mass() > cap);
            let same = links.is_none()
                && longest == posting.longest
                && posting.is_cut_off() == (posting.rule.bridges && posting.is_severed(settings))
                && counted == last.filter(|_| usual);
            let behind = Behind { links, severed: posting.is_cut_off(), longest: posting.longest, counted };
            (!same).then_some((ix, behind))
        };
        held.filter_map(differs).collect()
    }

    /// Puts a value where it was when a snapshot was taken. Returns the links to take from findings, and those to give.
    pub(crate) fn adopt(
        &mut self,
        ix: ValueIx,
        behind: Behind,
        settings: &Settings,
        holder: &impl Holder,
    ) -> (Vec<Link>, Vec<Link>) {
        let Some(mut posting) = self.all.lift(ix) else { return Default::default() };
        let more = posting.more.get_or_insert_with(|| More::of(&posting.entries));
        more.severed = behind.severed;
        posting.longest = behind.longest.max(posting.longest);
        if let Some(high) = behind.counted {
            posting.count_all(settings.caps.window, high, holder);
        }
        let held = behind.links.is_some().then(|| self.links_of(ix, &posting, settings, holder).1);
        self.all.put(ix, posting);
        self.keep_open(ix);
        (held.unwrap_or_default(), behind.links.unwrap_or_default())
    }
}
