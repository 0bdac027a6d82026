//! Who one account is at one instant: gathered from what captures tell, and told as a page. Decides nothing.

use crate::sheet::{cut, harmless, table};
use crate::story::wrap;
use crate::who::{LATEST, Scene};
use anstyle::{AnsiColor, Style};
use caponier_identity::Settings;
use caponier_model::{
    AccountFacts, AccountKey, Ambiguity, Binding, EventTime, Evidence, EvidenceKind, Link, LinkState, Pair, Persons,
    Refusal, RefusalReason, Refutation, Statement, TenantId, Verdict,
};
use std::fmt::Write as _;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How many refused claims on an account are shown.
const CLAIMS: usize = 10;

/// Everything known of one account at one instant.
pub struct Profile<'s> {
    /// Where it is from.
    pub scene: &'s Scene,
    /// The figures it was weighed with.
    pub settings: &'s Settings,
    /// Which account.
    pub account: AccountKey,
    /// As of when.
    pub at: EventTime,
    /// Who it is.
    pub binding: Binding,
    /// What its directory says then.
    pub facts: Option<AccountFacts>,
    /// Every link of it, in order of time.
    pub links: Vec<&'s Link>,
    /// What speaks for a home, in order of kind.
    pub evidence: Vec<&'s Evidence>,
    /// What was not made a link, or not an accepted one.
    pub refusals: Vec<&'s Refusal>,
    /// Where logs name its home tenant.
    pub refutations: Vec<&'s Refutation>,
    /// Matches that more than one account could be.
    pub ambiguities: Vec<&'s Ambiguity>,
    /// What people said of it, in order of time.
    pub statements: Vec<&'s Statement>,
    /// The other accounts of the same person then, with the links that join them; the home account first.
    pub others: Vec<(AccountKey, Option<&'s Link>)>,
    /// Links to this account that were refused.
    pub claims: Vec<&'s Refusal>,
}

/// Gathers what is known of `account` at `at`.
pub fn profile<'s>(scene: &'s Scene, settings: &'s Settings, account: AccountKey, at: EventTime) -> Profile<'s> {
    let identities = &scene.identities;
    let binding = scene.index.bind(account, at);
    let person = binding.person;
    let holds = |l: &&Link| l.state == LinkState::Accepted && l.from <= at && at < l.until;
    let mut others: Vec<(AccountKey, Option<&Link>)> = Vec::new();
    if person != account {
        others.push((person, None));
    }
    others.extend(scene.to(person).filter(holds).filter(|l| l.account != account).map(|l| (l.account, Some(l))));
    let testimony = &identities.testimony;
    let mut statements: Vec<&Statement> =
        scene.rows.statements.iter().filter(|s| s.account == account || s.home == account).collect();
    statements.sort_by_key(|s| s.at);
    Profile {
        scene,
        settings,
        account,
        at,
        facts: scene.index.facts(account, at),
        links: scene.links(account),
        evidence: testimony.evidence.iter().filter(|e| e.account == account && e.home != account).collect(),
        refusals: identities.refusals.iter().filter(|r| r.account == account).collect(),
        refutations: testimony.refutations.iter().filter(|r| r.account == account).collect(),
        ambiguities: testimony.ambiguities.iter().filter(|a| a.account == account).collect(),
        statements,
        others,
        claims: identities.refusals.iter().filter(|r| r.home == Some(account)).collect(),
        binding,
    }
}

impl Profile<'_> {
    /// The page, for `width` columns of a terminal.
    pub fn page(&self, width: u16) -> String {
        let mut out = String::new();
        self.head(&mut out);
        self.home(&mut out, width);
        self.why(&mut out, width);
        self.against(&mut out, width);
        self.said(&mut out, width);
        self.person(&mut out);
        self.over_time(&mut out, width);
        out
    }

    fn head(&self, out: &mut String) {
        let facts = self.facts.as_ref();
        let name = facts.and_then(|f| f.display.as_deref().or(f.upn.as_deref()));
        let fallback = self.name(self.account);
        let as_of =
            if self.at == LATEST { "the latest known state".to_owned() } else { format!("{} UTC", clock(self.at)) };
        let _ = writeln!(out, "{BOLD}{}{BOLD:#}  {DIM}as of {as_of}{DIM:#}", harmless(name.unwrap_or(&fallback)));
        if let Some(upn) = facts.and_then(|f| f.upn.as_deref()) {
            let _ = writeln!(out, "  {}", harmless(upn));
        }
        let _ = writeln!(out, "  {}", self.sort(self.account));
        let _ = writeln!(out, "  {DIM}{}{DIM:#}", self.account.object);
    }

    /// `external guest in fabrikam, enabled`.
    fn sort(&self, account: AccountKey) -> String {
        let tenant = self.tenant(account.tenant);
        let Some(facts) = self.scene.index.facts(account, self.at) else {
            let lent = self.scene.links(account).iter().any(|l| l.home.object == account.object);
            return match self.scene.history(account) {
                [] if lent => format!("at work in {tenant} without an account of its own there"),
                [] => format!("in {tenant}; no directory that was read shows it"),
                history if history.iter().all(|f| f.until <= self.at) => format!("in {tenant}, deleted by then"),
                _ => format!("in {tenant}, not yet created then"),
            };
        };
        let state = match facts.enabled {
            Some(true) => ", enabled",
            Some(false) => ", disabled",
            None => "",
        };
        format!("{} in {tenant}{state}", spaced(facts.kind.code()))
    }

    fn home(&self, out: &mut String, width: u16) {
        let _ = writeln!(out, "\n{BOLD}Home account{BOLD:#}");
        match &self.binding.via {
            Some(link) => {
                let _ = writeln!(out, "  {}, {}", harmless(&self.name(link.home)), self.sort(link.home));
                wrap(out, "  ", &format!("{}, {}", verdict(link), span(link.from, link.until)), width);
                let _ = writeln!(out, "  {DIM}{}{DIM:#}", link.home.object);
            }
            None if self.others.is_empty() && self.binding.possible.is_empty() => {
                wrap(out, "  ", "itself: no link leads to another tenant", width);
            }
            None => wrap(out, "  ", "itself: no accepted link leads to another tenant", width),
        }
        for link in &self.binding.possible {
            let _ = writeln!(out, "  {}, {}", harmless(&self.name(link.home)), self.sort(link.home));
            wrap(out, "    ", &format!("{}, {}", verdict(link), span(link.from, link.until)), width);
        }
    }

    fn why(&self, out: &mut String, width: u16) {
        if self.evidence.is_empty() {
            return;
        }
        let it = if self.binding.via.is_some() { "it" } else { "another home" };
        let _ = writeln!(out, "\n{BOLD}What speaks for {it}{BOLD:#}");
        let mut sorted = self.evidence.clone();
        sorted.sort_by_key(|e| (e.home, std::cmp::Reverse(self.weight(e.home, e.kind)), e.kind, e.from));
        let homes = sorted.chunk_by(|a, b| a.home == b.home).count();
        let headings = ["for", "evidence", "weight", "written by", "seen or valid", "record"].map(String::from);
        let rows: Vec<Vec<String>> = sorted
            .iter()
            .map(|e| {
                let weight = share(self.weight(e.home, e.kind));
                let span = brief(e.from, e.until);
                let texts = [self.name(e.home), spaced(e.kind.code()), weight, spaced(e.kind.writer().code()), span];
                texts.into_iter().chain([e.source.to_string()]).collect()
            })
            .collect();
        // One home needs no column of its own.
        let skip = usize::from(homes == 1);
        let rows: Vec<Vec<String>> = rows.into_iter().map(|r| r[skip..].to_vec()).collect();
        let right = [false, false, true, false, false, false];
        // Whole but for the record, whose name is as long as its writer liked.
        let longest = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or_default();
        let others: usize = (0..5 - skip).map(|column| longest(column).max(6) + 2).sum();
        let room = usize::from(width).saturating_sub(others + 4).max(12);
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|mut row| {
                let record = row.pop().map(|record| cut(&record, room).into_owned());
                row.into_iter().chain(record).collect()
            })
            .collect();
        indent(out, &table(&headings[skip..], &rows, &right[skip..], None));
    }

    fn weight(&self, home: AccountKey, kind: EvidenceKind) -> u32 {
        let pair = Pair { home: home.tenant, resource: self.account.tenant };
        self.settings.scale(pair).map_or(0, |scale| scale.confidence(kind))
    }

    fn against(&self, out: &mut String, width: u16) {
        // One that agrees with the link, or that a refusal tells of, needs no line of its own.
        let told = |r: &Refutation| self.refusals.iter().any(|refusal| refusal.source == r.source);
        let agrees = |r: &Refutation| self.binding.via.as_ref().is_some_and(|l| l.home.tenant == r.home);
        let others: Vec<_> = self.refutations.iter().filter(|r| !agrees(r) && !told(r)).collect();
        let nothing = self.refusals.is_empty() && self.ambiguities.is_empty() && others.is_empty();
        if nothing && self.evidence.is_empty() && self.claims.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n{BOLD}What speaks against it{BOLD:#}");
        if nothing {
            let _ = writeln!(out, "  nothing");
        }
        for refusal in &self.refusals {
            wrap(out, "  ", &self.refused(refusal), width);
        }
        for ambiguity in &self.ambiguities {
            let Ambiguity { home, kind, candidates, from, until, source, .. } = ambiguity;
            let (tenant, kind) = (self.tenant(*home), spaced(kind.code()));
            let text = format!(
                "{candidates} accounts of {tenant} match by {kind} ({}), {}",
                harmless(source),
                span(*from, *until)
            );
            wrap(out, "  ", &text, width);
        }
        for refutation in others {
            let tenant = self.tenant(refutation.home);
            let itself = if refutation.home == self.account.tenant { " itself: no home elsewhere" } else { "" };
            let span = span(refutation.from, refutation.until);
            wrap(
                out,
                "  ",
                &format!("a log names {tenant} as its home tenant{itself}, {span} ({})", harmless(&refutation.source)),
                width,
            );
        }
        for claim in self.claims.iter().take(CLAIMS) {
            let who = format!("{} in {}", self.name(claim.account), self.tenant(claim.account.tenant));
            wrap(out, "  ", &format!("not this person: {}: {}", harmless(&who), self.reason(claim)), width);
        }
        if self.claims.len() > CLAIMS {
            let _ =
                writeln!(out, "  … and {} more that are not this person; --json lists all", self.claims.len() - CLAIMS);
        }
    }

    fn refused(&self, refusal: &Refusal) -> String {
        let who = match refusal.home {
            Some(home) => format!("not {} in {}: ", self.name(home), self.tenant(home.tenant)),
            None if refusal.tenant == self.account.tenant || refusal.reason == RefusalReason::HomeNotMonitored => {
                String::new()
            }
            None => format!("nobody in {}: ", self.tenant(refusal.tenant)),
        };
        format!("{}{}, {}", harmless(&who), self.reason(refusal), span(refusal.from, refusal.until))
    }

    /// Why not, in words.
    fn reason(&self, refusal: &Refusal) -> String {
        let kinds: Vec<_> = refusal.kinds.iter().map(|k| spaced(k.code())).collect();
        let by = if kinds.is_empty() { String::new() } else { format!(" (by {})", kinds.join(" + ")) };
        let on = if refusal.source.is_empty() { String::new() } else { format!(" [{}]", harmless(&refusal.source)) };
        format!("{}{by}{on}", self.reason_words(refusal))
    }

    fn reason_words(&self, refusal: &Refusal) -> String {
        let tenant = self.tenant(refusal.tenant);
        match refusal.reason {
            RefusalReason::ResourceDirectoryAlone => {
                format!(
                    "only the directory of {} says so, and whoever administers it can write that",
                    self.tenant(refusal.account.tenant)
                )
            }
            RefusalReason::TooWeak => "all evidence together stays below what the pair accepts".into(),
            RefusalReason::Refuted => "a log names another home tenant".into(),
            RefusalReason::Ambiguous => format!("more than one account of {tenant} matches"),
            RefusalReason::TwoHomes => "two homes would hold at once, so neither does".into(),
            RefusalReason::HomeIsSatellite => "that account is itself a second account of somebody".into(),
            RefusalReason::HomeIsExternal => "that account is itself from elsewhere".into(),
            RefusalReason::Stated => "somebody stated that these are two people".into(),
            RefusalReason::PairNotAllowed => {
                format!("links may not run from {tenant} to {}: see [[pair]]", self.tenant(refusal.account.tenant))
            }
            RefusalReason::OutsideLife => "the evidence lies outside the account's life".into(),
            RefusalReason::HomeNotMonitored => format!("logs name {tenant} as its home, and no account of it was read"),
            RefusalReason::NoEntraHome => "it has no home in another Entra tenant".into(),
            RefusalReason::NoEvidence => "nothing that was read names a home account".into(),
        }
    }

    fn said(&self, out: &mut String, width: u16) {
        if self.statements.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n{BOLD}What people said{BOLD:#}");
        for said in &self.statements {
            let other = if said.account == self.account { said.home } else { said.account };
            let what = match said.verdict {
                Verdict::Same => "the same person as",
                Verdict::Different => "another person than",
                Verdict::Withdrawn => "withdrawn, what was said about",
            };
            let when = if said.at == EventTime::MIN { String::new() } else { format!(" on {}", clock(said.at)) };
            let text = format!("{what} {}, by {}{when}: {}", self.name(other), said.author, said.reason);
            wrap(out, "  ", &harmless(&text), width);
        }
    }

    /// The kind of an account then, in words.
    fn kind(&self, account: AccountKey, link: Option<&Link>) -> String {
        if let Some(facts) = self.scene.index.facts(account, self.at) {
            return spaced(facts.kind.code());
        }
        let history = self.scene.history(account);
        let own = link.is_some_and(|l| l.home.object == account.object);
        let words = match history {
            [] if own => "works there without an account of its own",
            [] => "in no directory that was read",
            _ if history.iter().all(|f| f.until <= self.at) => "deleted by then",
            _ => "not yet created then",
        };
        words.to_owned()
    }

    fn person(&self, out: &mut String) {
        if self.others.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n{BOLD}Other accounts of this person{BOLD:#}");
        let rows: Vec<Vec<String>> = self
            .others
            .iter()
            .map(|(account, link)| {
                let by = link.map_or("home account".to_owned(), |l| share(l.confidence));
                let name = harmless(&self.name(*account)).into_owned();
                vec![self.tenant(account.tenant), name, self.kind(*account, *link), by]
            })
            .collect();
        let headings = ["tenant", "account", "kind", "joined"].map(String::from);
        indent(out, &table(&headings, &rows, &[false; 4], None));
    }

    /// What changed: links that came and went, names that were borne.
    fn over_time(&self, out: &mut String, width: u16) {
        let history = self.scene.history(self.account);
        let linked = self.links.len() > 1 || self.links.iter().any(|l| l.until != EventTime::MAX);
        if history.len() < 2 && !linked {
            return;
        }
        let _ = writeln!(out, "\n{BOLD}Over time{BOLD:#}");
        let mut lines: Vec<(EventTime, EventTime, String)> = Vec::new();
        if linked {
            lines.extend(self.links.iter().map(|l| {
                (
                    l.from,
                    l.until,
                    format!("{} {}: {}", l.state.code(), share(l.confidence), harmless(&self.name(l.home))),
                )
            }));
        }
        if history.len() > 1 {
            lines.extend(history.iter().map(|f| {
                let enabled = if f.enabled == Some(false) { ", disabled" } else { "" };
                let upn = f.upn.as_deref().unwrap_or("no name");
                (f.from, f.until, format!("{}, {}{enabled}", harmless(upn), spaced(f.kind.code())))
            }));
        }
        lines.sort();
        for (from, until, text) in lines {
            wrap(out, &format!("  {:<42}  ", span(from, until)), &text, width);
        }
    }

    fn tenant(&self, id: TenantId) -> String {
        self.scene.tenant_name(id)
    }

    /// What people call an account: its UPN then, else any it bore, else its object id.
    pub fn name(&self, account: AccountKey) -> String {
        name(self.scene, account, self.at)
    }
}

/// What people call an account: its UPN then, else any it bore, else its object id.
pub fn name(scene: &Scene, account: AccountKey, at: EventTime) -> String {
    let then = scene.index.facts(account, at).and_then(|f| f.upn.or(f.display));
    let ever = || scene.history(account).iter().rev().find_map(|f| f.upn.clone().or_else(|| f.display.clone()));
    // A delegate has no object there; it is called as it is at home.
    let lent = || {
        let link = scene.links(account).into_iter().find(|l| l.home.object == account.object)?;
        scene.index.facts(link.home, at).and_then(|f| f.upn.or(f.display))
    };
    then.or_else(ever).or_else(lent).map_or_else(|| account.object.to_string(), |name| name.to_string())
}

/// `accepted, confidence 0.97, by paired sign in + address`.
pub fn verdict(link: &Link) -> String {
    let style = match link.state {
        LinkState::Accepted => AnsiColor::Green.on_default(),
        LinkState::Possible => AnsiColor::Yellow.on_default(),
        LinkState::Conflict => AnsiColor::Red.on_default(),
    };
    format!("{style}{}{style:#}, confidence {}, by {}", link.state.code(), share(link.confidence), kinds(link))
}

fn kinds(link: &Link) -> String {
    link.kinds.iter().map(|k| spaced(k.code())).collect::<Vec<_>>().join(" + ")
}

/// Adds a text two columns in.
pub fn indent(out: &mut String, text: &str) {
    for line in text.lines() {
        let _ = writeln!(out, "  {line}");
    }
}

/// A code as words.
pub fn spaced(code: &str) -> String {
    code.replace('_', " ")
}

/// Millionths as a share of one with two digits, rounded down so that nothing becomes certain by printing it.
pub fn share(millionths: u32) -> String {
    format!("{}.{:02}", millionths / 1_000_000, millionths % 1_000_000 / 10_000)
}

/// `2026-03-02 10:11:12`.
pub fn clock(time: EventTime) -> String {
    let (year, month, day, hour, minute, second, _) = time.civil();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// `2026-03-02 10:11:12 to 2026-03-03 09:00:00`, the day once where it is one, open ends in words.
pub fn span(from: EventTime, until: EventTime) -> String {
    let (begun, ended) = (clock(from), clock(until));
    match (from == EventTime::MIN, until == EventTime::MAX) {
        (true, true) => "always".into(),
        (true, false) => format!("until {ended}"),
        (false, true) => format!("since {begun}"),
        (false, false) if begun[..10] == ended[..10] => format!("{begun} to {}", &ended[11..]),
        (false, false) => format!("{begun} to {ended}"),
    }
}

/// A span to the minute, for a column: `2026-03-02 10:11 to 03-03 09:00`.
fn brief(from: EventTime, until: EventTime) -> String {
    let (begun, ended) = (clock(from), clock(until));
    match (from == EventTime::MIN, until == EventTime::MAX) {
        (true, true) => "always".into(),
        (true, false) => format!("until {}", &ended[..16]),
        (false, true) => format!("since {}", &begun[..16]),
        (false, false) if begun[..16] == ended[..16] => begun[..16].to_owned(),
        (false, false) if begun[..10] == ended[..10] => format!("{} to {}", &begun[..16], &ended[11..16]),
        (false, false) if begun[..4] == ended[..4] => format!("{} to {}", &begun[..16], &ended[5..16]),
        (false, false) => format!("{} to {}", &begun[..16], &ended[..16]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_shares_are_told_in_few_words() {
        let at = EventTime::from_civil((2026, 3, 2), (10, 11, 12), 999_999_999).unwrap();
        assert_eq!(span(EventTime::MIN, EventTime::MAX), "always");
        assert_eq!(span(EventTime::MIN, at), "until 2026-03-02 10:11:12");
        assert_eq!(span(at, at.plus_seconds(60)), "2026-03-02 10:11:12 to 10:12:12");
        assert_eq!(span(at, at.plus_seconds(86_400)), "2026-03-02 10:11:12 to 2026-03-03 10:11:12");
        assert_eq!(span(at, EventTime::MAX), "since 2026-03-02 10:11:12");
        assert_eq!(brief(at, at.plus_seconds(7)), "2026-03-02 10:11");
        assert_eq!(brief(at, at.plus_seconds(60)), "2026-03-02 10:11 to 10:12");
        assert_eq!(brief(at, at.plus_seconds(86_400)), "2026-03-02 10:11 to 03-03 10:11");
        assert_eq!(brief(at, EventTime::MAX), "since 2026-03-02 10:11");
        assert_eq!([share(0), share(999_999), share(1_000_000), share(75_000)], ["0.00", "0.99", "1.00", "0.07"]);
    }
}
