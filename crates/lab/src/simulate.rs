//! The simulation from top to bottom: cast, attacks, noise; then hour by hour what each log would hold.

use crate::attack::{self, Attack};
use crate::book::Book;
use crate::cast::{self, Account, Application, Cast};
use crate::config;
use crate::day::Hour;
use crate::finding::Finding;
use crate::herring::{self, Planted};
use crate::noise;
use crate::output::Output;
use crate::plan::{HOUR, LabError, Plan, Written};
use crate::random::Random;
use crate::record::{device, directory, principal};
use crate::report;
use crate::stage::{self, Stage};
use crate::truth;

/// Writes exports, directory snapshots, configuration and truth of `plan` to `out`.
///
/// Files: `captures/…` is what `replay` reads, `truth.ndjson` what `score` compares with, `caponier.toml` the tenants, and where
/// red herrings want them `decisions.ndjson`, what analysts said meanwhile.
/// The same plan writes the same bytes.
///
/// # Errors
/// [`LabError::Plan`] for a plan that cannot be simulated, [`LabError::Io`] for a file that cannot be written.
pub fn simulate(plan: &Plan, out: &mut dyn Output) -> Result<Written, LabError> {
    plan.check()?;
    let cast = cast::build(plan);
    let mut attacks = attack::draw(plan, &cast);
    let plants = herring::plant(plan, &cast, &mut attacks);
    let stage = stage::stage(plan, &cast)?;
    let mut findings: Vec<&Finding> = Vec::new();
    let mut noise = noise::draw(plan, &cast, &attacks);
    noise.extend_from_slice(&plants.findings);
    findings.extend(attacks.iter().flat_map(|a| &a.findings).chain(&noise));
    // By time, then by what is unique: the order of drawing leaves no mark on the files.
    findings.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
    let mut book = Book::new(plan, out);
    book.file("caponier.toml", config::text(&cast, &plants.shared).as_bytes())?;
    directories(&cast, &plants.accounts, &stage, &mut book)?;
    truths(plan, &cast, (&attacks, &plants.herrings), (&findings, &stage), &mut book)?;
    decisions(&cast, &attacks, &plants.herrings, &mut book)?;
    let (mut life, mut rare) = (Random::new(plan.seed, "life"), Random::new(plan.seed, "rare"));
    stage.write(plan.seed, &cast, &mut book);
    let incidents = report::incidents(&attacks, &noise, &mut life);
    let mut due = findings.iter().peekable();
    let mut made = incidents.iter().peekable();
    for index in 0..plan.hours() {
        let begins = plan.start.plus_seconds(index * HOUR);
        let ends = begins.plus_seconds(HOUR);
        let hour = Hour { plan, cast: &cast, begins, index };
        hour.sign_ins(&mut book, &mut life);
        hour.records(&mut book, &mut life);
        hour.rare(&mut book, &mut rare);
        attacks.iter().for_each(|a| report::traces(a, &hour, ends, &mut book, &mut life));
        while let Some(finding) = due.next_if(|f| f.first < ends) {
            report::finding(finding, &cast, &mut book);
        }
        while let Some((tenant, incident)) = made.next_if(|(_, i)| i.created < ends) {
            report::incident(*tenant, incident, &cast, &mut book, &mut life);
        }
        book.close(ends)?;
    }
    // Incidents made of the last hour's alerts come after it.
    for (tenant, incident) in made {
        report::incident(*tenant, incident, &cast, &mut book, &mut life);
    }
    book.close(caponier_model::EventTime::MAX)?;
    book.written.findings = findings.len() as u64;
    book.written.attacks = attacks.len() as u64;
    Ok(book.written)
}

/// What analysts decided; no file where nobody did.
fn decisions(cast: &Cast, attacks: &[Attack], herrings: &[Planted], book: &mut Book<'_>) -> Result<(), LabError> {
    let lines: Vec<String> = herrings.iter().flat_map(|h| truth::verdicts(h, attacks, cast)).collect();
    if lines.is_empty() {
        return Ok(());
    }
    book.file("decisions.ndjson", (lines.join("\n") + "\n").as_bytes())
}

fn directories(cast: &Cast, invented: &[Account], stage: &Stage, book: &mut Book<'_>) -> Result<(), LabError> {
    for (index, tenant) in cast.tenants.iter().enumerate() {
        let mut rows: Vec<String> = tenant.natives.iter().map(|a| directory::member(a, tenant)).collect();
        rows.extend(invented.iter().filter(|a| a.tenant == index).map(|a| directory::member(a, tenant)));
        if index == 0 {
            rows.extend(cast.people.iter().map(|p| directory::member(&p.account, tenant)));
        }
        let here = cast.satellites.iter().filter(|s| s.account.tenant == index && index > 0);
        rows.extend(here.map(|s| directory::satellite(s, tenant)));
        let specials = cast.specials.iter().filter(|s| s.account.tenant == index && index > 0);
        rows.extend(specials.map(|s| directory::special(s, tenant)));
        let newcomers = cast.specials.iter().filter_map(|s| s.newcomer.as_ref()).filter(|n| n.tenant == index);
        rows.extend(newcomers.map(|n| directory::member(n, tenant)));
        rows.extend(stage.rows(index, tenant));
        book.written.records += rows.len() as u64;
        let text = format!("{}{}{}", directory::OPEN, rows.join(","), directory::CLOSE);
        book.file(&directory::path(tenant), text.as_bytes())?;
        let made = cast.start.plus_seconds(-400 * 24 * HOUR);
        let objects =
            |a: &Application| a.objects.iter().find(|(t, _)| *t == index).map(|(_, o)| principal::row(a, *o, made));
        let rows: Vec<String> = cast.applications.iter().filter_map(objects).collect();
        book.written.records += rows.len() as u64;
        let text = format!("{}{}{}", principal::OPEN, rows.join(","), directory::CLOSE);
        book.file(&principal::path(tenant), text.as_bytes())?;
        let people = cast.people.iter().map(|p| &p.machine).filter(|m| m.tenant == index);
        let rows: Vec<String> = people.chain(&tenant.servers).map(|m| device::graph(m, cast.start)).collect();
        book.written.records += rows.len() as u64;
        let text = format!("{}{}{}", device::OPEN, rows.join(","), directory::CLOSE);
        book.file(&device::path(tenant), text.as_bytes())?;
    }
    Ok(())
}

fn truths(
    plan: &Plan,
    cast: &Cast,
    (attacks, herrings): (&[Attack], &[Planted]),
    (findings, stage): (&[&Finding], &Stage),
    book: &mut Book<'_>,
) -> Result<(), LabError> {
    let mut text = truth::plan(plan);
    text.push('\n');
    let lines = attacks
        .iter()
        .map(|a| truth::attack(a, cast))
        .chain(herrings.iter().map(|h| truth::herring(h, cast)))
        .chain(cast.satellites.iter().map(|s| truth::link(s, cast)))
        .chain(cast.specials.iter().flat_map(truth::special))
        .chain(cast.applications.iter().flat_map(|a| truth::principals(a, cast)))
        .chain(findings.iter().map(|f| truth::finding(f, cast)))
        .chain(stage.truth());
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    book.file("truth.ndjson", text.as_bytes())
}
