//! Evidence of the Defender interfaces older than Graph: flat objects told apart by `entityType`, every field present and
//! mostly null (exports.md 5.5).

use crate::entity::{AccountWords, HostWords, Named, fold};
use crate::json::Json;
use caponier_model::{EntityKind, EntityRole};

use super::alert::word;

/// Reads a list of evidence objects.
pub(super) fn read(evidence: Json<'_>, named: &mut Named) {
    evidence.items().for_each(|item| one(item, named));
}

fn one(item: Json<'_>, named: &mut Named) {
    let get = |key: &str| word(item.get(key));
    named.object(EntityRole::Related);
    let aad = get("aadUserId");
    let (upn, mailbox) = (get("userPrincipalName"), get("mailboxAddress"));
    named.account(AccountWords {
        object: &aad,
        upn: &upn,
        name: &get("accountName"),
        sid: &get("userSid"),
        domain: &get("domainName"),
        ..Default::default()
    });
    named.put(EntityKind::Mailbox, fold::present(&mailbox).map(fold::lower));
    named.object(EntityRole::Related);
    named.host(HostWords { defender: &get("deviceId"), ..Default::default() });
    named.object(EntityRole::Related);
    named.address(&get("ipAddress"));
    named.put(EntityKind::Url, fold::url(&get("url")));
    named.put(EntityKind::MailMessage, fold::id(&get("networkMessageId")));
    named.object(EntityRole::Related);
    named.file(&get("filePath"), &get("fileName"), &[("sha1", &get("sha1")), ("sha256", &get("sha256"))]);
    named.object(EntityRole::Related);
    named.process(&get("processCommandLine"), &get("fileName"), &get("processId"));
    let key = get("registryKey");
    if !key.is_empty() {
        let path = [get("registryHive"), key, get("registryValueName")];
        let path = path.iter().filter(|p| !p.is_empty()).map(AsRef::as_ref).collect::<Vec<&str>>().join("\\");
        named.put(EntityKind::Registry, Some(fold::lower(&path)));
    }
}
