//! Entities: the values that findings share, each in the namespace of a tenant.

use crate::TenantId;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// What kind of thing a value names. The set follows the entity types of Sentinel, Defender and Graph.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum EntityKind {
    /// A directory object: GUID text, lower case.
    Account,
    /// A security identifier, upper case `S-…`.
    AccountSid,
    /// A PUID: 16 hexadecimal digits, upper case.
    AccountPuid,
    /// A UPN or mail address, lower case.
    AccountName,
    /// `domain\name` or a bare name, lower case: weak.
    AccountLocal,
    /// A Defender device id: 40 hexadecimal digits, lower case.
    Device,
    /// An Entra device object's device id: GUID text.
    EntraDevice,
    /// A host name with its domain, lower case.
    HostFqdn,
    /// A bare host name, lower case: weak.
    HostName,
    /// An ARM resource id, lower case.
    AzureResource,
    /// An address in canonical text.
    Ip,
    /// A URL as written, scheme and host in lower case.
    Url,
    /// A DNS name, lower case.
    Domain,
    /// `algorithm:hex`, lower case.
    FileHash,
    /// A file name or path, lower case.
    File,
    /// A process: command line or image with its id.
    Process,
    /// A network message id of a mail.
    MailMessage,
    /// A mailbox address, lower case.
    Mailbox,
    /// A cloud application's id or name.
    CloudApp,
    /// An application (client) id: GUID text.
    Application,
    /// A service principal's object id: GUID text.
    ServicePrincipal,
    /// A session or token id.
    Session,
    /// A sign-in's request id.
    SignInRequest,
    /// A malware or threat name.
    Malware,
    /// A security group.
    Group,
    /// A registry key or value.
    Registry,
    /// An Entra tenant that a change of trust concerns: GUID text. Its own tenant is the other of the pair.
    Tenant,
    /// Anything else: kept for the reader, never correlated on.
    Other,
}

impl EntityKind {
    /// The word used on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::AccountSid => "account_sid",
            Self::AccountPuid => "account_puid",
            Self::AccountName => "account_name",
            Self::AccountLocal => "account_local",
            Self::Device => "device",
            Self::EntraDevice => "entra_device",
            Self::HostFqdn => "host_fqdn",
            Self::HostName => "host_name",
            Self::AzureResource => "azure_resource",
            Self::Ip => "ip",
            Self::Url => "url",
            Self::Domain => "domain",
            Self::FileHash => "file_hash",
            Self::File => "file",
            Self::Process => "process",
            Self::MailMessage => "mail_message",
            Self::Mailbox => "mailbox",
            Self::CloudApp => "cloud_app",
            Self::Application => "application",
            Self::ServicePrincipal => "service_principal",
            Self::Session => "session",
            Self::SignInRequest => "sign_in_request",
            Self::Malware => "malware",
            Self::Group => "group",
            Self::Registry => "registry",
            Self::Tenant => "tenant",
            Self::Other => "other",
        }
    }
}

/// The part a thing played, as far as its source said so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum EntityRole {
    /// Named for the reader: it ties its finding to nothing.
    Context,
    /// Named without a role.
    #[default]
    Related,
    /// The thing that was attacked.
    Impacted,
    /// The thing that attacked.
    Attacker,
}

/// A value that a finding names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Entity {
    /// What it names.
    pub kind: EntityKind,
    /// The canonical value: folded so that equal things are equal bytes.
    pub value: CompactString,
    /// The tenant in whose namespace the value means something: for an account the directory that holds it.
    pub tenant: TenantId,
    /// Entities of one finding that describe the same thing (a host by id and by name) share a group.
    pub group: u16,
    /// Its part in the finding.
    pub role: EntityRole,
}
