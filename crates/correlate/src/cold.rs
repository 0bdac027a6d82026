//! Sightings as bytes: what is told of a finding is read when it is bound and when somebody asks, and lies still in between.
//!
//! The bytes are for this process only: a snapshot has a form of its own. They say nothing that the finding's row says: its key and
//! tenant are not repeated. GUIDs and hexadecimal digits are packed.

use crate::digits;
use crate::finding::Sightings;
use crate::snapshot::Word;
use caponier_model::{
    Entity, EntityKind, EntityRole, EventTime, FindingKey, Guid, Param, Severity, Sighting, SightingKind,
    SourceIncidentKey, SourceRank, TenantId, Text,
};
use compact_str::CompactString;
use std::sync::Arc;

/// The names of formats that were met so far; places in it are what the bytes hold.
pub(crate) type Formats = Arc<Vec<&'static str>>;

/// How a text is packed; greater numbers are the length of a raw one, and these.
const SAME: u64 = 0;
const GUID: u64 = 1;
const HEX: u64 = 2;
const SHA256: u64 = 3;
const WORD: u64 = 4;
const RAW: u64 = 5;

/// What most findings say, in any estate: our own template for a source's words, and the tactics.
const WORDS: [&str; 17] = [
    "",
    "{text}",
    "text",
    "Collection",
    "CommandAndControl",
    "CredentialAccess",
    "DefenseEvasion",
    "Discovery",
    "Execution",
    "Exfiltration",
    "Impact",
    "InitialAccess",
    "LateralMovement",
    "Persistence",
    "PrivilegeEscalation",
    "Reconnaissance",
    "ResourceDevelopment",
];

/// The sightings of one finding.
#[derive(Clone, Debug)]
pub(crate) struct Cold {
    bytes: Box<[u8]>,
    formats: Formats,
}

impl Cold {
    /// Packs the sightings of the finding of this key.
    pub(crate) fn pack(sightings: &Sightings, key: &FindingKey, formats: &mut Formats, room: &mut Vec<u8>) -> Self {
        room.clear();
        let mut out = Packer { out: room, key, clock: 0 };
        out.number(sightings.all().len() as u64);
        for sighting in sightings.all() {
            let known = formats.iter().position(|f| *f == sighting.format);
            let place = known.unwrap_or_else(|| {
                Arc::make_mut(formats).push(sighting.format);
                formats.len() - 1
            });
            out.number(place as u64);
            out.sighting(sighting);
        }
        Self { bytes: room.as_slice().into(), formats: formats.clone() }
    }

    /// The sightings again.
    pub(crate) fn unpack(&self, key: &FindingKey) -> Sightings {
        let mut from = Unpacker { bytes: &self.bytes, key, clock: 0 };
        let count = from.number();
        let sightings = (0..count).map(|_| {
            let format = self.formats.get(from.number() as usize).copied().unwrap_or_default();
            from.sighting(format)
        });
        Sightings::of(sightings.collect())
    }
}

struct Packer<'p> {
    out: &'p mut Vec<u8>,
    key: &'p FindingKey,
    clock: i64,
}

impl Packer<'_> {
    fn sighting(&mut self, sighting: &Sighting) {
        // No `..`: a new field must find its place here.
        let Sighting {
            key: _,
            kind,
            format: _,
            id,
            url,
            rank,
            version,
            content,
            title,
            severity,
            closed,
            verdict,
            first,
            last,
            ingested,
            entities,
            tactics,
            techniques,
            source_incident,
            detector,
        } = sighting;
        let flag = |set: bool, bit: u8| u8::from(set) << bit;
        self.out.push(
            kind.number()
                | flag(*closed, 2)
                | flag(verdict.is_some(), 3)
                | flag(*verdict == Some(true), 4)
                | flag(url.is_some(), 5)
                | flag(ingested.is_some(), 6)
                | flag(detector.is_some(), 7),
        );
        self.out.push(severity.number() | flag(source_incident.is_some(), 7));
        self.out.push(rank.0);
        self.text(id);
        url.iter().for_each(|text| self.text(text));
        [*version, *first, *last].into_iter().chain(*ingested).for_each(|time| self.time(time));
        self.out.extend_from_slice(&content.to_le_bytes());
        self.text(&title.template);
        self.number(title.params.len() as u64);
        for Param { name, value, kind, owner } in &title.params {
            self.text(name);
            self.text(value);
            self.out.push(kind.map_or(u8::MAX, Word::number));
            self.owner(*owner);
        }
        self.number(entities.len() as u64);
        for Entity { kind, value, tenant, group, role } in entities {
            self.out.extend([kind.number(), role.number()]);
            self.number(u64::from(*group));
            self.owner(Some(*tenant));
            self.text(value);
        }
        for list in [tactics, techniques] {
            self.number(list.len() as u64);
            list.iter().for_each(|text| self.text(text));
        }
        if let Some(SourceIncidentKey { tenant, provider, id }) = source_incident {
            self.owner(Some(*tenant));
            self.text(provider);
            self.text(id);
        }
        detector.iter().for_each(|text| self.text(text));
    }

    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn time(&mut self, time: EventTime) {
        let step = time.nanos().wrapping_sub(self.clock);
        self.number((step << 1 ^ step >> 63) as u64);
        self.clock = time.nanos();
    }

    /// A tenant, most often the finding's own.
    fn owner(&mut self, tenant: Option<TenantId>) {
        match tenant {
            Some(tenant) if tenant == self.key.tenant => self.out.push(0),
            Some(tenant) => {
                self.out.push(1);
                self.out.extend_from_slice(&tenant.0.as_u128().to_le_bytes());
            }
            None => self.out.push(2),
        }
    }

    fn text(&mut self, text: &CompactString) {
        if *text == self.key.id {
            return self.number(SAME);
        }
        if let Some(guid) = digits::guid(text) {
            self.number(GUID);
            self.out.extend_from_slice(&guid.as_u128().to_le_bytes());
            return;
        }
        let (form, tail) = text.strip_prefix("sha256:").map_or((HEX, text.as_str()), |tail| (SHA256, tail));
        if tail.len() >= 16
            && let Some(bytes) = digits::packed(tail)
        {
            self.number(form);
            self.number(bytes.len() as u64);
            self.out.extend_from_slice(&bytes);
            return;
        }
        let word = text.as_str();
        if word.len() < 20
            && let Some(place) = WORDS.iter().position(|known| *known == word)
        {
            self.number(WORD);
            return self.number(place as u64);
        }
        self.number(RAW + text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }
}

struct Unpacker<'p> {
    bytes: &'p [u8],
    key: &'p FindingKey,
    clock: i64,
}

impl Unpacker<'_> {
    fn sighting(&mut self, format: &'static str) -> Sighting {
        let (flags, more, rank) = (self.byte(), self.byte(), SourceRank(self.byte()));
        let has = |bit: u8| flags >> bit & 1 == 1;
        let id = self.text();
        let url = has(5).then(|| self.text());
        let (version, first, last) = (self.time(), self.time(), self.time());
        let ingested = has(6).then(|| self.time());
        let content = self.wide();
        let template = self.text();
        let params = (0..self.number()).map(|_| Param {
            name: self.text(),
            value: self.text(),
            kind: Word::of(self.byte()),
            owner: self.owner(),
        });
        let title = Text { template, params: params.collect() };
        let entities = (0..self.number()).map(|_| {
            let (kind, role) = (Word::of(self.byte()), Word::of(self.byte()));
            let (kind, role) = (kind.unwrap_or(EntityKind::Other), role.unwrap_or(EntityRole::Related));
            let group = self.number() as u16;
            let tenant = self.owner().unwrap_or(self.key.tenant);
            Entity { kind, value: self.text(), tenant, group, role }
        });
        let entities = entities.collect();
        let [tactics, techniques] = [self.texts(), self.texts()];
        let source_incident = (more >> 7 == 1).then(|| SourceIncidentKey {
            tenant: self.owner().unwrap_or(self.key.tenant),
            provider: self.text(),
            id: self.text(),
        });
        Sighting {
            key: self.key.clone(),
            kind: Word::of(flags & 3).unwrap_or(SightingKind::Alert),
            format,
            id,
            url,
            rank,
            version,
            content,
            title,
            severity: Word::of(more & 0x7f).unwrap_or(Severity::Unknown),
            closed: has(2),
            verdict: has(3).then(|| has(4)),
            first,
            last,
            ingested,
            entities,
            tactics,
            techniques,
            source_incident,
            detector: has(7).then(|| self.text()),
        }
    }

    /// So many bytes; what is not there is zero, and was never written.
    fn take(&mut self, count: usize) -> &[u8] {
        let (part, rest) = self.bytes.split_at(count.min(self.bytes.len()));
        self.bytes = rest;
        part
    }

    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn number(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 || shift > 63 {
                return value;
            }
        }
    }

    fn time(&mut self) -> EventTime {
        let step = self.number();
        self.clock = self.clock.wrapping_add((step >> 1) as i64 ^ -((step & 1) as i64));
        EventTime::from_nanos(self.clock)
    }

    fn wide(&mut self) -> u128 {
        self.take(16).iter().rev().fold(0, |value, byte| value << 8 | u128::from(*byte))
    }

    fn owner(&mut self) -> Option<TenantId> {
        match self.byte() {
            0 => Some(self.key.tenant),
            1 => Some(TenantId(Guid::from_u128(self.wide()))),
            _ => None,
        }
    }

    fn texts(&mut self) -> Vec<CompactString> {
        (0..self.number()).map(|_| self.text()).collect()
    }

    fn text(&mut self) -> CompactString {
        match self.number() {
            SAME => self.key.id.clone(),
            GUID => digits::guid_text(Guid::from_u128(self.wide())),
            form @ (HEX | SHA256) => {
                let count = self.number() as usize;
                digits::unpacked(if form == HEX { "" } else { "sha256:" }, self.take(count))
            }
            WORD => CompactString::const_new(WORDS.get(self.number() as usize).copied().unwrap_or_default()),
            length => CompactString::from_utf8_lossy(self.take((length - RAW) as usize)),
        }
    }
}
