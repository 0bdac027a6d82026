//! The final form: what is true of an incident whatever the order of arrival. Two runs over the same set of findings, links and
//! decisions write it byte for byte alike.
//!
//! It holds members, persons, edges, severity, guards, what people decided, and references as hashes of the smallest member key. It must not hold
//! what is history: sequence, change, id, redirects, founder, title, state, owner.

use super::to_bytes;
use caponier_model::{AccountKey, Edge, FindingKey, Incident, PersonView, Related};
use compact_str::CompactString;
use serde::Serialize;
use sha2::{Digest, Sha256};

#[derive(Serialize)]
struct Form {
    reference: String,
    severity: &'static str,
    tenants: Vec<String>,
    first_activity: String,
    last_activity: String,
    members: Vec<Member>,
    persons: Vec<Person>,
    edges: Vec<Pair>,
    more_edges: Vec<(&'static str, u32)>,
    related: Vec<(String, String, String)>,
    guards: Vec<(&'static str, u32)>,
    verdict: Option<bool>,
    decisions: Vec<String>,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    key: String,
    role: &'static str,
    severity: &'static str,
    first_activity: String,
    last_activity: String,
    accounts: Vec<String>,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Person {
    home: String,
    accounts: Vec<String>,
    links: Vec<Link>,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    account: String,
    home: String,
    state: &'static str,
    kinds: Vec<&'static str>,
    confidence: u32,
}

/// An edge without its direction: which end was the newer member is history.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    findings: [String; 2],
    reason: &'static str,
    values: Vec<(&'static str, String)>,
    confidence: u32,
    gap_seconds: i64,
    guards: Vec<String>,
}

/// The final form of an incident as one JSON object (`replay --final` writes one a line).
///
/// Every list is sorted here, so it does not depend on the order in which the incident holds its parts; the founder's
/// record is left out, since who founded the incident is history.
pub fn final_form(incident: &Incident) -> Vec<u8> {
    let keys: Vec<&FindingKey> = incident.findings.iter().map(|f| &f.key).collect();
    let mut more: Vec<_> = incident.more_edges.iter().map(|(kind, count)| (kind.code(), *count)).collect();
    more.sort_unstable();
    let mut tenants: Vec<_> = incident.tenants.iter().map(ToString::to_string).collect();
    tenants.sort_unstable();
    to_bytes(&Form {
        reference: reference(keys.into_iter().min()),
        severity: incident.severity.code(),
        tenants,
        first_activity: incident.first.to_string(),
        last_activity: incident.last.to_string(),
        members: sorted(incident.findings.iter().map(|f| Member {
            key: f.key.to_string(),
            role: f.role.code(),
            severity: f.severity.code(),
            first_activity: f.first.to_string(),
            last_activity: f.last.to_string(),
            accounts: names(f.accounts.iter()),
        })),
        persons: sorted(incident.persons.iter().map(person)),
        edges: sorted(incident.edges.iter().filter_map(pair)),
        more_edges: more,
        related: sorted(incident.related.iter().map(related)),
        guards: sorted(incident.guards.iter().map(|g| (g.guard, g.count))),
        verdict: incident.verdict,
        decisions: sorted(incident.decisions.iter().map(|d| d.id.to_string())),
    })
}

/// The digest of the final form: SHA-256 in lower-case hexadecimal.
pub fn digest(incident: &Incident) -> CompactString {
    hex(&Sha256::digest(final_form(incident)))
}

fn person(person: &PersonView) -> Person {
    Person {
        home: person.home.to_string(),
        accounts: names(person.accounts.iter().map(|a| &a.account)),
        links: sorted(person.links.iter().map(|l| {
            let mut kinds: Vec<_> = l.kinds.iter().map(|k| k.code()).collect();
            kinds.sort_unstable();
            Link {
                account: l.account.to_string(),
                home: l.home.to_string(),
                state: l.state.code(),
                kinds,
                confidence: l.confidence,
            }
        })),
    }
}

fn pair(edge: &Edge) -> Option<Pair> {
    let peer = edge.peer.as_ref()?;
    let mut findings = [edge.finding.to_string(), peer.to_string()];
    findings.sort_unstable();
    let first = edge.entity_value.as_ref().map(|v| (edge.entity_kind.map_or("", |k| k.code()), v.to_string()));
    let second = edge.second.as_ref().map(|(kind, v)| (kind.code(), v.to_string()));
    Some(Pair {
        findings,
        reason: edge.reason.code(),
        values: sorted(first.into_iter().chain(second)),
        confidence: edge.confidence,
        gap_seconds: edge.gap_seconds,
        guards: sorted(edge.guards.iter().map(ToString::to_string)),
    })
}

fn related(related: &Related) -> (String, String, String) {
    let (a, b) = &related.findings;
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    (related.reason.to_string(), reference(Some(low)), reference(Some(high)))
}

/// A name for an incident or a finding that does not depend on history: the hash of its (smallest) key.
fn reference(key: Option<&FindingKey>) -> String {
    key.map(|k| hex(&Sha256::digest(k.to_string()))[..32].to_owned()).unwrap_or_default()
}

fn names<'a>(accounts: impl Iterator<Item = &'a AccountKey>) -> Vec<String> {
    let mut out = sorted(accounts.map(ToString::to_string));
    out.dedup();
    out
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut out: Vec<T> = items.collect();
    out.sort_unstable();
    out
}

fn hex(bytes: &[u8]) -> CompactString {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = CompactString::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}
