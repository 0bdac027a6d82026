//! The scripts of the stage: what happens in each scenario's attack and in its innocent twin, as lines of text.
//!
//! ```text
//! scene x01
//! attack A risky person gives a role as a guest.
//!   0s home p risk
//!   5m resource p audit op=Add_member_to_role target=q
//! twin The risk is dismissed in between.
//!   …
//! ```
//!
//! A line is `OFFSET SIDE ACTOR VERB key=value…`; underscores are spaces. Knows the language, not what a verb writes.

use std::collections::BTreeMap;

/// Everything that is staged.
const SCENES: &str = include_str!("scenes.txt");

/// The side on which something happens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// In the primary tenant.
    Home,
    /// In the part's resource tenant.
    Resource,
}

/// What happens once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Seconds from the part's beginning; before it where negative.
    pub offset: i64,
    /// Where.
    pub side: Side,
    /// Who: a letter of the script.
    pub actor: String,
    /// What.
    pub verb: String,
    /// How.
    pub options: BTreeMap<String, String>,
}

/// An attack, or its twin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// The scenario, as its rule is named.
    pub scenario: String,
    /// False for the innocent twin.
    pub attack: bool,
    /// What happens, for a reader.
    pub story: String,
    /// Seconds from the plan's first instant at which it begins.
    pub begins: i64,
    /// In the order of the script.
    pub events: Vec<Event>,
}

/// Reads the scripts.
///
/// # Errors
/// The line that is not understood, and why.
pub fn parts() -> Result<Vec<Part>, String> {
    read(SCENES)
}

fn read(text: &str) -> Result<Vec<Part>, String> {
    let mut parts: Vec<Part> = Vec::new();
    let (mut scenario, mut begins, mut scenes) = (String::new(), 0, 0);
    for (number, line) in text.lines().enumerate() {
        let fault = |why: &str| format!("the stage's line {}: {why}: {line}", number + 1);
        let mut words = line.split_whitespace();
        match words.next() {
            None => {}
            Some(comment) if comment.starts_with('#') => {}
            Some("scene") => {
                scenario = words.next().ok_or_else(|| fault("a scene without a name"))?.to_owned();
                scenes += 1;
                begins = match words.next() {
                    Some(at) => duration(at).ok_or_else(|| fault("no duration"))?,
                    None => 30 * 3_600 + scenes * 600,
                };
            }
            Some(part @ ("attack" | "twin")) => {
                let story = words.collect::<Vec<_>>().join(" ");
                let (scenario, attack) = (scenario.clone(), part == "attack");
                parts.push(Part { scenario, attack, story, begins, events: Vec::new() });
            }
            Some(offset) => {
                let part = parts.last_mut().ok_or_else(|| fault("an event outside of a part"))?;
                let offset = duration(offset).ok_or_else(|| fault("no duration"))?;
                event(offset, words, &mut part.events).map_err(|why| fault(&why))?;
            }
        }
    }
    Ok(parts)
}

/// Reads what follows the offset; `repeat=` and `every=` make several events, numbering an actor or target that ends in `*`.
fn event<'a>(offset: i64, mut words: impl Iterator<Item = &'a str>, out: &mut Vec<Event>) -> Result<(), String> {
    let side = match words.next() {
        Some("home") => Side::Home,
        Some("resource") => Side::Resource,
        _ => return Err("the side is home or resource".to_owned()),
    };
    let actor = words.next().ok_or("nobody does it")?;
    let verb = words.next().ok_or("nothing is done")?.to_owned();
    let mut options = BTreeMap::new();
    for word in words {
        let (key, value) = word.split_once('=').ok_or("an option is key=value")?;
        options.insert(key.to_owned(), value.replace('_', " "));
    }
    let repeat = options.remove("repeat").map_or(Some(1), |n| n.parse::<i64>().ok()).ok_or("repeat is a number")?;
    let every = options.remove("every").map_or(Some(0), |d| duration(&d)).ok_or("every is a duration")?;
    for i in 0..repeat {
        let numbered = |text: &str| text.replace('*', &(i + 1).to_string());
        out.push(Event {
            offset: offset + i * every,
            side,
            actor: numbered(actor),
            verb: verb.clone(),
            options: options.iter().map(|(k, v)| (k.clone(), numbered(v))).collect(),
        });
    }
    Ok(())
}

/// `90s`, `5m`, `1h30m`, `-100d`, in seconds.
fn duration(text: &str) -> Option<i64> {
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (mut total, mut digits) = (0, String::new());
    for c in rest.chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        total += std::mem::take(&mut digits).parse::<i64>().ok()? * unit;
    }
    digits.is_empty().then_some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_scripts_read_and_every_scene_has_an_attack_and_a_twin() {
        let parts = parts().unwrap();
        assert!(parts.len() >= 10);
        for pair in parts.chunks(2) {
            assert_eq!(pair[0].scenario, pair[1].scenario);
            assert!(pair[0].attack && !pair[1].attack, "{}", pair[0].scenario);
            assert!(pair.iter().all(|p| !p.events.is_empty() && !p.story.is_empty()), "{}", pair[0].scenario);
        }
        let mut names: Vec<_> = parts.iter().map(|p| &p.scenario).collect();
        names.dedup();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "a scene stands twice");
    }

    #[test]
    fn lines_are_read_and_repeated() {
        let parts =
            read("scene x99 -2d\nattack a story\n 1h30m home s* signin code=1 target=t* repeat=2 every=30s\n").unwrap();
        assert_eq!((parts[0].begins, parts[0].story.as_str()), (-172_800, "a story"));
        let events: Vec<_> =
            parts[0].events.iter().map(|e| (e.offset, e.actor.as_str(), e.options["target"].as_str())).collect();
        assert_eq!(events, [(5_400, "s1", "t1"), (5_430, "s2", "t2")]);
        for bad in [
            "0s home p risk",
            "scene x\nattack a\n 0s here p risk",
            "scene x\nattack a\n 0 home p risk",
            "scene x\nattack a\n 0s home p risk level",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
