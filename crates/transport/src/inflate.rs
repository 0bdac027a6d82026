//! Compression: gzip and zstd streams, opened by their magic bytes and watched so that a bomb stops early.
//! Must not know what the streams hold.

use crate::Limits;
use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

/// Bytes still to come.
type Stream<'a> = Box<dyn Read + 'a>;

/// One row per compression that is read.
pub(crate) struct Packing {
    /// Its name in messages.
    pub name: &'static str,
    /// How its streams begin.
    magic: &'static [u8],
    /// Makes the decoder.
    decoder: for<'a> fn(Stream<'a>) -> io::Result<Stream<'a>>,
}

const PACKINGS: &[Packing] = &[
    // Members written one after the other (as log rotation does) are one stream.
    Packing {
        name: "gzip",
        magic: b"\x1f\x8b",
        decoder: |r| Ok(Box::new(flate2::bufread::MultiGzDecoder::new(buffered(r)))),
    },
    Packing {
        name: "zstd",
        magic: b"\x28\xb5\x2f\xfd",
        decoder: |r| Ok(Box::new(zstd::stream::read::Decoder::with_buffer(buffered(r))?)),
    },
];

fn buffered(reader: Box<dyn Read + '_>) -> BufReader<Box<dyn Read + '_>> {
    BufReader::with_capacity(256 << 10, reader)
}

/// The compression that these first bytes show.
pub(crate) fn packing(head: &[u8]) -> Option<&'static Packing> {
    PACKINGS.iter().find(|p| head.starts_with(p.magic))
}

impl Packing {
    /// Opens a stream whose compressed bytes `on_disk` counts.
    pub fn open<'a>(
        &self,
        reader: Box<dyn Read + 'a>,
        on_disk: &Counted,
        limits: &Limits,
    ) -> io::Result<Box<dyn Read + 'a>> {
        Ok(Box::new(Guard {
            inner: (self.decoder)(reader)?,
            on_disk: on_disk.clone(),
            out: 0,
            ratio: limits.inflate_ratio,
            floor: limits.inflate_floor,
            most: limits.inflate_bytes,
        }))
    }
}

/// A number of bytes that a reader elsewhere counts up.
#[derive(Clone, Default)]
pub(crate) struct Counted(Rc<Cell<u64>>);

impl Counted {
    /// The bytes so far.
    pub fn get(&self) -> u64 {
        self.0.get()
    }

    /// A reader whose bytes are counted here.
    pub fn of<R: Read>(&self, inner: R) -> CountedReader<R> {
        CountedReader { inner, count: self.clone() }
    }
}

/// See [`Counted::of`].
pub(crate) struct CountedReader<R> {
    inner: R,
    count: Counted,
}

impl<R: Read> Read for CountedReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buf)?;
        self.count.0.set(self.count.get() + got as u64);
        Ok(got)
    }
}

/// Stops a stream that becomes too much, or too much for what it is.
struct Guard<R> {
    inner: R,
    on_disk: Counted,
    out: u64,
    ratio: u64,
    floor: u64,
    most: u64,
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buf)?;
        self.out += got as u64;
        if self.out > self.most {
            return Err(io::Error::other(format!(
                "it inflates beyond {} bytes; raise the limit inflate_bytes if it is wanted",
                self.most
            )));
        }
        if self.out > self.floor && self.out / self.ratio.max(1) > self.on_disk.get() {
            return Err(io::Error::other(format!(
                "it inflates more than {} times, as a bomb does; raise the limit inflate_ratio if it is wanted",
                self.ratio
            )));
        }
        Ok(got)
    }
}
