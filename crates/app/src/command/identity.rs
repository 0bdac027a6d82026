//! `caponier identity`: what people state of accounts, recorded in the ledger; the audit has a file of its own.

use super::{audit, print};
use crate::cli::{Couple, IdentityAction, Statements, Stating};
use crate::config::Config;
use crate::decisions::{self, check};
use crate::failure::{Exit, Failure, failed};
use crate::profile::{clock, name, span, verdict};
use crate::sheet::harmless;
use crate::story::wrap;
use crate::who::{self, LATEST, Scene};
use anstyle::Style;
use caponier_identity::spoken;
use caponier_ledger::Ledger;
use caponier_model::{
    AccountKey, EventTime, Guid, Link, MergePolicy, Pair, Persons, Statement, TenantId, TenantRole, Tenants, Verdict,
};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Runs what was asked of identities.
pub fn run(action: IdentityAction, config: Option<&Path>) -> Result<Exit, Failure> {
    match action {
        IdentityAction::Audit(args) => audit::run(&args, config),
        IdentityAction::Link(args) => state(&args.stating, args.ledger, Verdict::Same, config),
        IdentityAction::Unlink(args) => state(&args.stating, args.ledger, Verdict::Different, config),
        IdentityAction::Withdraw(args) => state(&always(args.couple), args.ledger, Verdict::Withdrawn, config),
        IdentityAction::Statements(args) => list(&args, config),
    }
}

/// What holds for ever.
pub const fn always(couple: Couple) -> Stating {
    Stating { couple, from: None, until: None }
}

/// A statement that is to be made.
pub struct Made {
    /// It.
    pub statement: Statement,
    /// What the captures show, where any were named.
    pub before: Option<Scene>,
}

/// The statement that the arguments make, after those that `config` knows; words where it stands already.
///
/// # Errors
/// It is one that nobody may make, or would never be heeded.
pub fn made(args: &Stating, verdict: Verdict, config: &Config) -> Result<Result<Made, String>, Failure> {
    let captures = &args.couple.captures;
    let before = if captures.is_empty() { None } else { Some(Scene::learn(config, captures)?) };
    let mut statement = statement(args, verdict, config, before.as_ref())?;
    check(&statement).map_err(Failure::Usage)?;
    check_pair(&statement, config)?;
    let last = last_word(&statement, config);
    if let Some(told) = refuse_repeat(&statement, last)? {
        return Ok(Err(told));
    }
    // Of what is said of one couple the last holds: also where a clock was set back in between.
    statement.at =
        statement.at.max(last.map_or(EventTime::MIN, |l| EventTime::from_nanos(l.at.nanos().saturating_add(1))));
    Ok(Ok(Made { statement, before }))
}

/// Records one statement and tells what it changes.
fn state(args: &Stating, ledger: Option<PathBuf>, verdict: Verdict, config: Option<&Path>) -> Result<Exit, Failure> {
    let mut config = Config::load(config)?;
    let path = ledger.unwrap_or_else(|| PathBuf::from(config.ledger.as_str()));
    if path.exists() {
        config.decisions = decisions::recorded(&path)?;
    }
    let Made { statement, before } = match made(args, verdict, &config)? {
        Ok(made) => made,
        Err(stands) => return print(&stands),
    };
    config.decisions.push(statement.clone());
    let after = before.as_ref().map(|scene| scene.again(&config)).transpose()?;
    let number =
        Ledger::open(&path).and_then(|mut l| l.record(&statement)).map_err(|e| Failure::Failed(e.to_string()))?;
    let mut out = format!("recorded as decision {number} in {}\n", path.display());
    out += &words(&statement, &config, before.as_ref());
    if let (Some(before), Some(after)) = (before, after) {
        for (when, scene) in [("before", before), ("after", after)] {
            for (i, line) in stands(&scene, &statement).into_iter().enumerate() {
                wrap(&mut out, &format!("{:<9}", if i == 0 { when } else { "" }), &line, super::resolve::width());
            }
        }
    }
    print(&out)
}

/// The statement that the arguments make, said now.
fn statement(args: &Stating, verdict: Verdict, config: &Config, scene: Option<&Scene>) -> Result<Statement, Failure> {
    let Couple { tenant, account, home, author, reason, .. } = &args.couple;
    let [home_tenant, home_account] = &home[..] else {
        return Err(Failure::Usage("--home takes two words: the tenant and the account".into()));
    };
    let bound = |flag, text: &Option<String>, open| text.as_deref().map_or(Ok(open), |t| who::time(flag, t));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Statement {
        account: account_of(tenant, account, config, scene)?,
        home: account_of(home_tenant, home_account, config, scene)?,
        at: EventTime::from_nanos(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)),
        verdict,
        author: author.trim().into(),
        reason: reason.trim().into(),
        from: bound("--from", &args.from, EventTime::MIN)?,
        until: bound("--until", &args.until, EventTime::MAX)?,
    })
}

fn account_of(tenant: &str, account: &str, config: &Config, scene: Option<&Scene>) -> Result<AccountKey, Failure> {
    if let Some(scene) = scene {
        let tenant = scene.tenant(tenant)?;
        return scene.account(account, tenant, LATEST);
    }
    let tenant = match TenantId::parse(tenant) {
        Some(id) if !config.configured => id,
        None if !config.configured => {
            let told = format!("without --config or --captures {tenant:?} means nothing; name the tenant by its id");
            return Err(Failure::Usage(told));
        }
        _ => who::tenant(tenant, &config.tenants)?,
    };
    let object = Guid::parse(account).filter(|o| *o != Guid::ZERO).ok_or_else(|| {
        Failure::Usage(format!(
            "{account:?} is no object id; add --captures PATH to find an account by UPN, mail or SID"
        ))
    })?;
    Ok(AccountKey { tenant, object })
}

/// A link where links may not run would be recorded and never heeded.
fn check_pair(statement: &Statement, config: &Config) -> Result<(), Failure> {
    let pair = Pair { home: statement.home.tenant, resource: statement.account.tenant };
    if statement.verdict != Verdict::Same || config.identity.scale(pair).is_some() {
        return Ok(());
    }
    let (home, resource) = (config.tenants.name(pair.home), config.tenants.name(pair.resource));
    let back = Pair { home: pair.resource, resource: pair.home };
    let turned = if config.identity.scale(back).is_some() {
        format!("; the other way round they may: is the account in {home} the guest?")
    } else {
        String::new()
    };
    Err(Failure::Usage(format!("links may not run from {home} to {resource}: [[pair]] says \"forbid\"{turned}")))
}

/// The last word about the two accounts, whichever of them was called the home, withdrawn or not.
fn last_word<'c>(statement: &Statement, config: &'c Config) -> Option<&'c Statement> {
    let couple = |s: &Statement| (s.account.min(s.home), s.account.max(s.home));
    let all = config.twins.iter().chain(&config.decisions).filter(|s| couple(s) == couple(statement));
    all.max_by_key(|s| (s.at, s.verdict, *s))
}

/// Words where nothing needs to be recorded.
fn refuse_repeat(statement: &Statement, last: Option<&Statement>) -> Result<Option<String>, Failure> {
    let standing = last.filter(|l| l.verdict != Verdict::Withdrawn);
    if statement.verdict == Verdict::Withdrawn && standing.is_none() {
        return Err(Failure::Usage(
            "nothing stands about these two accounts, so there is nothing to withdraw; see: caponier identity statements".into(),
        ));
    }
    let same = |l: &Statement| {
        (l.verdict, l.account, l.home, l.from, l.until)
            == (statement.verdict, statement.account, statement.home, statement.from, statement.until)
    };
    Ok(standing.filter(|l| same(l)).map(|l| {
        let on = if l.at == EventTime::MIN { String::new() } else { format!(" on {} UTC", clock(l.at)) };
        format!("this already stands, said by {}{on} ({}); nothing was recorded\n", l.author, l.reason)
    }))
}

/// What was said, for who said it.
pub fn words(said: &Statement, config: &Config, scene: Option<&Scene>) -> String {
    let mut out = String::new();
    let tenants = scene.map_or(&config.tenants, |s| &s.identities.tenants);
    let called = |key: AccountKey| {
        let upn = scene.map(|s| name(s, key, LATEST)).filter(|n| *n != key.object.to_string());
        let upn = upn.map_or(String::new(), |n| format!("{}, ", harmless(&n)));
        format!("{upn}{} in {}", key.object, tenants.name(key.tenant))
    };
    let _ = writeln!(out, "{BOLD}account{BOLD:#}  {}", called(said.account));
    let _ = writeln!(out, "{BOLD}{:<9}{BOLD:#}{}", relation(said.verdict), called(said.home));
    let _ = writeln!(out, "{BOLD}said by{BOLD:#}  {} on {} UTC: {}", said.author, clock(said.at), said.reason);
    if said.verdict != Verdict::Withdrawn {
        let _ = writeln!(out, "{BOLD}holds{BOLD:#}    {}", span(said.from, said.until));
    }
    let pair = Pair { home: said.home.tenant, resource: said.account.tenant };
    if said.verdict == Verdict::Same && is_upside_down(pair, tenants) {
        let (home, resource) = (tenants.name(pair.home), tenants.name(pair.resource));
        let _ = writeln!(
            out,
            "{DIM}note     {resource} is primary and {home} is not: was it meant the other way round?{DIM:#}"
        );
    }
    if said.verdict == Verdict::Same && config.policy.of(pair) == MergePolicy::Suggest {
        let _ = writeln!(
            out,
            "{DIM}note     the pair is \"suggest\": incidents of the two are shown as related, not merged{DIM:#}"
        );
    }
    out
}

/// People are at home in a primary tenant: a link out of one is more often a slip than meant.
fn is_upside_down(pair: Pair, tenants: &Tenants) -> bool {
    let role = |id| tenants.get(id).map(|t| t.role);
    (role(pair.home), role(pair.resource)) == (Some(TenantRole::Secondary), Some(TenantRole::Primary))
}

const fn relation(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Same => "is",
        Verdict::Different => "is not",
        Verdict::Withdrawn => "and",
    }
}

/// Who the account is, a line for each answer.
fn stands(scene: &Scene, statement: &Statement) -> Vec<String> {
    let binding = scene.index.bind(statement.account, LATEST);
    let line = |link: &Link| format!("{}: {}", harmless(&name(scene, link.home, LATEST)), verdict(link));
    if let Some(link) = &binding.via {
        return vec![line(link)];
    }
    let mut words = vec!["nobody else: no accepted link".to_owned()];
    words.extend(binding.possible.iter().map(line));
    words
}

/// What was stated, in the order of recording.
fn list(args: &Statements, config: Option<&Path>) -> Result<Exit, Failure> {
    let config = Config::load(config)?;
    let path = args.ledger.clone().unwrap_or_else(|| PathBuf::from(config.ledger.as_str()));
    let ledger = Ledger::read(&path).map_err(|e| Failure::Usage(e.to_string()))?;
    let recorded = ledger.statements().map_err(|e| failed("cannot list the statements", e))?;
    let mut out = String::new();
    if args.json {
        return print(&recorded.iter().map(|r| decisions::line(&r.statement) + "\n").collect::<String>());
    }
    let all: Vec<Statement> = recorded.iter().map(|r| r.statement.clone()).collect();
    let standing = spoken(&all);
    if recorded.is_empty() {
        out.push_str("nothing was stated\n");
    }
    for r in &recorded {
        let said = &r.statement;
        let (stands, style) = if standing.contains(said) { ("stands", BOLD) } else { ("no longer stands", DIM) };
        let what = match said.verdict {
            Verdict::Same => "one person",
            Verdict::Different => "two people",
            Verdict::Withdrawn => "withdrawn",
        };
        let mark = if said.verdict == Verdict::Withdrawn { "" } else { stands };
        let _ = writeln!(out, "{style}{:>4}  {what:<11} {}  {mark}{style:#}", r.seq, clock(said.at));
        let account = called(&config.tenants, said.account);
        let home = called(&config.tenants, said.home);
        let _ = writeln!(out, "      {account}\n      {:<6} {home}", relation(said.verdict));
        wrap(&mut out, "      ", &harmless(&format!("{}: {}", said.author, said.reason)), super::resolve::width());
        if (said.from, said.until) != (EventTime::MIN, EventTime::MAX) {
            let _ = writeln!(out, "      holds {}", span(said.from, said.until));
        }
    }
    print(&out)
}

fn called(tenants: &Tenants, key: AccountKey) -> String {
    format!("{} in {}", key.object, tenants.name(key.tenant))
}
