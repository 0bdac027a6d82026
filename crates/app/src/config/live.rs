//! What a live run is told: `[kafka]`, and a `[[topic]]` for each topic that is read. A topic's tenant is named, so they are read when
//! all tenants are known.

use super::Config;
use super::knobs::TEN_YEARS;
use super::pairs::names;
use super::read::{Fields, Reader, integer};
use caponier_model::TenantId;
use caponier_transport::kafka::{Cluster, Entra, EntraTokens, KafkaFault, Profile};
use compact_str::CompactString;
use regex::Regex;
use std::sync::Arc;
use std::time::Duration;
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

/// Topics by their names.
#[derive(Clone, Debug)]
pub enum Called {
    /// The one that is called so.
    Name(CompactString),
    /// All whose whole name this expression matches, also those that are made later; none of ours, and none that a row names.
    Pattern(Regex),
}

impl Called {
    /// As it is written in the configuration: the key, and its value.
    pub fn shown(&self) -> (&'static str, &str) {
        match self {
            Self::Name(name) => ("name", name),
            // What anchors it was not written.
            Self::Pattern(pattern) => {
                let text = pattern.as_str();
                ("pattern", text.strip_prefix("^(?:").and_then(|t| t.strip_suffix(")$")).unwrap_or(text))
            }
        }
    }

    fn pattern(text: &str) -> Result<Self, String> {
        let read = Regex::new(text).and_then(|_| Regex::new(&format!("^(?:{text})$")));
        read.map(Self::Pattern).map_err(|e| e.to_string().lines().last().unwrap_or_default().to_owned())
    }
}

impl PartialEq for Called {
    fn eq(&self, other: &Self) -> bool {
        self.shown() == other.shown()
    }
}

impl Eq for Called {}

/// A topic that is read, or several alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topic {
    /// What it is called.
    pub called: Called,
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
        self.topic(topic).and_then(|t| t.lateness_seconds).unwrap_or(self.lateness_seconds)
    }

    /// After how many seconds of silence a partition of a topic holds event time back no more.
    pub fn idle_of(&self, topic: &str) -> u64 {
        self.topic(topic).and_then(|t| t.idle_seconds).unwrap_or(self.idle_seconds)
    }

    /// The row that a topic is read by: the one that names it, else the first whose pattern it matches. A topic of ours, or of the
    /// brokers, is read by no pattern.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        let named = self.topics.iter().find(|t| matches!(&t.called, Called::Name(n) if n == name));
        let matching = || {
            let is_own = name.starts_with("__") || self.ours().contains(&name);
            let matches = |t: &&Topic| matches!(&t.called, Called::Pattern(p) if p.is_match(name));
            self.topics.iter().find(matches).filter(|_| !is_own)
        };
        named.or_else(matching)
    }

    /// The topics that are ours.
    pub fn ours(&self) -> [&str; 7] {
        [
            &self.journal,
            &self.changes,
            &self.incidents,
            &self.dead_letters,
            &self.late,
            &self.operational,
            &self.decisions,
        ]
    }

    /// The topics that are read by their names.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().filter_map(|t| if let Called::Name(name) = &t.called { Some(name.as_str()) } else { None })
    }

    /// True where topics that are made later may be read, too.
    pub fn has_patterns(&self) -> bool {
        self.topics.iter().any(|t| matches!(t.called, Called::Pattern(_)))
    }

    /// How often topics that are new are looked for: what the client is told, 30 seconds otherwise.
    pub fn looks_every(&self) -> Duration {
        let told = self.client.iter().find(|(name, _)| name == "topic.metadata.refresh.interval.ms");
        let millis = told.and_then(|(_, millis)| millis.parse().ok()).filter(|millis| *millis > 0);
        Duration::from_millis(millis.unwrap_or(30_000))
    }

    /// True where a topic is read: it is listed, or holds decisions.
    pub fn is_read(&self, topic: &str) -> bool {
        topic == self.decisions || self.topic(topic).is_some()
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
            let keys = ["name", "pattern", "tenant", "table", "lateness_seconds", "idle_seconds"];
            let mut fields = Fields::of(reader, item, "topic", &keys);
            let called = fields.called(at);
            let (tenant, table) = (fields.maybe("tenant"), fields.maybe("table"));
            let (lateness, idle_seconds) = (fields.seconds("lateness_seconds"), fields.seconds("idle_seconds"));
            let lateness_seconds = lateness.and_then(|s| i64::try_from(s).ok());
            let tenant = tenant.map(|(text, at)| fields.tenant(&text, at, &known));
            let Some((called, called_at)) = called else { return };
            if config.live.topics.iter().any(|t| t.called == called) {
                return reader.fault(called_at, format!("topic {:?} is listed twice", called.shown().1));
            }
            if !matches!(tenant, Some(None)) {
                let table = table.map(|(text, _)| text.into());
                let tenant = tenant.flatten();
                config.live.topics.push(Topic { called, tenant, table, lateness_seconds, idle_seconds });
            }
        });
    }
}

impl Fields<'_, '_, '_, '_> {
    /// Which topics a row is about, and where it says so.
    fn called(&mut self, at: usize) -> Option<(Called, usize)> {
        let Some((text, pattern_at)) = self.maybe("pattern") else {
            return self.text("name", at).map(|(name, at)| (Called::Name(name.into()), at));
        };
        if self.maybe("name").is_some() {
            return self.wrong(pattern_at, "a [[topic]] has a name or a pattern, not both".into());
        }
        match Called::pattern(&text) {
            Ok(called) => Some((called, pattern_at)),
            Err(why) => self.wrong(pattern_at, format!("pattern {text:?} is no regular expression: {why}")),
        }
    }

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
    fn a_pattern_takes_what_no_name_does_and_nothing_of_ours() {
        let text = GOOD.replace("name = \"shared\"", "pattern = '(caponier|exports|alerts)[.].*|alerts'");
        let live = parse(&text).unwrap().live;
        let of = |topic: &str| live.topic(topic).map(|t| t.called.shown().1.to_owned());
        assert_eq!(of("alerts").as_deref(), Some("alerts"), "a name stands above a pattern");
        assert_eq!(of("exports.x").as_deref(), Some("(caponier|exports|alerts)[.].*|alerts"));
        assert_eq!((of("my.exports.x"), of("exports.x\n")), (None, None), "the whole name must match");
        assert_eq!((of("caponier.journal"), of("__consumer_offsets")), (None, None), "what is ours is not read");
        assert_eq!((live.lateness_of("exports.x"), live.idle_of("exports.x")), (5, 0));
        assert!(live.has_patterns() && live.is_read("exports.x") && live.named().eq(["alerts"]));
        for (said, wanted) in [("pattern = \"(\"", "unclosed group"), ("name = \"a\"\npattern = \"b\"", "not both")] {
            let faults = parse(&GOOD.replace("name = \"shared\"", said)).unwrap_err();
            assert!(faults.len() == 1 && faults[0].what.contains(wanted) && faults[0].line > 10, "{faults:?}");
        }
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
