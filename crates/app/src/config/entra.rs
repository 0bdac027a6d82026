//! `[kafka.entra]`: who we are to Entra, where brokers are shown tokens instead of passwords. Secrets stand in a file or a variable of
//! the environment, never in the configuration.

use super::live::Live;
use super::read::{Fields, Reader};
use caponier_transport::kafka::{Credential, Entra};
use toml::de::DeTable;

/// Clouds: name, where tokens are issued, and how the names of their Event Hubs end.
const CLOUDS: [(&str, &str, &str); 3] = [
    ("commercial", "https://login.microsoftonline.com", ".servicebus.windows.net"),
    ("government", "https://login.microsoftonline.us", ".servicebus.usgovcloudapi.net"),
    ("china", "https://login.partner.microsoftonline.cn", ".servicebus.chinacloudapi.cn"),
];

const KEYS: [&str; 9] = [
    "credential",
    "tenant",
    "client_id",
    "secret_file",
    "secret_variable",
    "token_file",
    "cloud",
    "authority",
    "scope",
];

impl Reader<'_> {
    /// Reads the table; all that is wrong with it is told.
    pub(super) fn entra(&mut self, table: &DeTable<'_>, at: usize, live: &mut Live) {
        let mut fields = Fields::of(self, table, "kafka.entra", &KEYS);
        let [kind, tenant, client, file, variable, token_file, cloud, authority, scope] = KEYS.map(|k| fields.maybe(k));
        let text = |field: &Option<(String, usize)>| field.as_ref().map(|(text, _)| text.clone());
        let kind = kind.unwrap_or_else(|| ("client-secret".to_owned(), at));
        let credential = match kind.0.as_str() {
            "client-secret" => {
                let secret = fields.secret(at, file, variable);
                let needs = |fields: &mut Fields<'_, '_, '_, '_>, name: &str, field: Option<String>| {
                    field.or_else(|| fields.wrong(at, format!("kafka.entra lacks {name}, which a client secret needs")))
                };
                let (tenant, client) =
                    (needs(&mut fields, "tenant", text(&tenant)), needs(&mut fields, "client_id", text(&client)));
                secret.zip(tenant).zip(client).map(|((secret, tenant), client)| Credential::Secret {
                    tenant,
                    client,
                    secret,
                })
            }
            "managed-identity" => Some(Credential::ManagedIdentity { client: text(&client) }),
            "workload-identity" => Some(Credential::WorkloadIdentity {
                tenant: text(&tenant),
                client: text(&client),
                file: text(&token_file),
            }),
            other => fields.wrong(
                kind.1,
                format!(
                    "kafka.entra.credential {other:?} is none of client-secret, managed-identity, workload-identity"
                ),
            ),
        };
        let host = live.brokers.split(',').next().unwrap_or_default().trim();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host).to_owned();
        let by_host = CLOUDS.iter().find(|(.., end)| host.ends_with(end));
        let named = cloud.and_then(|(name, at)| {
            CLOUDS.iter().find(|(n, ..)| *n == name).or_else(|| {
                fields.wrong(at, format!("kafka.entra.cloud {name:?} is none of commercial, government, china"))
            })
        });
        if let (Some((name, ..)), Some((other, ..))) = (named, by_host)
            && name != other
        {
            fields.wrong::<()>(at, format!("kafka.entra.cloud is {name:?}, but kafka.brokers are of {other:?}"));
        }
        let authority = match (authority, named.or(by_host)) {
            (Some((address, at)), _) => {
                let is_safe = address.starts_with("https://");
                is_safe.then_some(address).or_else(|| {
                    fields
                        .wrong(at, "kafka.entra.authority must begin with https://: secrets are sent there".to_owned())
                })
            }
            (None, Some((_, address, _))) => Some((*address).to_owned()),
            (None, None) => None,
        };
        let scope = text(&scope).or_else(|| by_host.map(|_| format!("https://{host}/.default")));
        let scope = scope.or_else(|| {
            fields.wrong(
                at,
                format!("kafka.entra lacks scope, and kafka.brokers ({host}) are no Event Hubs that tell it"),
            )
        });
        if let Some((credential, scope)) = credential.zip(scope) {
            live.entra = Some(Entra { credential, authority, scope });
        }
    }
}

type Given = Option<(String, usize)>;

impl Fields<'_, '_, '_, '_> {
    /// The secret, from where it stands.
    fn secret(&mut self, at: usize, file: Given, variable: Given) -> Option<String> {
        let (secret, from, at) = match (file, variable) {
            (Some((file, at)), None) => {
                let read = std::fs::read_to_string(&file).map_err(|e| e.to_string());
                (read, format!("kafka.entra.secret_file {file}"), at)
            }
            (None, Some((name, at))) => {
                (std::env::var(&name).map_err(|e| e.to_string()), format!("kafka.entra.secret_variable {name}"), at)
            }
            _ => {
                let what = "kafka.entra needs one of secret_file and secret_variable: where the secret stands";
                return self.wrong(at, what.to_owned());
            }
        };
        match secret {
            Ok(secret) if !secret.trim().is_empty() => Some(secret.trim().to_owned()),
            Ok(_) => self.wrong(at, format!("{from} is empty")),
            Err(why) => self.wrong(at, format!("{from}: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::parse;
    use caponier_transport::kafka::Credential;

    fn told(broker: &str, entra: &str) -> String {
        format!(
            "[kafka]\nbrokers = \"{broker}\"\nprofile = \"event-hubs\"\n[kafka.entra]\n{entra}\n\
             [[tenant]]\nid = \"aaaaaaaa-1111-4111-8111-111111111111\"\nname = \"contoso\"\nrole = \"primary\"\n"
        )
    }

    #[test]
    fn cloud_and_scope_follow_from_the_brokers() {
        let (commercial, government) = ("n.servicebus.windows.net:9093", "n.servicebus.usgovcloudapi.net:9093");
        let identity = "credential = \"managed-identity\"";
        for (broker, authority) in [(commercial, "microsoftonline.com"), (government, "microsoftonline.us")] {
            let entra = parse(&told(broker, identity)).unwrap().live.entra.unwrap();
            assert!(entra.authority.unwrap().ends_with(authority), "{broker}");
            assert_eq!(entra.scope, format!("https://{}/.default", broker.trim_end_matches(":9093")));
            assert_eq!(entra.credential, Credential::ManagedIdentity { client: None });
        }
        let faults = parse(&told(government, &format!("{identity}\ncloud = \"commercial\""))).unwrap_err();
        assert!(faults[0].what.contains("\"government\""), "{faults:?}");
    }

    #[test]
    fn what_is_missing_is_told_before_anything_is_opened() {
        let broker = "n.servicebus.windows.net:9093";
        for (entra, wanted) in [
            ("", "secret_file and secret_variable"),
            ("secret_file = \"/nowhere/secret\"\ntenant = \"t\"\nclient_id = \"c\"", "/nowhere/secret"),
            ("secret_variable = \"CAPONIER_NO_SUCH\"\ntenant = \"t\"\nclient_id = \"c\"", "CAPONIER_NO_SUCH"),
            ("credential = \"password\"", "none of client-secret"),
            ("credential = \"managed-identity\"\nauthority = \"http://example.org\"", "must begin with https://"),
            ("credential = \"managed-identity\"\nkey = 1", "key"),
        ] {
            let faults = parse(&told(broker, entra)).unwrap_err();
            assert!(faults.iter().any(|f| f.what.contains(wanted)), "{entra}: {faults:?}");
        }
        let faults = parse(&told("10.0.0.1:9093", "credential = \"managed-identity\"")).unwrap_err();
        assert!(faults[0].what.contains("lacks scope"), "{faults:?}");
        let both = told(broker, "credential = \"managed-identity\"\n[kafka.client]\n\"sasl.mechanism\" = \"PLAIN\"");
        let faults = parse(&both).unwrap_err();
        assert!(faults[0].what.contains("leave one of them out"), "{faults:?}");
    }
}
