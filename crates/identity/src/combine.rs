//! Testimony becomes dated links and refusals (scenarios.md 2.1, rules 1 to 8). Knows nothing of where testimony comes from.

use crate::decide::decide;
use crate::settings::Settings;
use crate::star::star;
use caponier_model::{AccountFacts, Link, Refusal, Testimony};

/// What the testimony amounts to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Weighed {
    /// Dated links, sorted: accepted, possible, in conflict.
    pub links: Vec<Link>,
    /// What was not made a link, or not an accepted one, and why; sorted. Those of one (account, tenant, home, reason) do not
    /// overlap.
    pub refusals: Vec<Refusal>,
}

/// Combines testimony into links and refusals; a function of the sets, whatever their order. Cost n log n, and for one account
/// the square of what is said about it.
///
/// - Evidence of one writer counts once, with its largest confidence; writers combine as `1 - prod(1 - c)`.
/// - A link is accepted from the pair's `accept` on, with a writer other than the resource directory; or by K9, K10 or K11 in a
///   pair that accepts that directory, unless more than one account of the home tenant could be meant. It is possible from the
///   pair's `possible` on; else not made. K14 never makes one alone.
/// - What a log observed holds before and after, until the same account is observed with another home, a refutation names
///   another home tenant, or the account is deleted or converted to an internal one (`facts`).
/// - A refutation removes K2 to K7 and K9 to K12 for homes in other tenants while it holds.
/// - A statement holds in its span whatever else is said, but in conflict with another accepted home. The last word about a
///   couple counts; if it is `different`, no evidence joins the two in its span, nor through a home they would share.
/// - Two accepted homes at one time are a conflict of both. A home that is itself a satellite then is a conflict, too.
/// - Links run only inside [`Settings::pairs`].
///
/// Every piece of evidence ends in an accepted link that names its kind, or in a refusal that does. At every moment at which its
/// directory shows an account as a satellite or a log names another home tenant for it, the account has an accepted link, or a
/// refusal says why not.
pub fn combine(testimony: &Testimony, facts: &[AccountFacts], settings: &Settings) -> Weighed {
    star(decide(testimony, facts, settings), &testimony.statements)
}

#[cfg(test)]
pub(crate) mod case;
#[cfg(test)]
mod properties;
#[cfg(test)]
#[path = "combine_tests.rs"]
mod tests;
