//! What audit rows change: who may do what, and which partner is trusted how (exports.md 4.6). Must not judge a change, only read it.

use super::starts;
use crate::json::Json;
use caponier_model::{ChangedSetting, Guid, PartnerChange, RoleChange, TenantId};
use std::borrow::Cow;

/// No setting is read further than this, in bytes: one that is shown whole may be of any length.
const VALUE_MAX: usize = 2_000;

/// A row changes at most so many settings.
const SETTINGS_MAX: usize = 64;

/// The operations that give a role or take it: their beginning, given, eligible. Of those that begin alike, only these did it; the
/// rest (`Add member to role requested`, `… approval requested`) only say that somebody wants to.
const ROLES: [(&str, bool, bool); 10] = [
    ("Add member to role", true, false),
    ("Add scoped member to role", true, false),
    ("Add eligible member to role", true, true),
    ("Remove member from role", false, false),
    ("Remove eligible member from role", false, true),
    ("Add member to role completed", true, false),
    ("Add member to role in PIM completed", true, false),
    ("Add eligible member to role in PIM completed", true, true),
    ("Remove member from role in PIM completed", false, false),
    ("Remove eligible member from role in PIM completed", false, true),
];

/// The role that a row gives or takes.
pub(super) fn role<'a>(operation: Json<'a>, targets: Json<'a>) -> Option<RoleChange<'a>> {
    let operation = operation.text()?;
    let operation = operation.trim().trim_end_matches('.');
    let meant = |(name, ..): &&(&str, bool, bool)| {
        starts(operation, name) && (operation.len() == name.len() || name.ends_with("completed"))
    };
    let (_, given, eligible) = ROLES.iter().find(meant)?;
    let dynamic = targets.dynamic()?;
    let all = || dynamic.json().items();
    let is = |target: &Json<'_>, kind: &str| target.get("type").text().is_some_and(|k| k.eq_ignore_ascii_case(kind));
    let user = all().find(|target| is(target, "User")).and_then(|target| super::super::guid(target.get("id")))?;
    let property = |name: &str| all().find_map(|target| values(target, name));
    let named = || all().find(|target| is(target, "Role")).and_then(|target| target.get("displayName").text());
    let role = property("Role.DisplayName").or_else(|| named().map(Cow::into_owned));
    let template = property("Role.TemplateId").as_deref().and_then(Guid::parse);
    Some(RoleChange { user, role: role.map(Cow::Owned), template, given: *given, eligible: *eligible })
}

/// What a property became, else what it was.
fn values(target: Json<'_>, name: &str) -> Option<String> {
    let properties = target.get("modifiedProperties");
    let dynamic = properties.dynamic()?;
    let named = |p: &Json<'_>| p.get("displayName").text().is_some_and(|n| n.eq_ignore_ascii_case(name));
    let property = dynamic.json().items().find(named)?;
    bare(property.get("newValue")).or_else(|| bare(property.get("oldValue"))).map(Cow::into_owned)
}

/// The settings for a partner that a row changes.
pub(super) fn partner<'a>(operation: Json<'a>, targets: Json<'a>) -> Option<PartnerChange<'a>> {
    let operation = operation.text()?;
    let about = ["cross-tenant access setting", "cross-tenant identity sync setting"];
    let lower = operation.trim().trim_end_matches('.').to_ascii_lowercase();
    if !lower.contains("partner") || !about.iter().any(|what| lower.ends_with(what)) {
        return None;
    }
    let dynamic = targets.dynamic()?;
    let mut change = PartnerChange { partner: None, removed: lower.starts_with("delete"), settings: Vec::new() };
    for target in dynamic.json().items() {
        let properties = target.get("modifiedProperties");
        let Some(properties) = properties.dynamic() else { continue };
        for property in properties.json().items() {
            let Some(name) = property.get("displayName").text() else { continue };
            let (before, after) = (bare(property.get("oldValue")), bare(property.get("newValue")));
            if name.eq_ignore_ascii_case("tenantId") {
                change.partner = after.or(before).and_then(|id| TenantId::parse(&id)).or(change.partner);
            } else if change.settings.len() < SETTINGS_MAX {
                let owned = |text: Option<Cow<'_, str>>| text.map(|t| Cow::Owned(t.into_owned()));
                let setting: ChangedSetting<'a> = (Cow::Owned(name.into_owned()), owned(before), owned(after));
                change.settings.push(setting);
            }
        }
    }
    Some(change)
}

/// A value without the quotes that audit rows put around it once more; nothing where it says nothing.
fn bare(value: Json<'_>) -> Option<Cow<'_, str>> {
    let text = value.text()?;
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(&text);
    if matches!(inner, "" | "null" | "[]") {
        return None;
    }
    let mut end = inner.len().min(VALUE_MAX);
    while !inner.is_char_boundary(end) {
        end -= 1;
    }
    Some(Cow::Owned(inner[..end].to_owned()))
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
