//! Entities of alerts: what every vocabulary (Sentinel's `Entities`, Defender's evidence columns, Graph's evidence kinds)
//! boils down to, folded so that equal things are equal bytes.
//!
//! Each object of a source gets one group, so that a device named by id, by name and by resource stays one device. Must not
//! know records or envelopes: the vocabularies hand their words over, this module decides what they amount to.

pub(crate) mod fold;
pub(crate) mod sentinel;

use caponier_model::{Entity, EntityKind, EntityRole, Guid, TenantId};
use compact_str::{CompactString, ToCompactString, format_compact};

/// Names that stand for a machine's own or for anybody's account: an account known only by one of them says nothing
/// (Sentinel drops them too).
const GENERIC: [&str; 19] = [
    "admin",
    "administrator",
    "administrators",
    "system",
    "root",
    "anonymous",
    "anonymous logon",
    "authenticated user",
    "network",
    "null",
    "local system",
    "localsystem",
    "network service",
    "local service",
    "networkservice",
    "localservice",
    "unknown",
    "guest",
    "user",
];

/// Authorities whose accounts are a machine's own.
const MACHINE_DOMAINS: [&str; 6] =
    ["nt authority", "nt service", "font driver host", "window manager", "iis apppool", "nt virtual machine"];

/// How much of a command line is kept as a value: enough to tell two apart.
const COMMAND_BYTES: usize = 1024;

/// An account as a source names it; every field as written, empty where absent.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct AccountWords<'a> {
    /// Tenant of the directory that holds the object.
    pub tenant: &'a str,
    /// Object id.
    pub object: &'a str,
    /// UPN or mail.
    pub upn: &'a str,
    /// Account name: the part before the `@`, or (before July 2026) the whole UPN.
    pub name: &'a str,
    /// What follows the `@`.
    pub suffix: &'a str,
    /// Security identifier.
    pub sid: &'a str,
    /// PUID.
    pub puid: &'a str,
    /// Down-level domain or, of a local account, host.
    pub domain: &'a str,
}

/// A host as a source names it; every field as written, empty where absent.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct HostWords<'a> {
    /// Defender's device id.
    pub defender: &'a str,
    /// Entra device id.
    pub entra: &'a str,
    /// ARM resource id.
    pub azure: &'a str,
    /// Host name, sometimes with its domain.
    pub name: &'a str,
    /// DNS domain, else down-level domain.
    pub domain: &'a str,
}

/// The entities of one finding while they are gathered.
pub(crate) struct Named {
    tenant: TenantId,
    list: Vec<Entity>,
    group: u16,
    role: EntityRole,
    assumed: EntityRole,
}

impl Named {
    /// Gathers for a finding of this tenant: the namespace of every value that does not name another.
    pub(crate) fn new(tenant: TenantId) -> Self {
        Self::with_role(tenant, EntityRole::Related)
    }

    /// As [`Named::new`], where the source said the part of everything it names at once.
    pub(crate) fn with_role(tenant: TenantId, assumed: EntityRole) -> Self {
        Self { tenant, list: Vec::new(), group: 0, role: assumed, assumed }
    }

    /// Opens the next object: what follows shares a group.
    pub(crate) fn object(&mut self, role: EntityRole) {
        self.group = self.group.saturating_add(1);
        self.role = if role == EntityRole::Related { self.assumed } else { role };
    }

    /// The gathered entities; `Sighting::canonical` sorts them.
    pub(crate) fn into_list(self) -> Vec<Entity> {
        self.list
    }

    /// Adds a canonical value to the open object.
    pub(crate) fn put(&mut self, kind: EntityKind, value: Option<CompactString>) {
        self.put_in(kind, value, self.tenant);
    }

    fn put_in(&mut self, kind: EntityKind, value: Option<CompactString>, tenant: TenantId) {
        let Some(value) = value.filter(|v| !v.is_empty()) else { return };
        self.list.push(Entity { kind, value, tenant, group: self.group, role: self.role });
    }

    /// Adds what an account's words amount to.
    pub(crate) fn account(&mut self, words: AccountWords<'_>) {
        let tenant = TenantId::parse(words.tenant.trim()).unwrap_or(self.tenant);
        let sid = fold::account_sid(words.sid);
        let object = fold::object(words.object).or_else(|| sid.as_deref().and_then(Guid::from_cloud_sid));
        let upn = upn(words);
        let strong = object.is_some() || upn.is_some() || sid.is_some();
        self.put_in(EntityKind::Account, object.map(|o| o.to_compact_string()), tenant);
        self.put_in(EntityKind::AccountSid, sid, tenant);
        self.put_in(EntityKind::AccountPuid, fold::puid(words.puid), tenant);
        self.put_in(EntityKind::AccountName, upn, tenant);
        self.put_in(EntityKind::AccountLocal, local(words, strong), tenant);
    }

    /// Adds what a host's words amount to.
    pub(crate) fn host(&mut self, words: HostWords<'_>) {
        self.put(EntityKind::Device, fold::device(words.defender));
        self.put(EntityKind::EntraDevice, fold::object(words.entra).map(|g| g.to_compact_string()));
        self.put(EntityKind::AzureResource, fold::resource(words.azure));
        let name = fold::present(words.name).map(fold::lower).unwrap_or_default();
        let name = name.trim_end_matches('.');
        let domain = fold::present(words.domain).map(fold::lower).filter(|d| !d.is_empty());
        if name.is_empty() || name.parse::<std::net::IpAddr>().is_ok() {
            return;
        }
        match domain {
            _ if name.contains('.') => self.put(EntityKind::HostFqdn, Some(name.into())),
            Some(domain) if domain != "workgroup" => {
                self.put(EntityKind::HostFqdn, Some(format_compact!("{name}.{}", domain.trim_matches('.'))));
            }
            _ => self.put(EntityKind::HostName, Some(name.into())),
        }
    }

    /// Adds an address.
    pub(crate) fn address(&mut self, text: &str) {
        self.put(EntityKind::Ip, fold::address(text));
    }

    /// Adds a file by name and folder, and its hashes as (algorithm, hex).
    pub(crate) fn file(&mut self, folder: &str, name: &str, hashes: &[(&str, &str)]) {
        for (algorithm, value) in hashes {
            self.put(EntityKind::FileHash, fold::hash(algorithm, value));
        }
        let folder = fold::present(folder).unwrap_or_default();
        let path = match fold::present(name) {
            None => fold::present(folder).map(fold::lower),
            Some(name) if folder.is_empty() => Some(fold::lower(name)),
            // Defender's `FolderPath` of telemetry already ends in the file's name.
            Some(name) if ends_with_name(folder, name) => Some(fold::lower(folder)),
            Some(name) => {
                let slash = if folder.contains('/') { '/' } else { '\\' };
                Some(fold::lower(&format!("{}{slash}{name}", folder.trim_end_matches(['/', '\\']))))
            }
        };
        self.put(EntityKind::File, path);
    }

    /// Adds a process by its command line, else by its image and id.
    pub(crate) fn process(&mut self, command: &str, image: &str, id: &str) {
        let value = match (fold::present(command), fold::present(image), fold::present(id)) {
            (Some(command), _, _) => Some(cut(command, COMMAND_BYTES).into()),
            (None, Some(image), Some(id)) => Some(format_compact!("{}#{id}", fold::lower(image))),
            _ => None,
        };
        self.put(EntityKind::Process, value);
    }
}

/// The UPN that an account's words give, in lower case.
fn upn(words: AccountWords<'_>) -> Option<CompactString> {
    let whole = |text: &str| {
        let text = fold::present(text)?;
        let (name, domain) = text.rsplit_once('@')?;
        (!name.is_empty() && !domain.is_empty() && !text.contains(' ')).then(|| fold::lower(text))
    };
    whole(words.upn).or_else(|| whole(words.name)).or_else(|| {
        let (name, suffix) = (fold::present(words.name)?, fold::present(words.suffix)?);
        (!name.contains([' ', '@']) && suffix.contains('.'))
            .then(|| fold::lower(&format!("{name}@{}", suffix.trim_start_matches('@'))))
    })
}

/// `domain\name`, or a bare name where nothing better is known.
fn local(words: AccountWords<'_>, strong: bool) -> Option<CompactString> {
    let name = fold::lower(fold::present(words.name)?);
    let domain = fold::present(words.domain).map(fold::lower).unwrap_or_default();
    if name.contains('@') || MACHINE_DOMAINS.contains(&domain.as_str()) {
        return None;
    }
    // A local administrator is nobody in particular without the host, which `domain` names for local accounts.
    let generic = GENERIC.contains(&name.as_str()) || name.ends_with('$');
    match (domain.is_empty(), generic) {
        (false, false) => Some(format_compact!("{domain}\\{name}")),
        (true, false) if !strong => Some(name),
        _ => None,
    }
}

fn ends_with_name(folder: &str, name: &str) -> bool {
    let at = folder.len().checked_sub(name.len()).filter(|at| *at > 0);
    at.is_some_and(|at| {
        folder.get(at..).is_some_and(|tail| tail.eq_ignore_ascii_case(name))
            && matches!(folder.as_bytes()[at - 1], b'/' | b'\\')
    })
}

/// The longest prefix of at most `limit` bytes that ends between characters.
fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId(Guid::from_u128(7));

    fn account(words: AccountWords<'_>) -> Vec<(EntityKind, String)> {
        let mut named = Named::new(TENANT);
        named.object(EntityRole::Related);
        named.account(words);
        named.into_list().into_iter().map(|e| (e.kind, e.value.to_string())).collect()
    }

    #[test]
    fn old_and_new_spelling_of_a_upn_agree() {
        let old = account(AccountWords { name: "Piper.Quill@Northwind.example", ..Default::default() });
        let new = account(AccountWords { name: "piper.quill", suffix: "northwind.example", ..Default::default() });
        assert_eq!(old, [(EntityKind::AccountName, "piper.quill@northwind.example".to_owned())]);
        assert_eq!(new[0], old[0]);
        let display = account(AccountWords { name: "Piper Quill", suffix: "northwind.example", ..Default::default() });
        assert_eq!(display, [(EntityKind::AccountLocal, "piper quill".to_owned())]);
    }

    #[test]
    fn a_cloud_sid_is_also_its_object() {
        let guid = Guid::parse("5289e9c7-3945-4ffd-8fd3-d56124baf45d").unwrap();
        let found = account(AccountWords { sid: &guid.cloud_sid(), ..Default::default() });
        assert!(found.contains(&(EntityKind::Account, guid.to_string())), "{found:?}");
    }

    #[test]
    fn generic_accounts_are_dropped() {
        for (name, domain) in
            [("SYSTEM", "NT AUTHORITY"), ("Administrator", ""), ("admin", "WS-1"), ("WS-1$", "NORTHWIND"), ("root", "")]
        {
            assert_eq!(account(AccountWords { name, domain, sid: "S-1-5-18", ..Default::default() }), [], "{name}");
        }
    }

    #[test]
    fn hosts_by_every_name() {
        let mut named = Named::new(TENANT);
        named.object(EntityRole::Impacted);
        named.host(HostWords { name: "WS-1", domain: "Northwind.example", ..Default::default() });
        named.object(EntityRole::Impacted);
        named.host(HostWords { name: "ws-1.northwind.example", domain: "northwind.example", ..Default::default() });
        named.object(EntityRole::Impacted);
        named.host(HostWords { name: "WS-2", domain: "WORKGROUP", ..Default::default() });
        let list = named.into_list();
        assert_eq!(list[0].value, list[1].value);
        assert_eq!((list[2].kind, list[2].value.as_str(), list[2].group), (EntityKind::HostName, "ws-2", 3));
    }

    #[test]
    fn a_folder_that_already_names_the_file() {
        let paths = |folder, name| {
            let mut named = Named::new(TENANT);
            named.file(folder, name, &[]);
            named.into_list().pop().map(|e| e.value.to_string())
        };
        assert_eq!(paths("C:\\Temp", "A.exe"), Some("c:\\temp\\a.exe".to_owned()));
        assert_eq!(paths("C:\\Temp\\A.exe", "a.exe"), Some("c:\\temp\\a.exe".to_owned()));
        assert_eq!(paths("/usr/bin/", "id"), Some("/usr/bin/id".to_owned()));
    }
}
