//! Decisions: what an analyst says of findings, as input of the correlator. Not how they are written or kept, and not what follows.
//!
//! A decision names findings and never an incident: ids are history, findings are not. Whoever takes an incident's id from a person
//! writes down the members that the incident has at that moment.

use crate::{EventTime, FindingKey};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// The name of a decision: the first 128 bits of a SHA-256 over all it says, so that the same decision told twice is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DecisionId(u128);

impl DecisionId {
    /// From the number whose 32 hexadecimal digits are the id's text.
    pub const fn from_u128(value: u128) -> Self {
        Self(value)
    }

    /// The number whose 32 hexadecimal digits are the id's text.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        digits.then(|| u128::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an analyst decided, with who answers for it. Of two that contradict each other the later by (`at`, id) holds, whatever
/// order they came in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// When it was said.
    pub at: EventTime,
    /// By whom.
    pub author: CompactString,
    /// Why.
    pub reason: CompactString,
    /// What.
    pub act: Act,
}

/// What a decision does. Lists of findings mean the set: order and repeats say nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Act {
    /// These belong together (must-link).
    Merge {
        /// Two or more findings.
        findings: Vec<FindingKey>,
    },
    /// None of these belongs with any of those (cannot-link).
    Split {
        /// The one side.
        these: Vec<FindingKey>,
        /// The other side.
        those: Vec<FindingKey>,
    },
    /// This finding belongs to the incident of that one, whatever it shares with others.
    Pin {
        /// The finding that moves.
        finding: FindingKey,
        /// The finding it stands beside from now on.
        to: FindingKey,
    },
    /// These are one closed incident: nothing joins it any more.
    Close {
        /// All its members.
        findings: Vec<FindingKey>,
        /// `Some(true)` a true positive, `Some(false)` a false one.
        verdict: Option<bool>,
    },
    /// Somebody works on these.
    Assign {
        /// The members of the incident.
        findings: Vec<FindingKey>,
        /// Who; `None` takes the assignment away.
        owner: Option<CompactString>,
    },
    /// What these turned out to be.
    Verdict {
        /// The members of the incident.
        findings: Vec<FindingKey>,
        /// `Some(true)` a true positive, `Some(false)` a false one, `None` takes the verdict away.
        verdict: Option<bool>,
    },
    /// An earlier decision no longer holds.
    Withdraw {
        /// Which.
        decision: DecisionId,
    },
}

impl Act {
    /// The words used on the wire, in the order of the variants.
    pub const CODES: [&'static str; 7] = ["merge", "split", "pin", "close", "assign", "verdict", "withdraw"];

    /// The word used on the wire.
    pub const fn code(&self) -> &'static str {
        Self::CODES[match self {
            Self::Merge { .. } => 0,
            Self::Split { .. } => 1,
            Self::Pin { .. } => 2,
            Self::Close { .. } => 3,
            Self::Assign { .. } => 4,
            Self::Verdict { .. } => 5,
            Self::Withdraw { .. } => 6,
        }]
    }

    /// Every finding it names, sorted, each once.
    pub fn findings(&self) -> Vec<&FindingKey> {
        let mut all: Vec<&FindingKey> = match self {
            Self::Merge { findings }
            | Self::Close { findings, .. }
            | Self::Assign { findings, .. }
            | Self::Verdict { findings, .. } => findings.iter().collect(),
            Self::Split { these, those } => these.iter().chain(those).collect(),
            Self::Pin { finding, to } => vec![finding, to],
            Self::Withdraw { .. } => Vec::new(),
        };
        all.sort();
        all.dedup();
        all
    }
}

impl Decision {
    /// Its lists sorted, each finding once: two decisions that say the same are then equal.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        let lists: [&mut Vec<FindingKey>; 2] = match &mut self.act {
            Act::Merge { findings }
            | Act::Close { findings, .. }
            | Act::Assign { findings, .. }
            | Act::Verdict { findings, .. } => [findings, &mut Vec::new()],
            Act::Split { these, those } => [these, those],
            Act::Pin { .. } | Act::Withdraw { .. } => return self,
        };
        for list in lists {
            list.sort();
            list.dedup();
        }
        self
    }

    /// The id: a hash of the canonical content.
    pub fn id(&self) -> DecisionId {
        let said = self.clone().canonical();
        let mut hash = Said(Sha256::new());
        hash.text("caponier.decision.1");
        hash.0.update(said.at.nanos().to_be_bytes());
        for text in [said.author.as_str(), said.reason.as_str(), said.act.code()] {
            hash.text(text);
        }
        match &said.act {
            Act::Merge { findings } => hash.keys(findings),
            Act::Split { these, those } => {
                hash.keys(these);
                hash.keys(those);
            }
            Act::Pin { finding, to } => hash.keys(&[finding.clone(), to.clone()]),
            Act::Close { findings, verdict } | Act::Verdict { findings, verdict } => {
                hash.keys(findings);
                hash.0.update([verdict.map_or(2, u8::from)]);
            }
            Act::Assign { findings, owner } => {
                hash.keys(findings);
                hash.0.update([u8::from(owner.is_some())]);
                hash.text(owner.as_deref().unwrap_or_default());
            }
            Act::Withdraw { decision } => hash.0.update(decision.0.to_be_bytes()),
        }
        let digest = hash.0.finalize();
        DecisionId(digest.iter().take(16).fold(0, |id, byte| id << 8 | u128::from(*byte)))
    }
}

/// A decision as somebody gave it: findings by key, incidents by id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Call {
    /// With the findings named by key.
    pub decision: Decision,
    /// Incidents whose members, at the decision's place in the journal, are meant too.
    pub incidents: Vec<String>,
}

impl Call {
    /// The decision at its place in the journal: incidents stand for the members they have there, redirects followed.
    ///
    /// # Errors
    /// An incident is not known there (yet, or any more).
    pub fn placed(&self, members: impl Fn(&str) -> Option<Vec<FindingKey>>) -> Result<Decision, String> {
        let mut all: Vec<FindingKey> = Vec::new();
        for id in &self.incidents {
            let at = self.decision.at;
            all.extend(members(id).ok_or_else(|| format!("no incident {id} is held at {at}; name its findings"))?);
        }
        let mut decision = self.decision.clone();
        match &mut decision.act {
            Act::Merge { findings }
            | Act::Close { findings, .. }
            | Act::Assign { findings, .. }
            | Act::Verdict { findings, .. } => findings.extend(all),
            Act::Split { these, those } => those.extend(all.into_iter().filter(|k| !these.contains(k))),
            Act::Pin { finding, to } => {
                if let Some(first) = all.into_iter().find(|k| k != finding) {
                    *to = first;
                }
            }
            Act::Withdraw { .. } => {}
        }
        Ok(decision.canonical())
    }
}

/// A hash fed with fields that cannot run into each other.
struct Said(Sha256);

impl Said {
    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn keys(&mut self, keys: &[FindingKey]) {
        self.0.update((keys.len() as u64).to_be_bytes());
        for key in keys {
            self.0.update(key.tenant.0.as_u128().to_be_bytes());
            self.text(&key.product);
            self.text(&key.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Guid, TenantId};

    fn key(id: &str) -> FindingKey {
        FindingKey { tenant: TenantId(Guid::from_u128(1)), product: "mde".into(), id: id.into() }
    }

    fn said(act: Act) -> Decision {
        Decision { at: EventTime::from_seconds(5), author: "ada".into(), reason: "ticket 7".into(), act }
    }

    #[test]
    fn an_id_names_what_is_said_and_not_how_it_is_listed() {
        let merge = |ids: &[&str]| said(Act::Merge { findings: ids.iter().map(|i| key(i)).collect() });
        assert_eq!(merge(&["a", "b"]).id(), merge(&["b", "a", "b"]).id());
        let split = |these: &str, those: &str| said(Act::Split { these: vec![key(these)], those: vec![key(those)] });
        let close = |verdict| said(Act::Close { findings: vec![key("a")], verdict });
        let all = [
            merge(&["a", "b"]),
            merge(&["ab"]),
            split("a", "b"),
            split("b", "a"),
            said(Act::Pin { finding: key("a"), to: key("b") }),
            said(Act::Pin { finding: key("b"), to: key("a") }),
            close(None),
            close(Some(true)),
            close(Some(false)),
            said(Act::Verdict { findings: vec![key("a")], verdict: None }),
            said(Act::Assign { findings: vec![key("a")], owner: None }),
            said(Act::Assign { findings: vec![key("a")], owner: Some("".into()) }),
            said(Act::Withdraw { decision: DecisionId::from_u128(7) }),
            Decision { at: EventTime::from_seconds(6), ..merge(&["a", "b"]) },
            Decision { reason: "".into(), ..merge(&["a", "b"]) },
        ];
        let mut ids: Vec<DecisionId> = all.iter().map(Decision::id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all.len());
        for id in ids {
            assert_eq!(DecisionId::parse(&id.to_string()), Some(id));
        }
        assert_eq!(DecisionId::parse("+0000000000000000000000000000007"), None);
    }
}
