//! `AlertInfo` and `AlertEvidence`: an alert without its entities, and its entities one by one (exports.md 5.3).
//!
//! The two arrive apart and in any order; an evidence row alone makes no finding.

use super::super::Record;
use super::alert::{Alert, first_time, list, word};
use super::hunting::owner;
use crate::context::Context;
use crate::entity::{AccountWords, HostWords, Named, fold, sentinel};
use crate::json::{Json, fields};
use crate::time::parse_time;
use caponier_model::{Actor, DeviceRef, EntityKind, EntityRole, Event, Reject, SightingKind, SourceRank};

fields! {
    /// The columns of both tables.
    struct Fields {
        properties: "properties",
        tenant: "tenantId",
        handed: "time",
        stamp: "properties/Timestamp" | "Timestamp" | "Timestamp [UTC]",
        generated: "TimeGenerated" | "TimeGenerated [UTC]",
        id: "properties/AlertId" | "AlertId",
        title: "properties/Title" | "Title",
        category: "properties/Category" | "Category",
        categories: "properties/Categories" | "Categories",
        severity: "properties/Severity" | "Severity",
        service: "properties/ServiceSource" | "ServiceSource",
        detection: "properties/DetectionSource" | "DetectionSource",
        techniques: "properties/AttackTechniques" | "AttackTechniques",
        entity: "properties/EntityType" | "EntityType",
        role: "properties/EvidenceRole" | "EvidenceRole",
        file: "properties/FileName" | "FileName",
        folder: "properties/FolderPath" | "FolderPath",
        sha1: "properties/SHA1" | "SHA1",
        sha256: "properties/SHA256" | "SHA256",
        remote_ip: "properties/RemoteIP" | "RemoteIP",
        local_ip: "properties/LocalIP" | "LocalIP",
        url: "properties/RemoteUrl" | "RemoteUrl",
        name: "properties/AccountName" | "AccountName",
        domain: "properties/AccountDomain" | "AccountDomain",
        sid: "properties/AccountSid" | "AccountSid",
        object: "properties/AccountObjectId" | "AccountObjectId",
        upn: "properties/AccountUpn" | "AccountUpn",
        device: "properties/DeviceId" | "DeviceId",
        host: "properties/DeviceName" | "DeviceName",
        mail: "properties/NetworkMessageId" | "NetworkMessageId",
        app: "properties/ApplicationId" | "ApplicationId",
        oauth: "properties/OAuthApplicationId" | "OAuthApplicationId",
        command: "properties/ProcessCommandLine" | "ProcessCommandLine",
        key: "properties/RegistryKey" | "RegistryKey",
        value: "properties/RegistryValueName" | "RegistryValueName",
        resource: "properties/ResourceID" | "ResourceID",
        threat: "properties/ThreatFamily" | "ThreatFamily",
        more: "properties/AdditionalFields" | "AdditionalFields",
    }
}

/// `AlertInfo`.
pub(super) fn info<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    read(record, context, &f, SightingKind::Alert)
}

/// `AlertEvidence`.
pub(super) fn evidence<'a>(record: &Record<'a>, context: &Context<'_>) -> Result<Event<'a>, Reject> {
    let f = Fields::read(record)?;
    let event = read(record, context, &f, SightingKind::Evidence)?;
    Ok(Event {
        actor: Actor {
            id: f.object.text().and_then(|t| fold::object(&t)),
            name: f.upn.text().or_else(|| f.name.text()),
            display: None,
            sid: f.sid.text(),
            domain: f.domain.text(),
        },
        address: f.local_ip.text().or_else(|| f.remote_ip.text()),
        device: DeviceRef { id: f.device.text(), name: f.host.text() },
        ..event
    })
}

fn read<'a>(
    record: &Record<'a>,
    context: &Context<'_>,
    f: &Fields<'a>,
    kind: SightingKind,
) -> Result<Event<'a>, Reject> {
    let tenant = owner(record, context, f.properties, f.tenant)?;
    let id = record.need("AlertId", f.id.text())?;
    let time = first_time(record, &[("Timestamp", f.stamp), ("TimeGenerated", f.generated)])?;
    let (title, severity) = (word(f.title), word(f.severity));
    let products = [word(f.service), word(f.detection)];
    let (category, categories, techniques) = (word(f.category), list(f.categories), list(f.techniques));
    let mut alert = Alert {
        products: &[&products[0], &products[1]],
        kind,
        title: &title,
        severity: &severity,
        tactics: &[&category, &categories],
        techniques: &[&techniques],
        ingested: f.handed.text().and_then(|t| parse_time(&t)),
        ..Alert::new(tenant, &id, time, SourceRank::STREAM)
    };
    if kind == SightingKind::Evidence {
        alert.rank = SourceRank::EVIDENCE;
        let role = if word(f.role) == "Impacted" { EntityRole::Impacted } else { EntityRole::Related };
        alert.named = Named::with_role(tenant, role);
        columns(f, &mut alert.named);
        sentinel::read(&list(f.more), &word(f.entity), &mut alert.named);
    }
    Ok(alert.event(record, f.properties))
}

/// What the columns name, whatever the row's entity type: a file's row also names its device.
fn columns(f: &Fields<'_>, named: &mut Named) {
    named.object(EntityRole::Related);
    named.account(AccountWords {
        object: &word(f.object),
        upn: &word(f.upn),
        name: &word(f.name),
        sid: &word(f.sid),
        domain: &word(f.domain),
        ..Default::default()
    });
    named.object(EntityRole::Related);
    named.host(HostWords { defender: &word(f.device), name: &word(f.host), ..Default::default() });
    named.object(EntityRole::Related);
    named.address(&word(f.remote_ip));
    named.address(&word(f.local_ip));
    named.object(EntityRole::Related);
    named.file(&word(f.folder), &word(f.file), &[("sha1", &word(f.sha1)), ("sha256", &word(f.sha256))]);
    named.object(EntityRole::Related);
    named.process(&word(f.command), "", "");
    named.object(EntityRole::Related);
    named.put(EntityKind::Url, fold::url(&word(f.url)));
    named.put(EntityKind::MailMessage, fold::id(&word(f.mail)));
    named.put(EntityKind::CloudApp, fold::id(&word(f.app)));
    named.put(EntityKind::Application, fold::id(&word(f.oauth)));
    named.put(EntityKind::AzureResource, fold::resource(&word(f.resource)));
    named.put(EntityKind::Malware, fold::present(&word(f.threat)).map(fold::lower));
    registry(named, f.key, f.value);
}

fn registry(named: &mut Named, key: Json<'_>, value: Json<'_>) {
    let Some(key) = key.text() else { return };
    let path = value.text().map_or_else(|| fold::lower(&key), |v| fold::lower(&format!("{key}\\{v}")));
    named.put(EntityKind::Registry, Some(path));
}
