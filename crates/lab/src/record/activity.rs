//! The Azure activity log as diagnostic settings write it: no tenant, the subscription in `resourceId`, the caller in
//! claims (exports.md 4.7).

use crate::book::{Form, Table};
use crate::cast::{Account, TenantCast};
use crate::json::{Object, object};
use crate::times;
use caponier_model::{EventTime, Guid, TenantId};

/// The stream.
pub const TABLE: Table =
    Table { container: "insights-logs-operational-logs", form: Form::Lines, delay: (0, 1), enveloped: false };

const MS: &str = "http://schemas.microsoft.com/identity/claims/";
const WS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation<'a> {
    /// The tenant whose subscription it is.
    pub tenant: &'a TenantCast,
    /// The calling object: of this tenant, or a delegate's of its own.
    pub caller: &'a Account,
    /// For a guest: its home tenant and home PUID.
    pub guest_of: Option<(TenantId, &'a str)>,
    /// The home name of the caller.
    pub name: &'a str,
    /// `Microsoft.Compute/virtualMachines/runCommand/action`.
    pub operation: &'a str,
    /// ARM id.
    pub resource: &'a str,
    /// Address.
    pub address: &'a str,
    /// When.
    pub time: EventTime,
    /// Start and end of an operation share it.
    pub correlation: Guid,
}

impl Operation<'_> {
    /// The record. It has no envelope time of its own: `time` is the event.
    pub fn record(&self) -> String {
        object(|o| {
            o.text("time", times::seven(self.time)).text("resourceId", self.resource.to_uppercase());
            o.text("operationName", self.operation.to_uppercase()).text("category", "Administrative");
            o.members(r#""resultType":"Success","resultSignature":"Succeeded.OK","durationMs":"2826""#);
            o.text("callerIpAddress", self.address).show("correlationId", self.correlation);
            o.object("identity", |i| {
                i.object("authorization", |a| {
                    a.text("scope", self.resource).text("action", self.operation).object("evidence", |e| {
                        e.text("role", "Contributor");
                        e.text("roleAssignmentScope", format!("/subscriptions/{}", self.tenant.subscription));
                        e.members(r#""roleAssignmentId":"123abc2a6c314b0ab03a891259123abc","roleDefinitionId":"b24988ac618042a0ab8820f7382dd24c""#);
                        e.text("principalId", self.caller.key.object.to_string().replace('-', ""));
                        e.text("principalType", "User");
                    });
                });
                i.object("claims", |c| self.claims(c));
            });
            o.members(r#""level":"Information","location":"global""#);
            o.object("properties", |p| {
                p.text("statusCode", "OK")
                    .show("serviceRequestId", self.correlation)
                    .text("eventCategory", "Administrative");
            });
        })
    }

    fn claims(&self, c: &mut Object<'_>) {
        // A delegate's token is issued by its own tenant, a guest's by this one.
        let issuer = self.caller.key.tenant;
        c.text("aud", "https://management.core.windows.net/").text("iss", format!("https://sts.windows.net/{issuer}/"));
        c.members(r#""ver":"1.0","appid":"c44b4083-3bb0-49c1-b47d-974e53cbdf3c","appidacr":"2""#);
        c.text("ipaddr", self.address).text("name", &self.caller.display);
        c.show(&format!("{MS}tenantid"), issuer).show(&format!("{MS}objectidentifier"), self.caller.key.object);
        match self.guest_of {
            Some((home, puid)) => {
                c.text(&format!("{MS}identityprovider"), format!("https://sts.windows.net/{home}/"));
                c.text("altsecid", format!("5::{puid}")).text(&format!("{WS}emailaddress"), &self.caller.mail);
            }
            None => {
                c.text(&format!("{WS}upn"), self.name);
            }
        }
        c.text(&format!("{WS}name"), self.name).text("puid", &self.caller.puid);
        if !self.caller.sid.is_empty() {
            c.text("onprem_sid", &self.caller.sid);
        }
    }
}
