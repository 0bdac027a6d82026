//! What people and applications do in mailboxes, sites and chats: records of Office 365's management interface, one a line.

use crate::book::{Form, Table};
use crate::cast::TenantCast;
use crate::json::object;
use crate::times;
use caponier_model::{EventTime, Guid};

/// The stream. A record bears the second in which it was made and no envelope.
pub const TABLE: Table =
    Table { container: "office365-audit", form: Form::Lines, delay: (300, 1800), enveloped: false };

/// What was touched.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A file of a site, by its name.
    File(&'a str),
    /// A mailbox, by an application.
    Mailbox(Guid),
    /// A message with a link, in Teams.
    Link(&'a str),
}

/// Who did it.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// A user, by the UPN that the tenant knows, and the PUID.
    User(&'a str, &'a str),
    /// An application, and its service principal here.
    Application(Guid, Guid),
}

/// One record.
#[derive(Clone, Debug)]
pub struct Deed<'a> {
    /// Whose log.
    pub tenant: &'a TenantCast,
    /// `FileDownloaded`, `MailItemsAccessed`, ….
    pub operation: &'a str,
    /// By whom.
    pub who: Who<'a>,
    /// On what.
    pub what: What<'a>,
    /// Address.
    pub address: &'a str,
    /// When.
    pub time: EventTime,
    /// The record's id.
    pub id: Guid,
}

impl Deed<'_> {
    /// The record.
    pub fn record(&self) -> String {
        let (kind, workload) = match self.what {
            What::File(_) => (6, "SharePoint"),
            What::Mailbox(_) => (50, "Exchange"),
            What::Link(_) => (25, "MicrosoftTeams"),
        };
        object(|o| {
            o.text("CreationTime", times::whole(self.time).trim_end_matches('Z')).show("Id", self.id);
            o.text("Operation", self.operation).show("OrganizationId", self.tenant.id);
            o.number("RecordType", kind).text("ResultStatus", "Succeeded").number("Version", 1);
            o.text("Workload", workload).text("ClientIP", self.address);
            match self.who {
                Who::User(upn, puid) => {
                    o.number("UserType", 0).text("UserId", upn.to_lowercase());
                    o.text("UserKey", format!("i:0h.f|membership|{}@live.com", puid.to_lowercase()));
                }
                Who::Application(app, object) => {
                    o.number("UserType", 5).text("UserId", format!("ServicePrincipal_{object}"));
                    o.show("UserKey", object).show("AppId", app).show("ClientAppId", app);
                }
            }
            match self.what {
                What::File(name) => {
                    let site = format!("https://{}.sharepoint.example/sites/plans/", self.tenant.name);
                    o.text("ObjectId", format!("{site}{name}")).text("SiteUrl", site).text("SourceFileName", name);
                }
                What::Mailbox(id) => {
                    o.show("MailboxGuid", id);
                }
                What::Link(url) => {
                    o.text("CommunicationType", "OneOnOne").text("ChatThreadId", "19:stage@unq.gbl.spaces");
                    o.texts("MessageURLs", [url]);
                }
            }
        })
    }
}
