//! Testimony and facts written as text, for tests; links and refusals as text again.
//!
//! `H1` is object 1 of tenant H. Times are seconds, `-inf`, `inf`. A line is one of
//!
//! ```text
//! R1 H1 named_sign_in 0 9             evidence: account, home, kind, from, until
//! refute R1 X -inf inf                a log names tenant X as the home of R1
//! ambiguous R1 H address 0 inf        more than one account of H matches
//! same R1 H1 @5 -inf inf              a statement said at 5; also `different`, `withdrawn`
//! fact R1 external_guest 0 100        what the directory shows
//! ```

use super::Weighed;
use caponier_model::{
    AccountFacts, AccountKey, AccountKind, Ambiguity, EventTime, Evidence, EvidenceKind, Guid, Link, Refusal,
    Refutation, Statement, TenantId, Testimony, Verdict,
};

#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    pub(crate) testimony: Testimony,
    pub(crate) facts: Vec<AccountFacts>,
}

impl Case {
    pub(crate) fn read(lines: &[&str]) -> Self {
        let mut case = Self::default();
        lines.iter().for_each(|line| case.add(line));
        case
    }

    fn add(&mut self, line: &str) {
        let f: Vec<_> = line.split_whitespace().collect();
        let span = |at: usize| (time(f[at]), time(f[at + 1]));
        let kind = |at: usize| EvidenceKind::read(f[at]).unwrap_or_else(|| panic!("kind in {line:?}"));
        if let Some(verdict) = Verdict::read(f[0]) {
            let at = time(f[3].strip_prefix('@').unwrap());
            let (from, until) = span(4);
            let (author, reason) = ("ann".into(), "asked".into());
            let (account, home) = (account(f[1]), account(f[2]));
            self.testimony.statements.push(Statement { account, home, at, verdict, author, reason, from, until });
            return;
        }
        match f[0] {
            "refute" => {
                let (from, until) = span(3);
                let (account, home) = (account(f[1]), tenant(f[2]));
                self.testimony.refutations.push(Refutation { account, home, from, until, source: "log".into() });
            }
            "ambiguous" => {
                let (from, until) = span(4);
                let (account, home, kind) = (account(f[1]), tenant(f[2]), kind(3));
                let (candidates, source) = (2, "shared".into());
                self.testimony.ambiguities.push(Ambiguity { account, home, kind, candidates, from, until, source });
            }
            "fact" => {
                let (from, until) = span(3);
                self.facts.push(AccountFacts { from, until, ..fact(account(f[1]), account_kind(f[2])) });
            }
            _ => {
                let (from, until) = span(3);
                let (account, home, kind) = (account(f[0]), account(f[1]), kind(2));
                self.testimony.evidence.push(Evidence { account, home, kind, from, until, source: f[2].into() });
            }
        }
    }
}

pub(crate) fn tenant(label: &str) -> TenantId {
    TenantId(Guid::from_u128(u128::from(label.as_bytes()[0])))
}

pub(crate) fn account(label: &str) -> AccountKey {
    AccountKey { tenant: tenant(label), object: Guid::from_u128(label[1..].parse().unwrap()) }
}

fn time(text: &str) -> EventTime {
    match text {
        "-inf" => EventTime::MIN,
        "inf" => EventTime::MAX,
        seconds => EventTime::from_seconds(seconds.parse().unwrap()),
    }
}

fn account_kind(code: &str) -> AccountKind {
    use AccountKind as K;
    let all = [
        K::Unknown,
        K::Member,
        K::ExternalGuest,
        K::ExternalMember,
        K::InternalGuest,
        K::ConsumerGuest,
        K::ServicePrincipal,
        K::ManagedIdentity,
        K::Device,
    ];
    all.into_iter().find(|k| k.code() == code).unwrap_or_else(|| panic!("no kind of account {code:?}"))
}

fn fact(account: AccountKey, kind: AccountKind) -> AccountFacts {
    AccountFacts {
        account,
        kind,
        upn: None,
        display: None,
        names: Vec::new(),
        sids: Vec::new(),
        puids: Vec::new(),
        app: None,
        devices: Vec::new(),
        enabled: None,
        from: EventTime::MIN,
        until: EventTime::MAX,
    }
}

fn letter(tenant: TenantId) -> char {
    char::from(tenant.0.as_u128() as u8)
}

fn label(account: AccountKey) -> String {
    format!("{}{}", letter(account.tenant), account.object.as_u128())
}

fn seconds(time: EventTime) -> String {
    match time {
        EventTime::MIN => "-inf".into(),
        EventTime::MAX => "inf".into(),
        time => time.seconds_since(EventTime::default()).to_string(),
    }
}

/// `R1 H1 accepted 900000 -inf inf`
pub(crate) fn links(links: &[Link]) -> Vec<String> {
    let line = |l: &Link| {
        let (account, home, from, until) = (label(l.account), label(l.home), seconds(l.from), seconds(l.until));
        format!("{account} {home} {} {} {from} {until}", l.state.code(), l.confidence)
    };
    links.iter().map(line).collect()
}

/// `R1 H1 refuted address,ext_name -inf inf (log)`; `R1 H …` where no one account is meant.
pub(crate) fn refusals(refusals: &[Refusal]) -> Vec<String> {
    let line = |r: &Refusal| {
        let home = r.home.map_or_else(|| letter(r.tenant).to_string(), label);
        let kinds: Vec<_> = r.kinds.iter().map(|k| k.code()).collect();
        let kinds = if kinds.is_empty() { "-".to_owned() } else { kinds.join(",") };
        let (account, from, until) = (label(r.account), seconds(r.from), seconds(r.until));
        format!("{account} {home} {} {kinds} {from} {until} ({})", r.reason.code(), r.source)
    };
    refusals.iter().map(line).collect()
}

/// Links, then refusals.
pub(crate) fn show(weighed: &Weighed) -> Vec<String> {
    [links(&weighed.links), refusals(&weighed.refusals)].concat()
}
