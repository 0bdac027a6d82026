//! How accounts come to be: the kinds of guest, their shares, and what the evidence written down for each supports.

/// One way in which an account in a resource tenant came to be.
///
/// Whether its home is *supported* is a matter of what is written down, judged by scenarios.md 2.1 with nothing configured: at
/// least one witness other than the resource tenant's directory (a log that Entra writes, the home directory, an analyst) that
/// names the home account, strong enough alone or together with others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Story {
    /// Invited, redeemed, signs in; both logs are kept. Supported by the redemption and by sign-ins.
    Invited,
    /// As `Invited`, but the invitation is older than the audit log and the guest shows no mail. Supported by sign-ins.
    SignsIn,
    /// Made by cross-tenant synchronisation, whose rows are kept; half of them never sign in. Supported by provisioning.
    Synchronised,
    /// Made by synchronisation long ago: extension, employee id, and sign-ins in the resource tenant's log. Supported.
    SynchronisedLongAgo,
    /// Works in Azure: its tokens carry the home account's PUID. Supported.
    AzureCaller,
    /// Redeemed, and then seen from the home tenant under the invited address, which need not be the user name. Supported by the
    /// redemption.
    SeenUnderMail,
    /// Redeemed, and seen from the home tenant, but sign-in names are missing from the log. Supported by the redemption.
    NameMissing,
    /// Only the resource tenant's log is kept. Supported: it names the home tenant and the user.
    OneLog,
    /// Extension, employee id and mail, but never used. Not supported: all of it is the resource tenant's word.
    NeverUsed,
    /// Mail only, never used. Not supported.
    MailOnly,
    /// Invited, not redeemed. Not supported.
    Pending,
    /// A personal account. No home.
    Consumer,
    /// A guest with a password here. No home.
    Internal,
    /// A guest made internal. Supported until then, no home after.
    Converted,
    /// Renamed at home while a guest; the guest keeps the old name. Supported.
    RenamedAtHome,
    /// Redemption reset, and invited again for somebody else: one object, two people, one after the other. Both supported.
    GivenAway,
    /// Deleted and invited again: two objects, one person. Both supported.
    InvitedAgain,
    /// Whose home account was deleted meanwhile. Supported while it was there.
    Leaver,
    /// A leaver whose address was given to a newcomer. Supported, for the leaver.
    AddressReused,
    /// From a tenant that nobody monitors. No home that could be found.
    UnknownHome,
    /// An administrator's second account, cloud-only, in the configured table. Supported by the statement.
    TwinStated,
    /// An administrator's second account with an employee id and an agreed name. Not supported: the resource tenant's word.
    TwinNamed,
    /// Synchronised from one on-premises directory into both tenants. Not supported (record 0006).
    DualSynchronised,
    /// Hostile: all directory fields of a victim, used from an unknown tenant.
    ForgedAndUsed,
    /// Hostile: all directory fields of a victim, never used.
    Forged,
    /// Hostile: a native account with the on-premises ids and the employee id of a victim.
    ForgedNative,
    /// Hostile: a victim's address invited, redeemed by and used from a look-alike tenant.
    LookAlike,
    /// Ambiguous: a personal account with a victim's work address.
    ConsumerSameAddress,
    /// Ambiguous: the same, seen only through an export that does not show identities, never used.
    ConsumerHidden,
    /// Ambiguous: an address that two people of the home tenant have. One of them, but not supported.
    TwoCandidates,
    /// Ambiguous: an employee id that says that there is none, and that one home account carries too.
    NoEmployeeId,
    /// Ambiguous: the display name of somebody at home.
    SameDisplayName,
    /// Hostile: a provisioning row of the resource tenant makes a home account out of a guest.
    WrongWay,
    /// Ambiguous: an invitation that a colleague redeemed. Supported, for the colleague, by sign-ins.
    Forwarded,
    /// Hostile: signs in from an unknown tenant under a victim's user name.
    BorrowedName,
    /// Not an account at all: a home account at work in a resource tenant without an object there.
    NoObject,
}

/// Shares of the accounts, in thousandths; the last, objectless kind comes on top.
const SHARES: [(Story, u16); 35] = [
    (Story::Invited, 245),
    (Story::SignsIn, 90),
    (Story::Synchronised, 150),
    (Story::SynchronisedLongAgo, 40),
    (Story::AzureCaller, 60),
    (Story::SeenUnderMail, 20),
    (Story::NameMissing, 10),
    (Story::OneLog, 60),
    (Story::NeverUsed, 20),
    (Story::MailOnly, 30),
    (Story::Pending, 35),
    (Story::Consumer, 30),
    (Story::Internal, 10),
    (Story::Converted, 10),
    (Story::RenamedAtHome, 30),
    (Story::GivenAway, 5),
    (Story::InvitedAgain, 10),
    (Story::Leaver, 15),
    (Story::AddressReused, 10),
    (Story::UnknownHome, 50),
    (Story::TwinStated, 5),
    (Story::TwinNamed, 5),
    (Story::DualSynchronised, 10),
    (Story::ForgedAndUsed, 8),
    (Story::Forged, 7),
    (Story::ForgedNative, 3),
    (Story::LookAlike, 6),
    (Story::ConsumerSameAddress, 6),
    (Story::ConsumerHidden, 2),
    (Story::TwoCandidates, 4),
    (Story::NoEmployeeId, 4),
    (Story::SameDisplayName, 2),
    (Story::WrongWay, 3),
    (Story::Forwarded, 3),
    (Story::BorrowedName, 2),
];

/// Coprime to a thousand: neighbouring numbers get different stories.
const STRIDE: usize = 619;

impl Story {
    /// Every story with its share in thousandths.
    pub const ALL: &'static [(Self, u16)] = &SHARES;

    /// The story of the account with this number: exact shares in every thousand.
    pub(super) fn of(number: usize) -> Self {
        let mut place = number * STRIDE % 1000;
        for (story, share) in SHARES {
            match place.checked_sub(usize::from(share)) {
                None => return story,
                Some(left) => place = left,
            }
        }
        Self::Invited
    }

    /// True for what is meant to mislead, and for what could be more than one.
    pub const fn is_hostile(self) -> bool {
        use Story as S;
        matches!(
            self,
            S::ForgedAndUsed
                | S::Forged
                | S::ForgedNative
                | S::LookAlike
                | S::ConsumerSameAddress
                | S::ConsumerHidden
                | S::TwoCandidates
                | S::NoEmployeeId
                | S::SameDisplayName
                | S::WrongWay
                | S::Forwarded
                | S::BorrowedName
        )
    }
}
