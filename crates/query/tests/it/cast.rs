//! Reads a small organisation from text and writes results with the same labels, so that goldens can be read by people.

use caponier_identity::{domains, facts};
use caponier_model::{
    Access, AccountFacts, AccountKey, AccountRow, Ambiguity, CallerRow, EventTime, Evidence, Guid, InvitationRow, Link,
    NamingRule, PrincipalRow, ProvisioningRow, Refutation, Rows, SignInRow, Statement, Tenant, TenantId, TenantRole,
    Tenants, Verdict,
};
use caponier_query::Question;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Rows and tenants, and the labels that stand for their identifiers.
#[derive(Default)]
pub struct Cast {
    pub rows: Rows,
    pub tenants: Tenants,
    pub naming: Vec<NamingRule>,
    /// Goes before every label, so that one label can stand for several accounts, and is not shown.
    pub scope: String,
    labels: BTreeMap<Guid, String>,
    scopes: BTreeMap<TenantId, String>,
}

/// The fields of one line: `key=value`, or a bare word for a flag.
struct Fields<'a>(Vec<&'a str>);

impl<'a> Fields<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find_map(|f| f.strip_prefix(key)?.strip_prefix('=')).filter(|v| *v != "-")
    }

    fn must(&self, key: &str) -> &'a str {
        self.get(key).unwrap_or_else(|| panic!("no {key} in {:?}", self.0))
    }

    fn has(&self, flag: &str) -> bool {
        self.0.contains(&flag)
    }

    fn time(&self, key: &str) -> Option<EventTime> {
        self.get(key).map(time)
    }
}

/// `05`, `05T10:00` or `05T10:00:30` of March 2026.
pub fn time(text: &str) -> EventTime {
    let (day, clock) = text.split_once('T').unwrap_or((text, "00:00"));
    let mut clock = clock.split(':').map(|n| n.parse().unwrap()).chain([0, 0]);
    let clock = [(); 3].map(|()| clock.next().unwrap());
    EventTime::from_civil((2026, 3, day.parse().unwrap()), (clock[0], clock[1], clock[2]), 0).unwrap()
}

/// As `identity` folds names; `\u{1f}` stands for a blank, which would end a field.
fn folded<T: From<String>>(text: &str) -> T {
    text.replace('\u{1f}', " ").trim().to_lowercase().into()
}

impl Cast {
    pub fn read(text: &str) -> Self {
        let mut cast = Self::default();
        text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).for_each(|line| cast.line(line));
        cast
    }

    /// Takes in one line: its first word says what it is.
    pub fn line(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let kind = words.next().unwrap();
        let fields = Fields(words.collect());
        match kind {
            "tenant" => self.tenant_line(&fields.0),
            "account" => self.account_line(&fields),
            "sign_in" => self.sign_in_line(&fields),
            "invitation" => self.invitation_line(&fields),
            "provisioning" => self.provisioning_line(&fields),
            "caller" => self.caller_line(&fields),
            "principal" => self.principal_line(&fields),
            "statement" => self.statement_line(&fields),
            "naming" => self.naming_line(&fields),
            other => panic!("unknown line {other}"),
        }
    }

    pub fn question<'a>(&'a self, facts: &'a [AccountFacts]) -> Question<'a> {
        Question { rows: &self.rows, facts, tenants: &self.tenants, naming: &self.naming }
    }

    /// Gives the tenants without configured domains those that their members' names show.
    pub fn derive_domains(&mut self) {
        self.tenants = domains(&facts(&self.rows), &self.tenants);
    }

    /// A label is its own identifier: the bytes of its text.
    fn guid(&mut self, label: &str) -> Guid {
        let whole = format!("{}{label}", self.scope);
        let value = whole.bytes().fold(0_u128, |value, byte| value << 8 | u128::from(byte));
        assert!(whole.len() <= 16, "label {whole} is longer than 16");
        self.labels.insert(Guid::from_u128(value), label.to_owned());
        Guid::from_u128(value)
    }

    pub fn tenant(&mut self, label: &str) -> TenantId {
        let tenant = TenantId(self.guid(label));
        self.scopes.insert(tenant, self.scope.clone());
        tenant
    }

    /// The scope in which a tenant was named.
    pub fn scope_of(&self, tenant: TenantId) -> &str {
        &self.scopes[&tenant]
    }

    pub fn account(&mut self, label: &str) -> AccountKey {
        let (tenant, object) = label.split_once('/').unwrap();
        let tenant = self.tenant(tenant);
        AccountKey { tenant, object: self.guid(object) }
    }

    fn tenant_line(&mut self, words: &[&str]) {
        let id = self.tenant(words[0]);
        let role = if words[1] == "primary" { TenantRole::Primary } else { TenantRole::Secondary };
        let domains = words[2..].iter().map(|d| (*d).into()).collect();
        let name = words[0].into();
        self.tenants.all.push(Tenant { id, name, role, domains, workspaces: Vec::new(), subscriptions: Vec::new() });
    }

    fn account_line(&mut self, f: &Fields<'_>) {
        let text = |key| f.get(key).map(Into::into);
        let name = |key| f.get(key).map(folded);
        let row = AccountRow {
            account: self.account(f.0[0]),
            seen: f.time("seen"),
            created: f.time("created"),
            deleted: f.time("deleted"),
            upn: name("upn"),
            mail: name("mail"),
            addresses: f.get("addresses").into_iter().flat_map(|a| a.split(',')).map(folded).collect(),
            display: text("display"),
            user_type: text("type"),
            creation_type: text("creation"),
            external_state: text("state"),
            external_entra: f.has("entra"),
            employee: text("employee"),
            onprem_sid: text("sid"),
            immutable_id: text("immutable"),
            home_object: f.get("home_object").map(|a| self.account(a).object),
            enabled: Some(true),
        };
        self.rows.accounts.push(row);
    }

    fn sign_in_line(&mut self, f: &Fields<'_>) {
        let row = SignInRow {
            log: self.tenant(f.must("log")),
            home: self.tenant(f.must("home")),
            resource: self.tenant(f.must("resource")),
            object: f.get("object").map(|a| self.account(a).object),
            upn: f.get("upn").map(folded),
            app: f.get("app").map(|a| self.guid(a)),
            time: time(f.must("time")),
            id: f.must("id").into(),
            correlation: f.get("correlation").map(|c| self.guid(c)),
            access: match f.get("access") {
                None => Access::Unsaid,
                Some("collaboration") => Access::Collaboration,
                Some("direct_connect") => Access::DirectConnect,
                Some("delegated") => Access::Delegated,
                Some(other) => panic!("unknown access {other}"),
            },
            success: !f.has("failed"),
        };
        self.rows.sign_ins.push(row);
    }

    fn invitation_line(&mut self, f: &Fields<'_>) {
        let row = InvitationRow {
            guest: self.account(f.must("guest")),
            address: folded(f.must("address")),
            redeemed: f.has("redeemed"),
            time: time(f.must("time")),
            id: f.must("id").into(),
        };
        self.rows.invitations.push(row);
    }

    fn provisioning_line(&mut self, f: &Fields<'_>) {
        let row = ProvisioningRow {
            source: self.account(f.must("source")),
            target: self.account(f.must("target")).object,
            target_tenant: f.get("target_tenant").map(|t| self.tenant(t)),
            action: f.must("action").into(),
            time: time(f.must("time")),
            id: f.must("id").into(),
        };
        self.rows.provisioning.push(row);
    }

    fn caller_line(&mut self, f: &Fields<'_>) {
        let row = CallerRow {
            log: self.tenant(f.must("log")),
            caller: self.account(f.must("account")),
            provider: f.get("provider").map(|t| self.tenant(t)),
            home_puid: f.get("home_puid").map(Into::into),
            puid: f.get("puid").map(Into::into),
            onprem_sid: f.get("sid").map(Into::into),
            time: time(f.must("time")),
            id: f.must("id").into(),
        };
        self.rows.callers.push(row);
    }

    fn principal_line(&mut self, f: &Fields<'_>) {
        let row = PrincipalRow {
            account: self.account(f.0[0]),
            app: self.guid(f.must("app")),
            owner: f.get("owner").map(|t| self.tenant(t)),
            managed: f.has("managed"),
            name: f.get("name").map(Into::into),
            time: time(f.must("time")),
            id: f.must("id").into(),
        };
        self.rows.principals.push(row);
    }

    fn statement_line(&mut self, f: &Fields<'_>) {
        let row = Statement {
            account: self.account(f.must("account")),
            home: self.account(f.must("home")),
            at: time(f.must("at")),
            verdict: Verdict::read(f.must("verdict")).unwrap(),
            author: f.must("author").into(),
            reason: f.must("reason").into(),
            from: f.time("from").unwrap_or(EventTime::MIN),
            until: f.time("until").unwrap_or(EventTime::MAX),
        };
        self.rows.statements.push(row);
    }

    fn naming_line(&mut self, f: &Fields<'_>) {
        let text = |key| f.get(key).unwrap_or_default().into();
        let rule = NamingRule {
            home: self.tenant(f.must("home")),
            resource: self.tenant(f.must("resource")),
            prefix: text("prefix"),
            suffix: text("suffix"),
        };
        self.naming.push(rule);
    }

    fn label(&self, guid: Guid) -> String {
        self.labels.get(&guid).cloned().unwrap_or_else(|| guid.to_string())
    }

    pub fn name(&self, account: AccountKey) -> String {
        format!("{}/{}", self.label(account.tenant.0), self.label(account.object))
    }

    pub fn evidence(&self, all: &[Evidence]) -> String {
        lines(all.iter().map(|e| {
            let (account, home, kind) = (self.name(e.account), self.name(e.home), e.kind.code());
            format!("{account} -> {home} | {kind} | {} | {}", span(e.from, e.until), e.source)
        }))
    }

    pub fn ambiguities(&self, all: &[Ambiguity]) -> String {
        lines(all.iter().map(|a| {
            let (account, home, kind) = (self.name(a.account), self.label(a.home.0), a.kind.code());
            let span = span(a.from, a.until);
            assert_eq!(a.candidates, 2, "several, uncounted");
            format!("{account} is one of several in {home} | {kind} | {span} | {}", a.source)
        }))
    }

    pub fn refutations(&self, all: &[Refutation]) -> String {
        lines(all.iter().map(|r| {
            let (account, home) = (self.name(r.account), self.label(r.home.0));
            format!("{account} is from {home} | {} | {}", span(r.from, r.until), r.source)
        }))
    }

    pub fn links(&self, all: &[Link]) -> String {
        lines(all.iter().map(|l| {
            let (account, home, state) = (self.name(l.account), self.name(l.home), l.state.code());
            let kinds: Vec<_> = l.kinds.iter().map(|k| k.code()).collect();
            let confidence = f64::from(l.confidence) / 1e6;
            format!("{account} -> {home} | {state} {confidence:.4} | {} | {}", span(l.from, l.until), kinds.join(", "))
        }))
    }
}

fn lines(all: impl Iterator<Item = String>) -> String {
    let mut sorted: Vec<_> = all.collect();
    sorted.sort();
    sorted.into_iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    })
}

/// `[05T10:00:00 .. 06T09:00:00+)`: `+` for the nanosecond that makes an observed end exclusive, nothing where unbounded.
pub fn span(from: EventTime, until: EventTime) -> String {
    let show = |time: EventTime| match time {
        EventTime::MIN | EventTime::MAX => String::new(),
        time => {
            let (_, _, day, hour, minute, second, nanos) = time.civil();
            let plus = if nanos == 0 { "" } else { "+" };
            format!("{day:02}T{hour:02}:{minute:02}:{second:02}{plus}")
        }
    };
    format!("[{} .. {})", show(from), show(until))
}
