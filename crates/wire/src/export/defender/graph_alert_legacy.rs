//! An alert of Graph's first interface (`microsoft.graph.alert`): states instead of evidence, the vendor inside
//! `vendorInformation`. Retired, and still in archives.

use super::super::{Record, tenant};
use super::alert::{Alert, first_time, list, maybe_time, word};
use crate::context::{Claims, Context};
use crate::entity::{AccountWords, HostWords, Named, fold};
use crate::json::{Json, fields};
use caponier_model::{EntityKind, EntityRole, Event, Reject, SourceRank};

fields! {
    /// What the object says.
    struct Fields {
        id: "id",
        tenant: "azureTenantId",
        title: "title",
        category: "category",
        severity: "severity",
        status: "status",
        feedback: "feedback",
        provider: "vendorInformation/provider",
        sub_provider: "vendorInformation/subProvider",
        created: "createdDateTime",
        event: "eventDateTime",
        last: "lastEventDateTime",
        modified: "lastModifiedDateTime",
        users: "userStates",
        hosts: "hostStates",
        files: "fileStates",
        connections: "networkConnections",
        malware: "malwareStates",
        links: "sourceMaterials",
    }
}

/// Reads an object.
pub(super) fn decode<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let owner = record.owner(context, Claims { tenant: tenant(f.tenant), ..Claims::default() })?;
    let id = record.need("id", f.id.text())?;
    let first = first_time(record, &[("eventDateTime", f.event), ("createdDateTime", f.created)])?;
    let last = maybe_time(f.last);
    let modified = maybe_time(f.modified);
    let products = [word(f.provider), word(f.sub_provider)];
    let (title, severity, status, feedback) = (word(f.title), word(f.severity), word(f.status), word(f.feedback));
    let category = word(f.category);
    let links = list(f.links);
    let mut alert = Alert {
        products: &[&products[0], &products[1]],
        last: last.unwrap_or(first),
        version: modified.unwrap_or(first),
        title: &title,
        severity: &severity,
        status: &status,
        classification: &feedback,
        tactics: &[&category],
        url: Json::new(&links).items().find_map(Json::text),
        detector: f.category.text(),
        // Older than alerts_v2 and poorer: it never wins over it.
        ..Alert::new(owner, &id, first, SourceRank::MDE_REST)
    };
    states(&f, &mut alert.named);
    Ok(alert.event(record, Json::ABSENT))
}

fn states(f: &Fields<'_>, named: &mut Named) {
    for item in f.users.items() {
        let get = |key: &str| word(item.get(key));
        named.object(EntityRole::Related);
        named.account(AccountWords {
            object: &get("aadUserId"),
            upn: &get("userPrincipalName"),
            name: &get("accountName"),
            sid: &get("onPremisesSecurityIdentifier"),
            domain: &get("domainName"),
            ..Default::default()
        });
        named.object(EntityRole::Related);
        named.address(&get("logonIp"));
    }
    for item in f.hosts.items() {
        let get = |key: &str| word(item.get(key));
        let (fqdn, short) = (get("fqdn"), get("netBiosName"));
        named.object(EntityRole::Related);
        named.host(HostWords { name: if fqdn.is_empty() { &short } else { &fqdn }, ..Default::default() });
        named.object(EntityRole::Related);
        named.address(&get("publicIpAddress"));
    }
    for item in f.files.items() {
        let hash = item.get("fileHash");
        named.object(EntityRole::Related);
        let hashes = [(word(hash.get("hashType")), word(hash.get("hashValue")))];
        named.file(&word(item.get("path")), &word(item.get("name")), &[(&hashes[0].0, &hashes[0].1)]);
    }
    for item in f.connections.items() {
        named.object(EntityRole::Related);
        named.address(&word(item.get("destinationAddress")));
        named.put(EntityKind::Url, fold::url(&word(item.get("destinationUrl"))));
        named.put(EntityKind::Domain, fold::domain(&word(item.get("destinationDomain"))));
    }
    for item in f.malware.items() {
        named.object(EntityRole::Related);
        named.put(EntityKind::Malware, fold::present(&word(item.get("name"))).map(fold::lower));
    }
}
