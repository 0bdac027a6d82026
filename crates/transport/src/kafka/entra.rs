//! Tokens of Microsoft Entra, by which Event Hubs know who speaks (exports.md section 8). The client asks for one without waiting for
//! the network: a thread of ours keeps a fresh one at hand, from the first question on.

use super::ear::{Token, Tokens};
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::ClientOptions;
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the first question may wait.
const FIRST: Duration = Duration::from_secs(25);
/// After a failure it is tried again so soon.
const AGAIN: Duration = Duration::from_secs(5);
/// A token is renewed so long before it ends; the credential itself keeps one until five minutes before.
const EARLY: Duration = Duration::from_secs(299);

/// Who we are to Entra.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// An application with a secret.
    Secret {
        /// The directory's id.
        tenant: String,
        /// The application's id.
        client: String,
        /// The secret.
        secret: String,
    },
    /// The identity of the machine; of several the one with this client id.
    ManagedIdentity {
        /// The client id, where it is not the machine's own.
        client: Option<String>,
    },
    /// The identity of a pod; what is not given comes from the variables that Kubernetes sets.
    WorkloadIdentity {
        /// The directory's id.
        tenant: Option<String>,
        /// The application's id.
        client: Option<String>,
        /// The file with the pod's own token.
        file: Option<String>,
    },
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Secret { .. } => "Secret",
            Self::ManagedIdentity { .. } => "ManagedIdentity",
            Self::WorkloadIdentity { .. } => "WorkloadIdentity",
        })
    }
}

/// Where tokens come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entra {
    /// Who we are.
    pub credential: Credential,
    /// The authority that issues them, as an address; none for that of the credential's environment.
    pub authority: Option<String>,
    /// What they are for: `https://NAMESPACE.servicebus.windows.net/.default`.
    pub scope: String,
}

/// Keeps a token; asks for the first one when somebody does.
#[derive(Debug)]
pub struct EntraTokens {
    entra: Entra,
    keeper: OnceLock<Result<Keeper, String>>,
}

/// The thread, and what it has got.
#[derive(Debug)]
struct Keeper {
    held: Arc<Held>,
    /// Gone with this, the thread ends.
    _stop: Sender<()>,
}

#[derive(Debug, Default)]
struct Held {
    latest: Mutex<Option<Result<Token, String>>>,
    changed: Condvar,
}

impl EntraTokens {
    /// Nothing is asked yet.
    pub fn new(entra: Entra) -> Self {
        Self { entra, keeper: OnceLock::new() }
    }
}

impl Tokens for EntraTokens {
    fn token(&self) -> Result<Token, String> {
        let keeper = self.keeper.get_or_init(|| keep(&self.entra)).as_ref().map_err(Clone::clone)?;
        let latest = keeper.held.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = keeper.held.changed.wait_timeout_while(latest, FIRST, |l| l.is_none());
        let (latest, _) = waited.unwrap_or_else(PoisonError::into_inner);
        latest.clone().unwrap_or_else(|| Err("Entra does not answer".to_owned()))
    }
}

fn keep(entra: &Entra) -> Result<Keeper, String> {
    let credential = credential(entra).map_err(|e| e.to_string())?;
    let (stop, asked) = channel();
    let held = Arc::new(Held::default());
    let (to, scope, who) = (Arc::clone(&held), entra.scope.clone(), entra.principal());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let thread = std::thread::Builder::new().name("entra".into());
    thread.spawn(move || renew(&runtime, &*credential, &scope, &who, &to, &asked)).map_err(|e| e.to_string())?;
    Ok(Keeper { held, _stop: stop })
}

/// Asks for tokens until nobody wants them any more.
fn renew(
    runtime: &tokio::runtime::Runtime,
    credential: &dyn TokenCredential,
    scope: &str,
    principal: &str,
    held: &Held,
    stop: &Receiver<()>,
) {
    loop {
        let got = runtime.block_on(credential.get_token(&[scope], None));
        let (next, wait) = match got {
            Ok(token) => {
                let until = SystemTime::from(token.expires_on);
                let left = until.duration_since(SystemTime::now()).unwrap_or_default();
                let until_millis = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
                let value = token.token.secret().to_owned();
                let token = Token { value, principal: principal.to_owned(), until_millis };
                (Ok(token), left.saturating_sub(EARLY).max(AGAIN))
            }
            // The second line of an error is where to read on.
            Err(error) => (Err(error.to_string().lines().next().unwrap_or_default().to_owned()), AGAIN),
        };
        let mut latest = held.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
        // A token that still holds is better than the news that there is no other.
        if next.is_ok() || !matches!(&*latest, Some(Ok(token)) if token.until_millis > now) {
            *latest = Some(next);
        }
        drop(latest);
        held.changed.notify_all();
        if stop.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

impl Entra {
    /// Whom tokens name in the logs of brokers.
    fn principal(&self) -> String {
        let client = match &self.credential {
            Credential::Secret { client, .. } => Some(client),
            Credential::ManagedIdentity { client } | Credential::WorkloadIdentity { client, .. } => client.as_ref(),
        };
        client.map_or("caponier", String::as_str).to_owned()
    }
}

fn credential(entra: &Entra) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let mut options = ClientOptions::default();
    if let Some(authority) = &entra.authority {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host.clone_from(authority);
        options.cloud = Some(Arc::new(CloudConfiguration::Custom(cloud)));
    }
    Ok(match &entra.credential {
        Credential::Secret { tenant, client, secret } => {
            let options = ClientSecretCredentialOptions { client_options: options };
            ClientSecretCredential::new(tenant, client.clone(), Secret::new(secret.clone()), Some(options))?
        }
        Credential::ManagedIdentity { client } => {
            let user_assigned_id = client.clone().map(UserAssignedId::ClientId);
            let told = ManagedIdentityCredentialOptions { user_assigned_id, client_options: options };
            ManagedIdentityCredential::new(Some(told))?
        }
        Credential::WorkloadIdentity { tenant, client, file } => {
            let told = WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions { client_options: options },
                client_id: client.clone(),
                tenant_id: tenant.clone(),
                token_file_path: file.as_ref().map(Into::into),
            };
            WorkloadIdentityCredential::new(Some(told))?
        }
    })
}
