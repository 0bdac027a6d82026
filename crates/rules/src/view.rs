//! An event as the base matcher sees it: our fields, then the record's own columns. The one place that implements rsigma's trait.

use crate::derived::{self, Derived};
use crate::field::{self, Field};
use crate::value::{Columns, Value};
use caponier_model::Event;
use rsigma_eval::EventValue;
use std::borrow::Cow;
use std::cell::RefCell;

/// A column lies at most so deep; no export has a deeper one.
const PATH_MAX: usize = 25;

/// Under this key diagnostic envelopes hold most of a record's columns.
pub(crate) const PROPERTIES: &str = "properties";

/// Where the value of a field comes from, found once for each rule that names it.
#[derive(Clone, Debug)]
pub(crate) enum Source<N = Box<str>> {
    /// A number, a word or a part of the event: cheaper to read than to remember.
    Event(&'static Field),
    /// What an audit row says a property became, or was.
    Modified(N),
    /// A fact under whatever name its table gives it; under the number it is remembered by.
    Derived(&'static Derived, u64),
    /// A column, by its path with dots; under the number it is remembered by.
    Column(N, u64),
    /// No field of ours.
    Nowhere,
}

impl<'n, N: From<&'n str>> Source<N> {
    /// Of a field as a rule writes it.
    pub(crate) fn of(name: &'n str) -> Self {
        if let Some(property) = name.strip_prefix(field::MODIFIED) {
            return Self::Modified(property.into());
        }
        let key = xxhash_rust::xxh3::xxh3_64(name.as_bytes());
        if name.starts_with("caponier.") {
            return match (field::find(name), derived::find(name)) {
                (Some(field), _) => Self::Event(field),
                (None, Some(derived)) => Self::Derived(derived, key),
                (None, None) => Self::Nowhere,
            };
        }
        Self::Column(name.into(), key)
    }
}

/// An event with the columns of its record.
pub(crate) struct View<'v> {
    pub event: &'v Event<'v>,
    pub columns: &'v dyn Columns,
    /// What was read of this record: many rules ask for the same few columns, and each reading scans the record.
    read: RefCell<Vec<(u64, Option<Value<'v>>)>>,
}

impl<'v> View<'v> {
    /// Of a record that nothing was read of yet.
    pub(crate) const fn new(event: &'v Event<'v>, columns: &'v dyn Columns) -> Self {
        Self { event, columns, read: RefCell::new(Vec::new()) }
    }

    /// The value of a field, in our words where the name is ours.
    pub(crate) fn field(&self, name: &str) -> Option<Value<'v>> {
        self.read(&Source::<&str>::of(name))
    }

    /// What a source says.
    pub(crate) fn read<N: AsRef<str>>(&self, source: &Source<N>) -> Option<Value<'v>> {
        match source {
            Source::Event(field) => (field.read)(self.event),
            Source::Modified(property) => self.modified(property.as_ref()),
            Source::Nowhere => None,
            Source::Derived(..) | Source::Column(..) => self.remembered(source, |value| value.cloned()),
        }
    }

    /// Whether a source says anything.
    pub(crate) fn says(&self, source: &Source) -> bool {
        let something = |value: Option<&Value<'v>>| value.is_some_and(|value| *value != Value::Null);
        match source {
            Source::Derived(..) | Source::Column(..) => self.remembered(source, something),
            _ => something(self.read(source).as_ref()),
        }
    }

    /// Calls `see` with every text of a source.
    pub(crate) fn each(&self, source: &Source, see: &mut dyn FnMut(&str)) {
        match source {
            Source::Derived(..) | Source::Column(..) => self.remembered(source, |value| {
                if let Some(value) = value {
                    value.each(see);
                }
            }),
            _ => {
                if let Some(value) = self.read(source) {
                    value.each(see);
                }
            }
        }
    }

    fn remembered<N: AsRef<str>, T>(&self, source: &Source<N>, take: impl FnOnce(Option<&Value<'v>>) -> T) -> T {
        let (Source::Derived(_, key) | Source::Column(_, key)) = source else { return take(None) };
        if let Some((_, value)) = self.read.borrow().iter().find(|(held, _)| held == key) {
            return take(value.as_ref());
        }
        let value = match source {
            Source::Derived(derived, _) => derived.of(self),
            Source::Column(name, _) => self.column(name.as_ref()),
            _ => None,
        };
        let told = take(value.as_ref());
        let mut read = self.read.borrow_mut();
        // Whoever asks for one column asks for a few.
        if read.capacity() == 0 {
            read.reserve(8);
        }
        read.push((*key, value));
        told
    }

    /// At the root, then under `properties`.
    fn column(&self, name: &str) -> Option<Value<'v>> {
        // One array for both places: the whole of it is below `properties`.
        let mut path = [PROPERTIES; PATH_MAX];
        let mut parts = 1;
        for part in name.split('.') {
            *path.get_mut(parts)? = part;
            parts += 1;
        }
        self.columns.column(&path[1..parts]).or_else(|| self.columns.column(&path[..parts]))
    }

    /// What an audit row says a property became (or, with `.old`, was): of every target that has it.
    fn modified(&self, property: &str) -> Option<Value<'v>> {
        let (name, side) = property.strip_suffix(".old").map_or((property, "newValue"), |name| (name, "oldValue"));
        let targets = self.field("targetResources")?;
        let Some(Value::List(lists)) = targets.get("modifiedProperties").map(flat) else { return None };
        let mut found = Vec::new();
        for entry in &lists {
            let Some(Value::Text(display)) = entry.get("displayName") else { continue };
            if display.eq_ignore_ascii_case(name) {
                found.extend(entry.get(side).map(|value| bare(value.into_owned())));
            } else if let Some(path) = below(name, display.as_ref()) {
                let whole = entry.get(side).map(Value::into_owned);
                let inner = path.split('.').fold(whole, |value, key| Some(value?.get(key)?.into_owned()));
                found.extend(inner.map(bare));
            }
        }
        if found.is_empty() { None } else { Some(Value::List(found)) }
    }
}

/// What is left of a name below that of a property: names of properties have dots of their own, so the whole name comes first.
fn below<'n>(name: &'n str, property: &str) -> Option<&'n str> {
    let head = name.get(..property.len()).filter(|head| head.eq_ignore_ascii_case(property))?;
    name[head.len()..].strip_prefix('.')
}

/// Lists of lists as one.
fn flat(value: Value<'_>) -> Value<'_> {
    match value {
        Value::List(items) => Value::List(
            items
                .into_iter()
                .flat_map(|item| if let Value::List(inner) = flat(item.clone()) { inner } else { vec![item] })
                .collect(),
        ),
        one => Value::List(vec![one]),
    }
}

/// Text that spells a quoted text is that text: audit rows quote the values of properties once more.
fn bare(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Text(text) => {
            let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).map(str::to_owned);
            Value::Text(inner.map_or(text, Cow::Owned))
        }
        other => other,
    }
}

impl rsigma_eval::Event for View<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        self.field(path).map(Value::into_sigma)
    }

    fn any_string_value(&self, pred: &dyn Fn(&str) -> bool) -> bool {
        let mut any = false;
        self.columns.each_text(&mut |text| any = any || pred(text));
        any
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let mut all = Vec::new();
        self.columns.each_text(&mut |text| all.push(Cow::Owned(text.to_owned())));
        all
    }

    /// rsigma asks for this only to quote a record in its own results, which nobody here reads.
    fn to_json(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}
