//! The fields `caponier.*` that need the record's own columns: one fact under whatever name its table gives it.
//!
//! A field is one row of [`DERIVED`]. Columns are asked in the order in which a row names them, and only when a rule asks.

use crate::value::Value;
use crate::view::{PROPERTIES, View};
use caponier_model::{Body, EntityKind, Guid};
use compact_str::ToCompactString;
use std::borrow::Cow;

/// A field read from columns.
#[derive(Clone, Copy, Debug)]
pub struct Derived {
    /// As a rule writes it.
    pub name: &'static str,
    /// What it says, in one line; the documentation is made from it.
    pub about: &'static str,
    /// Appends what it says of one record.
    read: fn(&View<'_>, &mut Vec<String>),
}

/// Every such field, sorted by name.
pub const DERIVED: &[Derived] = &[
    Derived {
        name: "caponier.artefact",
        about: "each mail id, message id and URL of a mail, a message, a click or an alert",
        read: artefacts,
    },
    Derived {
        name: "caponier.asn",
        about: "number of the network a sign-in came from",
        read: |view, out| first(view, &["autonomousSystemNumber"], out),
    },
    Derived {
        name: "caponier.client",
        about: "id of the application that acted, or that a risk is about",
        read: |view, out| first(view, &["appId", "ClientAppId", "ApplicationId"], out),
    },
    Derived {
        name: "caponier.container",
        about: "the mailbox or the site that an Office record is about",
        read: |view, out| first(view, &["MailboxGuid", "MailboxOwnerUPN", "Site_Url", "SiteUrl", "Site"], out),
    },
    Derived {
        name: "caponier.key_id",
        about: "the key that a service principal signed in with; of an audit row each key that it adds",
        read: keys,
    },
    Derived {
        name: "caponier.place",
        about: "where a sign-in came from: latitude and longitude in degrees, as 52.37,4.9",
        read: place,
    },
    Derived {
        name: "caponier.subscription.made",
        about: "the Azure subscription that an operation made or took over, else the one it lies in",
        read: made_subscription,
    },
    Derived { name: "caponier.target.app", about: "application id of what an audit row was done to", read: target_app },
];

/// Finds a field by name.
pub fn find(name: &str) -> Option<&'static Derived> {
    DERIVED.binary_search_by(|field| field.name.cmp(name)).ok().map(|at| &DERIVED[at])
}

impl Derived {
    /// What the field says of a record.
    pub(crate) fn of<'v>(&self, view: &View<'v>) -> Option<Value<'v>> {
        let mut texts = Vec::new();
        (self.read)(view, &mut texts);
        texts.retain(|text| !text.is_empty());
        let mut values: Vec<_> = texts.into_iter().map(|text| Value::Text(Cow::Owned(text))).collect();
        if values.len() > 1 { Some(Value::List(values)) } else { values.pop() }
    }
}

/// Every text of a column.
fn texts(view: &View<'_>, column: &str) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(value) = view.field(column) {
        value.each(&mut |text| out.push(text.to_owned()));
    }
    out
}

/// The first column that says something.
fn first(view: &View<'_>, columns: &[&str], out: &mut Vec<String>) {
    let said = |column: &&str| Some(texts(view, column)).filter(|texts| texts.iter().any(|t| !t.is_empty()));
    out.extend(columns.iter().find_map(said).unwrap_or_default());
}

/// Of an alert, its mails and URLs; of anything else, every column that names one. A final slash names the same page.
fn artefacts(view: &View<'_>, out: &mut Vec<String>) {
    if let Body::Sighting(sighting) = &view.event.body {
        let named = |kind| matches!(kind, EntityKind::MailMessage | EntityKind::Url);
        out.extend(sighting.entities.iter().filter(|e| named(e.kind)).map(|e| e.value.to_string()));
    } else {
        for column in ["NetworkMessageId", "InternetMessageId", "TeamsMessageId", "Url", "MessageURLs"] {
            out.extend(texts(view, column));
        }
    }
    for text in out {
        text.truncate(text.trim_end_matches('/').len());
    }
}

/// Keys stand in audit rows as `[KeyIdentifier=<GUID>,KeyType=Password,…]`, all of them before and after.
fn keys(view: &View<'_>, out: &mut Vec<String>) {
    first(view, &["servicePrincipalCredentialKeyId"], out);
    let named = |column| texts(view, column).iter().flat_map(|text| key_ids(text)).collect::<Vec<_>>();
    let before = named("caponier.modified.KeyDescription.old");
    out.extend(named("caponier.modified.KeyDescription").into_iter().filter(|key| !before.contains(key)));
}

fn key_ids(text: &str) -> Vec<String> {
    let ids = text.split("KeyIdentifier=").skip(1).filter_map(|rest| Guid::parse(rest.get(..36)?));
    ids.map(|id| id.to_compact_string().into_string()).collect()
}

/// Diagnostic and Graph records say `location`, rows of Log Analytics `LocationDetails`.
fn place(view: &View<'_>, out: &mut Vec<String>) {
    let mut said = String::with_capacity(24);
    let there = ["location", "LocationDetails"].into_iter().any(|column| {
        let path = [PROPERTIES, column, "geoCoordinates"];
        let names = ["latitude", "longitude"];
        view.columns.pair(&path[1..], names, &mut said) || view.columns.pair(&path, names, &mut said)
    });
    if there {
        out.push(said);
    }
}

/// A tenant-wide operation names the subscription in what it answered.
fn made_subscription(view: &View<'_>, out: &mut Vec<String>) {
    first(view, &["responseBody.properties.subscriptionId", "responseBody.subscriptionId"], out);
    if let (true, Body::Caller(caller)) = (out.is_empty(), &view.event.body) {
        out.extend(caller.subscription.map(|id| id.to_compact_string().into_string()));
    }
}

/// Directory rows name the application among the changed properties or in the details, under the key `AppId`.
fn target_app(view: &View<'_>, out: &mut Vec<String>) {
    first(view, &["caponier.modified.AppId"], out);
    let Some(Value::List(details)) = view.field("additionalDetails") else { return };
    for entry in &details {
        let text =
            |name: &str| if let Some(Value::Text(text)) = entry.get(name) { Some(text.to_string()) } else { None };
        if text("key").is_some_and(|key| key.eq_ignore_ascii_case("AppId")) {
            out.extend(text("value"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_no_name_is_another_fields() {
        assert!(DERIVED.windows(2).all(|pair| pair[0].name < pair[1].name));
        for field in DERIVED {
            assert!(find(field.name).is_some());
            assert!(crate::field::find(field.name).is_none(), "{}", field.name);
        }
        assert!(find("caponier.nothing").is_none());
    }

    #[test]
    fn keys_are_read_from_what_audit_rows_write() {
        let text =
            "[KeyIdentifier=1b4e28ba-2fa1-41d2-883f-0016d3cca427,KeyType=Password,KeyUsage=Verify,DisplayName=x]";
        assert_eq!(key_ids(text), ["1b4e28ba-2fa1-41d2-883f-0016d3cca427"]);
        assert!(key_ids("[KeyIdentifier=short]").is_empty());
        assert!(key_ids("none").is_empty());
    }
}
