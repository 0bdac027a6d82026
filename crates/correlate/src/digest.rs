//! The digest of an incident's final form: a SHA-256 over a canonical encoding of what is true, history left out.

use crate::name::{hex, incident_id};
use caponier_model::{Edge, FindingKey, Incident, Related, TenantId, Text};
use compact_str::CompactString;
use sha2::{Digest, Sha256};

/// Feeds a hash with fields that cannot run into each other: every text and list is preceded by its length.
struct Canon(Sha256);

impl Canon {
    fn number(&mut self, value: impl Into<i128>) {
        self.0.update(value.into().to_be_bytes());
    }

    fn text(&mut self, value: &str) {
        self.0.update((value.len() as u64).to_be_bytes());
        self.0.update(value.as_bytes());
    }

    fn maybe(&mut self, value: Option<&str>) {
        self.number(u8::from(value.is_some()));
        self.text(value.unwrap_or_default());
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.0.update((items.len() as u64).to_be_bytes());
        for item in items {
            each(self, item);
        }
    }

    fn tenant(&mut self, tenant: TenantId) {
        self.0.update(tenant.0.as_u128().to_be_bytes());
    }

    fn key(&mut self, key: &FindingKey) {
        self.tenant(key.tenant);
        self.text(&key.product);
        self.text(&key.id);
    }

    fn template(&mut self, text: &Text) {
        self.text(&text.template);
        self.list(&text.params, |c, p| {
            c.text(&p.name);
            c.text(&p.value);
            c.maybe(p.kind.map(|k| k.code()));
            c.list(p.owner.as_slice(), |c, t| c.tenant(*t));
        });
    }

    fn edge(&mut self, edge: &Edge) {
        self.key(&edge.finding);
        self.list(edge.peer.as_slice(), |c, k| c.key(k));
        self.text(edge.membership.code());
        self.text(edge.reason.code());
        self.maybe(edge.entity_kind.map(|k| k.code()));
        self.maybe(edge.entity_value.as_deref());
        self.list(edge.second.as_slice(), |c, (kind, value)| {
            c.text(kind.code());
            c.text(value);
        });
        self.list(&edge.attributions, |c, a| {
            c.tenant(a.account.tenant);
            c.0.update(a.account.object.as_u128().to_be_bytes());
            c.list(&a.kinds, |c, k| c.text(k.code()));
            c.number(a.confidence);
        });
        self.number(edge.confidence);
        self.number(edge.gap_seconds);
        self.number(edge.window_seconds.unwrap_or(-1));
        self.list(&edge.guards, |c, g| c.text(g));
        self.list(edge.rule.as_slice(), |c, (rule, step)| {
            c.text(rule);
            c.text(step);
        });
        self.maybe(edge.decision.map(|d| d.to_string()).as_deref());
        self.template(&edge.sentence);
    }
}

/// The digest of an incident; `related` carries the smallest member key of each other incident.
pub(crate) fn digest(incident: &Incident, related: &[(Related, FindingKey)]) -> CompactString {
    let mut c = Canon(Sha256::new());
    c.text("caponier.final.1");
    c.number(incident.epoch);
    c.list(&incident.findings, |c, f| {
        c.key(&f.key);
        c.text(f.role.code());
        c.list(&f.sightings, |c, s| {
            c.text(s.format);
            c.text(&s.id);
            c.maybe(s.url.as_deref());
        });
        c.template(&f.title);
        c.text(f.severity.code());
        c.number(f.first.nanos());
        c.number(f.last.nanos());
        c.list(&f.accounts, |c, a| c.text(&a.to_string()));
    });
    c.list(&incident.edges, Canon::edge);
    c.list(&incident.more_edges, |c, (kind, n)| {
        c.text(kind.code());
        c.number(*n);
    });
    persons(&mut c, incident);
    c.list(&incident.entities, |c, (entity, tenants)| {
        c.text(entity.kind.code());
        c.text(&entity.value);
        c.tenant(entity.tenant);
        c.number(entity.role as u8);
        c.list(tenants, |c, t| c.tenant(*t));
    });
    c.list(&incident.tactics, |c, t| c.text(t));
    c.list(&incident.techniques, |c, t| c.text(t));
    c.text(incident.severity.code());
    c.text(incident.state.code());
    c.maybe(incident.status.as_deref());
    c.maybe(incident.owner.as_deref());
    c.number(incident.verdict.map_or(-1, i8::from));
    c.number(incident.score);
    c.list(&incident.guards, |c, g| {
        c.text(g.guard);
        c.number(g.count);
        c.template(&g.sentence);
    });
    c.list(&incident.decisions, |c, d| c.text(&d.id.to_string()));
    c.list(&incident.source_incidents, |c, k| {
        c.tenant(k.tenant);
        c.text(&k.provider);
        c.text(&k.id);
    });
    c.list(&incident.remediation, |c, r| {
        c.tenant(r.tenant);
        c.template(&r.action);
    });
    c.template(&incident.headline);
    let mut others: Vec<_> =
        related.iter().map(|(r, smallest)| (incident_id(incident.epoch, smallest), &r.reason, &r.findings)).collect();
    others.sort();
    c.list(&others, |c, (id, reason, findings)| {
        c.text(id);
        c.text(reason);
        c.key(&findings.0);
        c.key(&findings.1);
    });
    hex(&c.0.finalize())
}

fn persons(c: &mut Canon, incident: &Incident) {
    c.list(&incident.persons, |c, p| {
        c.text(&p.home.to_string());
        c.list(&p.accounts, |c, a| {
            c.text(&a.account.to_string());
            c.maybe(a.upn.as_deref());
            c.maybe(a.display.as_deref());
            c.text(a.kind.code());
        });
        c.list(&p.links, |c, l| {
            c.text(&l.account.to_string());
            c.text(&l.home.to_string());
            c.text(l.state.code());
            c.list(&l.kinds, |c, k| c.text(k.code()));
            c.number(l.confidence);
            c.list(&l.sources, |c, s| c.text(s));
        });
    });
}
