//! The queries of the identity join as topics, and the rows that each is to be asked about. Knows what a query speaks of, not how it
//! reads.

use crate::{AccountFacts, EvidenceKind, Rows};

/// What one query of the identity join speaks of: of an account it says something, or nothing, whatever other queries say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Topic {
    /// Which home tenants logs name.
    Refutations,
    /// K1.
    Statement,
    /// K2.
    Provisioning,
    /// K3.
    DelegatedCaller,
    /// K4.
    Puid,
    /// K5, in both its strengths.
    PairedSignIn,
    /// K6.
    NamedSignIn,
    /// K7.
    Redemption,
    /// K8.
    CommonSource,
    /// K9.
    Extension,
    /// K10.
    EmployeeId,
    /// K11.
    Address,
    /// K12.
    ExtName,
    /// K13.
    NamingRule,
    /// K14.
    LooksAlike,
    /// Rule 8.
    Application,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Refutations,
        Self::Statement,
        Self::Provisioning,
        Self::DelegatedCaller,
        Self::Puid,
        Self::PairedSignIn,
        Self::NamedSignIn,
        Self::Redemption,
        Self::CommonSource,
        Self::Extension,
        Self::EmployeeId,
        Self::Address,
        Self::ExtName,
        Self::NamingRule,
        Self::LooksAlike,
        Self::Application,
    ];

    /// The topic whose query yields this kind of evidence.
    pub const fn of(kind: EvidenceKind) -> Self {
        match kind {
            EvidenceKind::Statement => Self::Statement,
            EvidenceKind::Provisioning => Self::Provisioning,
            EvidenceKind::DelegatedCaller => Self::DelegatedCaller,
            EvidenceKind::Puid => Self::Puid,
            EvidenceKind::PairedSignIn | EvidenceKind::PairedSignInById => Self::PairedSignIn,
            EvidenceKind::NamedSignIn => Self::NamedSignIn,
            EvidenceKind::Redemption => Self::Redemption,
            EvidenceKind::CommonSource => Self::CommonSource,
            EvidenceKind::Extension => Self::Extension,
            EvidenceKind::EmployeeId => Self::EmployeeId,
            EvidenceKind::Address => Self::Address,
            EvidenceKind::ExtName => Self::ExtName,
            EvidenceKind::NamingRule => Self::NamingRule,
            EvidenceKind::LooksAlike => Self::LooksAlike,
            EvidenceKind::Application => Self::Application,
        }
    }
}

/// A set of topics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Topics(u32);

impl Topics {
    /// None.
    pub const NONE: Self = Self(0);
    /// All.
    pub const ALL: Self = Self::of(&Topic::ALL);

    /// These.
    pub const fn of(topics: &[Topic]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < topics.len() {
            set |= 1 << topics[at] as u32;
            at += 1;
        }
        Self(set)
    }

    /// Is it among them?
    pub const fn has(self, topic: Topic) -> bool {
        self.0 & 1 << topic as u32 != 0
    }

    /// These and those.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of these that are among the others, too.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Is there none?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each, in the order of [`Topic::ALL`].
    pub fn each(self) -> impl Iterator<Item = Topic> {
        Topic::ALL.into_iter().filter(move |topic| self.has(*topic))
    }
}

/// Rows that certain topics are to be asked about, with the facts that the join's tables show beside them.
///
/// A question is a list of portions, each row in one of them: every topic is asked about all portions that name it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Portion {
    /// Who is asked about them.
    pub topics: Topics,
    /// The rows.
    pub rows: Rows,
    /// Dated names, by account; the rows from which they follow are in `rows`.
    pub facts: Vec<AccountFacts>,
}
