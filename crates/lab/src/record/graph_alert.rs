//! Graph's `alerts_v2` as a poller saves them: one alert a line, evidence polymorphic (exports.md 5.6).

use crate::book::{Form, Table};
use crate::cast::{Account, Cast, Machine};
use crate::finding::{Finding, Naming, Thing};
use crate::json::{Object, object};
use crate::times;
use caponier_model::EventTime;

/// The stream.
pub const TABLE: Table =
    Table { container: "graph-alerts_v2", form: Form::Lines, delay: (300, 1200), enveloped: false };

/// The alert.
pub fn alert(finding: &Finding, cast: &Cast, polled: EventTime) -> String {
    let tenant = cast.tenants[finding.tenant].id;
    let names = finding.product.names();
    let id = finding.prefixed();
    object(|o| {
        o.text("@odata.type", "#microsoft.graph.security.alert");
        o.null("actorDisplayName").raw("additionalData", "{}").null("alertPolicyId");
        o.text("alertWebUrl", format!("https://security.microsoft.com/alerts/{id}?tid={tenant}")).null("assignedTo");
        o.texts("categories", [finding.tactic]).text("category", finding.tactic).text("classification", "unknown");
        o.raw("comments", "[]")
            .text("createdDateTime", times::seven(polled.plus_seconds(-240)))
            .raw("customDetails", "{}");
        o.text("description", &finding.title).text("detectionSource", names.graph).text("detectorId", finding.detector);
        o.text("determination", "unknown").text("firstActivityDateTime", times::seven(finding.first)).text("id", &id);
        o.null("incidentId").null("incidentWebUrl").text("investigationState", "queued");
        o.text("lastActivityDateTime", times::seven(finding.last));
        o.text("lastUpdateDateTime", times::seven(polled.plus_seconds(-200)));
        o.texts("mitreTechniques", finding.technique_list()).text("productName", names.stream.0);
        o.text("providerAlertId", &finding.id).null("recommendedActions").null("resolvedDateTime");
        o.text("serviceSource", names.graph).text("severity", finding.severity.code()).text("status", "new");
        o.raw("systemTags", "[]").show("tenantId", tenant).null("threatDisplayName").null("threatFamilyName");
        o.text("title", &finding.title);
        o.array("evidence", |a| {
            for thing in &finding.things {
                a.object(|e| evidence(e, thing, cast, polled));
            }
        });
    })
}

fn evidence(e: &mut Object<'_>, thing: &Thing, cast: &Cast, at: EventTime) {
    let kind = |e: &mut Object<'_>, name: &str| {
        e.text("@odata.type", format!("#microsoft.graph.security.{name}Evidence"));
    };
    match thing {
        Thing::Account(account, naming) => {
            kind(e, "user");
            e.null("stream").object("userAccount", |u| user(u, account, *naming, cast));
        }
        Thing::Machine(machine) => {
            kind(e, "device");
            device(e, machine);
        }
        Thing::Address(address) => {
            kind(e, "ip");
            e.text("ipAddress", address).text("countryLetterCode", "NL");
        }
        Thing::Url(url) => {
            kind(e, "url");
            e.text("url", url);
        }
        Thing::File(name, sha256) => {
            kind(e, "file");
            e.text("detectionStatus", "detected").object("fileDetails", |f| {
                f.text("fileName", name).text("filePath", "C:\\Users\\Public").text("sha256", sha256);
                f.nulls(&["sha1", "md5", "sha256Ac", "fileSize", "filePublisher", "signer", "issuer"]);
            });
        }
        Thing::Mail(id, recipient, sender, subject) => {
            kind(e, "analyzedMessage");
            e.text("networkMessageId", id).text("recipientEmailAddress", recipient).text("subject", subject);
            e.object("p2Sender", |s| {
                s.text("emailAddress", sender);
            });
        }
        Thing::Resource(id) => {
            kind(e, "azureResource");
            e.text("resourceId", id).text("resourceName", id.rsplit('/').next().unwrap_or_default());
            e.text("resourceType", "microsoft.compute/virtualmachines");
        }
    }
    e.text("createdDateTime", times::seven(at.plus_seconds(-240))).members(
        r#""detailedRoles":[],"remediationStatus":"active","remediationStatusDetails":null,"roles":[],"tags":[],"verdict":"suspicious""#,
    );
}

fn user(u: &mut Object<'_>, account: &Account, naming: Naming, cast: &Cast) {
    u.text("accountName", account.upn.split('@').next().unwrap_or_default()).null("activeDirectoryObjectGuid");
    let object = account.key.object.to_string();
    u.maybe("azureAdUserId", (naming == Naming::Object).then_some(object.as_str()))
        .text("displayName", &account.display);
    u.text("domainName", cast.tenants[account.tenant].name.to_uppercase())
        .raw("resourceAccessEvents", "[]")
        .null("tenantId");
    u.maybe("userPrincipalName", (naming != Naming::Sid).then_some(account.upn.as_str()));
    u.maybe("userSid", (naming != Naming::Upn && !account.sid.is_empty()).then_some(account.sid.as_str()));
}

fn device(e: &mut Object<'_>, machine: &Machine) {
    e.show("azureAdDeviceId", machine.entra).text("deviceDnsName", format!("{}.{}", machine.name, machine.domain));
    e.text("dnsDomain", &machine.domain).text("healthStatus", "active").text("hostName", &machine.name);
    e.texts("ipInterfaces", [&machine.address, "127.0.0.1"]).text("lastIpAddress", &machine.address);
    e.raw("loggedOnUsers", "[]").text("mdeDeviceId", &machine.defender).null("ntDomain");
    e.members(r#""onboardingStatus":"onboarded","osBuild":26100,"osPlatform":"Windows11","rbacGroupId":150,"rbacGroupName":"main","riskScore":"low","version":"24H2","vmMetadata":null"#);
}
