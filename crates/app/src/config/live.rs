//! What a live run is told: `[kafka]`, and a `[[topic]]` for each topic that is read. A topic's tenant is named, so they are read when
//! all tenants are known.

use super::Config;
use super::knobs::TEN_YEARS;
use super::pairs::names;
use super::read::{Fields, Reader, integer};
use caponier_model::TenantId;
use caponier_transport::kafka::{Cluster, Entra, EntraTokens, KafkaFault, Profile};
use compact_str::CompactString;
use std::sync::Arc;
use toml::de::DeTable;

/// How to reach Kafka, and which topics are ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Live {
    /// Addresses, `host:port`, comma between.
    pub brokers: CompactString,
    /// `kafka` or `event-hubs`.
    pub profile: CompactString,
    /// Begins the names of our consumer groups and writers.
    pub group: CompactString,
    /// The journal.
    pub journal: CompactString,
    /// Every change of every incident, in order.
    pub changes: CompactString,
    /// The latest form of each incident, by id.
    pub incidents: CompactString,
    /// Refused records.
    pub dead_letters: CompactString,
    /// Records that came too late for anything to follow from them.
    pub late: CompactString,
    /// Operational findings: what is wrong with the watching.
    pub operational: CompactString,
    /// What analysts decide, on its way in.
    pub decisions: CompactString,
    /// Days that the journal is kept: a restart reads it from its beginning or from a snapshot.
    pub journal_days: u64,
    /// Event time waits so many seconds for what comes out of order.
    pub lateness_seconds: i64,
    /// A partition that is silent for so many seconds holds event time back no more.
    pub idle_seconds: u64,
    /// Folder of snapshots.
    pub state: CompactString,
    /// Seconds between two of them.
    pub snapshot_seconds: u64,
    /// Settings of librdkafka, as the operator gives them.
    pub client: Vec<(String, String)>,
    /// Who we are to Entra, where brokers are shown tokens.
    pub entra: Option<Entra>,
    /// What is read.
    pub topics: Vec<Topic>,
}

/// A topic that is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topic {
    /// Its name.
    pub name: CompactString,
    /// Whose records it holds; none where they name their tenant themselves.
    pub tenant: Option<TenantId>,
    /// The table of its records, where they do not name it.
    pub table: Option<CompactString>,
    /// Instead of that of all topics: how long event time waits for what comes out of order, in seconds.
    pub lateness_seconds: Option<i64>,
    /// Likewise: a partition that is silent for so many seconds holds event time back no more.
    pub idle_seconds: Option<u64>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".into(),
            profile: "kafka".into(),
            group: "caponier".into(),
            journal: "caponier.journal".into(),
            changes: "caponier.incident-changes".into(),
            incidents: "caponier.incidents".into(),
            dead_letters: "caponier.dead-letters".into(),
            late: "caponier.late".into(),
            operational: "caponier.operational".into(),
            decisions: "caponier.decisions".into(),
            journal_days: 15,
            lateness_seconds: 300,
            idle_seconds: 60,
            state: "caponier-state".into(),
            snapshot_seconds: 300,
            client: Vec::new(),
            entra: None,
            topics: Vec::new(),
        }
    }
}

impl Live {
    /// How long event time waits for what comes out of order on a topic, in seconds.
    pub fn lateness_of(&self, topic: &str) -> i64 {
        self.topics.iter().find(|t| t.name == topic).and_then(|t| t.lateness_seconds).unwrap_or(self.lateness_seconds)
    }

    /// After how many seconds of silence a partition of a topic holds event time back no more.
    pub fn idle_of(&self, topic: &str) -> u64 {
        self.topics.iter().find(|t| t.name == topic).and_then(|t| t.idle_seconds).unwrap_or(self.idle_seconds)
    }

    /// True where a topic is read: it is listed, or holds decisions.
    pub fn is_read(&self, topic: &str) -> bool {
        topic == self.decisions || self.topics.iter().any(|t| t.name == topic)
    }

    /// The same of a partition, as `topic/partition`.
    pub fn reads(&self, source: &str) -> bool {
        source.rsplit_once('/').is_some_and(|(topic, _)| self.is_read(topic))
    }

    /// The cluster, not spoken to yet.
    pub fn cluster(&self) -> Cluster {
        let profile = if self.profile == "event-hubs" { Profile::EventHubs } else { Profile::Kafka };
        let cluster = Cluster::new(&self.brokers, profile, &self.client);
        match &self.entra {
            Some(entra) => cluster.with_tokens(Arc::new(EntraTokens::new(entra.clone()))),
            None => cluster,
        }
    }
}

impl Reader<'_> {
    /// Reads `[kafka.client]` and `[[topic]]`, and holds them against each other.
    pub(super) fn live(&mut self, table: &DeTable<'_>, config: &mut Config) {
        if let Some(client) = table.get("kafka").and_then(|k| k.get_ref().as_table()).and_then(|k| k.get("client")) {
            let Some(client) = client.get_ref().as_table() else {
                return self.fault(client.span().start, "kafka.client must be a table: write [kafka.client]".into());
            };
            for (name, value) in client {
                let said = value.get_ref();
                let text = said.as_str().map(str::to_owned);
                let text = text.or_else(|| said.as_bool().map(|b| b.to_string()));
                match text.or_else(|| integer(said).map(|n| n.to_string())) {
                    Some(text) => config.live.client.push((name.get_ref().to_string(), text)),
                    None => {
                        self.fault(value.span().start, format!("kafka.client: {:?} must be a text", name.get_ref()))
                    }
                }
            }
        }
        if let Some(entra) = table.get("kafka").and_then(|k| k.get_ref().as_table()).and_then(|k| k.get("entra")) {
            match entra.get_ref().as_table() {
                Some(table) => self.entra(table, entra.span().start, &mut config.live),
                None => self.fault(entra.span().start, "kafka.entra must be a table: write [kafka.entra]".into()),
            }
        }
        if !matches!(config.live.profile.as_str(), "kafka" | "event-hubs") {
            let what = format!("kafka.profile {:?} is neither \"kafka\" nor \"event-hubs\"", config.live.profile);
            self.fault(0, what);
        }
        let client = table.get("kafka").and_then(|k| k.get_ref().as_table()?.get("client")?.get_ref().as_table());
        for fault in config.live.cluster().check().err().into_iter().flatten() {
            let named = |name: &str| client.and_then(|c| Some(c.get(name)?.span().start));
            let at = if let KafkaFault::Setting { name, .. } = &fault { named(name) } else { None };
            self.fault(at.unwrap_or(0), fault.to_string());
        }
        let known = names(config);
        self.each(table, "topic", |reader, item, at| {
            let mut fields =
                Fields::of(reader, item, "topic", &["name", "tenant", "table", "lateness_seconds", "idle_seconds"]);
            let (name, tenant, table) = (fields.text("name", at), fields.maybe("tenant"), fields.maybe("table"));
            let (lateness, idle_seconds) = (fields.seconds("lateness_seconds"), fields.seconds("idle_seconds"));
            let lateness_seconds = lateness.and_then(|s| i64::try_from(s).ok());
            let tenant = tenant.map(|(text, at)| fields.tenant(&text, at, &known));
            let Some((name, name_at)) = name else { return };
            if config.live.topics.iter().any(|t| t.name == name) {
                return reader.fault(name_at, format!("topic {name:?} is listed twice"));
            }
            if !matches!(tenant, Some(None)) {
                let table = table.map(|(text, _)| text.into());
                let (name, tenant) = (name.into(), tenant.flatten());
                config.live.topics.push(Topic { name, tenant, table, lateness_seconds, idle_seconds });
            }
        });
    }
}

impl Fields<'_, '_, '_, '_> {
    /// Seconds, ten years at most, where the key is there.
    fn seconds(&mut self, key: &str) -> Option<u64> {
        let value = self.value(key)?;
        let read = integer(value.get_ref()).filter(|seconds| *seconds <= TEN_YEARS);
        let what = || format!("{key} must be a whole number of seconds, {TEN_YEARS} at most");
        read.or_else(|| self.wrong(value.span().start, what()))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    const GOOD: &str = r#"
[kafka]
brokers = "127.0.0.1:9092"
[kafka.client]
"security.protocol" = "SASL_SSL"
"socket.keepalive.enable" = true
[[topic]]
name = "alerts"
tenant = "contoso"
[[topic]]
name = "shared"
table = "SecurityAlert"
lateness_seconds = 5
idle_seconds = 0
[[tenant]]
id = "aaaaaaaa-1111-4111-8111-111111111111"
name = "contoso"
role = "primary"
"#;

    #[test]
    fn topics_and_client_settings_are_read() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.live.brokers, "127.0.0.1:9092");
        assert_eq!(config.live.client.len(), 2);
        assert_eq!(config.live.topics[0].tenant, Some(config.tenants.all[0].id));
        assert_eq!(config.live.topics[1].table.as_deref(), Some("SecurityAlert"));
        assert_eq!((config.live.lateness_of("shared"), config.live.idle_of("shared")), (5, 0));
        assert_eq!((config.live.lateness_of("alerts"), config.live.idle_of("alerts")), (300, 60));
        let long = parse(&GOOD.replace("lateness_seconds = 5", "lateness_seconds = \"5\"")).unwrap_err();
        assert!(long[0].what.contains("whole number of seconds"), "{long:?}");
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_is_opened() {
        let bad = GOOD
            .replace("socket.keepalive.enable", "socket.keepalive.enabel")
            .replace("tenant = \"contoso\"", "tenant = \"contosso\"")
            .replace("brokers =", "profile = \"rabbit\"\nbrokers =");
        let faults: Vec<String> = parse(&bad).unwrap_err().into_iter().map(|f| f.what).collect();
        for wanted in ["socket.keepalive.enabel", "contosso", "rabbit"] {
            assert!(faults.iter().any(|f| f.contains(wanted)), "{wanted}: {faults:?}");
        }
        let twice = parse(&GOOD.replace("name = \"shared\"", "name = \"alerts\"")).unwrap_err();
        assert!(twice[0].what.contains("listed twice") && twice[0].line == 11, "{twice:?}");
    }
}
