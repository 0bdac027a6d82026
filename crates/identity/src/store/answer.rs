//! What was last said of an account, and what became of it, as bytes. Knows the lists, not what they mean.

use super::codec::{Coded, In, Out, Words};
use crate::Weighed;
use caponier_model::Testimony;

/// What was said of one account. The statements are not here: they are rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Said {
    pub(super) testimony: Testimony,
    /// The account by itself ([`crate::decide`]).
    pub(super) decided: Weighed,
    /// Held against its homes and rivals ([`crate::star`]): what the world was told.
    pub(super) told: Weighed,
}

/// [`Said`] as bytes: none for the many accounts of which there is nothing to say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Answer(Box<[u8]>);

impl Answer {
    pub(super) fn write(said: &Said, words: &mut Words) -> Self {
        if *said == Said::default() {
            return Self::default();
        }
        let mut bytes = Vec::new();
        let mut out = Out { bytes: &mut bytes, words };
        let Said { testimony: Testimony { evidence, refutations, ambiguities, statements: _ }, decided, told } = said;
        evidence.write(&mut out);
        refutations.write(&mut out);
        ambiguities.write(&mut out);
        decided.links.write(&mut out);
        decided.refusals.write(&mut out);
        // Nearly always the same.
        let changed = told != decided;
        changed.write(&mut out);
        if changed {
            told.links.write(&mut out);
            told.refusals.write(&mut out);
        }
        Self(bytes.into())
    }

    pub(super) fn size(&self) -> usize {
        self.0.len()
    }

    /// For a snapshot.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What [`Answer::bytes`] gave out; [`Answer::checked`] tells whether it did.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    pub(super) fn checked(&self, words: &Words) -> Option<Said> {
        read(&self.0, words)
    }

    pub(super) fn read(&self, words: &Words) -> Said {
        // Written by this very module, or checked.
        self.checked(words).unwrap_or_default()
    }

    pub(super) fn decided(&self, words: &Words) -> Weighed {
        self.read(words).decided
    }
}

/// Reads what [`Answer::write`] wrote; `None` when the bytes are nothing of the kind.
fn read(bytes: &[u8], words: &Words) -> Option<Said> {
    if bytes.is_empty() {
        return Some(Said::default());
    }
    let mut from = In { bytes, words };
    let (evidence, refutations, ambiguities) =
        (Coded::read(&mut from)?, Coded::read(&mut from)?, Coded::read(&mut from)?);
    let decided = Weighed { links: Coded::read(&mut from)?, refusals: Coded::read(&mut from)? };
    let told = if bool::read(&mut from)? {
        Weighed { links: Coded::read(&mut from)?, refusals: Coded::read(&mut from)? }
    } else {
        decided.clone()
    };
    let testimony = Testimony { evidence, refutations, ambiguities, statements: Vec::new() };
    from.bytes.is_empty().then_some(Said { testimony, decided, told })
}
