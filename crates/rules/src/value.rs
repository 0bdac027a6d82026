//! Values of a record's columns, as rules see them. Knows no JSON parser: whoever reads records implements [`Columns`].

use std::borrow::Cow;

/// One value of a record.
#[derive(Clone, PartialEq, Debug)]
pub enum Value<'a> {
    /// There, and nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Several.
    List(Vec<Value<'a>>),
    /// An object, in the record's order.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Text that is not empty.
    pub fn some(text: Option<&'a str>) -> Option<Self> {
        text.filter(|t| !t.is_empty()).map(|t| Self::Text(Cow::Borrowed(t)))
    }

    /// The value of `key` without regard to ASCII case; of a list, what its members have, in order.
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        match self {
            Self::Map(entries) => entries.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v.clone()),
            Self::List(items) => {
                let found: Vec<_> = items.iter().filter_map(|item| item.get(key)).collect();
                if found.is_empty() { None } else { Some(Value::List(found)) }
            }
            _ => None,
        }
    }

    /// Every text, number and truth in it, as text, in order.
    pub fn each(&self, see: &mut dyn FnMut(&str)) {
        match self {
            Self::Null => {}
            Self::Bool(b) => see(if *b { "true" } else { "false" }),
            Self::Integer(n) => see(&n.to_string()),
            Self::Float(n) => see(&n.to_string()),
            Self::Text(text) => see(text),
            Self::List(items) => items.iter().for_each(|item| item.each(see)),
            Self::Map(entries) => entries.iter().for_each(|(_, value)| value.each(see)),
        }
    }

    /// As [`Columns::pair`], of this value.
    pub fn pair(&self, names: [&str; 2], out: &mut String) -> bool {
        let begin = out.len();
        let mut said = |name: &str| {
            let before = out.len();
            self.get(name)?.each(&mut |text| {
                if out.len() == before {
                    out.push_str(text);
                }
            });
            (out.len() > before).then(|| out.push(','))
        };
        let both = names.iter().all(|name| said(name).is_some());
        out.truncate(if both { out.len() - 1 } else { begin });
        both
    }

    /// The same value without a borrow.
    pub fn into_owned<'x>(self) -> Value<'x> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Integer(n) => Value::Integer(n),
            Self::Float(n) => Value::Float(n),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Self::Map(entries) => {
                Value::Map(entries.into_iter().map(|(k, v)| (Cow::Owned(k.into_owned()), v.into_owned())).collect())
            }
        }
    }

    pub(crate) fn into_sigma(self) -> rsigma_eval::EventValue<'a> {
        use rsigma_eval::EventValue;
        match self {
            Self::Null => EventValue::Null,
            Self::Bool(b) => EventValue::Bool(b),
            Self::Integer(n) => EventValue::Int(n),
            Self::Float(n) => EventValue::Float(n),
            Self::Text(text) => EventValue::Str(text),
            Self::List(items) => EventValue::Array(items.into_iter().map(Self::into_sigma).collect()),
            Self::Map(entries) => EventValue::Map(entries.into_iter().map(|(k, v)| (k, v.into_sigma())).collect()),
        }
    }
}

/// The columns of the record that an event was decoded from, read only when a rule asks.
pub trait Columns {
    /// The value at a path of keys, compared without regard to ASCII case. An array on the way yields a list of what its members
    /// have; JSON inside text counts as the value it spells. `None` where there is nothing. Costs a scan of the levels it passes.
    fn column(&self, path: &[&str]) -> Option<Value<'_>>;

    /// Appends the first text of each of two members of what stands at a path, with a comma between; whether both say something, and
    /// where not, nothing is appended. Places are asked of nearly every sign-in: an implementation may know a way without [`Value`]s.
    fn pair(&self, path: &[&str], names: [&str; 2], out: &mut String) -> bool {
        self.column(path).is_some_and(|value| value.pair(names, out))
    }

    /// Every text value anywhere in the record.
    fn each_text(&self, see: &mut dyn FnMut(&str));
}

/// No columns at all: for events that come from nowhere but a test.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoColumns;

impl Columns for NoColumns {
    fn column(&self, _: &[&str]) -> Option<Value<'_>> {
        None
    }

    fn each_text(&self, _: &mut dyn FnMut(&str)) {}
}
