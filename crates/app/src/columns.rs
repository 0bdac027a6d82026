//! The columns of a record, for rules: `wire`'s cursor behind the trait that `rules` asks. Nothing is read before it is asked for.

use caponier_model::{Body, Event, SIGN_IN_COLUMNS};
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
    noted: Option<[(&'a str, &'a str); SIGN_IN_COLUMNS.len()]>,
}

impl<'a> Row<'a> {
    /// The columns of a record; bytes that are no text have none.
    pub fn new(record: &'a [u8]) -> Self {
        let record = std::str::from_utf8(record).map_or(Json::ABSENT, Json::new);
        Self { record, top: OnceCell::new(), below: OnceCell::new(), noted: None }
    }

    /// The columns of a record that was decoded: what was noted on the way is not looked for again.
    pub fn of(record: &'a [u8], event: &Event<'a>) -> Self {
        let noted = if let Body::SignIn(sign_in) = &event.body { sign_in.columns } else { None };
        Self { noted, ..Self::new(record) }
    }

    /// A noted column at the root and under `properties`.
    fn noted(&self, key: &str) -> Option<(Json<'a>, Json<'a>)> {
        let noted = self.noted.as_ref()?;
        let at = SIGN_IN_COLUMNS.iter().position(|name| name.eq_ignore_ascii_case(key))?;
        Some((Json::new(noted[at].0), Json::new(noted[at].1)))
    }

    fn top(&self, key: &str) -> Json<'a> {
        if let Some((root, _)) = self.noted(key) {
            return root;
        }
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
            [first, key, rest @ ..] if first.eq_ignore_ascii_case(PROPERTIES) && self.noted(key).is_some() => {
                self.noted(key).and_then(|(_, below)| at(below, rest, DEPTH - 2))
            }
            [first, key, rest @ ..] if first.eq_ignore_ascii_case(PROPERTIES) && self.top(PROPERTIES).is_object() => {
                at(self.below(key), rest, DEPTH - 2)
            }
            [key, rest @ ..] if self.record.is_object() => at(self.top(key), rest, DEPTH - 1),
            _ => at(self.record, path, DEPTH),
        }
    }

    fn pair(&self, path: &[&str], names: [&str; 2], out: &mut String) -> bool {
        let (rest, noted) = match path {
            [first, key, rest @ ..] if first.eq_ignore_ascii_case(PROPERTIES) => (rest, self.noted(key).map(|n| n.1)),
            [key, rest @ ..] => (rest, self.noted(key).map(|n| n.0)),
            [] => (path, None),
        };
        match noted.map(|noted| quick(noted, rest, names, out)) {
            Some(Some(said)) => said,
            // Written in some other way: read as everything else is.
            _ => self.column(path).is_some_and(|value| value.pair(names, out)),
        }
    }

    fn each_text(&self, see: &mut dyn FnMut(&str)) {
        if let Some(value) = value(self.record, DEPTH) {
            value.each(see);
        }
    }
}

/// Two numbers in an object, written as numbers are shown; `None` where it takes more than going through objects to know.
fn quick(json: Json<'_>, path: &[&str], names: [&str; 2], out: &mut String) -> Option<bool> {
    // Text that opens no JSON has nothing below it.
    let plain = |json: Json<'_>| json.is_absent() || json.is_string() && !json.raw().contains(['{', '[', '\\']);
    let mut json = json;
    for key in path {
        if plain(json) {
            return Some(false);
        }
        json = json.is_object().then(|| json.get(key))?;
    }
    if plain(json) {
        return Some(false);
    }
    let mut found = [""; 2];
    for (key, value) in json.is_object().then(|| json.entries())? {
        for (name, found) in names.iter().zip(&mut found) {
            if found.is_empty() && key.eq_ignore_ascii_case(name) {
                *found = value.raw();
            }
        }
    }
    let [a, b] = found;
    (is_shown_so(a) && is_shown_so(b)).then(|| {
        [a, ",", b].iter().for_each(|part| out.push_str(part));
        true
    })
}

/// Whether a number as it is spelled is how its value is shown: few digits, no exponent, no zero that could be left out.
fn is_shown_so(raw: &str) -> bool {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "1"));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let leads = whole == "0" || !whole.starts_with('0');
    raw.len() <= 15 && raw != "-0" && leads && all(whole) && all(part) && !part.ends_with('0')
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
        return Some(Value::Map(json.entries().filter_map(|(key, inner)| Some((key, value(inner, depth)?))).collect()));
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
    fn what_was_noted_while_a_sign_in_was_decoded_is_what_its_record_says() {
        let below = r#""id":"a","createdDateTime":"2026-03-02T08:00:00Z","userId":"1b4e28ba-2fa1-41d2-883f-0016d3cca427",
            "userPrincipalName":"mara@contoso.example","appId":"1b4e28ba-2fa1-41d2-883f-0016d3cca428","ipAddress":"203.0.113.9",
            "location":{"city":"Utrecht","geoCoordinates":{"latitude":52.1,"longitude":5.1}},"isInteractive":true,
            "networkLocationDetails":[{"networkType":"trustedNamedLocation"}],"autonomousSystemNumber":64500,
            "authenticationRequirement":null"#;
        let head = r#""time":"2026-03-02T08:00:00Z","category":"SignInLogs","operationName":"Sign-in activity","location":"NL",
            "tenantId":"1b4e28ba-2fa1-41d2-883f-0016d3cca429","isInteractive":"""#;
        let tenants = caponier_model::Tenants::default();
        let context = caponier_wire::Context::discovering(&tenants);
        let mut noted = 0;
        for record in [format!(r#"{{{head},"properties":{{{below}}}}}"#), format!(r#"{{{head},{below}}}"#)] {
            let Ok(event) = caponier_wire::decode(&context, record.as_bytes()) else { continue };
            let (of, new) = (Row::of(record.as_bytes(), &event), Row::new(record.as_bytes()));
            noted += usize::from(of.noted.is_some());
            for name in SIGN_IN_COLUMNS {
                for rest in [&[][..], &["geoCoordinates"], &["geoCoordinates", "LATITUDE"], &["networkType"], &["none"]]
                {
                    let path: Vec<&str> = [PROPERTIES, name].iter().chain(rest).copied().collect();
                    assert_eq!(of.column(&path), new.column(&path), "{path:?} of {record}");
                    assert_eq!(of.column(&path[1..]), new.column(&path[1..]), "{:?} of {record}", &path[1..]);
                }
            }
        }
        assert!(noted > 0);
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

    #[test]
    fn two_numbers_are_said_as_values_say_them() {
        let tail = r#""b":{"x":"A"},"c":"NL"}"#;
        for (a, wanted) in [
            (r#"{"x":52.37,"y":4.9}"#, Some("52.37,4.9")),
            (r#"{"Y":-0.5,"X":0}"#, Some("0,-0.5")),
            (r#"{"x":52.370,"y":4e1}"#, Some("52.37,40")),
            (r#"{"x":-0,"y":1.0}"#, Some("0,1")),
            (r#"{"x":"52.37","y":"4.9"}"#, Some("52.37,4.9")),
            (r#"{"x":0.1234567890123456789,"y":2}"#, Some("0.12345678901234568,2")),
            (r#"{"x":52.37,"y":null}"#, None),
            (r#"{"x":52.37}"#, None),
            (r#"[{"x":1,"y":2}]"#, Some("1,2")),
            (r#""{\"x\":1,\"y\":2}""#, Some("1,2")),
            ("7", None),
            ("null", None),
            (r#""NL""#, None),
        ] {
            // Once as a noted column is read, once as any other is.
            let (noted, plain) = (format!(r#"{{"a":{a},{tail}"#), format!(r#"{{"a":{{"in":{a}}},{tail}"#));
            let mut out = "so far ".to_owned();
            let said = quick(Json::new(&noted).get("a"), &[], ["x", "y"], &mut out);
            let whole = value(Json::new(a), DEPTH).unwrap();
            let mut slow = "so far ".to_owned();
            assert_eq!(whole.pair(["x", "y"], &mut slow).then_some(&slow[7..]), wanted, "{a}");
            assert!(said.is_none_or(|said| said == wanted.is_some()), "{a}");
            if let Some(said) = said {
                assert_eq!(said.then_some(&out[7..]), wanted, "{a}");
            }
            assert_eq!(out.len() > 7, said == Some(true));
            let row = Row::new(plain.as_bytes());
            let mut out = String::new();
            assert_eq!(row.pair(&["a", "in"], ["x", "y"], &mut out).then_some(out.as_str()), wanted, "{a}");
        }
    }
}
