//! Many files as one stream in the order of time. Knows files and times, not what is in them nor where they go.
//!
//! A file is opened when its first time has come, and read on a thread of its own, a few payloads ahead: what is held is in
//! proportion to the files that overlap in time, never to all there is.

use crate::failure::Failure;
use caponier_model::{DeadLetter, EventTime};
use caponier_transport::{self as transport, Input, Item, Limits, Payload};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;
use std::time::Duration;

/// Payloads of a file that are read ahead.
const AHEAD: usize = 16;

/// When a payload happened; none where it tells how things are.
pub(super) type TimeOf<'t> = dyn Fn(&Input, &Payload<'_>) -> Option<EventTime> + Sync + 't;

/// What is played.
pub(super) enum Played {
    /// The next payload.
    Payload {
        /// Number of its file.
        file: usize,
        /// When it happened; what tells no time goes with what stands before it, and before everything where nothing does.
        at: Option<EventTime>,
        /// How long after the first of all.
        after: Duration,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// What could not be read.
    Refused(DeadLetter),
}

/// A payload read ahead.
enum Next {
    Payload(Option<EventTime>, Vec<u8>),
    Refused(DeadLetter),
}

/// Hands out every payload of `files` in the order of time, those of a file in the order of the file. Where a file goes back in time,
/// what follows is due at once. Each file is looked into twice: its beginning first, for its first time.
///
/// # Errors
/// What `take` returns; it ends the playing.
pub(super) fn play(
    files: &[&Input],
    limits: &Limits,
    time: &TimeOf<'_>,
    take: &mut dyn FnMut(Played) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut unopened: Vec<(Option<EventTime>, usize)> =
        files.iter().enumerate().map(|(file, input)| (first_time(input, limits, time), file)).collect();
    unopened.sort_unstable_by_key(|file| Reverse(*file));
    let begin = unopened.iter().filter_map(|(first, _)| *first).min();
    let after = |at: Option<EventTime>| match (at, begin) {
        (Some(at), Some(begin)) => {
            Duration::from_nanos(u64::try_from(at.nanos().saturating_sub(begin.nanos())).unwrap_or(0))
        }
        _ => Duration::ZERO,
    };
    std::thread::scope(|scope| {
        let mut heads: BinaryHeap<Reverse<(Option<EventTime>, usize)>> = BinaryHeap::new();
        let mut open: BTreeMap<usize, Ahead> = BTreeMap::new();
        loop {
            while let Some(next) = unopened.pop_if(|next| heads.peek().is_none_or(|Reverse(head)| *next <= *head)) {
                let Some(input) = files.get(next.1) else { continue };
                let mut ahead = Ahead::open(scope, input, limits, time);
                if let Some(at) = ahead.advance(None, take)? {
                    heads.push(Reverse((at, next.1)));
                    open.insert(next.1, ahead);
                }
            }
            let Some(Reverse((at, file))) = heads.pop() else { return Ok(()) };
            let Some(mut ahead) = open.remove(&file) else { continue };
            take(Played::Payload { file, at, after: after(at), bytes: std::mem::take(&mut ahead.bytes) })?;
            if let Some(at) = ahead.advance(at, take)? {
                heads.push(Reverse((at, file)));
                open.insert(file, ahead);
            }
        }
    })
}

/// A file that is being read.
struct Ahead {
    from: Receiver<Next>,
    /// Of the payload that comes next.
    bytes: Vec<u8>,
}

impl Ahead {
    fn open<'s>(scope: &'s Scope<'s, '_>, input: &'s Input, limits: &'s Limits, time: &'s TimeOf<'s>) -> Self {
        let (to, from) = sync_channel(AHEAD);
        scope.spawn(move || {
            // Nobody listens any more: reading ends.
            let read = transport::read(input, limits, &mut |item| {
                to.send(match item {
                    Item::Payload(payload) => Next::Payload(time(input, &payload), payload.bytes.to_vec()),
                    Item::Refused(letter) => Next::Refused(letter),
                })
            });
            drop(read);
        });
        Self { from, bytes: Vec::new() }
    }

    /// The time of the next payload, no earlier than that of the one before; none at the end of the file.
    #[expect(clippy::option_option, reason = "a payload may tell no time, and there may be no payload")]
    fn advance(
        &mut self,
        before: Option<EventTime>,
        take: &mut dyn FnMut(Played) -> Result<(), Failure>,
    ) -> Result<Option<Option<EventTime>>, Failure> {
        while let Ok(next) = self.from.recv() {
            match next {
                Next::Refused(letter) => take(Played::Refused(letter))?,
                Next::Payload(at, bytes) => {
                    self.bytes = bytes;
                    return Ok(Some(at.max(before)));
                }
            }
        }
        Ok(None)
    }
}

/// The first time that a file tells.
fn first_time(input: &Input, limits: &Limits, time: &TimeOf<'_>) -> Option<EventTime> {
    let read = transport::read(input, limits, &mut |item| match item {
        Item::Payload(payload) => time(input, &payload).map_or(Ok(()), Err),
        Item::Refused(_) => Ok(()),
    });
    read.err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Lines `{"t": SECONDS}`, or without a time.
    fn seconds(_: &Input, payload: &Payload<'_>) -> Option<EventTime> {
        let text = std::str::from_utf8(payload.bytes).unwrap();
        let at: i64 = text.split("\"t\":").nth(1)?.trim_end_matches('}').parse().unwrap();
        Some(EventTime::from_nanos(at * 1_000_000_000))
    }

    fn played(files: &[&str], enough: usize) -> Vec<(usize, u64, String)> {
        let folder = tempfile::tempdir().unwrap();
        let mut inputs = Vec::new();
        for (number, lines) in files.iter().enumerate() {
            let path = folder.path().join(format!("{number}.ndjson"));
            std::fs::write(&path, lines).unwrap();
            inputs.push(crate::command::inputs(&[Path::new(&path).to_owned()]).unwrap().0.remove(0));
        }
        let mut out = Vec::new();
        let ended = play(&inputs.iter().collect::<Vec<_>>(), &Limits::default(), &seconds, &mut |played| {
            if let Played::Payload { file, after, bytes, .. } = played {
                out.push((file, after.as_secs(), String::from_utf8(bytes).unwrap()));
            }
            if out.len() == enough { Err(Failure::Usage("enough".into())) } else { Ok(()) }
        });
        assert_eq!(ended.is_err(), out.len() == enough);
        out
    }

    #[test]
    fn files_are_played_in_the_order_of_time_and_each_in_its_own() {
        let files = [
            "{\"t\":100}\n{\"t\":130}\n{\"t\":120}\n{\"n\":1}\n{\"t\":150}\n",
            "{\"t\":140}\n{\"t\":160}\n",
            "{\"n\":2}\n{\"n\":3}\n",
            "{\"t\":110}\n",
        ];
        let all = played(&files, usize::MAX);
        let order: Vec<(usize, u64)> = all.iter().map(|(file, after, _)| (*file, *after)).collect();
        let wanted = [(2, 0), (2, 0), (0, 0), (3, 10), (0, 30), (0, 30), (0, 30), (1, 40), (0, 50), (1, 60)];
        assert_eq!(order, wanted, "{all:?}");
        for (number, lines) in files.iter().enumerate() {
            let of: Vec<&str> =
                all.iter().filter(|(file, ..)| *file == number).map(|(.., text)| text.as_str()).collect();
            assert_eq!(of, lines.lines().collect::<Vec<_>>());
        }
    }

    #[test]
    fn whoever_has_enough_ends_it_and_no_reader_is_left() {
        let long: String = (0..10_000).map(|t| format!("{{\"t\":{t}}}\n")).collect();
        assert_eq!(played(&[&long, &long], 3).len(), 3);
    }
}
