//! Text as a template with parameters, each owned by a tenant, so that it can be masked for an audience when it is rendered.

use crate::{EntityKind, TenantId};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// A sentence not yet rendered: `{name}` in the template stands for the parameter of that name.
///
/// A rendered string cannot be masked afterwards, so nothing is rendered before `wire::encode` knows its audience.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Text {
    /// Our own words, with `{name}` placeholders. Owned by nobody.
    pub template: CompactString,
    /// The values, each with its owner.
    pub params: Vec<Param>,
}

/// One value of a [`Text`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Param {
    /// The placeholder it fills.
    pub name: CompactString,
    /// The value as the source wrote it.
    pub value: CompactString,
    /// What kind of thing it names, where that is known.
    pub kind: Option<EntityKind>,
    /// The tenant whose evidence it is; `None` for values that are our own (counts, rule names).
    pub owner: Option<TenantId>,
}

impl Text {
    /// Our own words without parameters.
    pub fn plain(template: &str) -> Self {
        Self { template: template.into(), params: Vec::new() }
    }

    /// A source's own sentence: one parameter that the source's tenant owns.
    pub fn quoted(value: &str, owner: TenantId) -> Self {
        Self::plain("{text}").with("text", value, None, Some(owner))
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str, kind: Option<EntityKind>, owner: Option<TenantId>) -> Self {
        self.params.push(Param { name: name.into(), value: value.into(), kind, owner });
        self
    }

    /// Fills the placeholders with what `show` makes of each parameter; an unknown placeholder stays as written.
    pub fn render(&self, mut show: impl FnMut(&Param) -> CompactString) -> String {
        let mut out = String::with_capacity(self.template.len() + 32);
        let mut rest = self.template.as_str();
        while let Some(open) = rest.find('{') {
            out.push_str(&rest[..open]);
            let tail = &rest[open..];
            let Some(close) = tail.find('}') else { break };
            match self.params.iter().find(|p| p.name == tail[1..close]) {
                Some(param) => out.push_str(&show(param)),
                None => out.push_str(&tail[..=close]),
            }
            rest = &tail[close + 1..];
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Guid;

    #[test]
    fn rendering_masks_by_owner_and_never_rescans_a_value() {
        let owner = TenantId(Guid::from_u128(7));
        let text = Text::plain("{who} signed in to {app} {nobody}")
            .with("who", "{app}", Some(EntityKind::AccountName), Some(owner))
            .with("app", "Azure Portal", None, None);
        assert_eq!(text.render(|p| p.value.clone()), "{app} signed in to Azure Portal {nobody}");
        let masked = text.render(|p| if p.owner.is_some() { "[masked]".into() } else { p.value.clone() });
        assert_eq!(masked, "[masked] signed in to Azure Portal {nobody}");
    }
}
