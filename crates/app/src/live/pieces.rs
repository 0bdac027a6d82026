//! Pages in messages that a broker takes: one that is too large goes in pieces, in their order; an entry that is too large by itself
//! goes to the dead letters.

use super::Fault;
use crate::failure::failed;
use caponier_model::{DeadLetter, Flow, Page, Position, Reject, RejectReason};
use caponier_wire as wire;

/// A page as messages of at most so many bytes. What the page says of its source stands in the last of them: until then it is not all.
pub fn pieces(page: Page, most: usize, dead: &mut Vec<DeadLetter>) -> Result<Vec<Vec<u8>>, Fault> {
    let bytes = wire::encode_page(&page).map_err(|e| failed("cannot write a page of the journal", e))?;
    if bytes.len() <= most || page.entries.is_empty() {
        return Ok(vec![bytes]);
    }
    let Page { source, latest, flow, mut entries } = page;
    if entries.len() == 1 {
        let position = entries.remove(0).position;
        let position = position.unwrap_or_else(|| Position { source: source.as_str().into(), offset: 0, index: 0 });
        let what = format!("what came of it has {} bytes, and a message of the journal may have {most}", bytes.len());
        let reject = Reject::new(RejectReason::TooLarge, what);
        dead.push(DeadLetter { position, reject, raw: Vec::new(), truncated: true });
        return pieces(Page { source, latest, flow, entries }, most, dead);
    }
    let rest = entries.split_off(entries.len() / 2);
    let mut all = pieces(Page { source: source.clone(), latest: None, flow: Flow::Flowing, entries }, most, dead)?;
    all.extend(pieces(Page { source, latest, flow, entries: rest }, most, dead)?);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use caponier_model::{Entry, EventTime, Journalled};

    fn page(count: i64) -> Page {
        let entry = |n| Journalled {
            at: EventTime::MIN.plus_seconds(n),
            position: Some(Position { source: "t/0".into(), offset: n as u64, index: 0 }),
            entry: Entry::Watermark(EventTime::MAX),
        };
        Page {
            source: "t/0".into(),
            latest: Some(EventTime::MAX),
            flow: Flow::Idle,
            entries: (0..count).map(entry).collect(),
        }
    }

    fn cut(count: i64, most: usize) -> (Vec<Page>, usize) {
        let mut dead = Vec::new();
        let Ok(all) = pieces(page(count), most, &mut dead) else { panic!("pages can be written") };
        assert!(all.iter().all(|bytes| bytes.len() <= most), "{:?}", all.iter().map(Vec::len).collect::<Vec<_>>());
        (all.iter().map(|bytes| wire::decode_page(bytes, &[]).unwrap()).collect(), dead.len())
    }

    #[test]
    fn pieces_hold_what_the_page_held_in_its_order() {
        let (all, dead) = cut(100, 400);
        assert!(all.len() > 2 && dead == 0, "{}", all.len());
        let entries: Vec<Journalled> = all.iter().flat_map(|p| p.entries.clone()).collect();
        assert_eq!(entries, page(100).entries);
        let last = all.last().unwrap();
        assert_eq!((last.flow, last.latest), (Flow::Idle, Some(EventTime::MAX)));
        assert!(all[..all.len() - 1].iter().all(|p| p.flow == Flow::Flowing && p.latest.is_none()));
    }

    #[test]
    fn what_fits_is_one_message_and_what_never_fits_a_dead_letter() {
        assert_eq!(cut(3, 1 << 20).0.len(), 1);
        let bare = wire::encode_page(&page(0)).unwrap().len();
        let (all, dead) = cut(3, bare);
        assert_eq!((all.iter().map(|p| p.entries.len()).sum::<usize>(), dead), (0, 3));
    }
}
