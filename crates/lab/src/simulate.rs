//! The simulation from top to bottom: cast, attacks, noise; then hour by hour what each log would hold.

use crate::attack::{self, Attack};
use crate::book::Book;
use crate::cast::{self, Cast};
use crate::config;
use crate::day::Hour;
use crate::finding::{Finding, Product, Thing};
use crate::noise;
use crate::output::Output;
use crate::plan::{HOUR, LabError, Plan, Written};
use crate::random::Random;
use crate::record::{alert, directory, risk};
use crate::truth;
use caponier_model::Severity;

/// Writes exports, directory snapshots, configuration and truth of `plan` to `out`.
///
/// Files: `captures/…` is what `replay` reads, `truth.ndjson` what `score` compares with, `caponier.toml` the tenants.
/// The same plan writes the same bytes.
///
/// # Errors
/// [`LabError::Plan`] for a plan that cannot be simulated, [`LabError::Io`] for a file that cannot be written.
pub fn simulate(plan: &Plan, out: &mut dyn Output) -> Result<Written, LabError> {
    plan.check()?;
    let cast = cast::build(plan);
    let attacks = attack::draw(plan, &cast);
    let mut findings: Vec<&Finding> = Vec::new();
    let noise = noise::draw(plan, &cast, &attacks);
    findings.extend(attacks.iter().flat_map(|a| &a.findings).chain(&noise));
    // By time, then by what is unique: the order of drawing leaves no mark on the files.
    findings.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
    let mut book = Book::new(plan, out);
    book.file("caponier.toml", config::text(&cast).as_bytes())?;
    directories(&cast, &mut book)?;
    truths(plan, &cast, &attacks, &findings, &mut book)?;
    let mut life = Random::new(plan.seed, "life");
    let mut due = findings.iter().peekable();
    for index in 0..plan.hours() {
        let begins = plan.start.plus_seconds(index * HOUR);
        let ends = begins.plus_seconds(HOUR);
        let hour = Hour { plan, cast: &cast, begins, index };
        hour.sign_ins(&mut book, &mut life);
        while let Some(finding) = due.next_if(|f| f.first < ends) {
            report(finding, &cast, &mut book);
        }
        book.close(ends)?;
    }
    book.close(caponier_model::EventTime::MAX)?;
    book.written.findings = findings.len() as u64;
    book.written.attacks = attacks.len() as u64;
    Ok(book.written)
}

/// Writes a finding by each of its roads.
fn report(finding: &Finding, cast: &Cast, book: &mut Book<'_>) {
    let tenant = cast.tenants[finding.tenant].id;
    if finding.product == Product::Idp {
        detection(finding, cast, book);
    }
    if finding.roads.sentinel {
        book.put(&alert::TABLE, tenant, finding.last, |at| alert::row(finding, cast, at));
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
    };
    let tenant = cast.tenants[finding.tenant].id;
    book.put(&risk::DETECTIONS, tenant, finding.last, |at| detection.diagnostic(at));
    book.put(&risk::USERS, tenant, finding.last, |at| detection.risky_user(at));
}

fn directories(cast: &Cast, book: &mut Book<'_>) -> Result<(), LabError> {
    for (index, tenant) in cast.tenants.iter().enumerate() {
        let mut rows: Vec<String> = tenant.natives.iter().map(|a| directory::member(a, tenant)).collect();
        if index == 0 {
            rows.extend(cast.people.iter().map(|p| directory::member(&p.account, tenant)));
        }
        let here = cast.satellites.iter().filter(|s| s.account.tenant == index && index > 0);
        rows.extend(here.map(|s| directory::satellite(s, tenant)));
        book.written.records += rows.len() as u64;
        let text = format!("{}{}{}", directory::OPEN, rows.join(","), directory::CLOSE);
        book.file(&directory::path(tenant), text.as_bytes())?;
    }
    Ok(())
}

fn truths(
    plan: &Plan,
    cast: &Cast,
    attacks: &[Attack],
    findings: &[&Finding],
    book: &mut Book<'_>,
) -> Result<(), LabError> {
    let mut text = truth::plan(plan);
    text.push('\n');
    let lines = attacks
        .iter()
        .map(|a| truth::attack(a, cast))
        .chain(cast.satellites.iter().map(|s| truth::link(s, cast)))
        .chain(findings.iter().map(|f| truth::finding(f, cast)));
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    book.file("truth.ndjson", text.as_bytes())
}
