//! Vectors: small stories beside a rule that say when it fires and when it does not. Parsing only; whoever has decoders runs them.
//!
//! A story is played by people of a home tenant and their guests in a resource tenant. One event a line:
//! `OFFSET SIDE PERSON TEMPLATE [key=value …]`, e.g. `5m resource mara role-added role=Owner`. `5m+30s*20` is twenty events, half a
//! minute apart, and `#` in a value the number of each. Templates are records in their real wire format with `${key}` or
//! `${key:default}` in the places that vary.

use compact_str::CompactString;
use serde::Deserialize;

/// The vectors of one rule.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    /// The rule's name.
    pub rule: String,
    /// The stories.
    pub vectors: Vec<Vector>,
}

/// One story.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// What it shows, in words.
    pub name: String,
    /// How many instances of the rule it makes.
    pub finds: usize,
    /// What joins guests to their homes: `accepted` (default) or `none`.
    #[serde(default)]
    pub links: Links,
    /// Guests that come to belong to somebody else at some time.
    #[serde(default)]
    pub rehomed: Vec<Rehomed>,
    /// What the configuration says of the pair: `merge` (default), `suggest`, `forbid` (then nobody is joined), or `unlisted`.
    #[serde(default)]
    pub pair: Pair,
    /// How many incidents of both tenants come of it, where that is asked: the story is then also played through the engine.
    #[serde(default)]
    pub across: Option<usize>,
    /// The events, in the order in which they arrive.
    pub events: Vec<String>,
}

/// A guest whose link ends at a moment, and who has another home from then on, or none.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehomed {
    /// Whose guest.
    pub guest: CompactString,
    /// From when on, like an event's offset.
    pub at: String,
    /// Whose it is from then on; nobody's where it was made internal.
    #[serde(default)]
    pub home: Option<CompactString>,
}

impl Rehomed {
    /// Seconds from the story's beginning.
    ///
    /// # Errors
    /// The offset is unreadable.
    pub fn offset(&self) -> Result<i64, String> {
        seconds(&self.at)
    }
}

/// What the configuration says of home and resource tenant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pair {
    /// They may be one incident.
    #[default]
    Merge,
    /// They may be named together.
    Suggest,
    /// Nothing joins them: no link runs either.
    Forbid,
    /// Nobody said.
    Unlisted,
}

/// What joins guests to their homes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Links {
    /// Accepted links: one person each.
    #[default]
    Accepted,
    /// Links that are only possible: shown, never used.
    Possible,
    /// None at all.
    None,
}

/// One line of a story.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Seconds from the story's beginning.
    pub offset: i64,
    /// At home rather than in the resource tenant.
    pub home: bool,
    /// Who.
    pub person: CompactString,
    /// The record's template.
    pub template: CompactString,
    /// What it says in the places that vary.
    pub values: Vec<(CompactString, CompactString)>,
}

/// Reads a vectors file.
///
/// # Errors
/// What is wrong, with the line where the parser knows it.
pub fn read(text: &str) -> Result<Vectors, String> {
    let vectors: Vectors = yaml_serde::from_str(text).map_err(|e| e.to_string())?;
    for vector in &vectors.vectors {
        for moved in &vector.rehomed {
            moved.offset().map_err(|what| format!("{}: {} {what}", vector.name, moved.guest))?;
        }
        for line in &vector.events {
            Line::read(line).map_err(|what| format!("{}: {line:?} {what}", vector.name))?;
        }
    }
    Ok(vectors)
}

/// One line tells at most so many events.
const EVENTS_MAX: i64 = 10_000;

impl Line {
    /// Reads one line: the events it tells, in order.
    ///
    /// # Errors
    /// What is missing or unreadable.
    pub fn read(text: &str) -> Result<Vec<Self>, String> {
        let (when, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text, ""));
        let Some((start, (step, times))) = when.split_once('+').and_then(|(s, r)| Some((s, r.split_once('*')?))) else {
            return Ok(vec![Self::one(seconds(when)?, rest)?]);
        };
        let (start, step) = (seconds(start)?, seconds(step)?);
        let times: i64 = times
            .parse()
            .ok()
            .filter(|n| (1..=EVENTS_MAX).contains(n))
            .ok_or_else(|| format!("is repeated {times} times; write 1 to {EVENTS_MAX}"))?;
        (0..times).map(|n| Self::one(start + n * step, &rest.replace('#', &n.to_string()))).collect()
    }

    fn one(offset: i64, text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let mut next = |what: &str| words.next().ok_or_else(|| format!("names no {what}"));
        let home = match next("side")? {
            "home" => true,
            "resource" => false,
            other => return Err(format!("has the side {other}; write home or resource")),
        };
        let (person, template) = (next("person")?.into(), next("template")?.into());
        let pair = |word: &str| {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("has {word}; write key=value"))?;
            // A value of several words is written with underscores.
            Ok((key.into(), value.replace('_', " ").into()))
        };
        let values = words.map(pair).collect::<Result<_, String>>()?;
        Ok(Self { offset, home, person, template, values })
    }
}

/// `90s`, `5m`, `24h1s`, `-1s`.
pub(crate) fn seconds(text: &str) -> Result<i64, String> {
    let unreadable = || format!("has the offset {text}; write like 90s, 5m, 24h1s, 2d");
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (mut total, mut number) = (0_i64, String::new());
    for c in rest.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(unreadable()),
        };
        total += number.parse::<i64>().map_err(|_| unreadable())? * unit;
        number.clear();
    }
    if number.is_empty() && !rest.is_empty() { Ok(sign * total) } else { Err(unreadable()) }
}

/// A template with its places filled: by `values`, else by `given`, else by the default that it names.
///
/// # Errors
/// A place that nothing fills.
pub fn fill(
    template: &str,
    values: &[(CompactString, CompactString)],
    given: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut out = String::with_capacity(template.len() + 256);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let (place, tail) = after.split_once('}').ok_or("has a place that is not closed")?;
        let (key, default) = place.split_once(':').map_or((place, None), |(k, d)| (k, Some(d)));
        let said = values.iter().find(|(k, _)| k == key).map(|(_, v)| v.to_string());
        let filled = said.or_else(|| given(key)).or_else(|| default.map(str::to_owned));
        out.push_str(&filled.ok_or_else(|| format!("has the place {key}, which nothing fills"))?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_or_say_what_is_wrong() {
        let read = |text: &str| Line::read(text).unwrap();
        let [line] = &read("24h1s resource mara role-added role=Global_Administrator")[..] else { panic!() };
        assert_eq!(
            (line.offset, line.home, line.person.as_str(), line.template.as_str()),
            (86_401, false, "mara", "role-added")
        );
        assert_eq!(line.values, [("role".into(), "Global Administrator".into())]);
        let many = read("-1m+30s*3 home mara mail box=b#");
        let told: Vec<_> = many.iter().map(|l| (l.offset, l.values[0].1.as_str())).collect();
        assert_eq!(told, [(-60, "b0"), (-30, "b1"), (0, "b2")]);
        for (bad, why) in [
            ("", "offset"),
            ("0s+1s*0 home mara risk", "repeated"),
            ("5 home mara risk", "24h1s"),
            ("5m there mara risk", "side"),
            ("5m home mara", "template"),
            ("5m home mara risk level", "key=value"),
        ] {
            assert!(Line::read(bad).unwrap_err().contains(why), "{bad}");
        }
    }

    #[test]
    fn places_are_filled_in_order_of_precedence() {
        let values = [("a".into(), "1".into())];
        let given = |key: &str| (key == "b").then(|| "2".to_owned());
        assert_eq!(fill("${a:x}-${b:x}-${c:3}", &values, &given).unwrap(), "1-2-3");
        assert!(fill("${d}", &values, &given).is_err());
        assert!(fill("${d", &values, &given).is_err());
    }
}
