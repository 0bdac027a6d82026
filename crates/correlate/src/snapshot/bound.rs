//! How a finding was bound: written for findings that wait to be bound anew, since what they are bound to now cannot be computed
//! from what is known by now.

use super::bytes::{Reader, SnapshotError, Writer};
use super::nouns::{Word, words};
use crate::bind::{Bindings, Bound, COUNTED, DEVICE, PERSON, Use};
use crate::finding::Brief;
use crate::posting::Postings;
use crate::state::Held;
use crate::value::Value;
use caponier_model::{EntityKind, EvidenceKind, Link, LinkState, SourceIncidentKey};
use std::borrow::Cow;

type Result<T> = std::result::Result<T, SnapshotError>;

words!(LinkState: Accepted = 0, Possible = 1, Conflict = 2);
words!(EvidenceKind: Statement = 0, Provisioning = 1, DelegatedCaller = 2, Puid = 3, PairedSignIn = 4,
    PairedSignInById = 5, NamedSignIn = 6, Redemption = 7, CommonSource = 8, Extension = 9, EmployeeId = 10,
    Address = 11, ExtName = 12, NamingRule = 13, LooksAlike = 14, Application = 15);

/// A finding as it was bound.
pub(super) struct Stale {
    pub merged: Brief,
    pub incidents: Vec<SourceIncidentKey>,
    pub bindings: Bindings<'static>,
}

impl Writer {
    /// `alert` is what its detector was called then.
    pub fn stale(&mut self, held: &Held, alert: &str, postings: &Postings) {
        self.brief(held.merged);
        self.list(held.incidents.iter(), Self::source_key);
        self.list(held.accounts.list(postings).iter(), |w, Bound { account, person, via, possible }| {
            w.account(*account);
            w.account(*person);
            w.maybe(via.as_deref(), Self::link);
            w.list(possible.iter(), Self::link);
        });
        let value = |ix: &u32| postings.get(*ix).map(|p| &p.value);
        self.list(held.posted.uses(), |w, (ix, account)| {
            w.maybe(value(&ix), Self::value);
            w.maybe(postings.account(account), Self::account);
        });
        for list in [held.posted.counted(), held.posted.persons(), held.posted.devices()] {
            // Places are history.
            let mut values: Vec<Option<&Value>> = list.iter().map(value).collect();
            values.sort();
            self.list(values.into_iter(), |w, v| w.maybe(v, Self::value));
        }
        self.number(held.cut);
        self.number(held.stopped);
        self.text(alert);
    }

    fn brief(&mut self, brief: Brief) {
        let Brief { severity, verdict, first, last } = brief;
        self.word(severity);
        self.maybe(verdict, Self::flag);
        self.time(first);
        self.time(last);
    }

    fn link(&mut self, link: &Link) {
        let Link { account, home, state, confidence, kinds, sources, from, until } = link;
        self.account(*account);
        self.account(*home);
        self.word(*state);
        self.number(*confidence);
        self.list(kinds.iter(), |w, kind| w.word(*kind));
        self.texts(sources);
        self.time(*from);
        self.time(*until);
    }

    fn value(&mut self, value: &Value) {
        let number = match value {
            Value::Account(_) => 0,
            Value::Sid(..) => 1,
            Value::Name(..) => 2,
            Value::Person(_) => 3,
            Value::Possible(_) => 4,
            Value::Device(..) => 5,
            Value::EntraDevice(_) => 6,
            Value::Session(_) => 7,
            Value::SourceIncident(_) => 8,
            Value::Weak(..) => 9,
            Value::Pair(..) => 10,
            Value::Chain(_) => 11,
            Value::Detection(..) => 12,
            Value::Trust(..) => 13,
            Value::Label(..) => 14,
            Value::Movement(_) => 15,
            Value::Tool(..) => 16,
            Value::At(..) => 17,
        };
        self.byte(number);
        match value {
            Value::Account(account) | Value::Person(account) | Value::Possible(account) => self.account(*account),
            Value::Sid(tenant, text) | Value::Name(tenant, text) => {
                self.tenant(*tenant);
                self.text(text);
            }
            Value::Device(tenant, kind, text) | Value::Label(tenant, kind, text) => {
                self.tenant(*tenant);
                self.word(*kind);
                self.text(text);
            }
            Value::EntraDevice(text) | Value::Session(text) | Value::Chain(text) | Value::Movement(text) => {
                self.text(text)
            }
            Value::Tool(parts) => {
                let (tenant, tool, alert) = &**parts;
                self.tenant(*tenant);
                self.text(tool);
                self.text(alert);
            }
            Value::SourceIncident(key) => self.source_key(key),
            Value::Weak(kind, text) => {
                self.word(*kind);
                self.text(text);
            }
            Value::Pair(parts) => {
                let (ip, kind, text) = &**parts;
                self.text(ip);
                self.word(*kind);
                self.text(text);
            }
            Value::Detection(parts) | Value::At(parts) => {
                self.account(parts.0);
                self.text(&parts.1);
            }
            Value::Trust(one, other) => {
                self.tenant(*one);
                self.tenant(*other);
            }
        }
    }
}

impl Reader<'_> {
    pub fn stale(&mut self) -> Result<Stale> {
        let merged = self.brief()?;
        let incidents = self.list(Self::source_key)?;
        let accounts = self.list(|r| {
            Ok(Bound {
                account: r.account()?,
                person: r.account()?,
                via: r.maybe(Self::link)?.map(Box::new),
                possible: r.list(Self::link)?,
            })
        })?;
        let mut uses = self.list(|r| Ok(Use { value: r.held_value()?, account: r.maybe(Self::account)?, part: 0 }))?;
        for part in [COUNTED, PERSON, DEVICE] {
            let values = self.list(Self::held_value)?;
            uses.iter_mut().filter(|used| values.contains(&used.value)).for_each(|used| used.part |= part);
        }
        let (cut, stopped) = (self.counter()?, self.counter()?);
        let alert = Cow::Owned(self.text()?.into());
        Ok(Stale { merged, incidents, bindings: Bindings { accounts, uses, alert, cut, stopped } })
    }

    fn brief(&mut self) -> Result<Brief> {
        let (severity, verdict) = (self.word()?, self.maybe(Self::flag)?);
        let brief = Brief { severity, verdict, first: self.time()?, last: self.time()? };
        self.lasts(brief.first, brief.last)?;
        Ok(brief)
    }

    fn link(&mut self) -> Result<Link> {
        Ok(Link {
            account: self.account()?,
            home: self.account()?,
            state: self.word()?,
            confidence: self.small()?,
            kinds: self.list(Self::word)?,
            sources: self.list(Self::text)?,
            from: self.time()?,
            until: self.time()?,
        })
    }

    fn held_value(&mut self) -> Result<Value> {
        match self.maybe(Self::value)? {
            Some(value) => Ok(value),
            None => self.fault("a value that nobody holds"),
        }
    }

    fn value(&mut self) -> Result<Value> {
        Ok(match self.byte()? {
            0 => Value::Account(self.account()?),
            1 => Value::Sid(self.tenant()?, self.text()?),
            2 => Value::Name(self.tenant()?, self.text()?),
            3 => Value::Person(self.account()?),
            4 => Value::Possible(self.account()?),
            5 => Value::Device(self.tenant()?, self.word::<EntityKind>()?, self.text()?),
            6 => Value::EntraDevice(self.text()?),
            7 => Value::Session(self.text()?),
            8 => Value::SourceIncident(Box::new(self.source_key()?)),
            9 => Value::Weak(self.word()?, self.text()?),
            10 => Value::Pair(Box::new((self.text()?, self.word()?, self.text()?))),
            11 => Value::Chain(self.text()?),
            12 => Value::Detection(Box::new((self.account()?, self.text()?))),
            13 => Value::Trust(self.tenant()?, self.tenant()?),
            14 => Value::Label(self.tenant()?, self.word()?, self.text()?),
            15 => Value::Movement(self.text()?),
            16 => Value::Tool(Box::new((self.tenant()?, self.text()?, self.text()?))),
            17 => Value::At(Box::new((self.account()?, self.text()?))),
            _ => return self.fault("a value of an unknown kind"),
        })
    }
}
