//! Which row of the format table a record is: by its discriminator, then by hints, last by the keys it has.
//!
//! Open to hundreds of formats: every step is a look-up by a folded key, never a walk over all rows.

use super::{Context, Export, Route, exports};
use crate::json::{Fault, FaultKind, Json, KeyTable, key_and_value, skip_space, string_end, value_end};
use crate::records::reject;
use caponier_model::{Reject, RejectReason};
use compact_str::format_compact;
use std::sync::LazyLock;

/// The signatures that share their rarest key, each with its row.
type Signatures = Vec<(&'static [&'static str], &'static Export)>;

/// The routes of all rows, by kind.
struct Routes {
    category: KeyTable<&'static Export>,
    table: KeyTable<&'static Export>,
    odata: KeyTable<&'static Export>,
    anchor: KeyTable<Signatures>,
}

static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    let pick = |choose: fn(&Route) -> Option<&'static str>| {
        let of = move |row: &'static Export| row.routes.iter().filter_map(choose).map(move |key| (key.to_owned(), row));
        KeyTable::new(exports().flat_map(of))
    };
    let mut anchors: Vec<(String, Signatures)> = Vec::new();
    for row in exports() {
        for route in row.routes {
            let Route::Keys(keys @ [first, ..]) = route else { continue };
            match anchors.iter_mut().find(|(anchor, _)| anchor.eq_ignore_ascii_case(first)) {
                Some((_, rows)) => rows.push((keys, row)),
                None => anchors.push(((*first).to_owned(), vec![(keys, row)])),
            }
        }
    }
    Routes {
        category: pick(|r| if let Route::Category(key) = r { Some(key) } else { None }),
        table: pick(|r| if let Route::Table(key) = r { Some(key) } else { None }),
        odata: pick(|r| if let Route::Odata(key) = r { Some(key) } else { None }),
        anchor: KeyTable::new(anchors),
    }
});

/// What the root keys say.
#[derive(Default)]
struct Head<'a> {
    category: Json<'a>,
    kind: Json<'a>,
    odata: Json<'a>,
    context: Json<'a>,
    envelope: bool,
    keys: Vec<&'a str>,
}

/// Finds the row of a record.
pub(super) fn route(text: &str, context: &Context<'_>) -> Result<&'static Export, Reject> {
    if let Some(row) = in_envelope(text) {
        return Ok(row);
    }
    let mut head = Head::default();
    if let Some(row) = read_head(text, context.limits.depth, &mut head).map_err(reject)? {
        return Ok(row);
    }
    let routes = &*ROUTES;
    let look = |table: &KeyTable<&'static Export>, value: Json<'_>| {
        value.text().and_then(|t| table.get(t.trim_start_matches('#').as_bytes()).copied())
    };
    if head.envelope
        && let Some(row) = look(&routes.category, head.category)
    {
        return Ok(row);
    }
    let by_name = |name: &str| {
        let name = name.rsplit('/').next().unwrap_or(name);
        let name = strip(strip(name, "insights-logs-"), "am-");
        let name = strip(name, "AdvancedHunting-");
        routes.table.get(name.as_bytes()).copied()
    };
    let said = || head.kind.text().and_then(|t| by_name(&t));
    let odata = || look(&routes.odata, head.odata);
    let flat = || if head.envelope { None } else { look(&routes.table, head.category) };
    let response = || head.context.text().and_then(|t| by_context(&t)).or_else(|| context.odata.and_then(by_context));
    let hinted = || context.table.and_then(by_name).filter(|_| head.kind.is_absent());
    let found = said().or_else(odata).or_else(response).or_else(hinted).or_else(|| by_keys(&head.keys)).or_else(flat);
    found.ok_or_else(|| unknown(&head))
}

/// The usual record: an envelope that opens with short values, `time` before `category`. Gives up at anything else.
fn in_envelope(text: &str) -> Option<&'static Export> {
    let bytes = text.as_bytes();
    let mut at = 1;
    let mut timed = false;
    for _ in 0..12 {
        let (end, value) = key_and_value(bytes, at).ok()?;
        let key = bytes.get(at + 1..end)?;
        if bytes.get(value) != Some(&b'"') {
            return None;
        }
        let after = string_end(bytes, value + 1).ok()?;
        timed |= key == b"time";
        if timed && key == b"category" {
            return ROUTES.category.get_in(bytes, value + 1, after - value - 2).copied();
        }
        if bytes.get(after) != Some(&b',') {
            return None;
        }
        at = skip_space(bytes, after + 1);
    }
    None
}

fn strip<'t>(text: &'t str, prefix: &str) -> &'t str {
    match text.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => &text[prefix.len()..],
        _ => text,
    }
}

/// `https://…/$metadata#auditLogs/signIns(…)/$entity` names `auditLogs/signIns`.
fn by_context(context: &str) -> Option<&'static Export> {
    let name = context.rsplit_once("$metadata#")?.1;
    let name = name.split(['(', '?']).next().unwrap_or(name).trim_end_matches("/$entity");
    let odata = &ROUTES.odata;
    odata.get(name.as_bytes()).or_else(|| odata.get(name.rsplit('/').next()?.as_bytes())).copied()
}

fn by_keys(keys: &[&str]) -> Option<&'static Export> {
    let has = |wanted: &str| keys.iter().any(|k| k.eq_ignore_ascii_case(wanted));
    let candidates = keys.iter().filter_map(|key| ROUTES.anchor.get(key.as_bytes())).flatten();
    let fits = candidates.filter(|(wanted, _)| wanted.iter().all(|w| has(w)));
    // The longest signature is the most specific; of equals the one named first in byte order, so that no row's place matters.
    fits.max_by(|a, b| a.0.len().cmp(&b.0.len()).then_with(|| b.1.name.cmp(a.1.name))).map(|(_, row)| *row)
}

fn unknown(head: &Head<'_>) -> Reject {
    let said =
        |name, value: Json<'_>| value.text().map(|t| format_compact!("{name} {t:.80} is not in the format table"));
    let detail = said("Type", head.kind)
        .or_else(|| said("@odata.type", head.odata))
        .or_else(|| said("category", head.category))
        .unwrap_or_else(|| {
            let keys = head.keys.iter().take(6).copied().collect::<Vec<_>>().join(", ");
            format_compact!("nothing names the format; keys: {keys:.120}")
        });
    Reject::new(RejectReason::UnknownFormat, detail)
}

/// Reads root keys until a known category in an envelope settles the matter, else all of them.
fn read_head<'a>(text: &'a str, depth: u32, head: &mut Head<'a>) -> Result<Option<&'static Export>, Fault> {
    let bytes = text.as_bytes();
    let mut at = skip_space(bytes, 0);
    if bytes.get(at) != Some(&b'{') {
        let whole = value_end(bytes, at, depth).is_ok();
        return Err(if whole { Fault::new(FaultKind::NotAnObject, at) } else { Fault::here(bytes, at) });
    }
    at = skip_space(bytes, at + 1);
    if bytes.get(at) == Some(&b'}') {
        return Ok(None);
    }
    loop {
        if bytes.get(at) != Some(&b'"') {
            return Err(Fault::here(bytes, at));
        }
        let end = string_end(bytes, at + 1)?;
        let key = text.get(at + 1..end - 1).unwrap_or_default();
        let colon = skip_space(bytes, end);
        if bytes.get(colon) != Some(&b':') {
            return Err(Fault::here(bytes, colon));
        }
        let start = skip_space(bytes, colon + 1);
        at = value_end(bytes, start, depth)?;
        let value = Json::exact(text.get(start..at).unwrap_or_default());
        head.keep(key, value);
        if head.envelope
            && key == "category"
            && let Some(row) = value.text().and_then(|t| ROUTES.category.get(t.as_bytes()))
        {
            return Ok(Some(row));
        }
        at = skip_space(bytes, at);
        match bytes.get(at) {
            Some(b',') => at = skip_space(bytes, at + 1),
            Some(b'}') => return Ok(None),
            _ => return Err(Fault::here(bytes, at)),
        }
    }
}

impl<'a> Head<'a> {
    fn keep(&mut self, key: &'a str, value: Json<'a>) {
        let known = |place: &mut Json<'a>| {
            if place.is_absent() {
                *place = value;
            }
        };
        match key.len() {
            4 if key == "time" => self.envelope = true,
            10 if key == "properties" && value.is_object() => self.envelope = true,
            4 if key.eq_ignore_ascii_case("type") => known(&mut self.kind),
            8 if key.eq_ignore_ascii_case("category") => known(&mut self.category),
            11 if key == "@odata.type" => known(&mut self.odata),
            14 if key == "@odata.context" => known(&mut self.context),
            _ => {}
        }
        self.keys.push(key);
    }
}
