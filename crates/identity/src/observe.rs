//! What an event contributes to the identity join. Knows events and rows, no formats; decides nothing about who is who.

use caponier_model::{
    Access, AccountKey, AccountRow, Audit, Body, Caller, CallerRow, ChangedSetting, DeviceRow, Directory, EntityKind,
    Event, EventTime, Guid, InvitationRow, Outcome, PartnerRow, PrincipalRow, Provisioning, ProvisioningRow, RoleRow,
    Rows, Sighting, SignIn, SignInRow, TenantId,
};
use compact_str::{CompactString, ToCompactString};

/// Adds to `rows` what the event says about identities, and tells whether it said anything.
///
/// A sign-in inside one tenant, the usual quiet record, costs a few comparisons and no allocation.
pub fn observe(event: &Event<'_>, rows: &mut Rows) -> bool {
    let before = rows.len();
    match &event.body {
        Body::SignIn(sign_in) => {
            rows.sign_ins.extend(sign_in_row(event, sign_in));
            rows.principals.extend(principal_row(event, sign_in));
        }
        Body::Principal(principal) => rows.principals.push(PrincipalRow {
            account: AccountKey { tenant: event.tenant, object: principal.object },
            app: principal.app,
            // What a directory says of an application of its own tenant costs nobody else's trust. That it belongs to another
            // tenant must come from a log: whoever administers a directory might have written this.
            owner: principal.owner.filter(|owner| *owner == event.tenant && !principal.managed),
            managed: principal.managed,
            name: spoken(event.actor.display.as_deref()),
            time: event.time,
            id: named(event),
        }),
        Body::Directory(directory) => rows.accounts.extend(account_row(event, directory)),
        Body::Audit(audit) => {
            rows.invitations.extend(invitation_row(event, audit));
            rows.roles.extend(role_row(event, audit));
            partner_rows(event, audit, rows);
        }
        Body::Provisioning(provisioning) => rows.provisioning.extend(provisioning_row(event, provisioning)),
        Body::Caller(caller) => rows.callers.extend(caller_row(event, caller)),
        Body::Inventory { defender, entra, object, azure } => {
            let ids = [defender.is_some(), entra.is_some(), object.is_some(), azure.is_some()];
            let several = ids.into_iter().map(usize::from).sum::<usize>() > 1;
            rows.devices.extend((several || event.device.name.is_some()).then(|| DeviceRow {
                tenant: event.tenant,
                defender: folded(defender.as_deref()),
                entra: *entra,
                object: *object,
                azure: folded(azure.as_deref()),
                name: folded(event.device.name.as_deref()),
                time: event.time,
            }));
        }
        Body::Sighting(sighting) => device_rows(event, sighting, rows),
        Body::Incident(_) | Body::Plain => {}
    }
    rows.len() > before
}

/// A host that a finding names by Defender's id and by another one: what an inventory says, where none was exported.
fn device_rows(event: &Event<'_>, sighting: &Sighting, rows: &mut Rows) {
    for defender in sighting.entities.iter().filter(|e| e.kind == EntityKind::Device) {
        // Of several values of one kind none is this host's for certain.
        let sole = |kind| {
            let mut of = sighting.entities.iter().filter(|e| e.group == defender.group && e.kind == kind);
            of.next().filter(|_| of.next().is_none())
        };
        if sole(EntityKind::Device).is_none() {
            continue;
        }
        let value = |kind| sole(kind).map(|e| e.value.clone());
        let entra = sole(EntityKind::EntraDevice).and_then(|e| Guid::parse(&e.value));
        let azure = value(EntityKind::AzureResource);
        if entra.is_none() && azure.is_none() {
            continue;
        }
        rows.devices.push(DeviceRow {
            tenant: defender.tenant,
            defender: Some(defender.value.clone()),
            entra,
            object: None,
            azure,
            name: value(EntityKind::HostFqdn).or_else(|| value(EntityKind::HostName)),
            time: event.time,
        });
    }
}

/// A sign-in is of use when it names two tenants, or when it says that a guest has no other home than the resource tenant.
fn sign_in_row(event: &Event<'_>, sign_in: &SignIn<'_>) -> Option<SignInRow> {
    let log = event.tenant;
    let home = sign_in.home?;
    // Older rows lack the resource tenant; a row whose home is elsewhere can only be in the resource tenant's log.
    let resource = sign_in.resource.or((home != log).then_some(log))?;
    let crosses = home != log || resource != log;
    let local_guest = || sign_in.user_type.as_deref().is_some_and(|t| t.eq_ignore_ascii_case("guest"));
    if !crosses && !local_guest() {
        return None;
    }
    Some(SignInRow {
        log,
        home,
        resource,
        object: given(event.actor.id),
        upn: folded(event.actor.name.as_deref()),
        app: sign_in.app,
        time: event.time,
        id: named(event),
        correlation: sign_in.correlation.as_deref().and_then(Guid::parse),
        access: access(sign_in.access.as_deref()),
        success: event.outcome == Some(Outcome::Success),
    })
}

/// A service principal that signed in. Whether it worked does not matter: Entra itself found the object and its application.
fn principal_row(event: &Event<'_>, sign_in: &SignIn<'_>) -> Option<PrincipalRow> {
    Some(PrincipalRow {
        account: AccountKey { tenant: event.tenant, object: given(sign_in.principal)? },
        app: given(sign_in.app)?,
        // A managed identity lives in one tenant only, whatever its row says.
        owner: sign_in.app_owner.filter(|_| !sign_in.managed),
        managed: sign_in.managed,
        name: spoken(event.actor.display.as_deref()),
        time: event.time,
        id: named(event),
    })
}

/// `crossTenantAccessType` as written; unknown words stay [`Access::Other`].
///
/// The words are Graph's (`signInAccessType`); captures at hand show `none` and `b2bCollaboration` only. That the row of a direct
/// connection or of a service provider carries the home account's object id is inferred: there is no other object.
fn access(said: Option<&str>) -> Access {
    const WORDS: [(&str, Access); 6] = [
        ("none", Access::Unsaid),
        ("", Access::Unsaid),
        ("b2bCollaboration", Access::Collaboration),
        ("b2bDirectConnect", Access::DirectConnect),
        ("serviceProvider", Access::Delegated),
        ("microsoftSupport", Access::Delegated),
    ];
    let Some(said) = said else { return Access::Unsaid };
    WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(said)).map_or(Access::Other, |(_, access)| *access)
}

fn account_row(event: &Event<'_>, directory: &Directory<'_>) -> Option<AccountRow> {
    let object = given(directory.object).or(given(event.actor.id))?;
    let mut addresses: Vec<_> = directory.addresses.iter().filter_map(|a| folded(Some(a))).collect();
    addresses.sort_unstable();
    addresses.dedup();
    // A snapshot row has no time of its own: its decoder can only offer the object's creation or the epoch.
    let dated = event.time > EventTime::default() && Some(event.time) != directory.created;
    Some(AccountRow {
        account: AccountKey { tenant: event.tenant, object },
        seen: dated.then_some(event.time),
        created: directory.created,
        deleted: directory.deleted,
        upn: folded(directory.upn.as_deref()),
        mail: folded(directory.mail.as_deref()),
        addresses,
        display: spoken(directory.display.as_deref()),
        user_type: folded(directory.user_type.as_deref()),
        creation_type: folded(directory.creation_type.as_deref()),
        external_state: folded(directory.external_state.as_deref()),
        external_entra: directory.external_entra,
        employee: spoken(directory.employee.as_deref()),
        onprem_sid: raised(directory.onprem_sid.as_deref()),
        immutable_id: directory.immutable_id.as_deref().filter(|i| !i.is_empty()).map(CompactString::from),
        home_object: given(directory.home_object),
        enabled: directory.enabled,
    })
}

fn invitation_row(event: &Event<'_>, audit: &Audit<'_>) -> Option<InvitationRow> {
    let invitation = audit.invitation.as_ref().filter(|_| event.outcome != Some(Outcome::Failure))?;
    let guest = given(Some(invitation.guest))?;
    Some(InvitationRow {
        guest: AccountKey { tenant: event.tenant, object: guest },
        address: folded(Some(&invitation.address))?,
        redeemed: invitation.redeemed,
        time: event.time,
        id: named(event),
    })
}

fn role_row(event: &Event<'_>, audit: &Audit<'_>) -> Option<RoleRow> {
    let change = audit.role.as_ref().filter(|_| event.outcome != Some(Outcome::Failure))?;
    Some(RoleRow {
        account: AccountKey { tenant: event.tenant, object: given(Some(change.user))? },
        role: spoken(change.role.as_deref()),
        template: change.template,
        given: change.given,
        eligible: change.eligible,
        by: given(event.actor.id),
        by_name: folded(event.actor.name.as_deref()),
        time: event.time,
        id: named(event),
    })
}

/// A row for each setting, so that a question can ask for the last word on one; a row without a setting where none is named.
fn partner_rows(event: &Event<'_>, audit: &Audit<'_>, rows: &mut Rows) {
    let Some(change) = audit.partner.as_ref().filter(|_| event.outcome != Some(Outcome::Failure)) else { return };
    let row = |setting: Option<&ChangedSetting<'_>>| PartnerRow {
        tenant: event.tenant,
        partner: change.partner,
        setting: setting.and_then(|(name, ..)| spoken(Some(name))),
        before: setting.and_then(|(_, before, _)| spoken(before.as_deref())),
        after: setting.and_then(|(.., after)| spoken(after.as_deref())),
        removed: change.removed,
        by: given(event.actor.id),
        by_name: folded(event.actor.name.as_deref()),
        time: event.time,
        id: named(event),
    };
    if change.settings.is_empty() {
        rows.partners.push(row(None));
    }
    rows.partners.extend(change.settings.iter().map(|setting| row(Some(setting))));
}

fn provisioning_row(event: &Event<'_>, row: &Provisioning<'_>) -> Option<ProvisioningRow> {
    // Words that the target system of a directory-to-directory job has been seen to carry.
    const DIRECTORIES: [&str; 5] =
        ["entra", "azure active directory", "azureactivedirectory", "azure ad", "azure2azure"];
    let (source, target) = (given(row.source)?, given(row.target)?);
    let is_directory = row.systems.1.as_deref().is_none_or(|system| {
        let system = system.to_lowercase();
        DIRECTORIES.iter().any(|word| system.contains(word))
    });
    if !is_directory || event.outcome == Some(Outcome::Failure) {
        return None;
    }
    Some(ProvisioningRow {
        source: AccountKey { tenant: event.tenant, object: source },
        target,
        target_tenant: row.target_tenant,
        action: folded(row.action.as_deref()).unwrap_or_default(),
        time: event.time,
        id: named(event),
    })
}

/// Most callers only repeat who they are; a row is kept when it names another tenant or carries an identifier to compare.
fn caller_row(event: &Event<'_>, caller: &Caller<'_>) -> Option<CallerRow> {
    let tenant: TenantId = caller.tenant.unwrap_or(event.tenant);
    let says = caller.provider.is_some_and(|p| p != tenant)
        || caller.home_puid.is_some()
        || tenant != event.tenant
        || caller.puid.is_some()
        || caller.onprem_sid.is_some();
    let object = given(caller.object).filter(|_| says)?;
    Some(CallerRow {
        log: event.tenant,
        caller: AccountKey { tenant, object },
        provider: caller.provider,
        home_puid: raised(caller.home_puid.as_deref()),
        puid: raised(caller.puid.as_deref()),
        onprem_sid: raised(caller.onprem_sid.as_deref()),
        time: event.time,
        id: named(event),
    })
}

/// The record's own id, else a name made of what it did and when.
fn named(event: &Event<'_>) -> CompactString {
    match (event.id.as_deref(), event.operation.as_deref()) {
        (Some(id), _) => id.into(),
        (None, Some(operation)) => compact_str::format_compact!("{operation} {}", event.time),
        (None, None) => event.time.to_compact_string(),
    }
}

/// An object id that is somebody's: where Entra knows nobody it writes zeros.
fn given(object: Option<Guid>) -> Option<Guid> {
    object.filter(|g| *g != Guid::ZERO)
}

/// As written, without surrounding blanks; `None` where nothing is left.
fn spoken(text: Option<&str>) -> Option<CompactString> {
    text.map(str::trim).filter(|t| !t.is_empty()).map(CompactString::from)
}

/// Lower case without surrounding blanks; `None` where nothing is left.
fn folded(text: Option<&str>) -> Option<CompactString> {
    text.map(str::trim).filter(|t| !t.is_empty()).map(CompactString::from_str_to_lowercase)
}

/// Upper case without surrounding blanks; `None` where nothing is left.
fn raised(text: Option<&str>) -> Option<CompactString> {
    text.map(str::trim).filter(|t| !t.is_empty()).map(CompactString::from_str_to_uppercase)
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
