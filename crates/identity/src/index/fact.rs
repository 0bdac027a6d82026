//! An account's facts as bytes: three bytes that say what follows, the dates, then the texts, names first, since a probe by
//! name reads nothing else. Knows no index.
//!
//! A history is the number of facts, then each fact after its length.

use super::text::{Cursor, Parts, Piece, put_number, put_text};
use crate::span::Span;
use caponier_model::{AccountFacts, AccountKey, AccountKind, EventTime, Guid, Handle};
use compact_str::CompactString;

/// The kinds by the number that stands for them; their order is part of the snapshot's format.
const KINDS: [AccountKind; 9] = [
    AccountKind::Unknown,
    AccountKind::Member,
    AccountKind::ExternalGuest,
    AccountKind::ExternalMember,
    AccountKind::InternalGuest,
    AccountKind::ConsumerGuest,
    AccountKind::ServicePrincipal,
    AccountKind::ManagedIdentity,
    AccountKind::Device,
];

const fn number_of(kind: AccountKind) -> u8 {
    match kind {
        AccountKind::Unknown => 0,
        AccountKind::Member => 1,
        AccountKind::ExternalGuest => 2,
        AccountKind::ExternalMember => 3,
        AccountKind::InternalGuest => 4,
        AccountKind::ConsumerGuest => 5,
        AccountKind::ServicePrincipal => 6,
        AccountKind::ManagedIdentity => 7,
        AccountKind::Device => 8,
    }
}

/// Lists of texts: names, SIDs, PUIDs, devices.
const LISTS: usize = 4;

/// Where the UPN stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Upn {
    None,
    /// It is the name with this number.
    Name(u32),
    /// After the lists.
    Own,
}

/// One fact as it is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawFact<'a> {
    kind: AccountKind,
    enabled: Option<bool>,
    upn: Upn,
    display: bool,
    app: Option<Guid>,
    pub(super) span: Span,
    counts: [u32; LISTS],
    texts: Cursor<'a>,
}

/// The facts of a history, in order of time; ends early where bytes make no sense.
pub(super) fn facts<'a>(history: &mut Cursor<'a>) -> impl Iterator<Item = Option<RawFact<'a>>> {
    let count = history.small();
    let missing = count.is_none().then_some(None);
    let each = (0..count.unwrap_or(0)).map(|_| next(history));
    missing.into_iter().chain(each)
}

/// The facts of the history that begins here.
pub(super) fn all(mut history: Cursor<'_>) -> impl Iterator<Item = Option<RawFact<'_>>> {
    let count = history.small().unwrap_or(0);
    (0..count).map(move |_| next(&mut history))
}

fn next<'a>(history: &mut Cursor<'a>) -> Option<RawFact<'a>> {
    let length = usize::try_from(history.number()?).ok()?;
    RawFact::read(history.portion(length)?)
}

/// Do the first bytes of a history tell that its first fact holds at `at` and that `name` is the first of its names? A no is no
/// answer: they may not tell, or something behind them may.
pub(super) fn shows(head: &[u8], name: &str, at: EventTime, owner: Guid, parts: &Parts) -> bool {
    let [0..0x80, 0..0x80, who, when, lists, rest @ ..] = head else { return false };
    // One or two names, no long list and no application: little stands between the dates and the first name.
    if lists & 3 == 0 || lists >> 1 & lists & 0x55 != 0 || when & 32 != 0 {
        return false;
    }
    let has_number = who >> 6 == 2;
    let glance = glances(rest, *when, has_number, name, at, parts);
    glance.unwrap_or_else(|| reads(rest, *when, has_number, name, at, owner, parts))
}

/// What [`shows`] answers, whatever the form of what it reads.
#[cold]
#[inline(never)]
fn reads(rest: &[u8], when: u8, has_number: bool, name: &str, at: EventTime, owner: Guid, parts: &Parts) -> bool {
    let mut from = Cursor::new(rest);
    let (begin, end) = (time(when & 3, EventTime::MIN, &mut from), time(when >> 2 & 3, EventTime::MAX, &mut from));
    let (Some(begin), Some(until)) = (begin, end) else { return false };
    if has_number && from.number().is_none() {
        return false;
    }
    Span { from: begin, until }.holds(at) && Piece::read(&mut from).is_some_and(|piece| piece.is(name, owner, parts))
}

/// What [`shows`] answers, where bytes have the form that nearly all have: since whole seconds in four bytes, until nobody knows,
/// a short local part under one of the first 128 domains. Everything stands at its place then, and a core need not guess
/// which branch comes next, nor fetch much code that the parse before has put out of its cache: through the reader that takes any
/// form, this check was half of what a batch of probes cost.
fn glances(rest: &[u8], when: u8, has_number: bool, name: &str, at: EventTime, parts: &Parts) -> Option<bool> {
    let (begin, rest) = rest.split_first_chunk::<4>().filter(|_| when & 15 == 3)?;
    let [piece @ 0x20..0x3f, part @ 0..0x80, local @ ..] = rest.get(usize::from(has_number)..)? else { return None };
    let local = local.get(..usize::from(piece & 31))?;
    let begin = EventTime::from_seconds(i64::from(u32::from_be_bytes(*begin)));
    let (before, behind) = name.as_bytes().split_at_checked(local.len()).unwrap_or_default();
    let domain = parts.bytes_of(u32::from(*part))?;
    let is_name = behind.split_first().is_some_and(|(between, behind)| *between == b'@' && are_equal(behind, domain));
    Some(begin <= at && is_name && are_equal(before, local))
}

/// Equality of short texts in words of eight bytes, here and not in a library's function: that one is in no cache after a parse.
fn are_equal(a: &[u8], b: &[u8]) -> bool {
    let differ = |(a, b): (&[u8; 8], &[u8; 8])| u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b);
    if a.len() != b.len() {
        return false;
    }
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    let most = words.map(differ).fold(0, |all, one| all | one);
    let last = match a.last_chunk::<8>().zip(b.last_chunk::<8>()) {
        Some(ends) => differ(ends),
        None => a.iter().zip(b).fold(0, |all, (a, b)| all | u64::from(a ^ b)),
    };
    most | last == 0
}

/// How many bytes a history takes.
pub(super) fn length(history: Cursor<'_>) -> usize {
    let mut cursor = history;
    facts(&mut cursor).for_each(drop);
    history.left() - cursor.left()
}

/// The last place in the first `most` bytes of a history where nothing is torn apart: as many texts of its first fact before it as
/// fit, at best its names.
pub(super) fn seam(history: &[u8], most: usize) -> usize {
    let mut cursor = Cursor::new(history);
    let first = cursor.small().and_then(|_| next(&mut cursor));
    let Some(RawFact { mut texts, .. }) = first else { return 0 };
    let at = |texts: &Cursor<'_>| history.len() - cursor.left() - texts.left();
    let mut seam = 0;
    while at(&texts) <= most {
        seam = at(&texts);
        if texts.left() == 0 || Piece::read(&mut texts).is_none() {
            break;
        }
    }
    seam
}

/// Writes a history.
pub(super) fn put_history(facts: &[AccountFacts], parts: &mut Parts, out: &mut Vec<u8>) {
    put_number(out, facts.len() as u64);
    let mut body = Vec::new();
    for fact in facts {
        body.clear();
        put_fact(fact, parts, &mut body);
        put_number(out, body.len() as u64);
        out.extend_from_slice(&body);
    }
}

/// Copies a history, its parts under other numbers; `None` where it makes no sense.
pub(super) fn copy_history(
    history: &mut Cursor<'_>,
    out: &mut Vec<u8>,
    renumber: &mut impl FnMut(u32) -> u32,
) -> Option<()> {
    let mut body = Vec::new();
    let mut ahead = *history;
    put_number(out, ahead.number()?);
    for fact in facts(history) {
        let fact = fact?;
        body.clear();
        put_head(&fact, &mut body);
        fact.pieces().try_for_each(|piece| piece.map(|p| p.write(&mut body, renumber)))?;
        put_number(out, body.len() as u64);
        out.extend_from_slice(&body);
    }
    Some(())
}

impl<'a> RawFact<'a> {
    fn read(mut from: Cursor<'a>) -> Option<Self> {
        let [who, when, lists] = from.array()?;
        let begin = time(when & 3, EventTime::MIN, &mut from)?;
        let end = time(when >> 2 & 3, EventTime::MAX, &mut from)?;
        let app = if when & 32 == 0 { None } else { Some(Guid::from_u128(u128::from_be_bytes(from.array()?))) };
        let mut counts = [0; LISTS];
        for (i, count) in counts.iter_mut().enumerate() {
            *count = u32::from(lists >> (2 * i) & 3);
            if *count == 3 {
                *count = from.small()?;
            }
        }
        let upn = match who >> 6 {
            0 => Upn::None,
            1 => Upn::Name(0),
            2 => Upn::Name(from.small()?),
            _ => Upn::Own,
        };
        let enabled = match who >> 4 & 3 {
            0 => None,
            1 => Some(false),
            2 => Some(true),
            _ => return None,
        };
        let kind = *KINDS.get(usize::from(who & 15))?;
        let span = Span { from: begin, until: end };
        Some(Self { kind, enabled, upn, display: when & 16 != 0, app, span, counts, texts: from })
    }

    /// Every text, in order.
    fn pieces(&self) -> impl Iterator<Item = Option<Piece<'a>>> {
        let mut texts = self.texts;
        let lists: u64 = self.counts.iter().map(|c| u64::from(*c)).sum();
        let all = lists + u64::from(self.upn == Upn::Own) + u64::from(self.display);
        (0..all).map(move |_| Piece::read(&mut texts))
    }

    /// Does the handle name it?
    pub(super) fn bears(&self, handle: Handle<'_>, owner: Guid, parts: &Parts) -> bool {
        let (list, text) = match handle {
            Handle::App(app) => return self.app == Some(app),
            Handle::Name(text) => (0, text),
            Handle::Sid(text) => (1, text),
            Handle::Puid(text) => (2, text),
            Handle::Device(text) => (3, text),
        };
        let before: usize = self.counts.iter().take(list).map(|c| *c as usize).sum();
        let count = self.counts.get(list).map_or(0, |c| *c as usize);
        self.pieces().skip(before).take(count).flatten().any(|piece| piece.is(text, owner, parts))
    }

    /// The fact as the model has it.
    pub(super) fn open(&self, account: AccountKey, parts: &Parts) -> Option<AccountFacts> {
        let mut pieces = self.pieces();
        let mut text = || pieces.next().flatten()?.text(account.object, parts);
        let mut list = |count: u32| (0..count).map(|_| text()).collect::<Option<Vec<CompactString>>>();
        let [names, sids, puids, devices] = self.counts;
        let (names, sids, puids, devices) = (list(names)?, list(sids)?, list(puids)?, list(devices)?);
        let upn = match self.upn {
            Upn::None => None,
            Upn::Name(number) => Some(names.get(number as usize)?.clone()),
            Upn::Own => Some(text()?),
        };
        let display = if self.display { Some(text()?) } else { None };
        Some(AccountFacts {
            account,
            kind: self.kind,
            upn,
            display,
            names,
            sids,
            puids,
            app: self.app,
            devices,
            enabled: self.enabled,
            from: self.span.from,
            until: self.span.until,
        })
    }
}

fn put_fact(fact: &AccountFacts, parts: &mut Parts, out: &mut Vec<u8>) {
    let lists = [&fact.names, &fact.sids, &fact.puids, &fact.devices];
    let upn = match &fact.upn {
        None => Upn::None,
        Some(upn) => fact.names.iter().position(|n| n == upn).map_or(Upn::Own, |i| Upn::Name(i as u32)),
    };
    let raw = RawFact {
        kind: fact.kind,
        enabled: fact.enabled,
        upn,
        display: fact.display.is_some(),
        app: fact.app,
        span: Span { from: fact.from, until: fact.until },
        counts: lists.map(|list| list.len() as u32),
        texts: Cursor::new(&[]),
    };
    put_head(&raw, out);
    let own = fact.upn.iter().filter(|_| upn == Upn::Own);
    for text in lists.into_iter().flatten().chain(own).chain(&fact.display) {
        put_text(text, fact.account.object, parts, out);
    }
}

/// What stands before the texts.
fn put_head(fact: &RawFact<'_>, out: &mut Vec<u8>) {
    let upn = match fact.upn {
        Upn::None => 0,
        Upn::Name(0) => 1,
        Upn::Name(_) => 2,
        Upn::Own => 3,
    };
    let enabled = fact.enabled.map_or(0, |e| 1 + u8::from(e));
    let (begin, end) = (time_form(fact.span.from, EventTime::MIN), time_form(fact.span.until, EventTime::MAX));
    out.push(number_of(fact.kind) | enabled << 4 | upn << 6);
    out.push(begin | end << 2 | u8::from(fact.display) << 4 | u8::from(fact.app.is_some()) << 5);
    out.push((0..).zip(fact.counts).fold(0, |lists, (i, count)| lists | (count.min(3) as u8) << (2 * i)));
    put_time(begin, fact.span.from, out);
    put_time(end, fact.span.until, out);
    out.extend(fact.app.iter().flat_map(|app| app.as_u128().to_be_bytes()));
    for count in fact.counts.into_iter().filter(|c| *c >= 3) {
        put_number(out, u64::from(count));
    }
    if let Upn::Name(number @ 1..) = fact.upn {
        put_number(out, u64::from(number));
    }
}

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// How an instant is written: 0 for the end of time that goes without saying, 1 for whole seconds, 2 for nanoseconds, 3 for whole
/// seconds in four bytes, which reach from 1970 to 2106.
pub(super) const fn time_form(time: EventTime, unsaid: EventTime) -> u8 {
    if time.nanos() == unsaid.nanos() {
        0
    } else if time.nanos() % NANOS_PER_SECOND == 0 {
        let seconds = time.nanos() / NANOS_PER_SECOND;
        if 0 <= seconds && seconds <= u32::MAX as i64 { 3 } else { 1 }
    } else {
        2
    }
}

pub(super) fn put_time(form: u8, time: EventTime, out: &mut Vec<u8>) {
    match form {
        0 => {}
        1 => {
            let seconds = time.nanos() / NANOS_PER_SECOND;
            put_number(out, (seconds << 1 ^ seconds >> 63).cast_unsigned());
        }
        3 => out.extend_from_slice(&((time.nanos() / NANOS_PER_SECOND) as u32).to_be_bytes()),
        _ => out.extend_from_slice(&time.nanos().to_be_bytes()),
    }
}

pub(super) fn time(form: u8, unsaid: EventTime, from: &mut Cursor<'_>) -> Option<EventTime> {
    match form {
        0 => Some(unsaid),
        1 => {
            let folded = from.number()?;
            let seconds = (folded >> 1).cast_signed() ^ -((folded & 1).cast_signed());
            seconds.checked_mul(NANOS_PER_SECOND).map(EventTime::from_nanos)
        }
        2 => Some(EventTime::from_nanos(i64::from_be_bytes(from.array()?))),
        3 => Some(EventTime::from_seconds(i64::from(u32::from_be_bytes(from.array()?)))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::TenantId;

    #[test]
    fn a_kind_is_its_number() {
        for (number, kind) in (0..).zip(KINDS) {
            assert_eq!(number_of(kind), number);
        }
    }

    #[test]
    fn a_history_comes_back_and_no_part_of_it_does() {
        let account = AccountKey { tenant: TenantId(Guid::from_u128(1)), object: Guid::from_u128(77) };
        let texts = |list: &[&str]| list.iter().map(|t| (*t).into()).collect::<Vec<CompactString>>();
        let empty = AccountFacts {
            account,
            kind: AccountKind::Unknown,
            upn: None,
            display: None,
            names: Vec::new(),
            sids: Vec::new(),
            puids: Vec::new(),
            app: None,
            devices: Vec::new(),
            enabled: None,
            from: EventTime::MIN,
            until: EventTime::MAX,
        };
        let full = AccountFacts {
            kind: AccountKind::Device,
            upn: Some("b@x".into()),
            display: Some("B".into()),
            names: texts(&["a@x", "b@x", "c@y", "d"]),
            sids: texts(&["S-1-5-21-1-2-3-4", &account.object.cloud_sid()]),
            puids: texts(&["10032001A7F3C9D4"]),
            app: Some(Guid::from_u128(9)),
            devices: texts(&["/a/b"]),
            enabled: Some(false),
            from: EventTime::from_nanos(-1),
            until: EventTime::from_seconds(-7),
            ..empty.clone()
        };
        let own = AccountFacts { upn: Some("z@x".into()), enabled: Some(true), ..full.clone() };
        let history = [empty, full, own];
        let mut parts = Parts::default();
        let mut out = Vec::new();
        put_history(&history, &mut parts, &mut out);
        assert_eq!(length(Cursor::new(&out)), out.len());
        let read = |bytes: &[u8]| {
            let mut cursor = Cursor::new(bytes);
            facts(&mut cursor).map(|f| f?.open(account, &parts)).collect::<Option<Vec<_>>>()
        };
        assert_eq!(read(&out).as_deref(), Some(&history[..]));
        (0..out.len()).for_each(|cut| assert_eq!(read(&out[..cut]), None));
        let mut again = Vec::new();
        copy_history(&mut Cursor::new(&out), &mut again, &mut |part| part).unwrap();
        assert_eq!(again, out);
    }

    #[test]
    fn a_glance_tells_what_the_reader_of_any_form_tells() {
        let account = AccountKey { tenant: TenantId(Guid::from_u128(1)), object: Guid::from_u128(77) };
        let names = [
            "a@x",
            "b@x",
            "a@y",
            "a@xx",
            "ab@x",
            "ax",
            "@x",
            "adele.vance@contoso.com",
            "adele.vence@contoso.com",
            "adele.vance@contoso.org",
            "adele.vance7@contoso.com",
            "katarzyna.ferreira@fabrikam.com",
            "adele.vance.contoso.com",
        ];
        let (from, until) = (EventTime::from_seconds(1_700_000_000), EventTime::from_seconds(1_800_000_000));
        let early = EventTime::from_nanos(from.nanos() - 1);
        let (mut parts, mut glanced) = (Parts::default(), 0);
        for (first, second, begin, end) in names.iter().flat_map(|first| {
            [
                (first, None, from, EventTime::MAX),
                (first, Some("z"), from, EventTime::MAX),
                (first, None, from, until),
                (first, None, EventTime::MIN, EventTime::MAX),
                (first, None, early, EventTime::MAX),
            ]
        }) {
            let list: Vec<CompactString> = [Some(*first), second].into_iter().flatten().map(Into::into).collect();
            let fact = AccountFacts {
                account,
                kind: AccountKind::Member,
                upn: list.last().cloned(),
                display: None,
                names: list,
                sids: Vec::new(),
                puids: Vec::new(),
                app: None,
                devices: Vec::new(),
                enabled: None,
                from: begin,
                until: end,
            };
            let mut out = Vec::new();
            put_history(&[fact], &mut parts, &mut out);
            let [_, _, who, when, _, rest @ ..] = &out[..] else { panic!("{out:?}") };
            for (name, at) in names.iter().flat_map(|name| [early, from, until].map(|at| (name, at))) {
                let wanted = name == first && Span { from: begin, until: end }.holds(at);
                assert_eq!(shows(&out, name, at, account.object, &parts), wanted, "{first} {name} {at:?}");
                let has_number = who >> 6 == 2;
                assert_eq!(reads(rest, *when, has_number, name, at, account.object, &parts), wanted);
                let glance = glances(rest, *when, has_number, name, at, &parts);
                assert!(glance.is_none_or(|glance| glance == wanted), "{first} {name} {at:?}");
                glanced += usize::from(glance.is_some());
                assert!(
                    (0..rest.len())
                        .all(|cut| glances(&rest[..cut], *when, has_number, name, at, &parts) != Some(true) || wanted)
                );
            }
        }
        // Eleven names with a domain, alone and before another; each is asked for all names at three times.
        assert_eq!(glanced, 11 * 2 * names.len() * 3);
    }

    #[test]
    fn texts_are_equal_where_every_byte_is() {
        for length in 0..40 {
            let text: Vec<u8> = (0..length).collect();
            assert!(are_equal(&text, &text.clone()));
            assert!(!are_equal(&text, &[&text[..], b"x"].concat()));
            for at in 0..text.len() {
                let mut other = text.clone();
                other[at] ^= 0x20;
                assert!(!are_equal(&text, &other), "{length} {at}");
            }
        }
    }
}
