//! The figures of the identity join: confidence by kind, thresholds, and what each ordered pair of tenants allows.
//! Knows nothing of where they are configured.

use caponier_model::{EvidenceKind, Pair, TenantId};
use std::collections::{BTreeMap, BTreeSet};

/// Certainty, in the millionths that confidences are counted in.
pub(crate) const ONE: u32 = 1_000_000;

/// What the resource tenant's own directory may prove by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum DirectoryEvidence {
    /// At most "possible same person": whoever administers the resource tenant can write it.
    #[default]
    Suggest,
    /// K9, K10 and K11 are accepted alone: the operator of the pair also governs the resource directory.
    Accept,
}

/// What holds for one ordered pair of tenants; what is not set follows [`Settings`].
///
/// ```
/// # use caponier_identity::{DirectoryEvidence, PairSettings};
/// # use caponier_model::{EvidenceKind, Guid, Pair, TenantId};
/// # let (home, resource) = (TenantId(Guid::from_u128(1)), TenantId(Guid::from_u128(2)));
/// let mut pair = PairSettings::new(Pair { home, resource });
/// pair.directory_evidence = DirectoryEvidence::Accept;
/// pair.accept = Some(900_000);
/// pair.confidence.insert(EvidenceKind::Address, 650_000);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PairSettings {
    /// The pair: links run from accounts of `resource` to accounts of `home`.
    pub pair: Pair,
    /// What the resource directory may prove.
    pub directory_evidence: DirectoryEvidence,
    /// Instead of [`Settings::accept`], in millionths.
    pub accept: Option<u32>,
    /// Instead of [`Settings::possible`], in millionths.
    pub possible: Option<u32>,
    /// Instead of [`Settings::confidence`], in millionths; a kind at 0 says nothing in this pair.
    pub confidence: BTreeMap<EvidenceKind, u32>,
}

impl PairSettings {
    /// A pair that follows the general figures and takes nothing from the resource directory alone.
    pub const fn new(pair: Pair) -> Self {
        Self {
            pair,
            directory_evidence: DirectoryEvidence::Suggest,
            accept: None,
            possible: None,
            confidence: BTreeMap::new(),
        }
    }
}

/// How evidence is weighed. The default is the table of scenarios.md 2.1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Confidence by kind, in millionths, in the order of [`EvidenceKind::ALL`]; a kind at 0 says nothing.
    pub confidence: [u32; 16],
    /// A link of at least this confidence is accepted.
    pub accept: u32,
    /// A link of at least this confidence is shown as possible.
    pub possible: u32,
    /// The ordered pairs in which links may run; `None` (nothing configured) allows every pair.
    pub pairs: Option<Vec<PairSettings>>,
    /// Tenants whose directories are read, beside the homes of `pairs`: where a log names one of these, its home account should
    /// be known. Decides no link, only what a refusal says.
    pub monitored: BTreeSet<TenantId>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            confidence: EvidenceKind::ALL.map(default_confidence),
            accept: 800_000,
            possible: 500_000,
            pairs: None,
            monitored: BTreeSet::new(),
        }
    }
}

impl Settings {
    /// What holds in one pair, with the general figures where the pair sets none; `None` where no link may run.
    pub fn scale(&self, pair: Pair) -> Option<Scale<'_>> {
        let listed = match &self.pairs {
            None => None,
            Some(pairs) => Some(pairs.iter().find(|p| p.pair == pair)?),
        };
        Some(Scale { general: self, listed }).filter(|_| pair.home != pair.resource)
    }

    /// Should accounts of this tenant be known?
    pub(crate) fn monitors(&self, tenant: TenantId) -> bool {
        self.monitored.contains(&tenant) || self.pairs.iter().flatten().any(|p| p.pair.home == tenant)
    }
}

/// The figures of one ordered pair: what [`PairSettings`] sets, else what [`Settings`] says.
#[derive(Clone, Copy, Debug)]
pub struct Scale<'a> {
    general: &'a Settings,
    listed: Option<&'a PairSettings>,
}

impl Scale<'_> {
    /// The confidence of one kind, in millionths, never above certainty.
    pub fn confidence(&self, kind: EvidenceKind) -> u32 {
        let own = self.listed.and_then(|p| p.confidence.get(&kind).copied());
        own.unwrap_or(self.general.confidence[kind as usize]).min(ONE)
    }

    /// From here on a link is accepted, in millionths.
    pub fn accept(&self) -> u32 {
        self.listed.and_then(|p| p.accept).unwrap_or(self.general.accept)
    }

    /// From here on a link is shown as possible, in millionths.
    pub fn possible(&self) -> u32 {
        self.listed.and_then(|p| p.possible).unwrap_or(self.general.possible)
    }

    /// What the resource directory may prove.
    pub fn directory_evidence(&self) -> DirectoryEvidence {
        self.listed.map_or(DirectoryEvidence::default(), |p| p.directory_evidence)
    }
}

/// K1 to K14. A starting point: calibrate per pair against provisioning and statements before merging on it.
const fn default_confidence(kind: EvidenceKind) -> u32 {
    match kind {
        EvidenceKind::Statement | EvidenceKind::DelegatedCaller => ONE,
        EvidenceKind::Provisioning => 990_000,
        EvidenceKind::Puid => 970_000,
        EvidenceKind::PairedSignIn | EvidenceKind::NamedSignIn => 900_000,
        EvidenceKind::Redemption => 920_000,
        EvidenceKind::PairedSignInById => 980_000,
        EvidenceKind::Application => 990_000,
        EvidenceKind::CommonSource => 950_000,
        EvidenceKind::Extension => 750_000,
        EvidenceKind::EmployeeId | EvidenceKind::Address => 700_000,
        EvidenceKind::ExtName | EvidenceKind::NamingRule => 600_000,
        EvidenceKind::LooksAlike => 300_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(home: u128, resource: u128) -> Pair {
        let tenant = |n| TenantId(caponier_model::Guid::from_u128(n));
        Pair { home: tenant(home), resource: tenant(resource) }
    }

    #[test]
    fn the_table_is_in_the_order_of_the_kinds() {
        let settings = Settings::default();
        let scale = settings.scale(pair(1, 2)).unwrap();
        for (i, kind) in EvidenceKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, i);
            assert_eq!(scale.confidence(kind), default_confidence(kind));
        }
    }

    #[test]
    fn a_pair_overrides_what_it_sets_and_nothing_else() {
        let mut strict = PairSettings::new(pair(1, 2));
        strict.accept = Some(950_000);
        strict.confidence.insert(EvidenceKind::Address, 2_000_000);
        let plain = PairSettings::new(pair(2, 1));
        let settings = Settings { pairs: Some(vec![strict, plain]), possible: 400_000, ..Settings::default() };
        let strict = settings.scale(pair(1, 2)).unwrap();
        assert_eq!((strict.accept(), strict.possible()), (950_000, 400_000));
        assert_eq!(strict.confidence(EvidenceKind::Address), ONE, "never above certainty");
        assert_eq!(strict.confidence(EvidenceKind::ExtName), 600_000);
        let plain = settings.scale(pair(2, 1)).unwrap();
        assert_eq!((plain.accept(), plain.confidence(EvidenceKind::Address)), (800_000, 700_000));
        assert!(settings.scale(pair(1, 3)).is_none(), "not listed");
        assert!(Settings::default().scale(pair(1, 1)).is_none(), "never within a tenant");
    }
}
