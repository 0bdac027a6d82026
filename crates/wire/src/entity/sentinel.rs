//! Sentinel's `Entities`: JSON text of an array whose serializer replaced repeated objects by references
//! (`"$id":"3"` once, `{"$ref":"3"}` everywhere else). The same objects fill Defender's `AdditionalFields`.
//!
//! Two passes: collect every `$id` of the tree, then read each object once, following references where an object needs
//! another (a local account its host). Kept as a tree of values, since references make a one-pass reader blind.

use super::{AccountWords, HostWords, Named, fold};
use crate::json::{DEEPEST, skip_space, value_end};
use caponier_model::{EntityKind, EntityRole};
use compact_str::{CompactString, format_compact};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// References followed from one place before it is called a cycle.
const REFERENCE_HOPS: usize = 8;

/// An object's reader: its own words into the open group.
type Reader = fn(&Tree<'_>, &Map<String, Value>, &mut Named);

/// One row per entity type; the key is the type's name without case, dashes, dots and spaces.
const READERS: [(&str, Reader); 32] = [
    ("account", account),
    ("user", account),
    ("host", host),
    ("machine", host),
    ("device", host),
    ("ip", address),
    ("url", url),
    ("dns", dns),
    ("dnsresolution", dns),
    ("filehash", file_hash),
    ("file", file),
    ("process", process),
    ("mailmessage", mail_message),
    ("mailcluster", mail_cluster),
    ("submissionmail", mail_message),
    ("email", mail_message),
    ("mailbox", mailbox),
    ("azureresource", azure_resource),
    ("cloudresource", azure_resource),
    ("cloudapplication", cloud_application),
    ("oauthapplication", oauth_application),
    ("malware", malware),
    ("securitygroup", group),
    ("registrykey", registry_key),
    ("registryvalue", registry_value),
    ("registry", registry_key),
    ("hostlogonsession", host_session),
    ("cloudlogonsession", cloud_session),
    ("cloudlogonrequest", cloud_request),
    ("serviceprincipal", service_principal),
    ("iotdevice", iot_device),
    ("activedirectorydomain", domain),
];

/// Reads `Entities` text (or one object's text) into `named`; `assumed` is the type of objects that carry none.
///
/// The source cuts the list at a number of bytes: of an array that ends early the whole objects before the end are read.
/// Other text that is no JSON, or nested deeper than the parser allows, gives nothing.
pub(crate) fn read(text: &str, assumed: &str, named: &mut Named) {
    // Portals hand the array over as text inside text.
    let value = match parse(text) {
        Some(Value::String(inner)) => parse(&inner),
        value => value,
    };
    if let Some(value) = value {
        read_value(&value, assumed, named);
    }
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| whole_objects(text))
}

/// The objects of an array before the place where its text is cut or broken.
fn whole_objects(text: &str) -> Option<Value> {
    let bytes = text.as_bytes();
    let mut at = skip_space(bytes, 0);
    if bytes.get(at) != Some(&b'[') {
        return None;
    }
    let mut objects = Vec::new();
    // At the opening bracket or at a comma.
    while matches!(bytes.get(at), Some(b'[' | b',')) {
        let start = skip_space(bytes, at + 1);
        let Ok(end) = value_end(bytes, start, DEEPEST) else { break };
        let object = text.get(start..end).and_then(|object| serde_json::from_str::<Value>(object).ok());
        objects.extend(object.filter(Value::is_object));
        at = skip_space(bytes, end);
    }
    Some(Value::Array(objects))
}

fn read_value(value: &Value, assumed: &str, named: &mut Named) {
    let mut tree = Tree { by_id: BTreeMap::new() };
    tree.collect(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| visit(&tree, item, assumed, named)),
        item => visit(&tree, item, assumed, named),
    }
}

/// The objects of one text by their `$id`.
struct Tree<'a> {
    by_id: BTreeMap<&'a str, &'a Map<String, Value>>,
}

impl<'a> Tree<'a> {
    fn collect(&mut self, value: &'a Value) {
        match value {
            Value::Object(object) => {
                if let Some(id) = get(object, "$id").and_then(Value::as_str) {
                    self.by_id.insert(id, object);
                }
                object.values().for_each(|v| self.collect(v));
            }
            Value::Array(items) => items.iter().for_each(|v| self.collect(v)),
            _ => {}
        }
    }

    /// The object that a value is or refers to, wherever in the text that stands; `None` for a dangling reference or a cycle.
    fn resolve<'v>(&self, value: &'v Value) -> Option<&'v Map<String, Value>>
    where
        'a: 'v,
    {
        let mut object = value.as_object()?;
        for _ in 0..REFERENCE_HOPS {
            match get(object, "$ref").and_then(Value::as_str) {
                None => return Some(object),
                Some(id) => object = self.by_id.get(id)?,
            }
        }
        None
    }

    fn child<'v>(&self, object: &'v Map<String, Value>, key: &str) -> Option<&'v Map<String, Value>>
    where
        'a: 'v,
    {
        self.resolve(get(object, key)?)
    }
}

/// Reads an object and then the objects inside it, each as a group of its own. A reference is not read: its object is
/// read where it stands.
fn visit(tree: &Tree<'_>, value: &Value, assumed: &str, named: &mut Named) {
    let object = match value {
        Value::Object(object) if get(object, "$ref").is_none() => object,
        Value::Array(items) => return items.iter().for_each(|item| visit(tree, item, "", named)),
        _ => return,
    };
    let kind = match text(object, "Type") {
        "" => assumed,
        kind => kind,
    };
    let key: String = kind.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    if let Some((_, reader)) = READERS.iter().find(|(name, _)| *name == key) {
        named.object(role(object));
        reader(tree, object, named);
    } else if !key.is_empty() {
        named.object(role(object));
        named.put(EntityKind::Other, other(&key, object));
    }
    for (name, inner) in object {
        if !(name.eq_ignore_ascii_case("FileHashes") && key == "file") {
            visit(tree, inner, "", named);
        }
    }
}

/// `Asset`, `Roles` and Defender's `Role` number say which part a thing played.
fn role(object: &Map<String, Value>) -> EntityRole {
    let roles = get(object, "Roles").and_then(Value::as_array);
    let says = |words: &[&str]| {
        roles.is_some_and(|r| {
            r.iter().filter_map(Value::as_str).any(|r| words.iter().any(|w| w.eq_ignore_ascii_case(r)))
        })
    };
    if says(&["attacker", "commandAndControl", "source"]) {
        EntityRole::Attacker
    } else if says(&["attacked", "compromised", "destination"])
        || get(object, "Asset").and_then(Value::as_bool) == Some(true)
    {
        EntityRole::Impacted
    } else {
        EntityRole::Related
    }
}

/// A field without regard to case (`OSVersion`, `OsVersion`).
fn get<'v>(object: &'v Map<String, Value>, key: &str) -> Option<&'v Value> {
    object.get(key).or_else(|| object.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v))
}

/// A field's text; empty where it is absent or no text.
fn text<'v>(object: &'v Map<String, Value>, key: &str) -> &'v str {
    get(object, key).and_then(Value::as_str).unwrap_or_default()
}

/// The first of the fields that has text.
fn first<'v>(object: &'v Map<String, Value>, keys: &[&str]) -> &'v str {
    keys.iter().map(|k| text(object, k)).find(|t| fold::present(t).is_some()).unwrap_or_default()
}

fn account(tree: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    // A local account's authority is its host.
    let host = tree.child(object, "Host").map_or("", |h| first(h, &["HostName", "NetBiosName"]));
    let domain = first(object, &["NTDomain", "DomainName", "DnsDomain"]);
    named.account(AccountWords {
        tenant: text(object, "AadTenantId"),
        object: first(object, &["AadUserId", "AadId"]),
        upn: first(object, &["UserPrincipalName", "Upn", "AccountUpn"]),
        name: account_name(object),
        suffix: text(object, "UPNSuffix"),
        sid: text(object, "Sid"),
        puid: text(object, "PUID"),
        domain: if domain.is_empty() { host } else { domain },
    });
}

/// The account's name; some products put the display name into `Name` and the account's own beside it.
fn account_name(object: &Map<String, Value>) -> &str {
    let name = text(object, "Name");
    let other = first(object, &["AccountName", "SamAccountName"]);
    if other.is_empty() || name.contains('@') { name } else { other }
}

fn host(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.host(HostWords {
        defender: first(object, &["MdatpDeviceId", "DeviceId", "MachineId"]),
        entra: first(object, &["AadDeviceId", "AzureAdDeviceId"]),
        azure: first(object, &["AzureID", "AzureResourceId", "ResourceId"]),
        name: first(object, &["FQDN", "HostName", "NetBiosName", "DeviceName"]),
        domain: first(object, &["DnsDomain", "NTDomain"]),
    });
}

fn address(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.address(first(object, &["Address", "IpAddress"]));
}

fn url(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(EntityKind::Url, fold::url(text(object, "Url")));
}

fn dns(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(EntityKind::Domain, fold::domain(text(object, "DomainName")));
}

fn domain(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(EntityKind::Domain, fold::domain(first(object, &["DomainName", "Name", "DnsName"])));
}

fn file_hash(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(EntityKind::FileHash, fold::hash(text(object, "Algorithm"), text(object, "Value")));
}

fn file(tree: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    let mut hashes: Vec<(&str, &str)> =
        ["Sha1", "Sha256", "Md5"].iter().map(|k| (*k, text(object, k))).filter(|(_, v)| !v.is_empty()).collect();
    for item in get(object, "FileHashes").and_then(Value::as_array).into_iter().flatten() {
        if let Some(hash) = tree.resolve(item) {
            hashes.push((text(hash, "Algorithm"), text(hash, "Value")));
        }
    }
    named.file(text(object, "Directory"), text(object, "Name"), &hashes);
}

fn process(tree: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    let image = tree.child(object, "ImageFile").map_or("", |f| text(f, "Name"));
    named.process(text(object, "CommandLine"), image, text(object, "ProcessId"));
}

fn mail_message(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(EntityKind::MailMessage, fold::id(text(object, "NetworkMessageId")));
    let recipient = text(object, "Recipient");
    if recipient.contains('@') {
        named.put(EntityKind::Mailbox, Some(fold::lower(recipient)));
    }
    named.address(text(object, "SenderIP"));
    for item in get(object, "Urls").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        named.put(EntityKind::Url, fold::url(item));
    }
}

fn mail_cluster(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    let ids = get(object, "NetworkMessageIds").and_then(Value::as_array);
    for id in ids.into_iter().flatten().filter_map(Value::as_str) {
        named.put(EntityKind::MailMessage, fold::id(id));
    }
}

fn mailbox(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    let address = text(object, "MailboxPrimaryAddress");
    named.put(EntityKind::Mailbox, fold::present(address).map(fold::lower));
    named.account(AccountWords {
        object: first(object, &["AadId", "ExternalDirectoryObjectId"]),
        upn: first(object, &["Upn", "MailboxPrimaryAddress"]),
        ..Default::default()
    });
}

fn azure_resource(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(EntityKind::AzureResource, fold::resource(text(object, "ResourceId")));
}

fn cloud_application(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    let number = ["SaasId", "AppId"].iter().find_map(|k| get(object, k).and_then(Value::as_u64));
    let id = number.map(|n| format_compact!("{n}"));
    named.put(EntityKind::CloudApp, id.or_else(|| fold::id(first(object, &["SaasId", "AppId", "Name"]))));
}

fn oauth_application(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(EntityKind::Application, fold::id(first(object, &["OAuthAppId", "AppId"])));
    named.put(EntityKind::ServicePrincipal, fold::id(text(object, "OAuthObjectId")));
}

fn service_principal(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(
        EntityKind::ServicePrincipal,
        fold::id(first(object, &["ServicePrincipalObjectId", "ServicePrincipalId", "ObjectId"])),
    );
    named.put(EntityKind::Application, fold::id(text(object, "AppId")));
}

fn malware(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(EntityKind::Malware, fold::present(text(object, "Name")).map(fold::lower));
}

fn group(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(EntityKind::Group, fold::id(first(object, &["ObjectGuid", "SID", "DistinguishedName", "DisplayName"])));
}

fn key_path(object: &Map<String, Value>) -> CompactString {
    let hive = fold::lower(text(object, "Hive"));
    let key = fold::lower(first(object, &["Key", "RegistryKey"]));
    if hive.is_empty() { key } else { format_compact!("{hive}\\{key}") }
}

fn registry_key(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(EntityKind::Registry, Some(key_path(object)));
}

fn registry_value(tree: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    let key = tree.child(object, "Key").map(key_path).unwrap_or_default();
    let name = fold::lower(text(object, "Name"));
    named.put(EntityKind::Registry, Some(format_compact!("{key}\\{name}")));
}

/// A logon session's number means something only on its host.
fn host_session(tree: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    let host = tree.child(object, "Host").map_or("", |h| first(h, &["HostName", "NetBiosName"]));
    let id = text(object, "SessionId");
    if !host.is_empty() && !id.is_empty() {
        named.put(EntityKind::Other, Some(format_compact!("logon-session:{}:{id}", fold::lower(host))));
    }
}

fn cloud_session(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(EntityKind::Session, fold::id(text(object, "SessionId")));
}

fn cloud_request(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    named.put(EntityKind::SignInRequest, fold::id(text(object, "RequestId")));
}

fn iot_device(_: &Tree<'_>, object: &Map<String, Value>, named: &mut Named) {
    let id = first(object, &["DeviceId", "DeviceName"]);
    named.put(EntityKind::Other, fold::present(id).map(|i| format_compact!("iot-device:{}", fold::lower(i))));
}

/// A type without a row: kept for the reader by its name or id.
fn other(key: &str, object: &Map<String, Value>) -> Option<CompactString> {
    let name = first(object, &["ResourceId", "Name", "Id", "DisplayName", "FriendlyName", "Value"]);
    fold::present(name).map(|n| format_compact!("{key}:{}", fold::lower(n)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::{Entity, Guid, TenantId};

    const TENANT: TenantId = TenantId(Guid::from_u128(7));
    const OTHER: &str = "5e6f7a8b-0002-4002-8002-000000000002";

    fn entities(text: &str) -> Vec<Entity> {
        let mut named = Named::new(TENANT);
        read(text, "", &mut named);
        named.into_list()
    }

    fn values(text: &str) -> Vec<(EntityKind, String)> {
        entities(text).into_iter().map(|e| (e.kind, e.value.to_string())).collect()
    }

    #[test]
    fn a_reference_to_a_later_object_is_resolved() {
        let found = values(
            r#"[{"$id":"9","Name":"svc-backup","Host":{"$ref":"12"},"Type":"account"},
                {"$id":"12","HostName":"SRV-VAULT","DnsDomain":"tailspin.example","Type":"host"},{"$ref":"9"}]"#,
        );
        assert_eq!(
            found,
            [
                (EntityKind::AccountLocal, "srv-vault\\svc-backup".to_owned()),
                (EntityKind::HostFqdn, "srv-vault.tailspin.example".to_owned()),
            ]
        );
    }

    #[test]
    fn cycles_and_dangling_references_are_refused() {
        let cycle = r#"[{"$id":"1","Type":"account","Name":"piper","Host":{"$ref":"2"}},{"$id":"2","$ref":"3"},{"$id":"3","$ref":"2"}]"#;
        assert_eq!(values(cycle), [(EntityKind::AccountLocal, "piper".to_owned())]);
        assert_eq!(values(r#"[{"$ref":"77"}]"#), []);
        for broken in ["", "[{", "null", "7", "\"text\""] {
            assert_eq!(values(broken), [], "{broken}");
        }
        assert_eq!(values(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))), []);
    }

    #[test]
    fn of_a_cut_list_the_whole_objects_are_kept() {
        let (host, ip) = (
            r#"{"$id":"1","HostName":"WS-7]","DnsDomain":"n.example","Type":"host"}"#,
            r#"{"$id":"2","Address":"203.0.113.9","Type":"ip"}"#,
        );
        let whole = format!("[{host}, {ip}]");
        let all = values(&whole);
        assert_eq!(all.len(), 2);
        for end in 0..whole.len() {
            let kept = match end {
                n if n <= host.len() => 0,
                n if n < whole.len() - 1 => 1,
                _ => 2,
            };
            let found = values(&whole[..end]);
            assert_eq!(found.len(), kept, "{}", &whole[..end]);
            let inside = serde_json::Value::from(&whole[..end]).to_string();
            assert_eq!(values(&inside), found, "{inside}");
        }
    }

    #[test]
    fn a_file_and_its_hashes_are_one_group() {
        let (sha1, md5) = ("ab".repeat(20), "cd".repeat(16));
        let found = entities(&format!(
            r#"[{{"$id":"3","Directory":"C:\\Temp","Name":"Tool.exe","FileHashes":[{{"$id":"4","Algorithm":"SHA1","Value":"{sha1}","Type":"filehash"}},{{"$ref":"5"}}],"Type":"file"}},
               {{"$id":"5","Algorithm":"MD5","Value":"{md5}","Type":"filehash"}}]"#
        ));
        let groups: Vec<_> = found.iter().map(|e| (e.kind, e.group)).collect();
        use EntityKind::{File, FileHash};
        assert_eq!(groups, [(FileHash, 1), (FileHash, 1), (File, 1), (FileHash, 2)]);
    }

    #[test]
    fn an_account_lives_in_the_directory_it_names() {
        let found = entities(&format!(
            r#"[{{"Name":"Piper","UPNSuffix":"northwind.example","AadTenantId":"{OTHER}","AadUserId":"0dd00000-0000-4000-8000-000000000002","Asset":true,"Type":"account"}}]"#
        ));
        assert_eq!(found[0].tenant, TenantId::parse(OTHER).unwrap());
        assert_eq!((found[0].kind, found[0].role), (EntityKind::Account, EntityRole::Impacted));
        assert_eq!(found[1].value, "piper@northwind.example");
    }

    #[test]
    fn one_of_each_kind() {
        let cases = [
            (r#"{"Type":"ip","Address":"203.0.113.9"}"#, EntityKind::Ip, "203.0.113.9"),
            (r#"{"Type":"url","Url":"http://Evil.example/x"}"#, EntityKind::Url, "http://evil.example/x"),
            (r#"{"Type":"dns","DomainName":"Evil.Example."}"#, EntityKind::Domain, "evil.example"),
            (
                r#"{"Type":"process","ProcessId":"0x1f","ImageFile":{"Name":"A.exe"}}"#,
                EntityKind::Process,
                "a.exe#0x1f",
            ),
            (r#"{"Type":"mailMessage","NetworkMessageId":"AB-1"}"#, EntityKind::MailMessage, "ab-1"),
            (r#"{"Type":"mail-cluster","NetworkMessageIds":["AB-2"]}"#, EntityKind::MailMessage, "ab-2"),
            (
                r#"{"Type":"azure-resource","ResourceId":"/Subscriptions/X/"}"#,
                EntityKind::AzureResource,
                "/subscriptions/x",
            ),
            (r#"{"Type":"cloud-application","AppId":11161,"Name":"M365"}"#, EntityKind::CloudApp, "11161"),
            (r#"{"Type":"cloud-logon-session","SessionId":"S1"}"#, EntityKind::Session, "s1"),
            (r#"{"Type":"cloud-logon-request","RequestId":"R1"}"#, EntityKind::SignInRequest, "r1"),
            (r#"{"Type":"malware","Name":"EICAR"}"#, EntityKind::Malware, "eicar"),
            (r#"{"Type":"registry-key","Hive":"HKLM","Key":"Software\\X"}"#, EntityKind::Registry, "hklm\\software\\x"),
            (r#"{"Type":"nic","Name":"Eth0"}"#, EntityKind::Other, "nic:eth0"),
        ];
        for (text, kind, value) in cases {
            assert_eq!(values(text), [(kind, value.to_owned())], "{text}");
        }
    }
}
