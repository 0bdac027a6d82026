//! The columns of a record, for rules: `wire`'s cursor behind the trait that `rules` asks. Nothing is read before it is asked for.

use caponier_rules::{Columns, Value};
use caponier_wire::{Json, json::Dynamic};
use std::borrow::Cow;
use std::cell::OnceCell;

/// Deeper than any export nests; what lies below is not there for a rule.
const DEPTH: u32 = 24;

/// Under this key diagnostic envelopes hold most of a record's columns.
const PROPERTIES: &str = "properties";

/// The keys of an object and where their values stand.
type Entries<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// A record's text as columns. Many rules ask for columns that are not there, and to know that, the whole record must be read: where
/// the keys of the record and of its `properties` stand is noted at the first question.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    record: Json<'a>,
    top: OnceCell<Entries<'a>>,
    below: OnceCell<Entries<'a>>,
}

impl<'a> Row<'a> {
    /// The columns of a record; bytes that are no text have none.
    pub fn new(record: &'a [u8]) -> Self {
        let record = std::str::from_utf8(record).map_or(Json::ABSENT, Json::new);
        Self { record, top: OnceCell::new(), below: OnceCell::new() }
    }

    fn top(&self, key: &str) -> Json<'a> {
        named(self.top.get_or_init(|| entries(self.record)), key)
    }

    fn below(&self, key: &str) -> Json<'a> {
        named(self.below.get_or_init(|| entries(self.top(PROPERTIES))), key)
    }
}

fn entries(json: Json<'_>) -> Entries<'_> {
    json.entries().filter(|(_, value)| !value.is_absent()).collect()
}

/// As [`Json::get`] finds it: the first that says something, whatever its case.
fn named<'a>(entries: &Entries<'a>, key: &str) -> Json<'a> {
    entries.iter().find(|(held, _)| held.eq_ignore_ascii_case(key)).map_or(Json::ABSENT, |(_, value)| *value)
}

impl Columns for Row<'_> {
    fn column(&self, path: &[&str]) -> Option<Value<'_>> {
        match path {
            [first, key, rest @ ..] if first.eq_ignore_ascii_case(PROPERTIES) && self.top(PROPERTIES).is_object() => {
                at(self.below(key), rest, DEPTH - 2)
            }
            [key, rest @ ..] if self.record.is_object() => at(self.top(key), rest, DEPTH - 1),
            _ => at(self.record, path, DEPTH),
        }
    }

    fn each_text(&self, see: &mut dyn FnMut(&str)) {
        if let Some(value) = value(self.record, DEPTH) {
            value.each(see);
        }
    }
}

/// The value at a path; where an array or JSON in text lies on the way, the whole of it is read.
fn at<'a>(json: Json<'a>, path: &[&str], depth: u32) -> Option<Value<'a>> {
    let Some((key, rest)) = path.split_first() else { return value(json, depth) };
    let depth = depth.checked_sub(1)?;
    if json.is_object() {
        return at(json.get(key), rest, depth);
    }
    let whole = value(json, depth)?;
    path.iter().try_fold(whole, |value, key| value.get(key).map(Value::into_owned))
}

fn value(json: Json<'_>, depth: u32) -> Option<Value<'_>> {
    let depth = depth.checked_sub(1)?;
    if json.is_object() {
        let entry = |(key, inner): (Cow<'_, str>, Json<'_>)| {
            Some((Cow::Owned(key.into_owned()), value(inner, depth)?.into_owned()))
        };
        return Some(Value::Map(json.entries().filter_map(entry).collect()));
    }
    if json.is_array() {
        return Some(Value::List(json.items().filter_map(|item| value(item, depth)).collect()));
    }
    if let Some(Dynamic::Unpacked(text)) = json.dynamic() {
        let spelled = value(Json::new(&text), depth).map(Value::into_owned);
        let empty = match &spelled {
            Some(Value::List(items)) => items.is_empty(),
            Some(Value::Map(entries)) => entries.is_empty(),
            _ => false,
        };
        // `[KeyIdentifier=…]` opens like JSON and is none: it says what it says.
        let prose = empty && text.contains(|c: char| c.is_alphanumeric());
        return if prose { Some(Value::Text(Cow::Owned(text))) } else { spelled };
    }
    match json.raw() {
        "" => None,
        "null" => Some(Value::Null),
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        raw if json.is_string() => {
            Some(Value::Text(json.text().unwrap_or(Cow::Borrowed(if raw == "\"None\"" { "None" } else { "" }))))
        }
        raw => raw.parse().map(Value::Integer).or_else(|_| raw.parse().map(Value::Float)).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"ResultType":50126,"Risky":true,"Empty":null,"properties":{"ipAddress":"203.0.113.9",
        "targetResources":[{"displayName":"a","modifiedProperties":[{"displayName":"P","newValue":"[\"x\"]"}]},{"displayName":"b"}]},
        "Details":"{\"inner\":{\"deep\":7}}","Keys":"[\"[Key=a,Type=b]\"]","None":"[]"}"#;

    #[test]
    fn columns_are_found_through_arrays_text_and_any_case() {
        let row = Row::new(RECORD.as_bytes());
        let text = |path: &[&str]| {
            let mut all = Vec::new();
            if let Some(value) = row.column(path) {
                value.each(&mut |t| all.push(t.to_owned()));
            }
            all.join(",")
        };
        for (path, want) in [
            (&["resulttype"][..], "50126"),
            (&["Risky"], "true"),
            (&["properties", "IPADDRESS"], "203.0.113.9"),
            (&["properties", "targetResources", "displayName"], "a,b"),
            (&["properties", "targetResources", "modifiedProperties", "newValue"], "x"),
            (&["Details", "inner", "deep"], "7"),
            (&["Keys"], "[Key=a,Type=b]"),
            (&["None"], ""),
            (&["nothing", "here"], ""),
        ] {
            assert_eq!(text(path), want, "{path:?}");
        }
    }

    #[test]
    fn hostile_nesting_ends() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let record = format!("{{\"a\":{deep}}}");
        let row = Row::new(record.as_bytes());
        let mut seen = 0;
        // Brackets hold no text: whatever is read of them says nothing.
        if let Some(value) = row.column(&["a"]) {
            value.each(&mut |_| seen += 1);
        }
        row.each_text(&mut |_| seen += 1);
        assert_eq!(seen, 0);
    }
}
