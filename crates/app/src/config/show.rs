//! The effective configuration and the commented template, both written from the table of knobs.

use super::{Config, KNOBS};
use caponier_identity::{DirectoryEvidence, PairSettings};
use caponier_model::{AccountKey, EventTime, MergePolicy, TenantRole};
use caponier_rules::Suppression;
use caponier_transport::kafka::Credential;
use std::fmt::Write as _;

/// The effective configuration as TOML that reads back to the same.
pub fn effective(config: &mut Config) -> String {
    let mut out = in_force(config, &[]);
    live(&mut out, config);
    out
}

/// The same without the sections named, and without what is read.
pub(super) fn in_force(config: &mut Config, without: &[&str]) -> String {
    let mut out = String::new();
    if !config.configured {
        out.push_str(
            "# no configuration was given: tenants are discovered from the data, and pairs seen there may merge\n\n",
        );
    }
    knobs(&mut out, config, false, without);
    for tenant in &config.tenants.all {
        let role = match tenant.role {
            TenantRole::Primary => "primary",
            TenantRole::Secondary => "secondary",
        };
        let _ =
            writeln!(out, "\n[[tenant]]\nid = \"{}\"\nname = {:?}\nrole = \"{role}\"", tenant.id, tenant.name.as_str());
        let _ = writeln!(out, "domains = {:?}", tenant.domains);
        let guids = |list: &[caponier_model::Guid]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let _ = writeln!(out, "workspaces = {:?}", guids(&tenant.workspaces));
        let _ = writeln!(out, "subscriptions = {:?}", guids(&tenant.subscriptions));
    }
    for (pair, merge) in &config.policy.pairs {
        let merge = match merge {
            MergePolicy::Forbid => "forbid",
            MergePolicy::Suggest => "suggest",
            MergePolicy::Merge => "merge",
        };
        let (home, resource) = (config.tenants.name(pair.home), config.tenants.name(pair.resource));
        let _ = writeln!(out, "\n[[pair]]\nhome = {home:?}\nresource = {resource:?}\nmerge = \"{merge}\"");
        let listed = config.identity.pairs.iter().flatten().find(|p| p.pair == *pair);
        listed.into_iter().for_each(|settings| figures(&mut out, settings));
    }
    for rule in &config.naming {
        let (home, resource) = (config.tenants.name(rule.home), config.tenants.name(rule.resource));
        let _ = writeln!(out, "\n[[naming]]\nhome = {home:?}\nresource = {resource:?}");
        for (key, affix) in [("prefix", &rule.prefix), ("suffix", &rule.suffix)] {
            if !affix.is_empty() {
                let _ = writeln!(out, "{key} = {affix:?}");
            }
        }
    }
    for twin in &config.twins {
        let account = |key: AccountKey| format!("{}/{}", config.tenants.name(key.tenant), key.object);
        let (account, home) = (account(twin.account), account(twin.home));
        let _ = writeln!(out, "\n[[twin]]\naccount = {account:?}\nhome = {home:?}\nreason = {:?}", twin.reason);
    }
    config.suppressions.iter().for_each(|row| silence(&mut out, config, row));
    out
}

fn silence(out: &mut String, config: &Config, row: &Suppression) {
    let _ = writeln!(out, "\n[[suppress]]\nrule = {:?}\nowner = {:?}\nreason = {:?}", row.rule, row.owner, row.reason);
    if row.from != EventTime::MIN {
        let _ = writeln!(out, "from = \"{}\"", row.from);
    }
    let _ = writeln!(out, "expires = \"{}\"", row.until);
    if !row.tenants.is_empty() {
        let names: Vec<_> = row.tenants.iter().map(|t| config.tenants.name(*t)).collect();
        let _ = writeln!(out, "tenants = {names:?}");
    }
    if !row.names.is_empty() {
        let _ = writeln!(out, "names = {:?}", row.names);
    }
}

fn live(out: &mut String, config: &Config) {
    if !config.live.client.is_empty() {
        out.push_str("\n[kafka.client]\n");
    }
    for (name, value) in &config.live.client {
        let secret = ["password", "secret", "token", "key.pem"].iter().any(|word| name.contains(word));
        let _ = writeln!(out, "{name:?} = {:?}", if secret { "***" } else { value });
    }
    if let Some(entra) = &config.live.entra {
        let _ = writeln!(out, "\n[kafka.entra]\nscope = {:?}", entra.scope);
        if let Some(authority) = &entra.authority {
            let _ = writeln!(out, "authority = {authority:?}");
        }
        let credential = match &entra.credential {
            Credential::Secret { tenant, client, .. } => {
                let _ = writeln!(out, "tenant = {tenant:?}\nclient_id = {client:?}");
                "client-secret"
            }
            Credential::ManagedIdentity { .. } => "managed-identity",
            Credential::WorkloadIdentity { .. } => "workload-identity",
        };
        let _ = writeln!(out, "credential = {credential:?}");
    }
    for topic in &config.live.topics {
        let (key, called) = topic.called.shown();
        let _ = writeln!(out, "\n[[topic]]\n{key} = {called:?}");
        if let Some(tenant) = topic.tenant {
            let _ = writeln!(out, "tenant = {:?}", config.tenants.name(tenant));
        }
        if let Some(table) = &topic.table {
            let _ = writeln!(out, "table = {table:?}");
        }
        let seconds =
            [("lateness_seconds", topic.lateness_seconds), ("idle_seconds", topic.idle_seconds.map(u64::cast_signed))];
        for (key, value) in seconds.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            let _ = writeln!(out, "{key} = {value}");
        }
    }
}

/// What a pair sets for itself.
fn figures(out: &mut String, settings: &PairSettings) {
    let directory_evidence = match settings.directory_evidence {
        DirectoryEvidence::Suggest => "suggest",
        DirectoryEvidence::Accept => "accept",
    };
    let _ = writeln!(out, "directory_evidence = \"{directory_evidence}\"");
    for (key, figure) in [("accept", settings.accept), ("possible", settings.possible)] {
        if let Some(figure) = figure {
            let _ = writeln!(out, "{key} = {figure}");
        }
    }
    if !settings.confidence.is_empty() {
        let kinds: Vec<_> = settings.confidence.iter().map(|(kind, c)| format!("{} = {c}", kind.code())).collect();
        let _ = writeln!(out, "confidence = {{ {} }}", kinds.join(", "));
    }
}

/// A commented template: the tenants to fill in, every knob at its default behind `#`.
pub fn template() -> String {
    let mut out = String::from(HEAD);
    knobs(&mut out, &mut Config::discovering(), true, &[]);
    out.push_str(TENANTS);
    out
}

const HEAD: &str = "\
# Caponier's configuration. Values behind `#` are the defaults; check it with: caponier config check --config FILE

";

const TENANTS: &str = r#"
# Who owns which bytes. One [[tenant]] for each tenant whose exports are read.
[[tenant]]
id = "aaaaaaaa-1111-4111-8111-111111111111"            # Entra tenant id
name = "contoso"                                       # short name for people
role = "primary"                                       # people, mail, workstations
domains = ["contoso.com"]                              # verified domains
workspaces = ["aaaaaaaa-5555-4555-8555-555555555555"]  # Log Analytics workspaces whose rows are this tenant's
subscriptions = []                                     # Azure subscriptions attached to it

[[tenant]]
id = "bbbbbbbb-2222-4222-8222-222222222222"
name = "fabrikam"
role = "secondary"                                     # subscriptions, servers
domains = ["fabrikam.onmicrosoft.com"]
workspaces = []
subscriptions = ["bbbbbbbb-9999-4999-8999-999999999999"]

# What may be joined: ordered, home -> resource. An unlisted pair is "suggest".
[[pair]]
home = "contoso"
resource = "fabrikam"
merge = "suggest"                                      # forbid | suggest | merge
directory_evidence = "suggest"                         # accept: whoever governs the pair also governs the resource directory
# accept = 850000                                      # instead of identity.accept, in millionths; likewise possible
# confidence = { paired_sign_in = 850000 }             # instead of identity.confidence

# How cloud-only second accounts are named: prefix + the home user's local part + suffix.
# [[naming]]
# home = "contoso"
# resource = "fabrikam"
# prefix = "adm-"

# Second accounts that nothing else shows: "<tenant>/<object id>". What an analyst states later overrides a row.
# [[twin]]
# account = "fabrikam/bbbbbbbb-0001-4001-8001-000000000001"
# home = "contoso/aaaaaaaa-0001-4001-8001-000000000001"
# reason = "list of administrators, 2026-03"

# What `caponier run` reads: topics whose records are one tenant's, or shared ones whose records name theirs.
# [[topic]]
# name = "contoso-security"                            # or pattern = 'contoso[.].*': all whose whole name it matches
# tenant = "contoso"
# table = "SecurityAlert"                              # only where the records do not name it themselves
# lateness_seconds = 900                               # instead of kafka.lateness_seconds; likewise idle_seconds

# Settings of the Kafka client (librdkafka's names): TLS, SASL, tuning.
# [kafka.client]
# "security.protocol" = "SASL_SSL"

# Event Hubs by tokens of Entra instead of a password; cloud and scope follow from kafka.brokers.
# [kafka.entra]
# credential = "client-secret"                         # or "managed-identity", "workload-identity"
# tenant = "11111111-1111-4111-8111-111111111111"
# client_id = "22222222-2222-4222-8222-222222222222"
# secret_file = "/run/secrets/caponier"                # or secret_variable

# Findings of a rule that need not be seen for a while. Owner, reason and end are asked for; from, tenants and names narrow it.
# [[suppress]]
# rule = "x40"
# owner = "soc lead"
# reason = "patch weekend, change 4711"
# expires = 2026-12-07
# names = ["svc-patch@contoso.com"]
"#;

fn knobs(out: &mut String, config: &mut Config, commented: bool, without: &[&str]) {
    let mut section = "";
    for knob in KNOBS.iter() {
        let (in_section, key) = knob.path.rsplit_once('.').unwrap_or(("", &knob.path));
        if without.contains(&in_section) {
            continue;
        }
        if in_section != section {
            let _ = writeln!(out, "\n{}[{in_section}]", if commented { "# " } else { "" });
            section = in_section;
        }
        let value = knob.slot(config).text();
        let line = format!("{}{key} = {value}", if commented { "# " } else { "" });
        let _ = writeln!(out, "{line:<36}# {}", knob.says);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Slot, parse};

    #[test]
    fn the_template_is_a_configuration_and_shows_back_to_itself() {
        let mut config = parse(&template()).unwrap();
        let shown = effective(&mut config);
        let mut again = parse(&shown).unwrap();
        assert_eq!(effective(&mut again), shown);
        assert_eq!(again.tenants, config.tenants);
        assert_eq!(again.policy, config.policy);
    }

    #[test]
    fn every_knob_can_be_set() {
        for knob in KNOBS.iter() {
            let mut config = Config::discovering();
            let (section, key) = knob.path.rsplit_once('.').unwrap_or(("", &knob.path));
            let value = match knob.slot(&mut config) {
                Slot::Switch(_) => "true",
                Slot::Text(_) if knob.path == "kafka.profile" => "\"event-hubs\"",
                Slot::Text(_) => "\"a\"",
                Slot::Texts(_) => "[\"a\"]",
                // Its partner, the least of a possible link, may not lie above it.
                _ if knob.path == "identity.accept" => "900000",
                _ => "33",
            };
            let head = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
            let text = format!("{head}{key} = {value}\n{TENANTS}");
            let mut read = parse(&text).unwrap_or_else(|f| panic!("{}: {f:?}", knob.path));
            let got = knob.slot(&mut read).text();
            assert_eq!(got, value, "{}", knob.path);
        }
    }
}
