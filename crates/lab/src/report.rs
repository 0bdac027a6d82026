//! Writes findings by each of their roads, the source incidents that group one tenant's half, and the raw records that an
//! attack leaves beside its alerts.

use crate::attack::{Attack, AttackSide, Trace};
use crate::book::Book;
use crate::cast::Cast;
use crate::day::{Hour, put};
use crate::evidence::role_grant;
use crate::finding::{Finding, Product, Thing};
use crate::random::Random;
use crate::record::incident::{self, Incident};
use crate::record::sign_in::{AMSTERDAM, APPS, SignIn};
use crate::record::{alert, audit, graph_alert, risk, stream_alert};
use caponier_model::{EventTime, Severity};
use std::collections::BTreeMap;

/// Writes a finding by each of its roads.
pub fn finding(finding: &Finding, cast: &Cast, book: &mut Book<'_>) {
    let tenant = cast.tenants[finding.tenant].id;
    if finding.product == Product::Idp {
        detection(finding, cast, book);
    }
    if finding.roads.sentinel {
        book.put(&alert::TABLE, tenant, finding.last, |at| alert::row(finding, cast, at));
    }
    if finding.roads.stream {
        book.put(&stream_alert::INFO, tenant, finding.last, |at| stream_alert::info(finding, cast, at));
        for thing in &finding.things {
            book.put(&stream_alert::EVIDENCE, tenant, finding.last, |at| {
                stream_alert::evidence(finding, thing, cast, at)
            });
        }
    }
    if finding.roads.graph {
        book.put(&graph_alert::TABLE, tenant, finding.last, |at| graph_alert::alert(finding, cast, at));
    }
}

fn detection(finding: &Finding, cast: &Cast, book: &mut Book<'_>) {
    let account = finding.things.iter().find_map(|t| match t {
        Thing::Account(account, _) => Some(account),
        _ => None,
    });
    let address = finding.things.iter().find_map(|t| match t {
        Thing::Address(address) => Some(address.as_str()),
        _ => None,
    });
    let Some(account) = account else { return };
    let detection = risk::Detection {
        account,
        upn: &account.upn,
        id: &finding.id,
        request: finding.system_alert,
        kind: finding.detector,
        level: match finding.severity {
            Severity::High | Severity::Critical => "high",
            Severity::Medium => "medium",
            _ => "low",
        },
        address: address.unwrap_or_default(),
        activity: finding.first,
        detected: finding.last,
        techniques: finding.techniques,
        state: "atRisk",
    };
    let tenant = cast.tenants[finding.tenant].id;
    book.put(&risk::DETECTIONS, tenant, finding.last, |at| detection.diagnostic(at));
    book.put(&risk::USERS, tenant, finding.last, |at| detection.risky_user(at));
}

/// Source incidents by the time they are made: of each attack and tenant with two alerts or more in Sentinel, and of single
/// alerts of some weight elsewhere. Each is of one tenant: no source sees across.
pub fn incidents<'a>(attacks: &'a [Attack], noise: &'a [Finding], random: &mut Random) -> Vec<(usize, Incident<'a>)> {
    let mut out = Vec::new();
    let mut add = |tenant: usize, alerts: Vec<&'a Finding>, random: &mut Random| {
        let Some(last) = alerts.iter().map(|a| a.last).max() else { return };
        out.push((tenant, Incident { name: random.guid(), number: 0, alerts, created: last.plus_seconds(1200) }));
    };
    for attack in attacks {
        let mut by_tenant: BTreeMap<usize, Vec<&Finding>> = BTreeMap::new();
        for finding in attack.findings.iter().filter(|f| f.roads.sentinel) {
            by_tenant.entry(finding.tenant).or_default().push(finding);
        }
        for (tenant, alerts) in by_tenant {
            add(tenant, alerts, random);
        }
    }
    for finding in noise.iter().filter(|f| f.roads.sentinel && f.severity >= Severity::Medium) {
        if random.chance(500) {
            add(finding.tenant, vec![finding], random);
        }
    }
    out.sort_by_key(|(_, i)| (i.created, i.name));
    let mut numbers: BTreeMap<usize, u32> = BTreeMap::new();
    for (tenant, incident) in &mut out {
        let number = numbers.entry(*tenant).or_insert(6200);
        *number += 1;
        incident.number = *number;
    }
    out
}

/// Writes an incident's two versions: made, and taken on by somebody.
pub fn incident(tenant: usize, incident: &Incident<'_>, cast: &Cast, book: &mut Book<'_>, random: &mut Random) {
    let log = &cast.tenants[tenant];
    let created = incident.created;
    book.put(&incident::TABLE, log.id, created, |at| incident.row(log, None, created, at));
    if random.chance(600) {
        let taken = created.plus_seconds(random.range(300, 7200));
        let owner = cast.administrator(tenant, random).upn.as_str();
        book.put(&incident::TABLE, log.id, taken, |at| incident.row(log, Some(owner), taken, at));
    }
}

/// The raw records of an attack that fall into the hour.
pub fn traces(attack: &Attack, hour: &Hour<'_>, ends: EventTime, book: &mut Book<'_>, random: &mut Random) {
    for (at, side, trace) in attack.traces.iter().filter(|(at, ..)| *at >= hour.begins && *at < ends) {
        let cast = hour.cast;
        let satellite = &cast.satellites[attack.satellite];
        match (trace, side) {
            (Trace::None, _) => {}
            (Trace::SignIn, AttackSide::Home) => risky_at_home(attack, hour, *at, book, random),
            (Trace::SignIn, AttackSide::Resource) => {
                hour.abroad(satellite, *at, Some(("medium", &attack.exit)), book, random);
            }
            (Trace::Role, _) => {
                // To a member of this tenant who appears in nothing else, so that the grant joins no two attacks.
                let natives = &cast.tenants[satellite.resource].natives;
                let to = &natives
                    [attack.number as usize % cast.tenants[satellite.resource].first_service.min(natives.len())];
                let row = role_grant(cast, satellite, to, &attack.exit, *at, random);
                book.put(&audit::TABLE, row.tenant, *at, |envelope| row.diagnostic(envelope));
            }
            (Trace::Activity, _) => hour.operation(satellite, *at, 1, Some(&attack.exit), book, random),
            (Trace::Logon, side) => {
                hour.logon(attack.machine(cast, *side), attack.account(cast, *side), *at, book, random);
            }
        }
    }
}

fn risky_at_home(attack: &Attack, hour: &Hour<'_>, at: EventTime, book: &mut Book<'_>, random: &mut Random) {
    let home = hour.cast.tenants[0].id;
    let account = &hour.cast.people[attack.person].account;
    let row = SignIn {
        log: home,
        home,
        resource: home,
        object: account.key.object,
        name: &account.upn,
        display: &account.display,
        user_type: "Member",
        time: at,
        id: random.guid(),
        correlation: random.guid(),
        app: *random.pick(&APPS),
        address: &attack.exit,
        place: AMSTERDAM,
        machine: None,
        interactive: true,
        error: 0,
        risk: Some(("medium", "unfamiliarFeatures")),
        through: None,
        single_factor: false,
        session: None,
    };
    put(hour.cast, 0, &row, book);
}
