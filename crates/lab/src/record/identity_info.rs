//! `IdentityInfo` of Defender's streaming API: a dated row for each change of a directory object (exports.md 7.7).

use super::stream_alert::envelope;
use crate::book::{Form, Table};
use crate::cast::Account;
use crate::times;
use caponier_model::EventTime;

/// The stream.
pub const TABLE: Table = Table {
    container: "insights-logs-advancedhunting-identityinfo",
    form: Form::Messages,
    delay: (900, 1800),
    enveloped: true,
};

/// The account as it is at `time`, or as it was when it was `deleted`.
pub fn row(account: &Account, deleted: Option<EventTime>, time: EventTime, at: EventTime) -> String {
    let local = account.upn.split('@').next().unwrap_or_default();
    envelope(account.key.tenant, "IdentityInfo", at, |p| {
        p.text("Timestamp", times::six(time)).show("ReportId", account.key.object);
        p.show("AccountObjectId", account.key.object).text("AccountUpn", &account.upn);
        p.text("AccountDisplayName", &account.display).text("AccountName", local);
        p.text("AccountDomain", account.upn.split('@').nth(1).unwrap_or_default());
        p.text("OnPremSid", &account.sid).text("CloudSid", account.key.object.cloud_sid());
        p.text("EmailAddress", &account.mail).maybe("EmployeeId", account.employee.as_deref());
        p.array("OtherMailAddresses", |a| account.others.iter().for_each(|other| a.text(other)));
        p.truth("IsAccountEnabled", deleted.is_none()).text("CreatedDateTime", times::six(account.created));
        p.maybe("DeletedDateTime", deleted.map(times::six).as_deref());
        p.text("TenantMembershipType", account.user_type).text("SourceProvider", "AzureActiveDirectory");
        p.text("ChangeSource", "AzureActiveDirectory");
    })
}
