//! `DeviceInfo` and `DeviceLogonEvents` of Defender's streaming API (exports.md 5.3), and Graph's `devices`.

use super::stream_alert::envelope;
use crate::book::{Form, Table};
use crate::cast::{Account, Machine, TenantCast};
use crate::json::object;
use crate::times;
use caponier_model::EventTime;

/// Inventory.
pub const INFO: Table = Table {
    container: "insights-logs-advancedhunting-deviceinfo",
    form: Form::Messages,
    delay: (60, 600),
    enveloped: true,
};
/// Logons.
pub const LOGONS: Table = Table {
    container: "insights-logs-advancedhunting-devicelogonevents",
    form: Form::Messages,
    delay: (60, 600),
    enveloped: true,
};

/// Where the snapshot of a tenant's devices lies.
pub fn path(tenant: &TenantCast) -> String {
    format!("captures/graph/tenantId={}/devices.json", tenant.id)
}

/// What stands before the first row of the snapshot.
pub const OPEN: &str = "{\"@odata.context\":\"https://graph.microsoft.com/v1.0/$metadata#devices\",\"value\":[";

/// A device as the directory shows it: only here stands its object id, from which its cloud SID is made.
pub fn graph(machine: &Machine, seen: EventTime) -> String {
    object(|o| {
        o.show("id", machine.object()).truth("accountEnabled", true).show("deviceId", machine.entra);
        o.text("approximateLastSignInDateTime", times::whole(seen)).text("displayName", machine.name.to_uppercase());
        o.members(r#""operatingSystem":"Windows","profileType":"RegisteredDevice""#);
        o.text("trustType", if machine.azure.is_some() { "ServerAd" } else { "AzureAd" });
    })
}

/// An inventory snapshot. `report` has 18 digits: no reader may pass it through a float.
pub fn info(machine: &Machine, tenant: &TenantCast, user: &str, report: i64, time: EventTime, at: EventTime) -> String {
    let server = machine.azure.is_some();
    envelope(tenant.id, "DeviceInfo", at, |p| {
        p.text("ClientVersion", "20.126052.16.0").text("PublicIP", &tenant.egress[0]);
        p.text("DeviceName", format!("{}.{}", machine.name, machine.domain)).text("DeviceId", &machine.defender);
        p.number("ReportId", report).text("OSArchitecture", "64-bit");
        p.text("OSPlatform", if server { "WindowsServer2022" } else { "Windows11" }).number("OSBuild", 26_100);
        p.truth("IsAzureADJoined", !server).text("LoggedOnUsers", format!("[{{\"UserName\":\"{user}\"}}]"));
        p.text("RegistryDeviceTag", "").text("OSVersion", "10.0").null("AdditionalFields");
        p.show("AadDeviceId", machine.entra).text("MergedDeviceIds", "").text("MergedToDeviceId", "");
        p.members(r#""Vendor":"Outwork","Model":"Book 3","OnboardingStatus":"Onboarded","DeviceCategory":"Endpoint""#);
        p.text("DeviceType", if server { "Server" } else { "Workstation" }).text("JoinType", "Hybrid Azure AD Join");
        p.members(
            r#""SensorHealthState":"Active","IsInternetFacing":null,"IsExcluded":false,"ExposureLevel":"Medium""#,
        );
        p.nulls(&["AssetValue", "DeviceDynamicTags", "DeviceManualTags", "HardwareUuid", "AzureVmId", "HostDeviceId"]);
        p.maybe("AzureResourceId", machine.azure.as_deref()).truth("IsTransient", false);
        p.text("Timestamp", times::six(time)).text("MachineGroup", "main");
    })
}

/// A logon: the account by name and SID only, as the table has it.
pub fn logon(
    machine: &Machine,
    tenant: &TenantCast,
    account: &Account,
    from: &str,
    report: i64,
    (time, at): (EventTime, EventTime),
) -> String {
    let local = account.upn.split('@').next().unwrap_or_default();
    let cloud = account.key.object.cloud_sid();
    let sid = if account.sid.is_empty() { &cloud } else { &account.sid };
    envelope(tenant.id, "DeviceLogonEvents", at, |p| {
        p.text("DeviceName", format!("{}.{}", machine.name, machine.domain)).text("DeviceId", &machine.defender);
        p.number("ReportId", report % 100_000).text("AccountName", local).text("AccountDomain", &tenant.name);
        p.text("AccountSid", sid)
            .text("LogonType", if machine.azure.is_some() { "RemoteInteractive" } else { "Interactive" });
        p.number("LogonId", report % 9_999_999).text("RemoteIP", from).text("RemoteIPType", "Private");
        p.number("RemotePort", 0)
            .null("RemoteDeviceName")
            .text("ActionType", "LogonSuccess")
            .text("Protocol", "Kerberos");
        p.null("FailureReason").truth("IsLocalAdmin", false).text("AdditionalFields", "{\"IsLocalLogon\":false}");
        p.nulls(&["InitiatingProcessAccountUpn", "InitiatingProcessAccountObjectId", "InitiatingProcessFileName"]);
        p.text("Timestamp", times::six(time)).text("MachineGroup", "main");
    })
}
