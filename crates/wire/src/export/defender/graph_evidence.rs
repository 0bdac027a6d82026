//! Evidence of a Graph alert: one reader per `#microsoft.graph.security.<kind>Evidence` (exports.md 5.6, appendix B).
//!
//! Kinds without a reader name nothing we correlate on and are kept for the reader by their name.

use super::alert::word;
use crate::entity::{AccountWords, HostWords, Named, fold};
use crate::json::Json;
use caponier_model::{EntityKind, EntityRole};
use compact_str::format_compact;

/// The reader of one kind.
type Reader = fn(Json<'_>, &mut Named);

/// One row per kind that names something.
const READERS: [(&str, Reader); 25] = [
    ("user", user),
    ("mailbox", mailbox),
    ("device", device),
    ("process", process),
    ("file", file),
    ("fileHash", file_hash),
    ("ip", address),
    ("dns", dns),
    ("url", url),
    ("azureResource", azure_resource),
    ("servicePrincipal", service_principal),
    ("oauthApplication", oauth_application),
    ("cloudApplication", cloud_application),
    ("cloudLogonSession", cloud_session),
    ("cloudLogonRequest", cloud_request),
    ("hostLogonSession", host_session),
    ("analyzedMessage", message),
    ("mailCluster", mail_cluster),
    ("submissionMail", message),
    ("registryKey", registry),
    ("registryValue", registry),
    ("securityGroup", group),
    ("malware", malware),
    ("activeDirectoryDomain", domain),
    ("networkConnection", connection),
];

/// Reads a list of evidence objects.
pub(super) fn read(evidence: Json<'_>, named: &mut Named) {
    evidence.items().for_each(|item| one(item, named));
}

/// Reads one evidence object, also where it stands inside another.
fn one(item: Json<'_>, named: &mut Named) {
    let full = word(item.get("@odata.type"));
    let kind = full.rsplit('.').next().unwrap_or_default();
    let kind = kind.strip_suffix("Evidence").unwrap_or(kind);
    if kind.is_empty() {
        return;
    }
    named.object(role(item));
    if let Some((_, reader)) = READERS.iter().find(|(name, _)| *name == kind) {
        return reader(item, named);
    }
    let keys = ["resourceId", "name", "displayName", "id", "url", "login"];
    if let Some(name) = keys.iter().find_map(|k| item.get(k).text()) {
        named.put(EntityKind::Other, Some(format_compact!("{}:{}", fold::lower(kind), fold::lower(&name))));
    }
}

fn role(item: Json<'_>) -> EntityRole {
    let (roles, detailed) = (item.get("roles"), item.get("detailedRoles"));
    let says = |list: Json<'_>, words: &[&str]| {
        list.items().filter_map(Json::text).any(|r| words.iter().any(|w| w.eq_ignore_ascii_case(&r)))
    };
    if says(roles, &["attacker", "commandAndControl", "source"]) {
        EntityRole::Attacker
    } else if says(roles, &["attacked", "compromised", "destination"]) || says(detailed, &["PrimaryDevice"]) {
        EntityRole::Impacted
    } else {
        EntityRole::Related
    }
}

fn user(item: Json<'_>, named: &mut Named) {
    account(item.get("userAccount"), named);
}

fn account(user: Json<'_>, named: &mut Named) {
    let get = |key: &str| word(user.get(key));
    named.account(AccountWords {
        tenant: &get("tenantId"),
        object: &get("azureAdUserId"),
        upn: &get("userPrincipalName"),
        name: &get("accountName"),
        sid: &get("userSid"),
        domain: &get("domainName"),
        ..Default::default()
    });
}

/// The account inside another evidence, as a group of its own.
fn inner_account(user: Json<'_>, named: &mut Named) {
    if user.is_object() {
        named.object(EntityRole::Related);
        account(user, named);
    }
}

fn mailbox(item: Json<'_>, named: &mut Named) {
    let address = word(item.get("primaryAddress"));
    named.put(EntityKind::Mailbox, fold::present(&address).map(fold::lower));
    let upn = word(item.get("upn"));
    named.account(AccountWords { upn: if upn.is_empty() { &address } else { &upn }, ..Default::default() });
    inner_account(item.get("userAccount"), named);
}

fn device(item: Json<'_>, named: &mut Named) {
    let get = |key: &str| word(item.get(key));
    let (dns, host) = (get("deviceDnsName"), get("hostName"));
    let (domain, nt) = (get("dnsDomain"), get("ntDomain"));
    named.host(HostWords {
        defender: &get("mdeDeviceId"),
        entra: &get("azureAdDeviceId"),
        azure: &word(item.get("vmMetadata").get("resourceId")),
        name: if dns.is_empty() { &host } else { &dns },
        domain: if domain.is_empty() { &nt } else { &domain },
    });
}

fn process(item: Json<'_>, named: &mut Named) {
    let image = item.get("imageFile");
    let command = word(item.get("processCommandLine"));
    named.process(&command, &word(image.get("fileName")), &word(item.get("processId")));
    device_id(item, named);
    named.object(EntityRole::Related);
    file_details(image, named);
    inner_account(item.get("userAccount"), named);
}

fn file(item: Json<'_>, named: &mut Named) {
    file_details(item.get("fileDetails"), named);
    device_id(item, named);
}

/// A process or file names the device it was on.
fn device_id(item: Json<'_>, named: &mut Named) {
    let id = word(item.get("mdeDeviceId"));
    if !id.is_empty() {
        named.object(EntityRole::Related);
        named.host(HostWords { defender: &id, ..Default::default() });
    }
}

fn file_details(details: Json<'_>, named: &mut Named) {
    let get = |key: &str| word(details.get(key));
    let hashes = [("sha1", get("sha1")), ("sha256", get("sha256")), ("md5", get("md5")), ("sha256ac", get("sha256Ac"))];
    let hashes: Vec<(&str, &str)> = hashes.iter().map(|(a, v)| (*a, v.as_ref())).collect();
    named.file(&get("filePath"), &get("fileName"), &hashes);
}

fn file_hash(item: Json<'_>, named: &mut Named) {
    named.put(EntityKind::FileHash, fold::hash(&word(item.get("algorithm")), &word(item.get("value"))));
}

fn address(item: Json<'_>, named: &mut Named) {
    named.address(&word(item.get("ipAddress")));
}

fn dns(item: Json<'_>, named: &mut Named) {
    named.put(EntityKind::Domain, fold::domain(&word(item.get("domainName"))));
    for ip in item.get("ipAddresses").items() {
        named.address(&word(ip.get("ipAddress")));
    }
}

fn url(item: Json<'_>, named: &mut Named) {
    named.put(EntityKind::Url, fold::url(&word(item.get("url"))));
}

fn azure_resource(item: Json<'_>, named: &mut Named) {
    named.put(EntityKind::AzureResource, fold::resource(&word(item.get("resourceId"))));
}

fn service_principal(item: Json<'_>, named: &mut Named) {
    named.put(EntityKind::ServicePrincipal, fold::id(&word(item.get("servicePrincipalObjectId"))));
    named.put(EntityKind::Application, fold::id(&word(item.get("appId"))));
}

fn oauth_application(item: Json<'_>, named: &mut Named) {
    named.put(EntityKind::Application, fold::id(&word(item.get("appId"))));
    named.put(EntityKind::ServicePrincipal, fold::id(&word(item.get("objectId"))));
}

fn cloud_application(item: Json<'_>, named: &mut Named) {
    let id = ["saasAppId", "appId", "displayName"].iter().find_map(|k| item.get(k).text());
    named.put(EntityKind::CloudApp, id.and_then(|i| fold::id(&i)));
}

fn cloud_session(item: Json<'_>, named: &mut Named) {
    named.put(EntityKind::Session, fold::id(&word(item.get("sessionId"))));
    inner_account(item.get("account").get("userAccount"), named);
}

fn cloud_request(item: Json<'_>, named: &mut Named) {
    named.put(EntityKind::SignInRequest, fold::id(&word(item.get("requestId"))));
}

fn host_session(item: Json<'_>, named: &mut Named) {
    inner_account(item.get("account").get("userAccount"), named);
    let host = item.get("host");
    if host.is_object() {
        named.object(EntityRole::Related);
        device(host, named);
    }
}

fn message(item: Json<'_>, named: &mut Named) {
    named.put(EntityKind::MailMessage, fold::id(&word(item.get("networkMessageId"))));
    let recipient = word(item.get("recipientEmailAddress"));
    named.put(EntityKind::Mailbox, fold::present(&recipient).map(fold::lower));
    named.address(&word(item.get("senderIp")));
    for link in item.get("urls").items().filter_map(Json::text) {
        named.put(EntityKind::Url, fold::url(&link));
    }
}

fn mail_cluster(item: Json<'_>, named: &mut Named) {
    for id in item.get("networkMessageIds").items().filter_map(Json::text) {
        named.put(EntityKind::MailMessage, fold::id(&id));
    }
}

fn registry(item: Json<'_>, named: &mut Named) {
    let parts = ["registryHive", "registryKey", "registryValueName"].map(|k| word(item.get(k)));
    let path = parts.iter().filter(|p| !p.is_empty()).map(AsRef::as_ref).collect::<Vec<&str>>().join("\\");
    named.put(EntityKind::Registry, fold::present(&path).map(fold::lower));
    device_id(item, named);
}

fn group(item: Json<'_>, named: &mut Named) {
    named.put(EntityKind::Group, fold::id(&word(item.get("securityGroupId"))));
}

fn malware(item: Json<'_>, named: &mut Named) {
    named.put(EntityKind::Malware, fold::present(&word(item.get("name"))).map(fold::lower));
}

fn domain(item: Json<'_>, named: &mut Named) {
    named.put(EntityKind::Domain, fold::domain(&word(item.get("activeDirectoryDomainName"))));
}

fn connection(item: Json<'_>, named: &mut Named) {
    for end in ["sourceAddress", "destinationAddress"] {
        named.address(&word(item.get(end).get("ipAddress")));
    }
}
