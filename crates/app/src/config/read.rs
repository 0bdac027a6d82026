//! TOML text to [`Config`], collecting every fault with its line before giving up.

use super::{Config, KNOBS, Slot};
use caponier_model::{Guid, MergePolicy, Tenant, TenantId, TenantRole};
use compact_str::CompactString;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// 1-based line.
    pub line: usize,
    /// What is wrong and what to do.
    pub what: String,
}

/// Reads a configuration; on failure all faults, by line.
pub fn parse(text: &str) -> Result<Config, Vec<Fault>> {
    let mut reader = Reader::over(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(0, |s| s.start);
        reader.fault(at, error.message().to_owned());
    }
    let mut config = Config { configured: true, ..Config::discovering() };
    config.policy.unlisted = MergePolicy::Suggest;
    config.identity.pairs = Some(Vec::new());
    for (key, value) in table.get_ref() {
        let at = key.span().start;
        match key.get_ref().as_ref() {
            "tenant" => reader.tenants(value, &mut config),
            // They name tenants: read when all tenants are known, wherever they stand in the file.
            "pair" | "naming" | "twin" | "suppress" | "topic" => {}
            name => reader.knob_or_section(name, at, value, &mut config),
        }
    }
    reader.couples(table.get_ref(), &mut config);
    reader.suppressions(table.get_ref(), &mut config);
    reader.live(table.get_ref(), &mut config);
    if config.identity.possible > config.identity.accept {
        let (possible, accept) = (config.identity.possible, config.identity.accept);
        reader.fault(text.len(), format!("identity.possible ({possible}) is above identity.accept ({accept})"));
    }
    if config.tenants.all.is_empty() && reader.faults.is_empty() {
        reader.fault(0, "no [[tenant]] is listed; add one for each tenant whose exports are read".into());
    }
    if reader.faults.is_empty() {
        return Ok(config);
    }
    reader.faults.sort_by_key(|f| f.line);
    Err(reader.faults)
}

pub(super) struct Reader<'t> {
    text: &'t str,
    faults: Vec<Fault>,
}

pub(super) type Value<'i> = Spanned<DeValue<'i>>;

impl<'t> Reader<'t> {
    pub(super) const fn over(text: &'t str) -> Self {
        Self { text, faults: Vec::new() }
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// How many faults were found so far.
    pub(super) const fn count(&self) -> usize {
        self.faults.len()
    }
}

impl Reader<'_> {
    pub(super) fn fault(&mut self, at: usize, what: String) {
        let line = self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|b| **b == b'\n').count() + 1;
        self.faults.push(Fault { line, what });
    }

    fn knob_or_section(&mut self, name: &str, at: usize, value: &Value<'_>, config: &mut Config) {
        if KNOBS.iter().any(|k| k.path == name) {
            return self.knob(name, value, config);
        }
        let prefix = format!("{name}.");
        if !KNOBS.iter().any(|k| k.path.starts_with(&prefix)) {
            let known = KNOBS
                .iter()
                .map(|k| k.path.split('.').next().unwrap_or(&k.path))
                .chain(["tenant", "pair", "naming", "twin", "suppress", "topic"]);
            return self.fault(at, unknown("key", name, known));
        }
        let Some(table) = value.get_ref().as_table() else {
            return self.fault(at, format!("{name} must be a table: write [{name}]"));
        };
        for (key, value) in table {
            // Settings of the client are not ours to know, and who we are is read where brokers are known.
            if !(name == "kafka" && matches!(key.get_ref().as_ref(), "client" | "entra")) {
                self.knob(&format!("{prefix}{}", key.get_ref()), value, config);
            }
        }
    }

    pub(super) fn knob(&mut self, path: &str, value: &Value<'_>, config: &mut Config) {
        let at = value.span().start;
        let prefix = format!("{path}.");
        if let Some(table) = value.get_ref().as_table().filter(|_| KNOBS.iter().any(|k| k.path.starts_with(&prefix))) {
            for (key, value) in table {
                self.knob(&format!("{prefix}{}", key.get_ref()), value, config);
            }
            return;
        }
        let Some(knob) = KNOBS.iter().find(|k| k.path == path) else {
            return self.fault(at, unknown("key", path, KNOBS.iter().map(|k| &*k.path)));
        };
        let said = value.get_ref();
        let read = match knob.slot(config) {
            Slot::Integer(slot) => integer(said).map(|v| *slot = v).ok_or("a whole number, zero or more"),
            Slot::Small(slot) => {
                integer(said).and_then(|v| u32::try_from(v).ok()).map(|v| *slot = v).ok_or("a whole number below 2^32")
            }
            Slot::Signed(slot) => integer(said)
                .and_then(|v| i64::try_from(v).ok())
                .map(|v| *slot = v)
                .ok_or("a whole number, zero or more"),
            Slot::Size(slot) => integer(said)
                .and_then(|v| usize::try_from(v).ok())
                .map(|v| *slot = v)
                .ok_or("a whole number, zero or more"),
            Slot::Days(slot) => integer(said)
                .and_then(|v| u32::try_from(v).ok())
                .map(|v| *slot = (v > 0).then_some(v))
                .ok_or("a whole number of days, 0 = for ever"),
            Slot::Text(slot) => said
                .as_str()
                .filter(|t| !t.trim().is_empty())
                .map(|v| *slot = v.into())
                .ok_or("a text that is not empty"),
            Slot::Texts(slot) => texts(said).map(|v| *slot = v).ok_or("a list of texts"),
            Slot::Switch(slot) => said.as_bool().map(|v| *slot = v).ok_or("true or false"),
        };
        match read {
            Err(wanted) => self.fault(at, format!("{path} must be {wanted}, not {}", said.type_str())),
            Ok(()) => {
                let most = knob.most;
                if integer(said).is_some_and(|v| v > most) {
                    self.fault(at, format!("{path} may be at most {most}"));
                }
            }
        }
    }

    fn tenants(&mut self, value: &Value<'_>, config: &mut Config) {
        let Some(list) = value.get_ref().as_array() else {
            return self.fault(value.span().start, "tenant must be a list: write [[tenant]]".into());
        };
        for item in list {
            let Some(table) = item.get_ref().as_table() else { continue };
            if let Some(tenant) = self.tenant(table, item.span().start) {
                if config.tenants.all.iter().any(|t| t.id == tenant.id || t.name == tenant.name) {
                    self.fault(item.span().start, format!("tenant {} is listed twice (by id or name)", tenant.name));
                } else {
                    self.exclusive(&tenant, config, item.span().start);
                    config.tenants.all.push(tenant);
                }
            }
        }
    }

    /// A workspace, subscription or domain has one owner: two would let one tenant's rows count as the other's.
    fn exclusive(&mut self, tenant: &Tenant, config: &Config, at: usize) {
        for other in &config.tenants.all {
            let shared =
                tenant.workspaces.iter().find(|w| other.workspaces.contains(w)).map(|w| format!("workspace {w}"));
            let shared = shared
                .or_else(|| {
                    tenant
                        .subscriptions
                        .iter()
                        .find(|s| other.subscriptions.contains(s))
                        .map(|s| format!("subscription {s}"))
                })
                .or_else(|| tenant.domains.iter().find(|d| other.domains.contains(d)).map(|d| format!("domain {d}")));
            if let Some(shared) = shared {
                self.fault(
                    at,
                    format!("{shared} is listed under both {} and {}; it has one owner", other.name, tenant.name),
                );
            }
        }
    }

    fn tenant(&mut self, table: &DeTable<'_>, at: usize) -> Option<Tenant> {
        let mut fields =
            Fields::of(self, table, "tenant", &["id", "name", "role", "domains", "workspaces", "subscriptions"]);
        let id = fields.text("id", at).and_then(|(text, at)| {
            TenantId::parse(&text).or_else(|| fields.wrong(at, format!("tenant id {text:?} is not a GUID")))
        });
        let name = fields.text("name", at).map(|(text, _)| CompactString::from(text));
        let role = fields.text("role", at).and_then(|(text, at)| match text.as_str() {
            "primary" => Some(TenantRole::Primary),
            "secondary" => Some(TenantRole::Secondary),
            _ => fields.wrong(at, format!("role {text:?} is neither \"primary\" nor \"secondary\"")),
        });
        let domains =
            fields.list("domains").into_iter().map(|(d, _)| CompactString::from(d.to_ascii_lowercase())).collect();
        let workspaces = fields.guids("workspaces");
        let subscriptions = fields.guids("subscriptions");
        Some(Tenant { id: id?, name: name?, role: role?, domains, workspaces, subscriptions })
    }
}

/// The keys of one `[[tenant]]`, `[[pair]]`, `[[naming]]`, `[[twin]]` or `[[suppress]]`.
pub(super) struct Fields<'r, 't, 'v, 'i> {
    reader: &'r mut Reader<'t>,
    table: &'v DeTable<'i>,
    of: &'static str,
}

impl<'r, 't, 'v, 'i> Fields<'r, 't, 'v, 'i> {
    pub(super) fn of(reader: &'r mut Reader<'t>, table: &'v DeTable<'i>, of: &'static str, known: &[&str]) -> Self {
        for key in table.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                reader.fault(
                    key.span().start,
                    unknown(&format!("key in [[{of}]]"), key.get_ref(), known.iter().copied()),
                );
            }
        }
        Self { reader, table, of }
    }

    pub(super) fn wrong<T>(&mut self, at: usize, what: String) -> Option<T> {
        self.reader.fault(at, what);
        None
    }

    pub(super) fn text(&mut self, key: &str, at: usize) -> Option<(String, usize)> {
        let Some(value) = self.table.get(key) else {
            return self.wrong(at, format!("[[{}]] lacks {key}", self.of));
        };
        let at = value.span().start;
        match value.get_ref().as_str() {
            Some(text) if !text.is_empty() => Some((text.to_owned(), at)),
            _ => self.wrong(at, format!("{key} must be a text that is not empty")),
        }
    }

    pub(super) fn value(&self, key: &str) -> Option<&'v Value<'i>> {
        self.table.get(key)
    }

    /// A text, where the key is there.
    pub(super) fn maybe(&mut self, key: &str) -> Option<(String, usize)> {
        let at = self.value(key)?.span().start;
        self.text(key, at)
    }

    pub(super) fn list(&mut self, key: &str) -> Vec<(String, usize)> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let texts = value.get_ref().as_array().map(|list| {
            list.iter()
                .map(|v| v.get_ref().as_str().map(|t| (t.to_owned(), v.span().start)))
                .collect::<Option<Vec<_>>>()
        });
        texts.flatten().unwrap_or_else(|| {
            self.reader.fault(value.span().start, format!("{key} must be a list of texts"));
            Vec::new()
        })
    }

    fn guids(&mut self, key: &str) -> Vec<Guid> {
        let mut guids = Vec::new();
        for (text, at) in self.list(key) {
            match Guid::parse(&text) {
                Some(guid) => guids.push(guid),
                None => self.reader.fault(at, format!("{key}: {text:?} is not a GUID")),
            }
        }
        guids
    }
}

pub(super) fn integer(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn texts(value: &DeValue<'_>) -> Option<Vec<CompactString>> {
    value.as_array()?.iter().map(|v| v.get_ref().as_str().map(CompactString::from)).collect()
}

/// "unknown key `epok`; did you mean `epoch`?"
pub(super) fn unknown<'a>(what: &str, said: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known.map(|k| (distance(said, k), k)).min().filter(|(d, k)| *d <= k.len().div_ceil(3));
    match near {
        Some((_, near)) => format!("unknown {what} {said:?}; did you mean {near:?}?"),
        None => format!("unknown {what} {said:?}"),
    }
}

/// Levenshtein distance over bytes: keys are ASCII and short.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let best = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::Pair;

    const GOOD: &str = r#"
epoch = 3
[[pair]]
home = "contoso"
resource = "fabrikam"
merge = "merge"
[[tenant]]
id = "aaaaaaaa-1111-4111-8111-111111111111"
name = "contoso"
role = "primary"
domains = ["Contoso.com"]
workspaces = ["aaaaaaaa-5555-4555-8555-555555555555"]
[[tenant]]
id = "bbbbbbbb-2222-4222-8222-222222222222"
name = "fabrikam"
role = "secondary"
"#;

    #[test]
    fn a_good_one_is_read_in_any_order() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.engine.epoch, 3);
        assert_eq!(config.tenants.all.len(), 2);
        assert_eq!(config.tenants.all[0].domains[0], "contoso.com");
        let pair = Pair { home: config.tenants.all[0].id, resource: config.tenants.all[1].id };
        assert_eq!(config.policy.of(pair), MergePolicy::Merge);
        assert_eq!(config.policy.unlisted, MergePolicy::Suggest);
    }

    #[test]
    fn five_faults_are_five_messages_with_their_lines() {
        let bad = GOOD
            .replace("epoch = 3", "epok = 3")
            .replace("role = \"primary\"", "role = \"main\"")
            .replace("merge = \"merge\"", "merge = \"always\"")
            .replace("aaaaaaaa-5555-4555-8555-555555555555", "not-a-guid")
            .replace("name = \"fabrikam\"", "nmae = \"fabrikam\"");
        let faults = parse(&bad).unwrap_err();
        let has = |line: usize, word: &str| {
            assert!(faults.iter().any(|f| f.line == line && f.what.contains(word)), "{faults:#?}")
        };
        has(2, "did you mean \"epoch\"");
        has(6, "\"always\"");
        has(10, "\"main\"");
        has(12, "not-a-guid");
        has(15, "did you mean \"name\"");
    }

    #[test]
    fn a_workspace_has_one_owner() {
        let bad = GOOD.replace(
            "role = \"secondary\"",
            "role = \"secondary\"\nworkspaces = [\"aaaaaaaa-5555-4555-8555-555555555555\"]",
        );
        let faults = parse(&bad).unwrap_err();
        assert!(faults[0].what.contains("both contoso and fabrikam"), "{faults:?}");
    }
}
