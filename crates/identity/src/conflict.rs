//! Two homes at one time are something that an analyst must see (scenarios.md 2.1, rule 4): each such account is a finding.
//! Weighs nothing; what is in conflict was decided before.

use caponier_model::{
    AccountKey, Entity, EntityKind, EntityRole, EventTime, Link, LinkState, Matter, Sighting, Testimony, Text,
};
use compact_str::ToCompactString;
use std::collections::BTreeMap;

/// The detector's name, and the format under which its findings are seen.
pub const DETECTOR: &str = "identity_conflict";

/// The product of findings that identities make.
pub(crate) const PRODUCT: &str = "identity";

/// A finding for each account that has links in conflict, sorted by time.
///
/// It is of the tenant that the account is in and names that account alone: which homes contend is the other tenants' business,
/// and stands in the links. It happened when the second of the homes was first spoken of; where nothing is dated, at the start of
/// the conflict.
pub fn conflicts(links: &[Link], testimony: &Testimony) -> Vec<Sighting> {
    let mut contending: BTreeMap<AccountKey, (EventTime, BTreeMap<AccountKey, EventTime>)> = BTreeMap::new();
    for link in links.iter().filter(|l| l.state == LinkState::Conflict) {
        let (start, homes) = contending.entry(link.account).or_insert((EventTime::MAX, BTreeMap::new()));
        *start = link.from.min(*start);
        homes.entry(link.home).or_insert(EventTime::MAX);
    }
    for evidence in testimony.evidence.iter().filter(|e| e.from > EventTime::MIN) {
        let homes = contending.get_mut(&evidence.account).map(|(_, homes)| homes);
        if let Some(first) = homes.and_then(|h| h.get_mut(&evidence.home)) {
            *first = evidence.from.min(*first);
        }
    }
    let mut out: Vec<Sighting> = contending
        .iter()
        .map(|(account, (start, homes))| {
            let second = homes.values().copied().filter(|t| *t < EventTime::MAX).max();
            let start = Some(*start).filter(|t| *t > EventTime::MIN);
            finding(*account, homes.len(), second.or(start).unwrap_or_default())
        })
        .collect();
    out.sort_by(|a, b| (a.first, &a.key).cmp(&(b.first, &b.key)));
    out
}

fn finding(account: AccountKey, homes: usize, at: EventTime) -> Sighting {
    let object = account.object.to_compact_string();
    let entity = Entity {
        kind: EntityKind::Account,
        value: object.clone(),
        tenant: account.tenant,
        group: 0,
        role: EntityRole::Related,
    };
    let title = Text::plain("account {account} has {homes} home accounts at one time: none is believed")
        .with("account", &object, Some(EntityKind::Account), Some(account.tenant))
        .with("homes", &homes.to_compact_string(), None, None);
    let (tenant, entities) = (account.tenant, vec![entity]);
    let matter = Matter { detector: DETECTOR, tenant, subject: object, first: at, last: at, title, entities };
    Sighting { content: account.object.as_u128(), ..Sighting::operational(PRODUCT, matter) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::{Evidence, EvidenceKind, Guid, TenantId};

    fn key(tenant: u128, object: u128) -> AccountKey {
        AccountKey { tenant: TenantId(Guid::from_u128(tenant)), object: Guid::from_u128(object) }
    }

    fn link(home: u128, state: LinkState) -> Link {
        let (kinds, sources) = (vec![EvidenceKind::Provisioning], Vec::new());
        let (from, until) = (EventTime::MIN, EventTime::MAX);
        Link { account: key(2, 9), home: key(1, home), state, confidence: 990_000, kinds, sources, from, until }
    }

    fn seen(home: u128, seconds: i64) -> Evidence {
        let (kind, from) = (EvidenceKind::Provisioning, EventTime::from_seconds(seconds));
        Evidence { account: key(2, 9), home: key(1, home), kind, from, until: EventTime::MAX, source: "s".into() }
    }

    #[test]
    fn two_homes_are_one_finding_from_when_the_second_is_spoken_of() {
        let links = [link(1, LinkState::Conflict), link(2, LinkState::Conflict)];
        let evidence = vec![seen(1, 50), seen(2, 70), seen(2, 60)];
        let found = conflicts(&links, &Testimony { evidence, ..Testimony::default() });
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].first, found[0].key.tenant), (EventTime::from_seconds(60), key(2, 9).tenant));
        assert_eq!(
            found[0].entities.iter().map(|e| e.value.clone()).collect::<Vec<_>>(),
            [key(2, 9).object.to_string()]
        );
    }

    #[test]
    fn who_has_one_home_is_none() {
        let links = [link(1, LinkState::Accepted), link(2, LinkState::Possible)];
        assert_eq!(conflicts(&links, &Testimony::default()), []);
    }
}
