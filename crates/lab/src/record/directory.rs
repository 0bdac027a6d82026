//! Graph's `users` as a directory snapshot (exports.md 7.1): one page with everything selected. Its rows name no tenant.

use crate::cast::{Account, Kind, Satellite, Sort, Special, TenantCast};
use crate::json::{Object, object};
use crate::random::Random;
use crate::times;

/// Where the snapshot of a tenant lies.
pub fn path(tenant: &TenantCast) -> String {
    format!("captures/graph/tenantId={}/users.json", tenant.id)
}

/// What stands before the first row.
pub const OPEN: &str = "{\"@odata.context\":\"https://graph.microsoft.com/v1.0/$metadata#users\",\"value\":[";
/// What stands after the last.
pub const CLOSE: &str = "]}\n";

/// A member of the tenant.
pub fn member(account: &Account, tenant: &TenantCast) -> String {
    object(|o| {
        head(o, account);
        o.null("creationType").text("displayName", &account.display).maybe("employeeId", account.employee.as_deref());
        o.null("externalUserState").null("externalUserStateChangeDateTime");
        o.array("identities", |a| a.object(|i| own_identity(i, account, tenant)));
        tail(o, account);
    })
}

/// A satellite account.
pub fn satellite(satellite: &Satellite, tenant: &TenantCast) -> String {
    let account = &satellite.account;
    if satellite.kind == Kind::Twin {
        return member(account, tenant);
    }
    external(account, tenant, if satellite.kind == Kind::Consumer { "MicrosoftAccount" } else { "ExternalAzureAD" })
}

/// A rarer account, as it is in the end.
pub fn special(special: &Special, tenant: &TenantCast) -> String {
    match special.sort {
        Sort::Passcode => external(&special.account, tenant, "mail"),
        sort if sort.is_external() && sort != Sort::Converted => external(&special.account, tenant, "ExternalAzureAD"),
        _ => member(&special.account, tenant),
    }
}

/// A guest whom `issuer` vouches for.
fn external(account: &Account, tenant: &TenantCast, issuer: &str) -> String {
    object(|o| {
        head(o, account);
        o.text("creationType", "Invitation").text("displayName", &account.display);
        o.maybe("employeeId", account.employee.as_deref()).text("externalUserState", "Accepted");
        o.text("externalUserStateChangeDateTime", times::whole(account.created.plus_seconds(454)));
        o.array("identities", |a| {
            a.object(|i| {
                i.text("signInType", "federated").text("issuer", issuer).null("issuerAssignedId");
            });
            a.object(|i| own_identity(i, account, tenant));
        });
        tail(o, account);
    })
}

fn head(o: &mut Object<'_>, account: &Account) {
    o.show("id", account.key.object).truth("accountEnabled", true);
    o.text("createdDateTime", times::whole(account.created));
}

fn own_identity(i: &mut Object<'_>, account: &Account, tenant: &TenantCast) {
    i.text("signInType", "userPrincipalName").text("issuer", &tenant.initial).text("issuerAssignedId", &account.upn);
}

fn tail(o: &mut Object<'_>, account: &Account) {
    let local = account.upn.split('@').next().unwrap_or_default();
    o.text("mail", &account.mail).text("mailNickname", local);
    if account.sid.is_empty() {
        o.members(r#""onPremisesImmutableId":null,"onPremisesSamAccountName":null,"onPremisesSecurityIdentifier":null,"onPremisesUserPrincipalName":null"#);
    } else {
        // The anchor belongs to the on-premises object: equal wherever that is synchronised to.
        o.text("onPremisesImmutableId", format!("{}==", Random::new(0, &account.sid).hex(22)));
        o.text("onPremisesSamAccountName", local);
        o.text("onPremisesSecurityIdentifier", &account.sid).text("onPremisesUserPrincipalName", &account.upn);
    }
    let external = account.upn.contains("#EXT#");
    o.texts("otherMails", account.others.iter().filter(|_| external));
    o.array("proxyAddresses", |a| {
        a.text(format!("SMTP:{}", account.mail));
        for other in account.others.iter().filter(|_| !external) {
            a.text(format!("smtp:{other}"));
        }
    });
    o.text("securityIdentifier", account.key.object.cloud_sid()).null("showInAddressList");
    o.text("userPrincipalName", &account.upn).text("userType", account.user_type);
}
