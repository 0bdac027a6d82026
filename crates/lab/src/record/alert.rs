//! `SecurityAlert` rows of Log Analytics, with `Entities` as text (exports.md 3.3, 3.6).

use crate::book::{Form, Table};
use crate::cast::{Cast, Machine};
use crate::finding::{Finding, Naming, Product, Thing, capitalised};
use crate::json::{Object, array, object};
use crate::times;
use caponier_model::EventTime;

/// The stream.
pub const TABLE: Table =
    Table { container: "am-SecurityAlert", form: Form::Messages, delay: (120, 900), enveloped: false };

/// The row.
pub fn row(finding: &Finding, cast: &Cast, generated: EventTime) -> String {
    let tenant = &cast.tenants[finding.tenant];
    let names = finding.product.names();
    let (provider, product, component) = names.sentinel;
    let workspace = format!(
        "/subscriptions/{}/resourcegroups/rg-sentinel/providers/microsoft.operationalinsights/workspaces/{}-soc",
        tenant.subscription, tenant.name
    );
    object(|o| {
        o.text("TimeGenerated", times::seven(generated));
        o.text("DisplayName", &finding.title).text("AlertName", &finding.title);
        o.text("AlertSeverity", capitalised(finding.severity)).text("Description", &finding.title);
        o.text("ProviderName", provider).text("VendorName", "Microsoft").text("VendorOriginalId", original_id(finding));
        o.show("SystemAlertId", finding.system_alert).text("AlertType", alert_type(finding, tenant.workspace));
        o.number("IsIncident", 0)
            .text("StartTime", times::seven(finding.first))
            .text("EndTime", times::seven(finding.last));
        o.text("ProcessingEndTime", times::seven(generated.plus_seconds(-1)));
        o.text("ExtendedProperties", extended(finding)).text("Entities", entities(finding, cast));
        o.text("SourceSystem", "Detection").show("WorkspaceSubscriptionId", tenant.subscription);
        o.text("WorkspaceResourceGroup", "rg-sentinel").text("ProductName", product);
        o.text("ProductComponentName", component).text("Status", "New").text("CompromisedEntity", compromised(finding));
        o.text("Tactics", finding.tactic)
            .text("Techniques", array(|a| finding.technique_list().for_each(|t| a.text(t))));
        o.show("_ItemId", finding.system_alert).text("_Internal_WorkspaceResourceId", workspace);
        o.text("Type", "SecurityAlert").show("TenantId", tenant.workspace);
    })
}

/// Some connectors keep Defender's prefix, some drop it: a reader must cope with both.
fn original_id(finding: &Finding) -> String {
    match finding.product {
        Product::Sentinel => finding.system_alert.to_string(),
        Product::Xdr => finding.prefixed(),
        _ => finding.id.clone(),
    }
}

fn alert_type(finding: &Finding, workspace: caponier_model::Guid) -> String {
    let kind: String = finding.title.chars().filter(char::is_ascii_alphanumeric).collect();
    match finding.product {
        // The rule's GUID is made of its title's length: one rule, one id.
        Product::Sentinel => format!("{workspace}_24d005cc-4dd7-437d-82fd-{:012x}", kind.len() * 7919 + 17),
        _ => kind,
    }
}

fn extended(finding: &Finding) -> String {
    match finding.product {
        Product::Sentinel => object(|o| {
            o.text("Query Period", "05:00:00").text("Trigger Operator", "GreaterThan").text("Trigger Threshold", "0");
            o.text("Event Grouping", "SingleAlert").text("Analytic Rule Name", &finding.title);
        }),
        Product::Mde => object(|o| {
            o.text("MicrosoftDefenderAtp.Category", finding.tactic).text("DetectionSource", "WindowsDefenderAtp");
        }),
        _ => "{}".to_owned(),
    }
}

fn compromised(finding: &Finding) -> &str {
    if finding.product == Product::Mdi {
        return "CompromisedEntity";
    }
    let device = finding.things.iter().find_map(|t| match t {
        Thing::Machine(m) => Some(m.name.as_str()),
        _ => None,
    });
    let account = finding.things.iter().find_map(|t| match t {
        Thing::Account(a, _) => Some(a.upn.as_str()),
        _ => None,
    });
    let first = if finding.product == Product::Mde { device.or(account) } else { account.or(device) };
    first.unwrap_or_default()
}

/// The array, with a reference from each account to the machine it was seen on, as Sentinel's serialiser writes it.
fn entities(finding: &Finding, cast: &Cast) -> String {
    let host = finding.things.iter().position(|t| matches!(t, Thing::Machine(_)));
    // A reference points backwards only, so machines come first. Numbering begins at 3, as it does in the captures.
    let mut order: Vec<usize> = (0..finding.things.len()).collect();
    order.sort_by_key(|i| Some(*i) != host);
    array(|a| {
        for (at, index) in order.iter().enumerate() {
            a.object(|o| {
                o.show("$id", at + 3);
                thing(o, &finding.things[*index], cast, host.is_some());
            });
        }
    })
}

fn thing(o: &mut Object<'_>, thing: &Thing, cast: &Cast, on_host: bool) {
    match thing {
        Thing::Account(account, naming) => {
            account_entity(o, account, *naming, cast);
            if on_host {
                o.raw("Host", "{\"$ref\":\"3\"}");
            }
            o.text("Type", "account");
        }
        Thing::Machine(machine) => machine_entity(o, machine),
        Thing::Address(address) => {
            o.text("Address", address).text("Type", "ip");
        }
        Thing::Url(url) => {
            o.text("Url", url).text("Type", "url");
        }
        Thing::File(name, sha256) => {
            o.text("Directory", "c:\\users\\public").text("Name", name);
            o.array("FileHashes", |a| {
                a.object(|h| {
                    h.text("$id", format!("9{}", &sha256[..3])).text("Algorithm", "SHA256").text("Value", sha256);
                    h.text("Type", "filehash");
                });
            });
            o.text("Type", "file");
        }
        Thing::Mail(id, recipient, sender, subject) => {
            o.text("Recipient", recipient).text("Sender", sender).text("NetworkMessageId", id);
            o.text("Subject", subject).text("DeliveryAction", "Delivered").text("Type", "mailMessage");
        }
        Thing::Resource(id) => {
            o.text("ResourceId", id).text("Type", "azure-resource");
        }
    }
}

fn account_entity(o: &mut Object<'_>, account: &crate::cast::Account, naming: Naming, cast: &Cast) {
    match naming {
        Naming::Object => {
            // For a guest the name is the home address, the object the guest's (exports.md 3.6).
            let named = if account.upn.contains("#EXT#") { &account.mail } else { &account.upn };
            let (name, suffix) = named.split_once('@').unwrap_or((named, ""));
            o.text("Name", name).text("UPNSuffix", suffix).show("AadTenantId", account.key.tenant);
            o.show("AadUserId", account.key.object).truth("IsDomainJoined", !account.sid.is_empty());
            o.text("DisplayName", &account.display);
            if !account.sid.is_empty() {
                o.text("Sid", &account.sid);
            }
        }
        Naming::Upn => {
            let (name, suffix) = account.upn.rsplit_once('@').unwrap_or((&account.upn, ""));
            o.text("Name", name).text("UPNSuffix", suffix).truth("IsDomainJoined", false);
        }
        Naming::Sid => {
            let domain = cast.tenants[account.tenant].name.to_uppercase();
            let local = account.upn.split('@').next().unwrap_or_default();
            o.text("Name", local).text("NTDomain", domain).text("Sid", &account.sid).truth("IsDomainJoined", true);
        }
    }
}

fn machine_entity(o: &mut Object<'_>, machine: &Machine) {
    o.text("HostName", &machine.name).text("DnsDomain", &machine.domain).text("OSFamily", "Windows");
    o.truth("IsDomainJoined", true).text("MdatpDeviceId", &machine.defender).show("AadDeviceId", machine.entra);
    if let Some(azure) = &machine.azure {
        o.text("AzureID", azure);
    }
    o.text("Type", "host");
}
