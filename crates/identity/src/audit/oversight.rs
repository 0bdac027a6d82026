//! What somebody should see of foreign accounts, as findings (scenarios.md 4.7): a guest that outlived its home account, a guest of a tenant
//! that nobody watches. Flags them as the audit does; decides no link.

use super::{Audited, Auditor, Flag, Look, audit};
use crate::conflict::PRODUCT;
use crate::known::equal_range;
use caponier_model::{AccountKey, Entity, EntityKind, EntityRole, EventTime, Matter, Sighting, Text};
use compact_str::{CompactString, ToCompactString};

/// A finding for each guest that outlived its home account (`stale_alias`) or has none that is watched (`orphan_guest`), sorted by time.
///
/// It is of the tenant that the guest is in. It happened when the home account went, or the guest was first seen; what nothing dates
/// happened at [`Look::at`], which is the end of the capture. A guest that is switched off is nobody's worry. Cost: an audit.
pub fn overlooked(look: &Look<'_>) -> Vec<Sighting> {
    let auditor = Auditor::new(look);
    let mut out: Vec<Sighting> = audit(look).iter().filter_map(|one| auditor.finding(one)).collect();
    out.sort_by(|a, b| (a.first, &a.key).cmp(&(b.first, &b.key)));
    out
}

impl Auditor<'_> {
    fn finding(&self, one: &Audited) -> Option<Sighting> {
        if one.facts.as_ref().is_some_and(|f| f.enabled == Some(false)) {
            return None;
        }
        if let Some(flag) = one.flags.iter().find(|f| f.is_stale()) {
            let home = self.outlived(one)?;
            let what = match flag {
                Flag::StaleHomeDisabled => "is disabled",
                Flag::StaleHomeDeleted => "was deleted",
                _ => "is no longer in its directory",
            };
            let title = Text::plain("guest {account} can still be used while its home account {home} {what}")
                .with("account", &self.called(one.account), Some(EntityKind::AccountName), Some(one.account.tenant))
                .with("home", &self.called(home), Some(EntityKind::AccountName), Some(home.tenant))
                .with("what", what, None, None);
            let since = self.gone(home).max(one.facts.as_ref().map_or(EventTime::MIN, |f| f.from));
            return Some(self.sighting("stale_alias", one, &[one.account, home], since, title));
        }
        let flag = one.flags.iter().find(|f| f.is_orphan())?;
        let why = match flag {
            Flag::OrphanHomeNotMonitored => "the directory of its home tenant is not read",
            _ => "its home tenant shows no account that it could be",
        };
        let title = Text::plain("guest {account} has no home account that is watched: {why}")
            .with("account", &self.called(one.account), Some(EntityKind::AccountName), Some(one.account.tenant))
            .with("why", why, None, None);
        let mut named = equal_range(&self.named, |n| n.0, one.account).iter().map(|n| n.1);
        let named = named.find(|from| *from > EventTime::MIN);
        let since = one.facts.as_ref().map(|f| f.from).filter(|from| *from > EventTime::MIN).or(named);
        Some(self.sighting("orphan_guest", one, &[one.account], since.unwrap_or(EventTime::MIN), title))
    }

    /// Since when a home account cannot be used, as far as its directory tells.
    fn gone(&self, home: AccountKey) -> EventTime {
        let deleted = || self.history(home).iter().map(|f| f.until).filter(|until| *until <= self.look.at).max();
        self.facts(home).map(|f| f.from).or_else(deleted).unwrap_or(EventTime::MIN)
    }

    /// The name that people know it by, else its object id.
    fn called(&self, account: AccountKey) -> CompactString {
        let last = || self.history(account).last();
        let upn = self.facts(account).or_else(last).and_then(|f| f.upn.clone());
        upn.unwrap_or_else(|| account.object.to_compact_string())
    }

    fn sighting(
        &self,
        detector: &'static str,
        one: &Audited,
        named: &[AccountKey],
        since: EventTime,
        title: Text,
    ) -> Sighting {
        let at = if since > EventTime::MIN { since } else { self.look.at };
        let entity = |(group, account): (u16, &AccountKey)| Entity {
            kind: EntityKind::Account,
            value: account.object.to_compact_string(),
            tenant: account.tenant,
            group,
            role: EntityRole::Related,
        };
        let entities = (0..).zip(named).map(entity).collect();
        let (tenant, subject) = (one.resource, one.account.object.to_compact_string());
        Sighting::operational(PRODUCT, Matter { detector, tenant, subject, first: at, last: at, title, entities })
    }
}
