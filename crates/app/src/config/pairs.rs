//! What the configuration says of couples: `[[pair]]` of tenants, `[[naming]]` rules, `[[twin]]` accounts. They name tenants,
//! so they are read when all tenants are known, wherever they stand in the file.

use super::Config;
use super::read::{Fields, Reader, Value, integer, unknown};
use caponier_identity::{DirectoryEvidence, PairSettings};
use caponier_model::{
    AccountKey, EventTime, EvidenceKind, Guid, MergePolicy, NamingRule, Pair, Statement, TenantId, Verdict,
};
use compact_str::CompactString;
use std::collections::BTreeMap;
use toml::de::DeTable;

/// The author of what the configuration says of two accounts.
const CONFIGURATION: &str = "configuration";

/// Tenants by every word that names them.
pub(super) type Names = BTreeMap<String, TenantId>;

/// Certainty, in millionths.
const CERTAIN: u64 = 1_000_000;

/// Every listed tenant by its name and by its id.
pub(super) fn names(config: &Config) -> Names {
    config.tenants.all.iter().flat_map(|t| [(t.name.to_string(), t.id), (t.id.to_string(), t.id)]).collect()
}

impl Reader<'_> {
    /// Reads the three kinds of tables, where there are any.
    pub(super) fn couples(&mut self, table: &DeTable<'_>, config: &mut Config) {
        let names = names(config);
        self.each(table, "pair", |reader, item, at| reader.pair(item, at, &names, config));
        self.settle_pairs(config);
        self.each(table, "naming", |reader, item, at| reader.naming(item, at, &names, config));
        self.each(table, "twin", |reader, item, at| reader.twin(item, at, &names, config));
    }

    pub(super) fn each(
        &mut self,
        table: &DeTable<'_>,
        name: &str,
        mut read: impl FnMut(&mut Self, &DeTable<'_>, usize),
    ) {
        let Some(value) = table.get(name) else { return };
        let Some(list) = value.get_ref().as_array() else {
            return self.fault(value.span().start, format!("{name} must be a list: write [[{name}]]"));
        };
        for item in list {
            match item.get_ref().as_table() {
                Some(item_table) => read(self, item_table, item.span().start),
                None => self.fault(item.span().start, format!("{name} must be a list of tables: write [[{name}]]")),
            }
        }
    }

    fn pair(&mut self, table: &DeTable<'_>, at: usize, names: &Names, config: &mut Config) {
        let known = ["home", "resource", "merge", "directory_evidence", "accept", "possible", "confidence"];
        let mut fields = Fields::of(self, table, "pair", &known);
        let pair = fields.pair(at, names);
        let merges =
            [("forbid", MergePolicy::Forbid), ("suggest", MergePolicy::Suggest), ("merge", MergePolicy::Merge)];
        let merge = fields.choice("merge", &merges).unwrap_or_default();
        let choices = [("suggest", DirectoryEvidence::Suggest), ("accept", DirectoryEvidence::Accept)];
        let directory_evidence = fields.choice("directory_evidence", &choices).unwrap_or_default();
        let (accept, possible) = (fields.millionths("accept"), fields.millionths("possible"));
        let confidence = fields.confidence();
        // A fault in the other keys does not hide one in the pair itself.
        let Some(pair) = pair else { return };
        let general = (config.identity.accept, config.identity.possible);
        let (least, shown) = (accept.unwrap_or(general.0), possible.unwrap_or(general.1));
        // Where the pair sets neither, the fault is in the general figures and said there.
        if shown > least && (accept.is_some() || possible.is_some()) {
            self.fault(at, format!("possible ({shown}) is above accept ({least}) in this pair"));
        }
        if pair.home == pair.resource {
            self.fault(at, "a pair names one tenant twice; home and resource differ".into());
        } else if config.policy.pairs.iter().any(|(p, _)| *p == pair) {
            self.fault(at, "this pair is listed twice; keep one".into());
        } else {
            config.policy.pairs.push((pair, merge));
            let settings = PairSettings { pair, directory_evidence, accept, possible, confidence };
            config.identity.pairs.get_or_insert_default().push(settings);
        }
    }

    /// Links run in every pair that is not forbidden: an unlisted one is `suggest`, which shows what it does not merge.
    fn settle_pairs(&self, config: &mut Config) {
        let policy = &config.policy;
        let listed = config.identity.pairs.get_or_insert_default();
        listed.retain(|p| policy.of(p.pair) != MergePolicy::Forbid);
        for home in &config.tenants.all {
            for resource in config.tenants.all.iter().filter(|r| r.id != home.id) {
                let pair = Pair { home: home.id, resource: resource.id };
                if policy.of(pair) != MergePolicy::Forbid && listed.iter().all(|p| p.pair != pair) {
                    listed.push(PairSettings::new(pair));
                }
            }
        }
    }

    fn naming(&mut self, table: &DeTable<'_>, at: usize, names: &Names, config: &mut Config) {
        let mut fields = Fields::of(self, table, "naming", &["home", "resource", "prefix", "suffix"]);
        let pair = fields.pair(at, names);
        let mut affix =
            |key| fields.maybe(key).map_or_else(CompactString::default, |(text, _)| text.to_lowercase().into());
        let (prefix, suffix) = (affix("prefix"), affix("suffix"));
        if prefix.is_empty() && suffix.is_empty() {
            self.fault(at, "a naming rule needs a prefix or a suffix: equal names alone join nobody".into());
        }
        let Some(Pair { home, resource }) = pair else { return };
        let rule = NamingRule { home, resource, prefix, suffix };
        if home == resource {
            self.fault(at, "a naming rule joins accounts of two tenants; home and resource differ".into());
        } else if self.runs(Pair { home, resource }, at, config) && !config.naming.contains(&rule) {
            config.naming.push(rule);
        }
    }

    fn twin(&mut self, table: &DeTable<'_>, at: usize, names: &Names, config: &mut Config) {
        let mut fields = Fields::of(self, table, "twin", &["account", "home", "reason"]);
        let (account, home) = (fields.account("account", at, names), fields.account("home", at, names));
        let reason = fields.text("reason", at);
        let (Some(account), Some(home), Some((reason, _))) = (account, home, reason) else { return };
        if account.tenant == home.tenant {
            return self.fault(at, "a twin lives in another tenant than its home account".into());
        }
        match config.twins.iter().find(|t| t.account == account) {
            Some(other) if other.home == home => return self.fault(at, "this twin is listed twice; keep one".into()),
            Some(_) => return self.fault(at, "this account is listed with two homes; a twin has one".into()),
            None => {}
        }
        if !self.runs(Pair { home: home.tenant, resource: account.tenant }, at, config) {
            return;
        }
        config.twins.push(Statement {
            account,
            home,
            at: EventTime::MIN,
            verdict: Verdict::Same,
            author: CONFIGURATION.into(),
            reason: reason.into(),
            from: EventTime::MIN,
            until: EventTime::MAX,
        });
    }

    /// May links run in the pair? A rule for a forbidden one would be silently dead.
    fn runs(&mut self, pair: Pair, at: usize, config: &Config) -> bool {
        let forbidden = config.policy.of(pair) == MergePolicy::Forbid;
        if forbidden {
            let (home, resource) = (config.tenants.name(pair.home), config.tenants.name(pair.resource));
            self.fault(
                at,
                format!("the pair {home} -> {resource} is \"forbid\": no link runs there; allow it or drop this"),
            );
        }
        !forbidden
    }
}

impl Fields<'_, '_, '_, '_> {
    /// `home` and `resource`, both tenants that are listed.
    fn pair(&mut self, at: usize, names: &Names) -> Option<Pair> {
        let mut side = |key: &str| {
            let (text, at) = self.text(key, at)?;
            self.tenant(&text, at, names)
        };
        let (home, resource) = (side("home"), side("resource"));
        Some(Pair { home: home?, resource: resource? })
    }

    /// A tenant that is listed.
    pub(super) fn tenant(&mut self, text: &str, at: usize, names: &Names) -> Option<TenantId> {
        let known = names.keys().map(String::as_str);
        names.get(text).copied().or_else(|| self.wrong(at, unknown("tenant", text, known)))
    }

    /// `"tenant/object id"`.
    fn account(&mut self, key: &str, at: usize, names: &Names) -> Option<AccountKey> {
        let (text, at) = self.text(key, at)?;
        let Some((tenant, object)) = text.split_once('/') else {
            return self.wrong(at, format!("{key} must be \"<tenant>/<object id>\", not {text:?}"));
        };
        let tenant = self.tenant(tenant.trim(), at, names);
        let object = Guid::parse(object.trim())
            .filter(|o| *o != Guid::ZERO)
            .or_else(|| self.wrong(at, format!("{key}: {:?} is not an object id (a GUID)", object.trim())));
        Some(AccountKey { tenant: tenant?, object: object? })
    }

    /// One of the words, where the key is there.
    fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let (text, at) = self.maybe(key)?;
        choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.wrong(at, format!("{key} {text:?} is none of {}", words.join(", ")))
        })
    }

    /// A confidence, where the key is there.
    fn millionths(&mut self, key: &str) -> Option<u32> {
        let value = self.value(key)?;
        self.confident(key, value)
    }

    fn confident(&mut self, key: &str, value: &Value<'_>) -> Option<u32> {
        let read = integer(value.get_ref()).filter(|v| *v <= CERTAIN).and_then(|v| u32::try_from(v).ok());
        let what = || format!("{key} must be a whole number of millionths, {CERTAIN} at most");
        read.or_else(|| self.wrong(value.span().start, what()))
    }

    /// `confidence = { kind = millionths, … }`.
    fn confidence(&mut self) -> BTreeMap<EvidenceKind, u32> {
        let Some(value) = self.value("confidence") else { return BTreeMap::new() };
        let Some(table) = value.get_ref().as_table() else {
            let example = "confidence must be a table: confidence = { paired_sign_in = 850000 }";
            return self.wrong(value.span().start, example.into()).unwrap_or_default();
        };
        let mut out = BTreeMap::new();
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            let kinds = EvidenceKind::ALL.iter().map(|k| k.code());
            let kind = EvidenceKind::read(word)
                .or_else(|| self.wrong(key.span().start, unknown("kind of evidence", word, kinds)));
            let confident = self.confident(word, value);
            out.extend(kind.zip(confident));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{effective, parse};
    use caponier_identity::DirectoryEvidence;
    use caponier_model::{EventTime, EvidenceKind, Pair, Verdict};

    const GOOD: &str = r#"
[[twin]]
account = "fabrikam/bbbbbbbb-0001-4001-8001-000000000001"
home = "contoso/aaaaaaaa-0001-4001-8001-000000000001"
reason = "HR list of 2026-03"
[[naming]]
home = "contoso"
resource = "fabrikam"
prefix = "ADM-"
[[pair]]
home = "contoso"
resource = "fabrikam"
merge = "merge"
directory_evidence = "accept"
accept = 850000
possible = 400000
confidence = { paired_sign_in = 850000, address = 0 }
[[pair]]
home = "fabrikam"
resource = "contoso"
merge = "forbid"
[[tenant]]
id = "aaaaaaaa-1111-4111-8111-111111111111"
name = "contoso"
role = "primary"
[[tenant]]
id = "bbbbbbbb-2222-4222-8222-222222222222"
name = "fabrikam"
role = "secondary"
[identity]
possible = 300000
[identity.confidence]
named_sign_in = 880000
"#;

    #[test]
    fn pairs_rules_and_twins_are_read_and_shown_back() {
        let mut config = parse(GOOD).unwrap();
        let [home, resource] = [0, 1].map(|n: usize| config.tenants.all[n].id);
        let scale = config.identity.scale(Pair { home, resource }).unwrap();
        assert_eq!((scale.accept(), scale.possible()), (850_000, 400_000));
        assert_eq!(scale.directory_evidence(), DirectoryEvidence::Accept);
        let kinds = [EvidenceKind::PairedSignIn, EvidenceKind::Address, EvidenceKind::NamedSignIn];
        assert_eq!(kinds.map(|k| scale.confidence(k)), [850_000, 0, 880_000]);
        assert!(config.identity.scale(Pair { home: resource, resource: home }).is_none(), "forbidden");
        assert_eq!((config.naming[0].prefix.as_str(), config.naming[0].home), ("adm-", home));
        let twin = &config.twins[0];
        assert_eq!((twin.account.tenant, twin.home.tenant, twin.at), (resource, home, EventTime::MIN));
        assert_eq!(
            (twin.verdict, twin.author.as_str(), twin.reason.as_str()),
            (Verdict::Same, "configuration", "HR list of 2026-03")
        );
        let shown = effective(&mut config);
        let mut again = parse(&shown).unwrap();
        assert_eq!(effective(&mut again), shown);
        assert_eq!((again.identity, again.naming, again.twins), (config.identity, config.naming, config.twins));
    }

    #[track_caller]
    fn faulty(old: &str, new: &str, line: usize, word: &str) {
        let bad = GOOD.replace(old, new);
        assert_ne!(bad, GOOD, "{old}");
        let faults = parse(&bad).unwrap_err();
        assert!(faults.iter().any(|f| f.line == line && f.what.contains(word)), "{word}: {faults:#?}");
    }

    #[test]
    fn each_fault_has_its_line_and_teaches() {
        faulty("fabrikam/bbbb", "fabrikan/bbbb", 3, "did you mean \"fabrikam\"");
        faulty("fabrikam/bbbbbbbb-0001", "fabrikam/bbbbbbbb-001", 3, "is not an object id");
        faulty("fabrikam/bbbbbbbb", "fabrikam bbbbbbbb", 3, "<tenant>/<object id>");
        faulty("contoso/aaaa", "fabrikam/aaaa", 2, "another tenant");
        faulty("reason = \"HR list of 2026-03\"\n", "", 2, "[[twin]] lacks reason");
        faulty("prefix = \"ADM-\"", "prefx = \"ADM-\"", 9, "did you mean \"prefix\"");
        faulty("prefix = \"ADM-\"\n", "", 6, "needs a prefix or a suffix");
        faulty("merge = \"merge\"", "merge = \"forbid\"", 6, "\"forbid\": no link runs there");
        faulty("accept = 850000", "accept = 350000", 10, "possible (400000) is above accept (350000)");
        faulty("accept = 850000", "accept = 0.85", 15, "millionths");
        faulty("paired_sign_in", "paired_signin", 17, "did you mean \"paired_sign_in\"");
        faulty("address = 0", "address = 1000001", 17, "1000000 at most");
        faulty("confidence = {", "confidences = {", 17, "did you mean \"confidence\"");
        faulty("named_sign_in = 880000", "named_signin = 1", 33, "identity.confidence.named_sign_in");
        faulty("[identity.confidence]", "[identity.confidense]", 32, "identity.confiden");
        faulty("possible = 300000", "possible = 900000", 34, "identity.possible (900000) is above identity.accept");
    }

    #[test]
    fn a_twin_has_one_home_and_stands_once() {
        let twin = &GOOD[GOOD.find("[[twin]]").unwrap()..GOOD.find("[[naming]]").unwrap()];
        let told = |more: &str| parse(&format!("{GOOD}{more}")).unwrap_err()[0].what.clone();
        assert!(told(twin).contains("listed twice"));
        assert!(told(&twin.replace("aaaaaaaa-0001", "aaaaaaaa-0002")).contains("two homes"));
    }
}
