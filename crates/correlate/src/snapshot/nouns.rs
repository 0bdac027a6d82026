//! How the nouns of `model` stand in a snapshot: each written and read side by side, field by field.

use super::bytes::{Reader, SnapshotError, Writer};
use crate::{Caps, Edges, Guards, Limits, Settings, Windows};
use caponier_model::{
    AccountKey, Act, Chain, ChainStep, ChangeKind, Decision, DecisionId, Entity, EntityKind, EntityRole, FindingKey,
    Guid, IncidentState, MergePolicy, Pair, Param, Policy, Severity, Sighting, SightingKind, SourceIncident,
    SourceIncidentKey, SourceRank, Text,
};
use compact_str::CompactString;

type Result<T> = std::result::Result<T, SnapshotError>;

/// A closed list of words, each with a number that never changes.
pub(crate) trait Word: Sized {
    fn number(self) -> u8;
    fn of(number: u8) -> Option<Self>;
}

macro_rules! words {
    ($type:ident: $($variant:ident = $number:literal),+) => {
        impl Word for $type {
            fn number(self) -> u8 {
                match self {
                    $(Self::$variant => $number),+
                }
            }

            fn of(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

pub(super) use words;

words!(EntityKind: Account = 0, AccountSid = 1, AccountPuid = 2, AccountName = 3, AccountLocal = 4, Device = 5,
    EntraDevice = 6, HostFqdn = 7, HostName = 8, AzureResource = 9, Ip = 10, Url = 11, Domain = 12, FileHash = 13,
    File = 14, Process = 15, MailMessage = 16, Mailbox = 17, CloudApp = 18, Application = 19, ServicePrincipal = 20,
    Session = 21, SignInRequest = 22, Malware = 23, Group = 24, Registry = 25, Tenant = 26, Other = 27);
words!(EntityRole: Related = 0, Impacted = 1, Attacker = 2, Context = 3);
words!(SightingKind: Alert = 0, Risk = 1, Evidence = 2);
words!(Severity: Unknown = 0, Informational = 1, Low = 2, Medium = 3, High = 4, Critical = 5);
words!(ChangeKind: Created = 0, Updated = 1, Merged = 2, Split = 3, Redirected = 4, Closed = 5, Corrected = 6);
words!(IncidentState: Active = 0, InProgress = 1, Resolved = 2, Redirected = 3);
words!(MergePolicy: Forbid = 0, Suggest = 1, Merge = 2);

impl Reader<'_> {
    pub fn word<T: Word>(&mut self) -> Result<T> {
        match T::of(self.byte()?) {
            Some(word) => Ok(word),
            None => self.fault("a word that is not in its list"),
        }
    }

    fn verdict(&mut self) -> Result<Option<bool>> {
        self.maybe(Self::flag)
    }

    pub fn key(&mut self) -> Result<FindingKey> {
        Ok(FindingKey { tenant: self.tenant()?, product: self.text()?, id: self.text()? })
    }

    pub fn account(&mut self) -> Result<AccountKey> {
        Ok(AccountKey { tenant: self.tenant()?, object: Guid::from_u128(self.wide()?) })
    }

    pub fn source_key(&mut self) -> Result<SourceIncidentKey> {
        Ok(SourceIncidentKey { tenant: self.tenant()?, provider: self.text()?, id: self.text()? })
    }

    pub fn words(&mut self) -> Result<Text> {
        let template = self.text()?;
        let params = self.list(|r| {
            Ok(Param {
                name: r.text()?,
                value: r.text()?,
                kind: r.maybe(Reader::word)?,
                owner: r.maybe(Reader::tenant)?,
            })
        })?;
        Ok(Text { template, params })
    }

    fn entity(&mut self) -> Result<Entity> {
        Ok(Entity {
            kind: self.word()?,
            value: self.text()?,
            tenant: self.tenant()?,
            group: match u16::try_from(self.small()?) {
                Ok(group) => group,
                Err(_) => return self.fault("a group of more than 16 bits"),
            },
            role: self.word()?,
        })
    }

    /// A sighting of a finding; `formats` are the names that a format may have.
    pub fn sighting(&mut self, key: &FindingKey, formats: &[&'static str]) -> Result<Sighting> {
        let kind = self.word()?;
        let name = self.text()?;
        let Some(format) = formats.iter().find(|f| **f == name) else { return Err(SnapshotError::Format { name }) };
        let sighting = Sighting {
            key: key.clone(),
            kind,
            format,
            id: self.text()?,
            url: self.maybe(Self::text)?,
            rank: SourceRank(self.byte()?),
            version: self.time()?,
            content: self.wide()?,
            title: self.words()?,
            severity: self.word()?,
            closed: self.flag()?,
            verdict: self.verdict()?,
            first: self.time()?,
            last: self.time()?,
            ingested: self.maybe(Self::time)?,
            entities: self.list(Self::entity)?,
            tactics: self.list(Self::text)?,
            techniques: self.list(Self::text)?,
            source_incident: self.maybe(Self::source_key)?,
            detector: self.maybe(Self::text)?,
        };
        self.lasts(sighting.first, sighting.last)?;
        Ok(sighting)
    }

    pub fn source(&mut self) -> Result<SourceIncident> {
        let incident = SourceIncident {
            key: self.source_key()?,
            aliases: self.list(Self::source_key)?,
            redirect_to: self.maybe(Self::source_key)?,
            version: self.time()?,
            first: self.time()?,
            last: self.time()?,
            alert_ids: self.list(Self::text)?,
            title: self.words()?,
            severity: self.word()?,
            status: self.text()?,
            verdict: self.verdict()?,
            owner: self.maybe(Self::text)?,
        };
        self.lasts(incident.first, incident.last)?;
        Ok(incident)
    }

    pub fn decision(&mut self) -> Result<Decision> {
        let (at, author, reason) = (self.time()?, self.text()?, self.text()?);
        let act = match self.byte()? {
            0 => Act::Merge { findings: self.list(Self::key)? },
            1 => Act::Split { these: self.list(Self::key)?, those: self.list(Self::key)? },
            2 => Act::Pin { finding: self.key()?, to: self.key()? },
            3 => Act::Close { findings: self.list(Self::key)?, verdict: self.verdict()? },
            4 => Act::Assign { findings: self.list(Self::key)?, owner: self.maybe(Self::text)? },
            5 => Act::Verdict { findings: self.list(Self::key)?, verdict: self.verdict()? },
            6 => Act::Withdraw { decision: DecisionId::from_u128(self.wide()?) },
            _ => return self.fault("a decision of an unknown kind"),
        };
        Ok(Decision { at, author, reason, act })
    }

    pub fn chain(&mut self) -> Result<Chain> {
        let step = |r: &mut Self| Ok(ChainStep { finding: r.key()?, step: r.text()? });
        Ok(Chain { rule: self.text()?, id: self.text()?, steps: self.list(step)? })
    }

    pub fn policy(&mut self) -> Result<Policy> {
        let pairs = self.list(|r| Ok((Pair { home: r.tenant()?, resource: r.tenant()? }, r.word::<MergePolicy>()?)))?;
        Ok(Policy { pairs, unlisted: self.word()? })
    }

    /// A span that a setting allows: never negative.
    fn seconds(&mut self) -> Result<i64> {
        match self.signed()? {
            seconds @ 0.. => Ok(seconds),
            _ => self.fault("a negative span"),
        }
    }

    fn caps(&mut self) -> Result<Caps> {
        Ok(Caps {
            address: self.small()?,
            device: self.small()?,
            account: self.small()?,
            artefact: self.small()?,
            tool: self.small()?,
            detector: self.small()?,
            window: self.seconds()?,
        })
    }

    pub fn settings(&mut self) -> Result<Settings> {
        Ok(Settings {
            epoch: self.small()?,
            windows: Windows {
                account: self.seconds()?,
                person: self.seconds()?,
                device: self.seconds()?,
                session: self.seconds()?,
                address: self.seconds()?,
                hash: self.seconds()?,
                url: self.seconds()?,
                mail: self.seconds()?,
                trust: self.seconds()?,
                name: self.seconds()?,
                detection: self.seconds()?,
                tool: self.seconds()?,
            },
            edges: Edges {
                source_incident: self.flag()?,
                session: self.flag()?,
                address: self.flag()?,
                artefact: self.flag()?,
                weak_pair: self.flag()?,
                rule_chain: self.flag()?,
                trust: self.flag()?,
                name: self.flag()?,
                detection: self.flag()?,
                movement: self.flag()?,
                tool: self.flag()?,
            },
            caps: self.caps()?,
            limits: Limits {
                findings: self.small()?,
                values: self.small()?,
                source_alerts: self.small()?,
                span: self.seconds()?,
                cut_findings: self.small()?,
                cut_confidence: self.small()?,
                finding_values: self.small()?,
                finding_sightings: self.small()?,
                held_findings: self.small()?,
                held_values: self.small()?,
                held_incidents: self.small()?,
                value_rate: self.small()?,
                person_rate: self.small()?,
                incident_rate: self.small()?,
                settle_seconds: self.seconds()?,
                staged: self.small()?,
            },
            guards: Guards {
                g1: self.flag()?,
                g2: self.flag()?,
                g3: self.flag()?,
                g4: self.flag()?,
                g5: self.flag()?,
                g6: self.flag()?,
                g7: self.flag()?,
                g8: self.flag()?,
                g9: self.flag()?,
                g10: self.flag()?,
                g12: self.flag()?,
            },
            stop_values: self.list(Self::text)?,
            shared_values: self.list(Self::text)?,
            privileged: self.list(Self::text)?,
            retention_days: self.maybe(Self::small)?,
        })
    }
}

impl Writer {
    pub fn word(&mut self, word: impl Word) {
        self.byte(word.number());
    }

    fn verdict(&mut self, verdict: Option<bool>) {
        self.maybe(verdict, Self::flag);
    }

    pub fn key(&mut self, key: &FindingKey) {
        let FindingKey { tenant, product, id } = key;
        self.tenant(*tenant);
        self.text(product);
        self.text(id);
    }

    pub fn account(&mut self, account: AccountKey) {
        self.tenant(account.tenant);
        self.wide(account.object.as_u128());
    }

    pub fn source_key(&mut self, key: &SourceIncidentKey) {
        let SourceIncidentKey { tenant, provider, id } = key;
        self.tenant(*tenant);
        self.text(provider);
        self.text(id);
    }

    pub fn texts(&mut self, texts: &[CompactString]) {
        self.list(texts.iter(), |w, t| w.text(t));
    }

    pub fn words(&mut self, text: &Text) {
        let Text { template, params } = text;
        self.text(template);
        self.list(params.iter(), |w, Param { name, value, kind, owner }| {
            w.text(name);
            w.text(value);
            w.maybe(*kind, Self::word);
            w.maybe(*owner, Self::tenant);
        });
    }

    /// A sighting without its key, which its finding has.
    pub fn sighting(&mut self, sighting: &Sighting) {
        let Sighting { key: _, kind, format, id, url, rank, version, content, title, severity, .. } = sighting;
        let Sighting { closed, verdict, first, last, ingested, entities, tactics, techniques, .. } = sighting;
        self.word(*kind);
        self.text(format);
        self.text(id);
        self.maybe(url.as_deref(), Self::text);
        self.byte(rank.0);
        self.time(*version);
        self.wide(*content);
        self.words(title);
        self.word(*severity);
        self.flag(*closed);
        self.verdict(*verdict);
        self.time(*first);
        self.time(*last);
        self.maybe(*ingested, Self::time);
        self.list(entities.iter(), |w, Entity { kind, value, tenant, group, role }| {
            w.word(*kind);
            w.text(value);
            w.tenant(*tenant);
            w.number(*group);
            w.word(*role);
        });
        self.texts(tactics);
        self.texts(techniques);
        self.maybe(sighting.source_incident.as_ref(), Self::source_key);
        self.maybe(sighting.detector.as_deref(), Self::text);
    }

    pub fn source(&mut self, incident: &SourceIncident) {
        let SourceIncident { key, aliases, redirect_to, version, first, last, alert_ids, title, .. } = incident;
        self.source_key(key);
        self.list(aliases.iter(), Self::source_key);
        self.maybe(redirect_to.as_ref(), Self::source_key);
        self.time(*version);
        self.time(*first);
        self.time(*last);
        self.texts(alert_ids);
        self.words(title);
        self.word(incident.severity);
        self.text(&incident.status);
        self.verdict(incident.verdict);
        self.maybe(incident.owner.as_deref(), Self::text);
    }

    fn keys(&mut self, keys: &[FindingKey]) {
        self.list(keys.iter(), Self::key);
    }

    pub fn decision(&mut self, decision: &Decision) {
        let Decision { at, author, reason, act } = decision;
        self.time(*at);
        self.text(author);
        self.text(reason);
        self.byte(match act {
            Act::Merge { .. } => 0,
            Act::Split { .. } => 1,
            Act::Pin { .. } => 2,
            Act::Close { .. } => 3,
            Act::Assign { .. } => 4,
            Act::Verdict { .. } => 5,
            Act::Withdraw { .. } => 6,
        });
        match act {
            Act::Merge { findings } => self.keys(findings),
            Act::Split { these, those } => {
                self.keys(these);
                self.keys(those);
            }
            Act::Pin { finding, to } => {
                self.key(finding);
                self.key(to);
            }
            Act::Close { findings, verdict } | Act::Verdict { findings, verdict } => {
                self.keys(findings);
                self.verdict(*verdict);
            }
            Act::Assign { findings, owner } => {
                self.keys(findings);
                self.maybe(owner.as_deref(), Self::text);
            }
            Act::Withdraw { decision } => self.wide(decision.as_u128()),
        }
    }

    pub fn chain(&mut self, chain: &Chain) {
        let Chain { rule, id, steps } = chain;
        self.text(rule);
        self.text(id);
        self.list(steps.iter(), |w, ChainStep { finding, step }| {
            w.key(finding);
            w.text(step);
        });
    }

    pub fn policy(&mut self, policy: &Policy) {
        let Policy { pairs, unlisted } = policy;
        self.list(pairs.iter(), |w, (pair, allowed)| {
            w.tenant(pair.home);
            w.tenant(pair.resource);
            w.word(*allowed);
        });
        self.word(*unlisted);
    }

    pub fn settings(&mut self, settings: &Settings) {
        let Settings {
            epoch,
            windows,
            edges,
            caps,
            limits,
            guards,
            stop_values,
            shared_values,
            retention_days,
            privileged,
        } = settings;
        self.number(*epoch);
        let Windows { account, person, device, session, address, hash, url, mail, trust, name, detection, tool } =
            windows;
        for window in [account, person, device, session, address, hash, url, mail, trust, name, detection, tool] {
            self.signed(*window);
        }
        let Edges {
            source_incident,
            session,
            address,
            artefact,
            weak_pair,
            rule_chain,
            trust,
            name,
            detection,
            movement,
            tool,
        } = edges;
        for edge in [source_incident, session, address, artefact, weak_pair, rule_chain, trust, name, detection] {
            self.flag(*edge);
        }
        for edge in [movement, tool] {
            self.flag(*edge);
        }
        let Caps { address, device, account, artefact, tool, detector, window } = caps;
        for cap in [address, device, account, artefact, tool, detector] {
            self.number(*cap);
        }
        self.signed(*window);
        let Limits { findings, values, source_alerts, span, cut_findings, cut_confidence, .. } = limits;
        for limit in [findings, values, source_alerts] {
            self.number(*limit);
        }
        self.signed(*span);
        for limit in [cut_findings, cut_confidence, &limits.finding_values, &limits.finding_sightings] {
            self.number(*limit);
        }
        let Limits { value_rate, person_rate, incident_rate, .. } = *limits;
        let held = [limits.held_findings, limits.held_values, limits.held_incidents];
        for limit in held.into_iter().chain([value_rate, person_rate, incident_rate]) {
            self.number(limit);
        }
        self.signed(limits.settle_seconds);
        self.number(limits.staged);
        let Guards { g1, g2, g3, g4, g5, g6, g7, g8, g9, g10, g12 } = guards;
        for guard in [g1, g2, g3, g4, g5, g6, g7, g8, g9, g10, g12] {
            self.flag(*guard);
        }
        self.texts(stop_values);
        self.texts(shared_values);
        self.texts(privileged);
        self.maybe(*retention_days, Self::number);
    }
}
