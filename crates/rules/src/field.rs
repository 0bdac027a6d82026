//! The fields that a rule may name beside a source's own columns: `caponier.*`, the same in every format of a kind.
//!
//! A field is one row of [`FIELDS`]. Anything else in a rule is a column of the record: a path with dots, looked for at the
//! root of the record and then under `properties`, so that one rule reads the diagnostic and the Log Analytics form.

use crate::value::Value;
use caponier_model::{Body, Event, Guid, Outcome, Severity, SightingKind, TenantId};
use std::borrow::Cow;

/// A field of the taxonomy.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As a rule writes it.
    pub name: &'static str,
    /// What it says, in one line; the documentation is made from it.
    pub about: &'static str,
    /// Reads it from one event.
    pub read: for<'e> fn(&'e Event<'e>) -> Option<Value<'e>>,
}

/// What only the binding of accounts to persons can tell: keys to group by, never conditions of a base rule.
pub const BOUND: &[(&str, &str)] = &[
    ("caponier.account", "the account that acted: tenant and object id"),
    ("caponier.home_tenant", "the tenant that owns the identity: of the person who acted, else as the record says"),
    ("caponier.pair", "home tenant and resource tenant together; nothing where they are one"),
    ("caponier.person", "the person who acted: the home account that accepted links lead to"),
    ("caponier.target.account", "each account it was done to"),
    ("caponier.target.person", "each person it was done to"),
];

/// Begins the names of modified properties: `caponier.modified.<property>` is the new value, `.old` after it the old one.
pub const MODIFIED: &str = "caponier.modified.";

/// Every field that one event can tell, sorted by name.
pub const FIELDS: &[Field] = &[
    Field { name: "caponier.access", about: "cross-tenant access type of a sign-in, as written", read: access },
    Field { name: "caponier.actor.id", about: "object id of who acted", read: |e| guid(e.actor.id) },
    Field {
        name: "caponier.actor.name",
        about: "UPN or mail of who acted",
        read: |e| Value::some(e.actor.name.as_deref()),
    },
    Field { name: "caponier.address", about: "the address it came from", read: |e| Value::some(e.address.as_deref()) },
    Field { name: "caponier.app", about: "client application id", read: app },
    Field { name: "caponier.app_owner", about: "the tenant that owns the application", read: app_owner },
    Field { name: "caponier.detector", about: "detector or risk event type of an alert", read: detector },
    Field {
        name: "caponier.device",
        about: "id or name of the device",
        read: |e| Value::some(e.device.id.as_deref().or(e.device.name.as_deref())),
    },
    Field { name: "caponier.format", about: "name of the export format", read: |e| Value::some(Some(e.format)) },
    Field { name: "caponier.home_tenant", about: "the tenant that owns the identity, as the record says", read: home },
    Field {
        name: "caponier.kind",
        about: "signin, audit, activity, provisioning, directory, alert, risk, incident or telemetry",
        read: kind,
    },
    Field {
        name: "caponier.look",
        about: "what the name of who acted looks like: words of the display name, and of the UPN, sorted, without adm and the like",
        read: |e| looks([e.actor.display.as_deref(), e.actor.name.as_deref()]),
    },
    Field {
        name: "caponier.operation",
        about: "the operation, folded: lower case, plain hyphens, no final stop",
        read: operation,
    },
    Field {
        name: "caponier.origin",
        about: "each of the address and the device it came from",
        read: |e| list([e.address.as_deref(), e.device.id.as_deref()].into_iter().flatten()),
    },
    Field { name: "caponier.outcome", about: "success or failure", read: outcome },
    Field {
        name: "caponier.principal",
        about: "object id of the service principal that signed in, where no user did",
        read: |e| guid(sign_in(e)?.principal),
    },
    Field { name: "caponier.product", about: "the product that raised an alert, in our spelling", read: product },
    Field { name: "caponier.resource", about: "ARM resource id, lower case", read: resource },
    Field { name: "caponier.resource_tenant", about: "the tenant whose resource it is", read: resource_tenant },
    Field { name: "caponier.risk", about: "risk level of a sign-in or of a detection: low, medium, high", read: risk },
    Field { name: "caponier.service", about: "the service that logged an audit row", read: service },
    Field { name: "caponier.session", about: "session id", read: session },
    Field { name: "caponier.severity", about: "severity of an alert", read: severity },
    Field { name: "caponier.side", about: "home or resource, where the record itself tells", read: side },
    Field { name: "caponier.subscription", about: "Azure subscription", read: subscription },
    Field { name: "caponier.tactic", about: "each ATT&CK tactic of an alert", read: tactics },
    Field {
        name: "caponier.target.display",
        about: "display name of each target",
        read: |e| targets(e, |t| t.display.as_deref()),
    },
    Field { name: "caponier.target.id", about: "object id of each target", read: |e| targets(e, |t| t.id.as_deref()) },
    Field {
        name: "caponier.target.kind",
        about: "kind of each target: User, Role, …",
        read: |e| targets(e, |t| t.kind.as_deref()),
    },
    Field { name: "caponier.target.look", about: "what the name of each target looks like", read: target_looks },
    Field { name: "caponier.target.name", about: "UPN of each target", read: |e| targets(e, |t| t.name.as_deref()) },
    Field { name: "caponier.technique", about: "each ATT&CK technique of a record", read: techniques },
    Field { name: "caponier.tenant", about: "the tenant whose log it is", read: |e| Some(tenant(e.tenant)) },
    Field { name: "caponier.token", about: "unique token identifier", read: token },
    Field { name: "caponier.user_type", about: "Member or Guest as written: no test for guests", read: user_type },
];

/// Whether a rule may ask for a field of this name.
pub fn is_known(name: &str) -> bool {
    find(name).is_some() || crate::derived::find(name).is_some()
}

/// Finds a field by name.
pub fn find(name: &str) -> Option<&'static Field> {
    FIELDS.binary_search_by(|field| field.name.cmp(name)).ok().map(|at| &FIELDS[at])
}

/// An operation as rules compare it: lower case, every dash a hyphen, no final stop, single spaces (scenarios.md 1).
pub fn fold(operation: &str) -> String {
    let mut out = String::with_capacity(operation.len());
    for c in operation.trim().trim_end_matches('.').chars() {
        match c {
            '\u{2010}'..='\u{2015}' => out.push('-'),
            c if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// Words that accounts of one person add to a name.
const ADDED: &[&str] = &["adm", "admin", "administrator", "cloud", "ext", "svc", "test"];

/// What a display name or a UPN looks like: its words in lower case, sorted, without those that a second account adds; of a
/// guest's UPN the words of the home address. `None` where fewer than four letters are left.
fn look(name: &str) -> Option<String> {
    // Every sign-in at home is looked at, and most names have plain letters only.
    let plain = name.is_ascii();
    let lower = if plain { name.to_ascii_lowercase() } else { name.to_lowercase() };
    let local = match lower.contains('#').then(|| lower.split_once("#ext#")).flatten() {
        Some((home, _)) => home.rsplit_once('_').map_or(home, |(local, _)| local),
        None => lower.split('@').next().unwrap_or_default(),
    };
    let digits = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
    let kept = |word: &&str| !word.is_empty() && !digits(word) && !ADDED.contains(word);
    let mut words: Vec<&str> = Vec::with_capacity(4);
    if plain {
        words.extend(local.split(|c: char| !c.is_ascii_alphanumeric()).filter(kept));
    } else {
        words.extend(local.split(|c: char| !c.is_alphanumeric()).filter(kept));
    }
    words.sort_unstable();
    let look = words.join(" ");
    (look.len() >= 4 && (plain || look.chars().count() >= 4)).then_some(look)
}

fn looks<'e>(names: impl IntoIterator<Item = Option<&'e str>>) -> Option<Value<'e>> {
    let mut all: Vec<_> = names.into_iter().flatten().filter_map(look).collect();
    all.sort();
    all.dedup();
    let value = |look| Value::Text(Cow::Owned(look));
    if all.is_empty() { None } else { Some(Value::List(all.into_iter().map(value).collect())) }
}

fn target_looks<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    let Body::Audit(audit) = &event.body else { return None };
    looks(audit.targets.iter().flat_map(|t| [t.display.as_deref(), t.name.as_deref()]))
}

fn guid<'e>(id: Option<Guid>) -> Option<Value<'e>> {
    id.map(|id| Value::Text(Cow::Owned(id.text().into_string())))
}

fn tenant<'e>(id: TenantId) -> Value<'e> {
    Value::Text(Cow::Owned(id.0.text().into_string()))
}

fn word<'e>(word: &'static str) -> Value<'e> {
    Value::Text(Cow::Borrowed(word))
}

fn list<'e>(items: impl Iterator<Item = &'e str>) -> Option<Value<'e>> {
    let items: Vec<_> = items.filter(|i| !i.is_empty()).map(|i| Value::Text(Cow::Borrowed(i))).collect();
    if items.is_empty() { None } else { Some(Value::List(items)) }
}

fn sign_in<'e>(event: &'e Event<'e>) -> Option<&'e caponier_model::SignIn<'e>> {
    if let Body::SignIn(sign_in) = &event.body { Some(sign_in) } else { None }
}

fn caller<'e>(event: &'e Event<'e>) -> Option<&'e caponier_model::Caller<'e>> {
    if let Body::Caller(caller) = &event.body { Some(caller) } else { None }
}

fn sighting<'e>(event: &'e Event<'e>) -> Option<&'e caponier_model::Sighting> {
    if let Body::Sighting(sighting) = &event.body { Some(sighting) } else { None }
}

fn access<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    Value::some(sign_in(event)?.access.as_deref())
}

fn app<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    guid(sign_in(event)?.app)
}

fn app_owner<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    sign_in(event)?.app_owner.map(tenant)
}

fn session<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    Value::some(sign_in(event)?.session.as_deref())
}

fn token<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    Value::some(sign_in(event)?.token.as_deref())
}

fn user_type<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    Value::some(sign_in(event)?.user_type.as_deref())
}

fn detector<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    Value::some(sighting(event)?.detector.as_deref())
}

fn product<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    Value::some(sighting(event).map(|s| s.key.product.as_str()))
}

fn tactics<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    list(sighting(event)?.tactics.iter().map(compact_str::CompactString::as_str))
}

fn techniques<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    let named = sighting(event).map_or(&event.techniques, |s| &s.techniques);
    list(named.iter().map(compact_str::CompactString::as_str))
}

fn severity<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    let said = sighting(event).map_or(event.severity, |s| s.severity);
    if said == Severity::Unknown { None } else { Some(word(said.code())) }
}

/// The home tenant that a record names: of a sign-in's account, of a caller's token.
pub(crate) fn home_of(event: &Event<'_>) -> Option<TenantId> {
    match &event.body {
        Body::SignIn(sign_in) => sign_in.home.or(sign_in.app_owner),
        Body::Caller(caller) => caller.provider.or(caller.tenant),
        _ => None,
    }
}

fn home<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    home_of(event).map(tenant)
}

fn resource_tenant<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    match &event.body {
        Body::SignIn(sign_in) => sign_in.resource.map(tenant),
        Body::Caller(_) => Some(tenant(event.tenant)),
        Body::Provisioning(row) => row.target_tenant.map(tenant),
        _ => None,
    }
}

/// Which side the record itself tells.
pub(crate) fn side_of(event: &Event<'_>) -> Option<caponier_model::Side> {
    use caponier_model::Side;
    home_of(event).map(|home| if home == event.tenant { Side::Home } else { Side::Resource })
}

fn side<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    side_of(event).map(|side| word(side.code()))
}

fn kind<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    Some(word(match &event.body {
        Body::SignIn(_) => "signin",
        Body::Audit(_) => "audit",
        Body::Caller(_) => "activity",
        Body::Provisioning(_) => "provisioning",
        Body::Directory(_) | Body::Principal(_) | Body::Inventory { .. } => "directory",
        Body::Sighting(s) if s.kind == SightingKind::Risk => "risk",
        Body::Sighting(_) => "alert",
        Body::Incident(_) => "incident",
        Body::Plain => "telemetry",
    }))
}

fn operation<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    event.operation.as_deref().map(|o| Value::Text(Cow::Owned(fold(o))))
}

fn outcome<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    event.outcome.map(|o| word(outcome_word(o)))
}

pub(crate) const fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "success",
        Outcome::Failure => "failure",
    }
}

fn resource<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    Value::some(caller(event)?.resource.as_deref())
}

fn subscription<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    guid(caller(event)?.subscription)
}

fn risk<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    match &event.body {
        Body::SignIn(sign_in) => Value::some(sign_in.risk.as_deref()),
        Body::Sighting(s) if s.kind == SightingKind::Risk => Some(word(s.severity.code())),
        _ => None,
    }
}

fn service<'e>(event: &'e Event<'e>) -> Option<Value<'e>> {
    if let Body::Audit(audit) = &event.body { Value::some(audit.service.as_deref()) } else { None }
}

fn targets<'e>(
    event: &'e Event<'e>,
    part: for<'t> fn(&'t caponier_model::AuditTarget<'e>) -> Option<&'t str>,
) -> Option<Value<'e>> {
    if let Body::Audit(audit) = &event.body { list(audit.targets.iter().filter_map(part)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_name_is_found() {
        assert!(FIELDS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(BOUND.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for field in FIELDS {
            assert_eq!(find(field.name).map(|f| f.name), Some(field.name));
            assert!(field.name.starts_with("caponier."));
        }
        assert!(find("caponier.nothing").is_none());
    }

    #[test]
    fn names_that_look_alike_look_the_same() {
        for (name, seems) in [
            ("Mara Okafor", Some("mara okafor")),
            ("Okafor, Mara (adm)", Some("mara okafor")),
            ("adm-mara.okafor2@fabrikam.example", Some("mara okafor2")),
            ("mara.okafor_contoso.example#EXT#@fabrikam.example", Some("mara okafor")),
            ("adm 007", None),
            ("Bo", None),
            ("", None),
        ] {
            assert_eq!(look(name).as_deref(), seems, "{name}");
        }
    }

    #[test]
    fn operations_fold_to_one_form() {
        for (written, folded) in [
            ("Add member to role.", "add member to role"),
            (
                "Update application \u{2013} Certificates and secrets management ",
                "update application - certificates and secrets management",
            ),
            ("Invite  external user", "invite external user"),
            ("", ""),
        ] {
            assert_eq!(fold(written), folded);
        }
    }
}
