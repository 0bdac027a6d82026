//! `AlertInfo` and `AlertEvidence` of Defender's streaming API (exports.md 5.1, 5.3): the alert without its entities, and
//! each entity as a record of its own.

use crate::book::{Form, Table};
use crate::cast::{Account, Cast, Machine};
use crate::finding::{Finding, Naming, Thing, capitalised};
use crate::json::{Object, array, object};
use crate::times;
use caponier_model::{EventTime, TenantId};

/// Alerts.
pub const INFO: Table = Table {
    container: "insights-logs-advancedhunting-alertinfo",
    form: Form::Messages,
    delay: (60, 600),
    enveloped: true,
};
/// Their evidence.
pub const EVIDENCE: Table = Table {
    container: "insights-logs-advancedhunting-alertevidence",
    form: Form::Messages,
    delay: (60, 600),
    enveloped: true,
};

/// A record in the streaming envelope.
pub fn envelope(tenant: TenantId, category: &str, at: EventTime, properties: impl FnOnce(&mut Object<'_>)) -> String {
    object(|o| {
        o.text("time", times::seven(at)).show("tenantId", tenant).text("operationName", "Publish");
        o.text("category", format!("AdvancedHunting-{category}"));
        // Received a little before it is handed on, padded to seven digits.
        o.text("_TimeReceivedBySvc", times::seven(EventTime::from_seconds(at.nanos().div_euclid(1_000_000_000) - 1)));
        o.object("properties", properties).text("Tenant", "DefaultTenant");
    })
}

/// The AlertInfo record.
pub fn info(finding: &Finding, cast: &Cast, at: EventTime) -> String {
    let (service, detection) = finding.product.names().stream;
    envelope(cast.tenants[finding.tenant].id, "AlertInfo", at, |p| {
        p.text("Timestamp", times::six(finding.first)).text("AlertId", finding.prefixed());
        p.text("Title", &finding.title)
            .text("Category", finding.tactic)
            .text("Severity", capitalised(finding.severity));
        p.text("ServiceSource", service).text("DetectionSource", detection).null("MachineGroup");
        p.text("AttackTechniques", techniques(finding));
    })
}

/// One AlertEvidence record.
pub fn evidence(finding: &Finding, thing: &Thing, cast: &Cast, at: EventTime) -> String {
    let (service, detection) = finding.product.names().stream;
    envelope(cast.tenants[finding.tenant].id, "AlertEvidence", at, |p| {
        p.text("Timestamp", times::six(finding.first)).text("AlertId", finding.prefixed());
        entity(p, thing, cast);
        p.text("ServiceSource", service).text("DetectionSource", detection);
        p.text("Title", &finding.title).text("Categories", format!("[\"{}\"]", finding.tactic));
        p.text("Severity", capitalised(finding.severity)).text("AttackTechniques", techniques(finding));
        p.nulls(&[
            "ThreatFamily",
            "EvidenceDirection",
            "MachineGroup",
            "ProcessCommandLine",
            "ApplicationId",
            "Application",
        ]);
        p.nulls(&["RegistryKey", "RegistryValueName", "RegistryValueData", "OAuthApplicationId", "CloudResource"]);
        p.text("CloudPlatform", "").null("ResourceType").text("SubscriptionId", "");
    })
}

/// `["Name (T1234)"]`, or nothing.
fn techniques(finding: &Finding) -> String {
    match finding.techniques {
        "" => String::new(),
        _ => array(|a| finding.technique_list().for_each(|t| a.text(format!("{} ({t})", finding.tactic)))),
    }
}

const COLUMNS: [&str; 17] = [
    "SHA1",
    "SHA256",
    "RemoteIP",
    "LocalIP",
    "RemoteUrl",
    "AccountName",
    "AccountDomain",
    "AccountSid",
    "AccountObjectId",
    "AccountUpn",
    "DeviceId",
    "DeviceName",
    "NetworkMessageId",
    "EmailSubject",
    "FileName",
    "FolderPath",
    "ResourceID",
];

/// The columns that name the entity; every other column is there and null.
fn entity(p: &mut Object<'_>, thing: &Thing, cast: &Cast) {
    let mut filled: Vec<(&str, String)> = Vec::new();
    let mut fill = |key, value: &str| filled.push((key, value.to_owned()));
    let (kind, role, fields) = match thing {
        Thing::Account(account, naming) => ("User", "Impacted", user(account, *naming, cast, &mut fill)),
        Thing::Machine(machine) => {
            fill("DeviceId", &machine.defender);
            fill("DeviceName", &format!("{}.{}", machine.name, machine.domain));
            ("Machine", "Impacted", host(machine))
        }
        Thing::Address(address) => {
            fill("RemoteIP", address);
            (
                "Ip",
                "Related",
                object(|o| {
                    o.text("Address", address).text("Type", "ip").number("Role", 1);
                }),
            )
        }
        Thing::Url(url) => {
            fill("RemoteUrl", url);
            (
                "Url",
                "Related",
                object(|o| {
                    o.text("Url", url).text("Type", "url").number("Role", 1);
                }),
            )
        }
        Thing::File(name, sha256) => {
            fill("FileName", name);
            fill("FolderPath", "C:\\Users\\Public");
            fill("SHA256", sha256);
            (
                "File",
                "Related",
                object(|o| {
                    o.text("Name", name).text("Type", "file");
                }),
            )
        }
        Thing::Mail(id, recipient, _, subject) => {
            fill("NetworkMessageId", id);
            fill("EmailSubject", subject);
            fill("AccountUpn", recipient);
            (
                "MailMessage",
                "Impacted",
                object(|o| {
                    o.text("Recipient", recipient).text("Type", "mailMessage");
                }),
            )
        }
        Thing::Resource(id) => {
            fill("ResourceID", id);
            (
                "AzureResource",
                "Related",
                object(|o| {
                    o.text("ResourceId", id).text("Type", "azure-resource");
                }),
            )
        }
    };
    p.text("EntityType", kind).text("EvidenceRole", role).text("AdditionalFields", fields).null("FileSize");
    for column in COLUMNS {
        let value = filled.iter().find(|(key, _)| *key == column).map(|(_, value)| value.as_str());
        p.maybe(column, value);
    }
}

fn user(account: &Account, naming: Naming, cast: &Cast, fill: &mut impl FnMut(&'static str, &str)) -> String {
    let local = account.upn.split('@').next().unwrap_or_default();
    let cloud = account.key.object.cloud_sid();
    let sid = if account.sid.is_empty() { &cloud } else { &account.sid };
    fill("AccountName", local);
    match naming {
        Naming::Object => {
            fill("AccountSid", sid);
            fill("AccountObjectId", &account.key.object.to_string());
            fill("AccountUpn", &account.upn);
        }
        Naming::Upn => fill("AccountUpn", &account.upn),
        Naming::Sid => {
            fill("AccountSid", sid);
            fill("AccountDomain", &cast.tenants[account.tenant].name);
        }
    }
    object(|o| {
        o.text("Name", local);
        if naming == Naming::Object {
            let suffix = account.upn.rsplit_once('@').map_or("", |(_, s)| s);
            o.text("UPNSuffix", suffix).text("Sid", sid).show("AadTenantId", account.key.tenant);
            o.show("AadUserId", account.key.object).text("DisplayName", &account.display);
        }
        o.truth("IsDomainJoined", !account.sid.is_empty()).text("Type", "account").number("Role", 0);
    })
}

fn host(machine: &Machine) -> String {
    object(|o| {
        o.text("HostName", &machine.name).text("DnsDomain", &machine.domain).truth("IsDomainJoined", true);
        o.text("MachineId", &machine.defender).number("MachineIdType", 3).show("AadDeviceId", machine.entra);
        o.text("Type", "host").number("Role", 0);
    })
}
