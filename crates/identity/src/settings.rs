//! The figures of the identity join: confidence by kind, thresholds, and what each ordered pair of tenants allows.
//! Knows nothing of where they are configured.

use caponier_model::{AccountKey, EvidenceKind, Pair};
use std::collections::BTreeSet;

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

/// What holds for one ordered pair of tenants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PairSettings {
    /// The pair: links run from accounts of `resource` to accounts of `home`.
    pub pair: Pair,
    /// What the resource directory may prove.
    pub directory_evidence: DirectoryEvidence,
}

/// How evidence is weighed. The default is the table of scenarios.md 2.1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Confidence by kind, in millionths, in the order of [`EvidenceKind::ALL`].
    pub confidence: [u32; 16],
    /// A link of at least this confidence is accepted.
    pub accept: u32,
    /// A link of at least this confidence is shown as possible.
    pub possible: u32,
    /// The ordered pairs in which links may run; `None` (nothing configured) allows every pair.
    pub pairs: Option<Vec<PairSettings>>,
    /// Statements that (satellite, home) are two people: they override all evidence.
    pub cannot_link: BTreeSet<(AccountKey, AccountKey)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            confidence: EvidenceKind::ALL.map(default_confidence),
            accept: 800_000,
            possible: 500_000,
            pairs: None,
            cannot_link: BTreeSet::new(),
        }
    }
}

impl Settings {
    /// The confidence of one kind, in millionths, never above certainty.
    pub fn confidence_of(&self, kind: EvidenceKind) -> u32 {
        self.confidence[kind as usize].min(ONE)
    }

    /// What the pair allows; `None` where no link may run.
    pub(crate) fn pair(&self, pair: Pair) -> Option<DirectoryEvidence> {
        match &self.pairs {
            None => Some(DirectoryEvidence::default()),
            Some(pairs) => pairs.iter().find(|p| p.pair == pair).map(|p| p.directory_evidence),
        }
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

    #[test]
    fn the_table_is_in_the_order_of_the_kinds() {
        let settings = Settings::default();
        for (i, kind) in EvidenceKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, i);
            assert_eq!(settings.confidence_of(kind), default_confidence(kind));
        }
    }
}
