//! What the configuration says need not be seen: `[[suppress]]`, each with who answers for it, why, and until when. Tenants are named,
//! so they are read when all are known, wherever they stand in the file.

use super::Config;
use super::pairs::names;
use super::read::{Fields, Reader};
use caponier_model::EventTime;
use caponier_rules::Suppression;
use caponier_wire as wire;
use toml::de::DeTable;

const KEYS: [&str; 7] = ["rule", "owner", "reason", "from", "expires", "tenants", "names"];

impl Reader<'_> {
    /// Reads `[[suppress]]`, where there are any.
    pub(super) fn suppressions(&mut self, table: &DeTable<'_>, config: &mut Config) {
        let known = names(config);
        self.each(table, "suppress", |reader, item, at| {
            let mut fields = Fields::of(reader, item, "suppress", &KEYS);
            let (rule, owner, reason) = (fields.text("rule", at), fields.text("owner", at), fields.text("reason", at));
            let (from, until) = (fields.instant("from"), fields.expiry(at));
            let mut named = Vec::new();
            for (text, at) in fields.list("tenants") {
                named.extend(fields.tenant(&text, at, &known));
            }
            let only = fields.list("names").into_iter().map(|(name, _)| name.to_lowercase().into()).collect();
            let (Some((rule, _)), Some((owner, _)), Some((reason, _)), Some(until)) = (rule, owner, reason, until)
            else {
                return;
            };
            let from = from.unwrap_or(EventTime::MIN);
            if until <= from {
                return reader.fault(at, "a suppression expires after it begins; swap from and expires".into());
            }
            config.suppressions.push(Suppression {
                rule: rule.into(),
                owner: owner.into(),
                reason: reason.into(),
                from,
                until,
                tenants: named,
                names: only,
            });
        });
    }
}

impl Fields<'_, '_, '_, '_> {
    /// When it ends: without an end nobody would ever look at it again.
    fn expiry(&mut self, at: usize) -> Option<EventTime> {
        if self.value("expires").is_none() {
            let what = "[[suppress]] lacks expires: say when somebody must look again (expires = 2027-01-31)";
            return self.wrong(at, what.into());
        }
        self.instant("expires")
    }

    /// A day (its beginning, UTC) or an instant, as a TOML date or as text.
    fn instant(&mut self, key: &str) -> Option<EventTime> {
        let value = self.value(key)?;
        let said = value.get_ref();
        let text = said.as_datetime().map(ToString::to_string).or_else(|| said.as_str().map(str::to_owned));
        let read = text
            .as_deref()
            .and_then(|text| wire::parse_time(text).or_else(|| wire::parse_time(&format!("{text}T00:00:00Z"))));
        let what = || format!("{key} must be a day or an instant in UTC, like 2027-01-31 or 2027-01-31T12:00:00Z");
        read.or_else(|| self.wrong(value.span().start, what()))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{effective, parse};

    const TENANT: &str = r#"
[[tenant]]
id = "aaaaaaaa-1111-4111-8111-111111111111"
name = "contoso"
role = "primary"
"#;

    #[test]
    fn a_suppression_is_read_and_shown_back() {
        let text = format!(
            "[[suppress]]\nrule = \"x40\"\nowner = \"soc lead\"\nreason = \"patch window\"\nfrom = 2026-03-01\n\
             expires = \"2026-03-08T12:00:00Z\"\ntenants = [\"contoso\"]\nnames = [\"Svc-Patch@Contoso.com\"]\n{TENANT}"
        );
        let mut config = parse(&text).unwrap();
        let row = &config.suppressions[0];
        assert_eq!((row.rule.as_str(), row.owner.as_str(), row.reason.as_str()), ("x40", "soc lead", "patch window"));
        assert_eq!(
            (row.from.to_string(), row.until.to_string()),
            ("2026-03-01T00:00:00Z".into(), "2026-03-08T12:00:00Z".into())
        );
        assert_eq!(row.tenants, [config.tenants.all[0].id]);
        assert_eq!(row.names, ["svc-patch@contoso.com"]);
        let shown = effective(&mut config);
        assert_eq!(parse(&shown).unwrap().suppressions, config.suppressions);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_all_at_once() {
        let table = [
            ("rule = \"x40\"\nowner = \"a\"\nreason = \"b\"", "lacks expires"),
            ("rule = \"x40\"\nreason = \"b\"\nexpires = 2026-03-01", "lacks owner"),
            ("rule = \"x40\"\nowner = \"a\"\nexpires = 2026-03-01", "lacks reason"),
            ("owner = \"a\"\nreason = \"b\"\nexpires = 2026-03-01", "lacks rule"),
            ("rule = \"x40\"\nowner = \"a\"\nreason = \"b\"\nexpires = \"soon\"", "a day or an instant"),
            ("rule = \"x40\"\nowner = \"a\"\nreason = \"b\"\nexpires = 2026-03-01\nfrom = 2026-03-01", "swap"),
            (
                "rule = \"x40\"\nowner = \"a\"\nreason = \"b\"\nexpires = 2026-03-01\ntenants = [\"contosso\"]",
                "did you mean \"contoso\"",
            ),
            (
                "rule = \"x40\"\nowner = \"a\"\nreason = \"b\"\nexpires = 2026-03-01\ntenant = \"contoso\"",
                "did you mean \"tenants\"",
            ),
        ];
        for (body, wanted) in table {
            let faults = parse(&format!("[[suppress]]\n{body}\n{TENANT}")).unwrap_err();
            assert!(faults.iter().any(|f| f.what.contains(wanted) && f.line > 0), "{body}: {faults:?}");
        }
    }
}
