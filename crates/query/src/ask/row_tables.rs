//! The tables of rows that evidence was drawn from, as the captures had them. One entry per column.

use super::sheet::{Sheet, Table, Value};
use caponier_model::{
    CallerRow, DeviceRow, InvitationRow, PartnerRow, PrincipalRow, ProvisioningRow, RoleRow, SignInRow, Statement,
};
use std::borrow::Cow;

pub(super) fn all() -> [&'static dyn Sheet; 9] {
    [&SIGN_INS, &INVITATIONS, &PROVISIONING, &CALLERS, &PRINCIPALS, &DEVICES, &ROLES, &PARTNER_POLICIES, &STATEMENTS]
}

static SIGN_INS: Table<SignInRow> = Table {
    name: "sign_ins",
    about: "sign-in that names two tenants, or says how it crosses",
    rows: |s| Cow::Borrowed(&s.known.rows.sign_ins),
    columns: &[
        ("time", "when", Value::Time(|r| Some(r.time))),
        ("tenant", "the tenant whose log has it, by name", Value::Tenant(|r| Some(r.log))),
        ("tenant_id", "the tenant whose log has it", Value::Id(|r| Some(r.log.0))),
        ("object_id", "the account in that tenant; null where it has none there", Value::Id(|r| r.object)),
        ("upn", "the name signed in with, lower case", Value::Text(|_, r| r.upn.as_deref())),
        ("home_tenant", "the tenant of the account, by name", Value::Tenant(|r| Some(r.home))),
        ("home_tenant_id", "the tenant of the account", Value::Id(|r| Some(r.home.0))),
        ("resource_tenant", "the tenant of the resource, by name", Value::Tenant(|r| Some(r.resource))),
        ("resource_tenant_id", "the tenant of the resource", Value::Id(|r| Some(r.resource.0))),
        ("app_id", "client application", Value::Id(|r| r.app)),
        (
            "access",
            "how it crosses: collaboration, direct_connect, delegated, other, unsaid",
            Value::Text(|_, r| Some(r.access.code())),
        ),
        ("success", "whether it worked", Value::Flag(|_, r| Some(r.success))),
        ("id", "request id", Value::Text(|_, r| Some(&r.id))),
        ("correlation_id", "correlation id; supplied by the client", Value::Id(|r| r.correlation)),
    ],
};

static INVITATIONS: Table<InvitationRow> = Table {
    name: "invitations",
    about: "invitation of a guest, or its redemption",
    rows: |s| Cow::Borrowed(&s.known.rows.invitations),
    columns: &[
        ("time", "when", Value::Time(|r| Some(r.time))),
        ("tenant", "the inviting tenant, by name", Value::Tenant(|r| Some(r.guest.tenant))),
        ("tenant_id", "the inviting tenant", Value::Id(|r| Some(r.guest.tenant.0))),
        ("object_id", "the guest", Value::Id(|r| Some(r.guest.object))),
        ("address", "the invited address, lower case", Value::Text(|_, r| Some(&r.address))),
        ("redeemed", "true for a redemption", Value::Flag(|_, r| Some(r.redeemed))),
        ("id", "the audit row", Value::Text(|_, r| Some(&r.id))),
    ],
};

static PROVISIONING: Table<ProvisioningRow> = Table {
    name: "provisioning",
    about: "provisioning row that names both objects",
    rows: |s| Cow::Borrowed(&s.known.rows.provisioning),
    columns: &[
        ("time", "when", Value::Time(|r| Some(r.time))),
        ("tenant", "the source's tenant, whose log has it, by name", Value::Tenant(|r| Some(r.source.tenant))),
        ("tenant_id", "the source's tenant", Value::Id(|r| Some(r.source.tenant.0))),
        ("object_id", "the source object", Value::Id(|r| Some(r.source.object))),
        ("target_tenant", "the target's tenant, by name, where the row says it", Value::Tenant(|r| r.target_tenant)),
        ("target_tenant_id", "the target's tenant", Value::Id(|r| r.target_tenant.map(|t| t.0))),
        ("target_object_id", "the target object", Value::Id(|r| Some(r.target))),
        ("action", "create, update, delete, …", Value::Text(|_, r| Some(&r.action))),
        ("id", "the log row", Value::Text(|_, r| Some(&r.id))),
    ],
};

static CALLERS: Table<CallerRow> = Table {
    name: "callers",
    about: "control-plane call whose claims say who the caller is; of repeats within an hour, the first and the last",
    rows: |s| Cow::Borrowed(&s.known.rows.callers),
    columns: &[
        ("time", "when", Value::Time(|r| Some(r.time))),
        ("tenant", "the tenant whose subscription it acted on, by name", Value::Tenant(|r| Some(r.log))),
        ("tenant_id", "the tenant whose subscription it acted on", Value::Id(|r| Some(r.log.0))),
        ("caller_tenant", "the tenant that issued the token, by name", Value::Tenant(|r| Some(r.caller.tenant))),
        ("caller_tenant_id", "the tenant that issued the token", Value::Id(|r| Some(r.caller.tenant.0))),
        ("caller_object_id", "the calling object there", Value::Id(|r| Some(r.caller.object))),
        ("provider_tenant_id", "the home tenant that the claims name", Value::Id(|r| r.provider.map(|t| t.0))),
        ("home_puid", "PUID of the home account, from altsecid", Value::Text(|_, r| r.home_puid.as_deref())),
        ("puid", "PUID of the caller", Value::Text(|_, r| r.puid.as_deref())),
        ("onprem_sid", "on-premises SID", Value::Text(|_, r| r.onprem_sid.as_deref())),
        ("id", "correlation id and operation", Value::Text(|_, r| Some(&r.id))),
    ],
};

static PRINCIPALS: Table<PrincipalRow> = Table {
    name: "principals",
    about: "service principal or managed identity, as a log or a directory showed it; of repeats within a day, the first and the last",
    rows: |s| Cow::Borrowed(&s.known.rows.principals),
    columns: &[
        ("time", "when", Value::Time(|r| Some(r.time))),
        ("tenant", "the tenant of the object, by name", Value::Tenant(|r| Some(r.account.tenant))),
        ("tenant_id", "the tenant of the object", Value::Id(|r| Some(r.account.tenant.0))),
        ("object_id", "the service principal", Value::Id(|r| Some(r.account.object))),
        ("app_id", "the application", Value::Id(|r| Some(r.app))),
        ("owner_tenant", "the tenant that owns the application, by name", Value::Tenant(|r| r.owner)),
        ("owner_tenant_id", "the tenant that owns the application", Value::Id(|r| r.owner.map(|t| t.0))),
        ("managed", "true for a managed identity", Value::Flag(|_, r| Some(r.managed))),
        ("display_name", "display name", Value::Text(|_, r| r.name.as_deref())),
        ("id", "the row", Value::Text(|_, r| Some(&r.id))),
    ],
};

static DEVICES: Table<DeviceRow> = Table {
    name: "devices",
    about: "device, as an inventory showed it; of repeats within a day, the first and the last",
    rows: |s| Cow::Borrowed(&s.known.rows.devices),
    columns: &[
        ("time", "when it was seen", Value::Time(|r| Some(r.time))),
        ("tenant", "whose inventory, by name", Value::Tenant(|r| Some(r.tenant))),
        ("tenant_id", "whose inventory", Value::Id(|r| Some(r.tenant.0))),
        ("name", "host name, lower case", Value::Text(|_, r| r.name.as_deref())),
        ("defender_id", "Defender device id", Value::Text(|_, r| r.defender.as_deref())),
        ("entra_id", "Entra device id", Value::Id(|r| r.entra)),
        ("object_id", "the object in the directory", Value::Id(|r| r.object)),
        ("azure_id", "ARM resource id", Value::Text(|_, r| r.azure.as_deref())),
    ],
};

static ROLES: Table<RoleRow> = Table {
    name: "roles",
    about: "directory role given to an account or taken from it, as an audit row tells; what stood before the captures is not here",
    rows: |s| Cow::Borrowed(&s.known.rows.roles),
    columns: &[
        ("time", "when", Value::Time(|r| Some(r.time))),
        ("tenant", "the tenant of the role, by name", Value::Tenant(|r| Some(r.account.tenant))),
        ("tenant_id", "the tenant of the role", Value::Id(|r| Some(r.account.tenant.0))),
        ("object_id", "the account in that tenant", Value::Id(|r| Some(r.account.object))),
        ("role", "the role's display name", Value::Text(|_, r| r.role.as_deref())),
        ("role_template_id", "the role's template, the same in every tenant", Value::Id(|r| r.template)),
        ("given", "false where it was taken", Value::Flag(|_, r| Some(r.given))),
        ("eligible", "the account may activate it, and has not yet", Value::Flag(|_, r| Some(r.eligible))),
        ("by_object_id", "who did it", Value::Id(|r| r.by)),
        ("by_upn", "who did it, by name, lower case", Value::Text(|_, r| r.by_name.as_deref())),
        ("id", "the audit row", Value::Text(|_, r| Some(&r.id))),
    ],
};

static PARTNER_POLICIES: Table<PartnerRow> = Table {
    name: "partner_policies",
    about: "cross-tenant access setting that a tenant changed for a partner, as an audit row tells; what stood before is not here",
    rows: |s| Cow::Borrowed(&s.known.rows.partners),
    columns: &[
        ("time", "when", Value::Time(|r| Some(r.time))),
        ("tenant", "the tenant whose settings they are, by name", Value::Tenant(|r| Some(r.tenant))),
        ("tenant_id", "the tenant whose settings they are", Value::Id(|r| Some(r.tenant.0))),
        ("partner", "the partner, by name where it is known", Value::Tenant(|r| r.partner)),
        ("partner_id", "the partner; null where the row does not name it", Value::Id(|r| r.partner.map(|t| t.0))),
        ("setting", "the setting; null where the row names none", Value::Text(|_, r| r.setting.as_deref())),
        ("before", "what it was, as written", Value::Text(|_, r| r.before.as_deref())),
        ("after", "what it became, as written", Value::Text(|_, r| r.after.as_deref())),
        ("removed", "the partner's own settings went, all of them", Value::Flag(|_, r| Some(r.removed))),
        ("by_object_id", "who did it", Value::Id(|r| r.by)),
        ("by_upn", "who did it, by name, lower case", Value::Text(|_, r| r.by_name.as_deref())),
        ("id", "the audit row", Value::Text(|_, r| Some(&r.id))),
    ],
};

static STATEMENTS: Table<Statement> = Table {
    name: "statements",
    about: "statement of an analyst or the configuration about two accounts",
    rows: |s| Cow::Borrowed(&s.known.rows.statements),
    columns: &[
        ("at", "when it was said", Value::Time(|r| Some(r.at))),
        ("author", "by whom", Value::Text(|_, r| Some(&r.author))),
        ("verdict", "same, different, withdrawn", Value::Text(|_, r| Some(r.verdict.code()))),
        ("reason", "why", Value::Text(|_, r| Some(&r.reason))),
        ("tenant", "the satellite's tenant, by name", Value::Tenant(|r| Some(r.account.tenant))),
        ("tenant_id", "the satellite's tenant", Value::Id(|r| Some(r.account.tenant.0))),
        ("object_id", "the satellite account", Value::Id(|r| Some(r.account.object))),
        ("home_tenant", "the home tenant, by name", Value::Tenant(|r| Some(r.home.tenant))),
        ("home_tenant_id", "the home tenant", Value::Id(|r| Some(r.home.tenant.0))),
        ("home_object_id", "the home account", Value::Id(|r| Some(r.home.object))),
        ("valid_from", "holds since; null: always did", Value::Time(|r| Some(r.from))),
        ("valid_until", "holds until, exclusive; null: still", Value::Time(|r| Some(r.until))),
    ],
};
