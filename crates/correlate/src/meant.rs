//! Which accounts the entries of a name or SID mean.

use crate::entries::Entry;
use crate::posting::{NOBODY, ValueIx};

/// How many entries mean one account, and how many mean another: counted as they come, since a name that thousands of findings
/// bear would else be read from its beginning for each.
#[derive(Debug, Default)]
pub(crate) struct Meant {
    account: ValueIx,
    same: u32,
    /// Never more than nothing while `same` is nothing.
    others: u32,
}

impl Meant {
    /// True where two accounts are meant.
    pub(crate) const fn is_torn(&self) -> bool {
        self.others > 0
    }

    /// One more entry.
    pub(crate) fn add(&mut self, account: ValueIx) {
        if account == NOBODY {
            return;
        }
        if self.same == 0 {
            self.account = account;
        }
        *(if account == self.account { &mut self.same } else { &mut self.others }) += 1;
    }

    /// One entry less; `left` are those that are left.
    pub(crate) fn take(&mut self, account: ValueIx, left: &[Entry]) {
        if account == NOBODY {
            return;
        }
        *(if account == self.account { &mut self.same } else { &mut self.others }) -= 1;
        if self.same == 0 && self.others > 0 {
            *self = Self::default();
            left.iter().for_each(|entry| self.add(entry.account));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::EventTime;

    #[test]
    fn what_is_left_decides_who_is_meant() {
        let entry = |account| Entry::new((EventTime::MIN, EventTime::MIN), 0, account, 0, 0);
        let mut meant = Meant::default();
        let mut entries: Vec<Entry> = [NOBODY, 7, 8, 8, 9].map(entry).into();
        entries.iter().for_each(|e| meant.add(e.account));
        for torn in [true, true, true, true, false, false] {
            assert_eq!(meant.is_torn(), torn, "{entries:?}");
            if entries.is_empty() {
                break;
            }
            let gone = entries.remove(0);
            meant.take(gone.account, &entries);
        }
    }
}
