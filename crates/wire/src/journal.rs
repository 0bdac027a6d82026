//! The journal on the wire: one [`Page`] a message, as bytes that any later version of this program reads or refuses by name.
//!
//! A page is a version, then its fields by postcard (variable-length integers, texts by length, enumerations by number). The
//! name of a sighting's format stands beside it: it comes back as one of the names that are known. Knows no broker and no offset:
//! where a page stands in the journal is not in the page.

use caponier_model::{Entry, EventTime, Flow, Journalled, Page, Position};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The only layout that is written, and read.
const VERSION: u8 = 1;

/// Why bytes are no page of the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PageFault {
    /// There are none.
    Empty,
    /// Another version wrote it.
    Version(u8),
    /// They end early, go on after the end, or say what no page says.
    Malformed(String),
    /// A sighting names a format that nobody here knows.
    Format(CompactString),
}

impl fmt::Display for PageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty message: no page of the journal"),
            Self::Version(found) => write!(
                f,
                "a page of version {found}, and only version {VERSION} is read: run the version that wrote the journal, or begin a new one"
            ),
            Self::Malformed(what) => write!(f, "no page of the journal: {what}"),
            Self::Format(name) => write!(f, "a page with a record of a format that nobody knows: {name}"),
        }
    }
}

impl std::error::Error for PageFault {}

#[derive(Serialize, Deserialize)]
struct Written<E> {
    source: CompactString,
    latest: Option<EventTime>,
    flow: Flow,
    entries: Vec<E>,
}

/// An entry, with where its record stood (a source of its own where that is not the page's) and the name of its format.
#[derive(Serialize, Deserialize)]
struct Line<E> {
    at: EventTime,
    position: Option<(Option<CompactString>, u64, u32)>,
    format: Option<CompactString>,
    entry: E,
}

/// The bytes of a page.
///
/// # Errors
/// None that a page can cause: only a machine without memory has one.
pub fn encode_page(page: &Page) -> Result<Vec<u8>, PageFault> {
    let entries = page.entries.iter().map(|journalled| Line {
        at: journalled.at,
        position: journalled.position.as_ref().map(|p| {
            let own = (*p.source != *page.source).then(|| CompactString::from(&*p.source));
            (own, p.offset, p.index)
        }),
        format: match &journalled.entry {
            Entry::Sighting(sighting) => Some(CompactString::const_new(sighting.format)),
            _ => None,
        },
        entry: &journalled.entry,
    });
    let written =
        Written { source: page.source.clone(), latest: page.latest, flow: page.flow, entries: entries.collect() };
    postcard::to_extend(&written, vec![VERSION]).map_err(|e| PageFault::Malformed(e.to_string()))
}

/// The page that these bytes are; `formats` are the names that a sighting's format may have.
///
/// # Errors
/// The bytes are no page, or one that this version does not read.
pub fn decode_page(bytes: &[u8], formats: &[&'static str]) -> Result<Page, PageFault> {
    let (version, rest) = bytes.split_first().ok_or(PageFault::Empty)?;
    if *version != VERSION {
        return Err(PageFault::Version(*version));
    }
    let malformed = |e: postcard::Error| PageFault::Malformed(e.to_string());
    let (written, rest) = postcard::take_from_bytes::<Written<Line<Entry>>>(rest).map_err(malformed)?;
    if !rest.is_empty() {
        return Err(PageFault::Malformed(format!("{} bytes after its end", rest.len())));
    }
    let Written { source, latest, flow, entries } = written;
    let shared: Arc<str> = source.as_str().into();
    let journalled = |line: Line<Entry>| {
        let Line { at, position, format, mut entry } = line;
        if let Entry::Sighting(sighting) = &mut entry {
            let name = format.unwrap_or_default();
            sighting.format = formats.iter().find(|f| **f == name).copied().ok_or(PageFault::Format(name))?;
        }
        let position = position.map(|(own, offset, index)| Position {
            source: own.map_or_else(|| Arc::clone(&shared), |own| own.as_str().into()),
            offset,
            index,
        });
        Ok(Journalled { at, position, entry })
    };
    let entries = entries.into_iter().map(journalled).collect::<Result<_, _>>()?;
    Ok(Page { source, latest, flow, entries })
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::{
        AccountKey, Act, Call, Chain, ChainStep, Configuration, Decision, FindingKey, Guid, IdentityChange, Link,
        LinkState, MergePolicy, Policy, Rows, RuleText, Setting, Severity, Sighting, SightingKind, SourceRank,
        Statement, TenantId, Text, Verdict,
    };

    fn tenant() -> TenantId {
        TenantId(Guid::from_u128(7))
    }

    fn key() -> FindingKey {
        FindingKey { tenant: tenant(), product: "mde".into(), id: "1".into() }
    }

    fn sighting(format: &'static str) -> Entry {
        let at = EventTime::from_seconds(5);
        Entry::Sighting(Box::new(Sighting {
            key: key(),
            kind: SightingKind::Alert,
            format,
            id: "da1".into(),
            url: Some("https://example.test/1".into()),
            rank: SourceRank::GRAPH,
            version: at,
            content: u128::MAX - 3,
            title: Text::quoted("Impossible travel", tenant()),
            severity: Severity::High,
            closed: false,
            verdict: Some(true),
            first: at,
            last: at,
            ingested: None,
            entities: Vec::new(),
            tactics: vec!["InitialAccess".into()],
            techniques: Vec::new(),
            source_incident: None,
            detector: None,
        }))
    }

    fn page() -> Page {
        let account = |n| AccountKey { tenant: tenant(), object: Guid::from_u128(n) };
        let at = EventTime::from_seconds(9);
        let link = Link {
            account: account(1),
            home: account(2),
            state: LinkState::Accepted,
            confidence: 970_000,
            kinds: Vec::new(),
            sources: vec!["sign-in".into()],
            from: at,
            until: EventTime::MAX,
        };
        let entries = [
            sighting("security_alert"),
            Entry::Evidence(Box::<Rows>::default()),
            Entry::Identity(IdentityChange::Link(link)),
            Entry::Chain(Box::new(Chain {
                rule: "x01".into(),
                id: "i".into(),
                steps: vec![ChainStep { finding: key(), step: "risk".into() }],
            })),
            Entry::Decision(Box::new(Decision {
                at,
                author: "a".into(),
                reason: "r".into(),
                act: Act::Close { findings: vec![key()], verdict: None },
            })),
            Entry::Policy(Policy { pairs: Vec::new(), unlisted: MergePolicy::Merge }),
            Entry::Setting(Setting { name: "windows.account".into(), value: -1 }),
            Entry::Rules("digest".into()),
            Entry::Watermark(EventTime::MAX),
            Entry::Call(Box::new(Call {
                decision: Decision {
                    at,
                    author: "a".into(),
                    reason: "r".into(),
                    act: Act::Split { these: vec![key()], those: Vec::new() },
                },
                incidents: vec!["3f9c".into()],
            })),
            Entry::Configuration(Box::new(Configuration {
                settings: "epoch = 1".into(),
                rules: vec![RuleText { name: "x01.yml".into(), text: "title: a".into() }],
            })),
            Entry::Purge(tenant()),
            Entry::Withdrawn(Box::new(key())),
        ];
        let stood = |n: usize| Position {
            source: if n == 1 { "elsewhere" } else { "alerts/0" }.into(),
            offset: n as u64,
            index: 2,
        };
        let entries = entries.into_iter().enumerate().map(|(n, entry)| Journalled {
            at,
            position: (n < 3).then(|| stood(n)),
            entry,
        });
        Page { source: "alerts/0".into(), latest: Some(at), flow: Flow::Idle, entries: entries.collect() }
    }

    #[test]
    fn a_page_comes_back_as_it_was() {
        let page = page();
        let bytes = encode_page(&page).unwrap();
        assert_eq!(decode_page(&bytes, &["other", "security_alert"]), Ok(page));
        assert_eq!(decode_page(&encode_page(&Page::default()).unwrap(), &[]), Ok(Page::default()));
    }

    #[test]
    fn what_is_no_page_is_refused_by_name() {
        let bytes = encode_page(&page()).unwrap();
        assert_eq!(decode_page(&[], &[]), Err(PageFault::Empty));
        assert_eq!(decode_page(&bytes, &["other"]), Err(PageFault::Format("security_alert".into())));
        assert_eq!(decode_page(&[&[9][..], &bytes[1..]].concat(), &[]), Err(PageFault::Version(9)));
        for end in 1..bytes.len() {
            assert!(matches!(decode_page(&bytes[..end], &["security_alert"]), Err(PageFault::Malformed(_))), "{end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(decode_page(&longer, &["security_alert"]), Err(PageFault::Malformed(_))));
    }

    /// Entries bear their numbers for ever: what was written stays what it was.
    #[test]
    fn a_page_of_an_earlier_build_is_read() {
        let entries = vec![
            Journalled { at: EventTime::MIN, position: None, entry: Entry::Rules("d".into()) },
            Journalled { at: EventTime::MIN, position: None, entry: Entry::Watermark(EventTime::from_nanos(1)) },
        ];
        let page = Page { source: "a/0".into(), entries, ..Page::default() };
        let mut written = vec![1, 3, b'a', b'/', b'0', 0, 0, 2];
        let least = [0xff; 9];
        for entry in [&[10, 1, b'd'][..], &[11, 2]] {
            written.extend(least.iter().chain(&[1, 0, 0]).chain(entry));
        }
        assert_eq!(encode_page(&page).unwrap(), written);
        assert_eq!(decode_page(&written, &[]), Ok(page));
    }

    #[test]
    fn a_statement_comes_back() {
        let account = |n| AccountKey { tenant: tenant(), object: Guid::from_u128(n) };
        let statement = Statement {
            account: account(1),
            home: account(2),
            at: EventTime::MIN,
            verdict: Verdict::Same,
            author: "a".into(),
            reason: "r".into(),
            from: EventTime::MIN,
            until: EventTime::MAX,
        };
        let entries = vec![Journalled { at: EventTime::MIN, position: None, entry: Entry::Statement(statement) }];
        let page = Page { entries, ..Page::default() };
        assert_eq!(decode_page(&encode_page(&page).unwrap(), &[]), Ok(page));
    }
}
