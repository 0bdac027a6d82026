//! An organisation by the numbers: a home tenant of any size, three resource tenants full of its guests, and the truth about
//! every one of them. Made for measuring the identity join; unlike `simulate` it makes rows of evidence directly, since what
//! is measured begins where decoding ends.
//!
//! Knows only `model`: what a row looks like, not what anybody concludes from it. The same seed and shape make the same rows
//! on every machine. What is held is the rows themselves: about 900 bytes per person with the default shape.

mod change;
mod hostile;
mod judge;
mod ordinary;
mod people;
mod scribe;
mod story;

#[cfg(test)]
mod tests;

pub use change::Change;
pub use judge::{Grade, Grades};
pub use story::Story;

use caponier_model::{AccountKey, EventTime, NamingRule, Rows, Tenants};
use scribe::Scribe;

/// How large an organisation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Accounts of the home tenant.
    pub people: usize,
    /// Accounts of all resource tenants that stand for somebody from elsewhere; at most half of `people`.
    pub guests: usize,
    /// At most so many sign-ins across tenants, counted in rows of both tenants' logs.
    pub sign_ins: usize,
}

impl Shape {
    /// The usual proportions: three guests for ten people, five sign-ins for each.
    pub const fn of(people: usize) -> Self {
        Self { people, guests: people * 3 / 10, sign_ins: people * 5 }
    }
}

/// What is true of an account at one moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Answer {
    /// The account in a resource tenant.
    pub account: AccountKey,
    /// When somebody might ask: mostly when it was last used.
    pub at: EventTime,
    /// The home account it is, where it is one of a tenant whose directory is known.
    pub home: Option<AccountKey>,
    /// How it came to be.
    pub story: Story,
    /// Whether what was written down supports accepting that home, with nothing configured (see [`Story`]).
    pub supported: bool,
}

/// Rows of evidence and the truth behind them.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// How large.
    pub shape: Shape,
    /// What it was made from.
    pub seed: u64,
    /// What directories and logs say.
    pub rows: Rows,
    /// The four monitored tenants with their verified domains.
    pub tenants: Tenants,
    /// The agreed names of administrators' second accounts.
    pub naming: Vec<NamingRule>,
    /// The truth, sorted; nothing is said of accounts that are at home where they are.
    pub truth: Vec<Answer>,
}

/// Makes an organisation: `shape.people` home accounts, `shape.guests` accounts elsewhere in the proportions of [`Story::ALL`].
///
/// A million people take about ten seconds and a gigabyte and a half, optimised.
pub fn organisation(seed: u64, shape: Shape) -> Organisation {
    let mut scribe = Scribe::new(seed, shape);
    for number in 0..shape.guests {
        let story = Story::of(number);
        if story.is_hostile() {
            hostile::tell(story, number, &mut scribe);
        } else {
            ordinary::tell(story, number, &mut scribe);
        }
    }
    scribe.bystanders();
    scribe.finish()
}
