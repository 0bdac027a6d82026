//! What an account shows to the queries, part by part, and which parts each query reads of whom. Knows the columns that queries
//! compare, not what they conclude.
//!
//! **The rule that every query obeys.** What a topic's query says of an account rests on the account's *own* aspects, on the *near*
//! aspects of accounts that share with it a key which the topic *follows*, and on what every question gets (tenants, domains,
//! naming rules). A query that reads more needs more here; the tests that hold the store against the whole join would show it.

use super::row::Kinds;
use super::ties::Of;
use caponier_model::{Topic, Topics};

/// Parts of what an account shows, as a set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(super) struct Aspects(u16);

impl Aspects {
    pub(super) const NONE: Self = Self(0);
    /// What kind of account it is and was, and when: existence is part of it.
    pub(super) const BEING: Self = Self(1);
    /// The latest display name.
    pub(super) const DISPLAY: Self = Self(1 << 1);
    /// The latest employee id.
    pub(super) const EMPLOYEE: Self = Self(1 << 2);
    /// The latest on-premises SID and immutable id.
    pub(super) const SOURCE: Self = Self(1 << 3);
    /// The latest object id in an extension.
    pub(super) const EXTENSION: Self = Self(1 << 4);
    /// User names with their spans.
    pub(super) const UPN: Self = Self(1 << 5);
    /// Other names with their spans.
    pub(super) const ADDRESS: Self = Self(1 << 6);
    /// Sign-ins in the resource tenant's log.
    pub(super) const THERE: Self = Self(1 << 7);
    /// Sign-ins in another tenant's log: the home tenant's, mostly.
    pub(super) const HERE: Self = Self(1 << 8);
    /// Sign-ins in the resource tenant's log that need no account there.
    pub(super) const DELEGATED: Self = Self(1 << 9);
    pub(super) const INVITATIONS: Self = Self(1 << 10);
    pub(super) const PROVISIONING: Self = Self(1 << 11);
    pub(super) const CALLERS: Self = Self(1 << 12);
    pub(super) const PRINCIPALS: Self = Self(1 << 13);
    pub(super) const STATEMENTS: Self = Self(1 << 14);

    pub(super) const ALL: Self = Self((1 << 15) - 1);
    pub(super) const NAMES: Self = Self::UPN.or(Self::ADDRESS);
    /// What a directory or an inventory says.
    pub(super) const DIRECTORY: Self =
        Self::BEING.or(Self::DISPLAY).or(Self::EMPLOYEE).or(Self::SOURCE).or(Self::EXTENSION).or(Self::NAMES);

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a topic's query reads.
pub(super) struct Footprint {
    /// Of the account itself.
    pub(super) own: Aspects,
    /// Of those who share a key with it.
    pub(super) near: Aspects,
    /// Which keys.
    pub(super) follows: &'static [Of],
    /// Nothing is said of an account that has no row of these kinds; none are asked for where something may be.
    pub(super) needs: Kinds,
}

pub(super) const fn footprint(topic: Topic) -> Footprint {
    use Aspects as A;
    let (own, near, follows, needs): (_, _, &[Of], _) = match topic {
        Topic::Refutations => (A::THERE.or(A::CALLERS), A::NONE, &[], Kinds::SIGN_IN.or(Kinds::CALLER)),
        // Of a couple either may be called the home.
        Topic::Statement => (A::STATEMENTS, A::STATEMENTS, &[Of::Object], Kinds::STATEMENT),
        Topic::Provisioning => (A::BEING, A::BEING.or(A::PROVISIONING), &[Of::Object], Kinds::NONE),
        // The caller's account is another than the one it works as, with the same object id.
        Topic::DelegatedCaller => (A::BEING.or(A::DELEGATED), A::CALLERS, &[Of::Object], Kinds::NONE),
        Topic::Puid => (A::CALLERS, A::CALLERS, &[Of::Puid], Kinds::CALLER),
        Topic::PairedSignIn => (A::THERE, A::THERE.or(A::HERE), &[Of::Name], Kinds::SIGN_IN),
        Topic::NamedSignIn => (A::THERE, A::NAMES, &[Of::Name], Kinds::SIGN_IN),
        Topic::Redemption => (A::THERE.or(A::INVITATIONS), A::NAMES, &[Of::Name], Kinds::INVITATION),
        Topic::CommonSource => {
            (A::SOURCE.or(A::BEING), A::SOURCE.or(A::BEING), &[Of::Sid, Of::Immutable], Kinds::ACCOUNT)
        }
        Topic::Extension => (A::EXTENSION.or(A::BEING), A::BEING, &[Of::Object], Kinds::ACCOUNT),
        Topic::EmployeeId => (A::EMPLOYEE.or(A::BEING), A::EMPLOYEE.or(A::BEING), &[Of::Employee], Kinds::ACCOUNT),
        Topic::Address => (A::NAMES.or(A::INVITATIONS), A::NAMES, &[Of::Name], Kinds::ACCOUNT.or(Kinds::INVITATION)),
        Topic::ExtName => (A::NAMES, A::NAMES, &[Of::Name], Kinds::ACCOUNT),
        Topic::NamingRule => (A::UPN, A::UPN, &[Of::Local], Kinds::ACCOUNT),
        Topic::LooksAlike => (A::DISPLAY.or(A::BEING), A::DISPLAY.or(A::BEING), &[Of::Display], Kinds::ACCOUNT),
        Topic::Application => (A::PRINCIPALS, A::PRINCIPALS, &[Of::App], Kinds::PRINCIPAL),
    };
    Footprint { own, near, follows, needs }
}

impl Footprint {
    pub(super) fn follows(&self, of: Of) -> bool {
        self.follows.contains(&of)
    }
}

/// Who reads any of `aspects`: of the account itself, and of those near it.
pub(super) fn readers(aspects: Aspects) -> (Topics, Topics) {
    let reading = |part: fn(&Footprint) -> Aspects| {
        let topics = Topic::ALL.into_iter().filter(|t| part(&footprint(*t)).meets(aspects));
        topics.fold(Topics::NONE, |all, t| all.or(Topics::of(&[t])))
    };
    (reading(|f| f.own), reading(|f| f.near))
}
