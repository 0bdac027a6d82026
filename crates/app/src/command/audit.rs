//! `caponier identity audit`: foreign accounts by pair of tenants, for eyes, for programs and for spreadsheets.

use super::print;
use crate::cli::{Audit, AuditFormat};
use crate::config::Config;
use crate::decisions;
use crate::failure::{Exit, Failure};
use crate::profile::{indent, name, share, spaced};
use crate::sheet::{Field, csv_line, harmless, table};
use crate::story::wrap;
use crate::summary::grouped;
use crate::who::{LATEST, Scene, as_of};
use anstyle::Style;
use caponier_identity::Weighed;
use caponier_identity::audit::{Audited, Counts, Flag, Look, Outcome, PairAudit, audit, by_pair};
use caponier_ledger as ledger;
use caponier_model::{EventTime, EvidenceKind, RefusalReason, TenantId};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

const BOLD: Style = Style::new().bold();

/// Audits captures.
pub fn run(args: &Audit, config: Option<&Path>) -> Result<Exit, Failure> {
    let mut config = Config::load(config)?;
    let at = as_of(args.at.as_deref())?;
    decisions::heed(&args.decided, &mut config)?;
    let scene = Scene::learn(&config, &args.captures)?;
    if let Some(out) = args.out.as_ref().and_then(|out| out.canonicalize().ok())
        && (scene.files.contains(&out) || decisions::sources(&args.decided, &config).contains(&out))
    {
        return Err(Failure::Usage(format!("--out {} is also an input, which would be lost", out.display())));
    }
    let identities = &scene.identities;
    let weighed = Weighed { links: identities.links.clone(), refusals: identities.refusals.clone() };
    let audited = audit(&Look {
        rows: &scene.rows,
        facts: &identities.facts,
        testimony: &identities.testimony,
        weighed: &weighed,
        tenants: &identities.tenants,
        settings: &config.identity,
        at,
    });
    let sheet = Sheet { scene: &scene, at };
    let text = match (args.format, args.accounts) {
        (AuditFormat::Table, false) => sheet.pairs(by_pair(&audited), super::resolve::width()),
        (AuditFormat::Table, true) => sheet.accounts(&audited, super::resolve::width()),
        (AuditFormat::Json, accounts) => format!("{:#}\n", sheet.json(&audited, accounts)),
        (AuditFormat::Csv, false) => sheet.csv(|out| sheet.pairs_csv(out, &by_pair(&audited))),
        (AuditFormat::Csv, true) => sheet.csv(|out| sheet.accounts_csv(out, &audited)),
    };
    match &args.out {
        None => print(&text),
        Some(path) => {
            let plain = anstream::adapter::strip_str(&text).to_string();
            ledger::publish(path, |out| out.write_all(plain.as_bytes())).map_err(|e| Failure::Failed(e.to_string()))?;
            Ok(Exit::Done)
        }
    }
}

/// What it takes to write names for ids.
struct Sheet<'s> {
    scene: &'s Scene,
    at: EventTime,
}

impl Sheet<'_> {
    fn tenant(&self, id: Option<TenantId>) -> String {
        id.map_or_else(|| "no known home".to_owned(), |id| self.scene.tenant_name(id))
    }

    /// One block per pair: a line per sort of account, then by which evidence, why not, and what to look at.
    fn pairs(&self, mut pairs: Vec<PairAudit>, width: u16) -> String {
        let mut out = String::new();
        pairs.sort_by_key(|p| self.rank(p.resource, p.home));
        for pair in &pairs {
            let (home, resource) = (self.tenant(pair.home), self.tenant(Some(pair.resource)));
            let _ = writeln!(out, "{BOLD}{home} -> {resource}{BOLD:#}");
            let rows = pair.sorts.iter().map(|(sort, counts)| counted(&spaced(sort.code()), counts));
            let all = (pair.sorts.len() > 1).then(|| counted("all", &pair.all));
            let rows: Vec<_> = rows.chain(all).collect();
            let headings =
                ["kind", "accounts", "resolved", "possible", "conflict", "unresolved", "local", "orphan", "stale"];
            let right: Vec<bool> = (0..headings.len()).map(|i| i > 0).collect();
            let text = table(&headings.map(String::from), &rows, &right, None);
            indent(&mut out, &text);
            listed(&mut out, "  resolved by   ", pair.all.evidence.iter().map(|(k, n)| (k.code(), *n)), width);
            listed(&mut out, "  unresolved    ", pair.all.reasons.iter().map(|(r, n)| (r.code(), *n)), width);
            listed(&mut out, "  look at       ", look_at(&pair.all), width);
            out.push('\n');
        }
        if pairs.is_empty() {
            out.push_str("no account from another tenant was seen\n");
        }
        out
    }

    /// Pair by pair, two lines per account: what it is called, and what became of it.
    fn accounts(&self, audited: &[Audited], width: u16) -> String {
        let mut out = String::new();
        let mut sorted: Vec<&Audited> = audited.iter().collect();
        sorted.sort_by_key(|one| (self.rank(one.resource, one.home), one.sort, one.outcome, one.account));
        for pair in sorted.chunk_by(|a, b| (a.resource, a.home) == (b.resource, b.home)) {
            let (home, resource) = (self.tenant(pair[0].home), self.tenant(Some(pair[0].resource)));
            let _ = writeln!(out, "{BOLD}{home} -> {resource}{BOLD:#}");
            for one in pair {
                let _ = writeln!(out, "  {}", harmless(&name(self.scene, one.account, self.at)));
                wrap(&mut out, "    ", &self.became(one), width);
            }
            out.push('\n');
        }
        out
    }

    /// `external guest, resolved 0.97 by paired sign in: adele@contoso.com; look at: pending`.
    fn became(&self, one: &Audited) -> String {
        let mut text = format!("{}, {}", spaced(one.sort.code()), one.outcome.code());
        if let Some(link) = &one.link {
            let by = one.strongest.map_or(String::new(), |k| format!(" by {}", spaced(k.code())));
            let _ =
                write!(text, " {}{by}: {}", share(link.confidence), harmless(&name(self.scene, link.home, self.at)));
        }
        let list = |codes: Vec<&str>| spaced(&codes.join(", "));
        if !one.reasons.is_empty() {
            let _ = write!(text, "; {}", list(one.reasons.iter().map(|r| r.code()).collect()));
        }
        if !one.flags.is_empty() {
            let _ = write!(text, "; look at: {}", list(one.flags.iter().map(|f| f.code()).collect()));
        }
        text
    }

    /// The operator's tenants in the operator's order, strangers after them, those of no known home last.
    fn rank(&self, resource: TenantId, home: Option<TenantId>) -> (usize, bool, usize, Option<TenantId>) {
        let all = &self.scene.identities.tenants.all;
        let place = |id| all.iter().position(|t| t.id == id).unwrap_or(all.len());
        (place(resource), home.is_none(), home.map_or(0, place), home)
    }

    fn csv(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        // Memory takes what is written, and what is written is text.
        let _ = write(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    fn pairs_csv(&self, out: &mut dyn Write, pairs: &[PairAudit]) -> io::Result<()> {
        let evidence = EvidenceKind::ALL.map(|k| format!("resolved_by_{}", k.code()));
        let reasons = RefusalReason::ALL.map(|r| format!("unresolved_{}", r.code()));
        let flags = Flag::ALL.map(|f| f.code().to_owned());
        let headings = evidence.iter().chain(&reasons).chain(&flags).map(String::as_str);
        csv_line(out, PAIR_COLUMNS.iter().copied().chain(headings).map(Field::Plain))?;
        for pair in pairs {
            for (sort, counts) in &pair.sorts {
                let (home, resource) =
                    (pair.home.map_or(String::new(), |h| self.tenant(Some(h))), self.tenant(Some(pair.resource)));
                let (home_id, resource_id) =
                    (pair.home.map_or(String::new(), |h| h.to_string()), pair.resource.to_string());
                let mut numbers = vec![counts.accounts];
                numbers.extend(OUTCOMES.map(|o| counts.ended(o)));
                numbers.extend([counts.ambiguous, counts.orphan, counts.stale]);
                numbers.extend(EvidenceKind::ALL.map(|k| of(&counts.evidence, k)));
                numbers.extend(RefusalReason::ALL.map(|r| of(&counts.reasons, r)));
                numbers.extend(Flag::ALL.map(|f| of(&counts.flags, f)));
                let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
                let names =
                    [Field::Text(&home), Field::Plain(&home_id), Field::Text(&resource), Field::Plain(&resource_id)];
                let rest = [Field::Plain(sort.code())].into_iter().chain(numbers.iter().map(|n| Field::Plain(n)));
                csv_line(out, names.into_iter().chain(rest))?;
            }
        }
        Ok(())
    }

    fn accounts_csv(&self, out: &mut dyn Write, audited: &[Audited]) -> io::Result<()> {
        csv_line(out, ACCOUNT_COLUMNS.iter().copied().map(Field::Plain))?;
        for one in audited {
            let facts = one.facts.as_ref();
            let link = one.link.as_ref();
            let (resource, home) =
                (self.tenant(Some(one.resource)), one.home.map_or(String::new(), |h| self.tenant(Some(h))));
            let plain = |text: Option<String>| text.unwrap_or_default();
            let (resource_id, object_id) = (one.resource.to_string(), one.account.object.to_string());
            let enabled = plain(facts.and_then(|f| f.enabled).map(|e| e.to_string()));
            let home_id = plain(one.home.map(|h| h.to_string()));
            let home_object = plain(link.map(|l| l.home.object.to_string()));
            let home_name = plain(link.map(|l| name(self.scene, l.home, self.at)));
            let confidence = plain(link.map(|l| share(l.confidence)));
            let since = plain(link.filter(|l| l.from != EventTime::MIN).map(|l| l.from.to_string()));
            let evidence = plain(link.map(|l| joined(l.kinds.iter().map(|k| k.code()))));
            let (reasons, flags) =
                (joined(one.reasons.iter().map(|r| r.code())), joined(one.flags.iter().map(|f| f.code())));
            let account = name(self.scene, one.account, self.at);
            csv_line(
                out,
                [
                    Field::Text(&resource),
                    Field::Plain(&resource_id),
                    Field::Text(&account),
                    Field::Text(facts.and_then(|f| f.display.as_deref()).unwrap_or_default()),
                    Field::Plain(&object_id),
                    Field::Plain(one.sort.code()),
                    Field::Plain(&enabled),
                    Field::Text(&home),
                    Field::Plain(&home_id),
                    Field::Text(&home_name),
                    Field::Plain(&home_object),
                    Field::Plain(one.outcome.code()),
                    Field::Plain(&confidence),
                    Field::Plain(&since),
                    Field::Plain(one.strongest.map_or("", |k| k.code())),
                    Field::Plain(&evidence),
                    Field::Plain(&reasons),
                    Field::Plain(&flags),
                ],
            )?;
        }
        Ok(())
    }

    fn json(&self, audited: &[Audited], accounts: bool) -> Value {
        let tenant = |id: TenantId| json!({"id": id.to_string(), "name": self.scene.tenant_name(id)});
        let at = (self.at != LATEST).then(|| self.at.to_string());
        if !accounts {
            let pairs = by_pair(audited);
            let pairs = pairs.iter().map(|p| {
                let kinds: Map<String, Value> = p.sorts.iter().map(|(s, c)| (s.code().to_owned(), numbers(c))).collect();
                json!({"home": p.home.map(tenant), "resource": tenant(p.resource), "all": numbers(&p.all), "by_kind": kinds})
            });
            return json!({"at": at, "pairs": pairs.collect::<Vec<_>>()});
        }
        let accounts = audited.iter().map(|one| {
            let facts = one.facts.as_ref();
            let link = one.link.as_ref().map(|l| {
                json!({
                    "home": {"tenant": l.home.tenant.to_string(), "object_id": l.home.object.to_string(), "name": name(self.scene, l.home, self.at)},
                    "state": l.state.code(), "confidence": f64::from(l.confidence) / 1e6,
                    "kinds": l.kinds.iter().map(|k| k.code()).collect::<Vec<_>>(),
                    "from": (l.from != EventTime::MIN).then(|| l.from.to_string()),
                    "until": (l.until != EventTime::MAX).then(|| l.until.to_string()),
                })
            });
            json!({
                "resource": tenant(one.resource), "home": one.home.map(tenant),
                "account": {"tenant": one.account.tenant.to_string(), "object_id": one.account.object.to_string()},
                "upn": facts.and_then(|f| f.upn.as_deref()), "display_name": facts.and_then(|f| f.display.as_deref()),
                "kind": one.sort.code(), "enabled": facts.and_then(|f| f.enabled), "state": one.outcome.code(), "link": link,
                "strongest_evidence": one.strongest.map(EvidenceKind::code),
                "reasons": one.reasons.iter().map(|r| r.code()).collect::<Vec<_>>(),
                "flags": one.flags.iter().map(|f| f.code()).collect::<Vec<_>>(),
            })
        });
        json!({"at": at, "accounts": accounts.collect::<Vec<_>>()})
    }
}

const OUTCOMES: [Outcome; 5] =
    [Outcome::Resolved, Outcome::Possible, Outcome::Conflict, Outcome::Unresolved, Outcome::Local];

const PAIR_COLUMNS: [&str; 14] = [
    "home_tenant",
    "home_tenant_id",
    "resource_tenant",
    "resource_tenant_id",
    "kind",
    "accounts",
    "resolved",
    "possible",
    "conflict",
    "unresolved",
    "local",
    "ambiguous",
    "orphan",
    "stale",
];

const ACCOUNT_COLUMNS: [&str; 18] = [
    "resource_tenant",
    "resource_tenant_id",
    "account",
    "display_name",
    "object_id",
    "kind",
    "enabled",
    "home_tenant",
    "home_tenant_id",
    "home_account",
    "home_object_id",
    "state",
    "confidence",
    "linked_since",
    "strongest_evidence",
    "evidence",
    "reasons",
    "flags",
];

fn of<K: Ord>(counts: &BTreeMap<K, u64>, key: K) -> u64 {
    counts.get(&key).copied().unwrap_or_default()
}

fn joined<'a>(codes: impl Iterator<Item = &'a str>) -> String {
    codes.collect::<Vec<_>>().join(" ")
}

/// A line of counts; nothing is a dash, so that the eye finds what there is.
fn counted(what: &str, counts: &Counts) -> Vec<String> {
    let shown = |n: u64| if n == 0 { "-".to_owned() } else { grouped(n) };
    let ended = OUTCOMES.map(|o| shown(counts.ended(o)));
    let rest = [counts.orphan, counts.stale].map(shown);
    [what.to_owned(), shown(counts.accounts)].into_iter().chain(ended).chain(rest).collect()
}

/// Ambiguous accounts, and the flags.
fn look_at(counts: &Counts) -> impl Iterator<Item = (&'static str, u64)> {
    let ambiguous = (counts.ambiguous > 0).then_some(("ambiguous", counts.ambiguous));
    ambiguous.into_iter().chain(counts.flags.iter().map(|(f, n)| (f.code(), *n)))
}

/// `provisioning 12, paired sign in 3`, where there are any.
fn listed<'a>(out: &mut String, head: &str, counts: impl Iterator<Item = (&'a str, u64)>, width: u16) {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    if !counts.is_empty() {
        let words: Vec<_> = counts.iter().map(|(code, n)| format!("{} {}", spaced(code), grouped(*n))).collect();
        wrap(out, head, &words.join(", "), width);
    }
}

fn numbers(counts: &Counts) -> Value {
    let map = |pairs: Vec<(&str, u64)>| pairs.into_iter().map(|(k, n)| (k.to_owned(), json!(n))).collect::<Map<_, _>>();
    json!({
        "accounts": counts.accounts,
        "state": map(OUTCOMES.map(|o| (o.code(), counts.ended(o))).to_vec()),
        "ambiguous": counts.ambiguous, "orphan": counts.orphan, "stale": counts.stale,
        "resolved_by": map(counts.evidence.iter().map(|(k, n)| (k.code(), *n)).collect()),
        "unresolved": map(counts.reasons.iter().map(|(r, n)| (r.code(), *n)).collect()),
        "flags": map(counts.flags.iter().map(|(f, n)| (f.code(), *n)).collect()),
    })
}
