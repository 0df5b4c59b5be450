//! The bytes of a file, as far as they are here.
//!
//! A renderer reads where it likes; what is missing is noted, and the renderer runs again when it
//! has come. So a program of a hundred megabytes is shown by its tables alone.

use std::cell::Cell;
use std::ops::Range;

use object::read::ReadRef;

/// Pieces are fetched in multiples of this many bytes: fewer requests, little waste.
pub const PIECE: u64 = 64 * 1024;

/// Most bytes of a file that are held. Tables of the largest programs that people ship, with their
/// names, take some 40 MB.
pub const MAX_HELD: u64 = 64 << 20;

/// Most bytes that are fetched before anybody has asked for them.
const MAX_AHEAD: u64 = 8 << 20;

/// What is here of a file.
#[derive(Debug, Default)]
pub struct Source {
    /// Pieces in order, none touching the next.
    pieces: Vec<(u64, Vec<u8>)>,
    total: u64,
    held: u64,
    missing: Cell<Option<(u64, u64)>>,
}

/// Bytes that are not here, or that the file does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file ends before what it names")]
pub struct NotHere;

impl Source {
    /// Of a file of this size, nothing is here.
    pub fn new(total: u64) -> Source {
        Source {
            total,
            ..Source::default()
        }
    }

    /// All of a file.
    pub fn whole(bytes: &[u8]) -> Source {
        let mut source = Source::new(bytes.len() as u64);
        source.add(0, bytes.to_vec());
        source
    }

    /// The file's size in bytes.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Bytes that are held.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Takes a piece in. What lies beyond the file's end, or is here already, is dropped.
    pub fn add(&mut self, mut start: u64, mut bytes: Vec<u8>) {
        let room = self.total.saturating_sub(start);
        bytes.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        // Behind what is here of it.
        if let Some((at, piece)) = self.pieces.iter().rfind(|(at, _)| *at <= start) {
            let end = at + piece.len() as u64;
            if end > start {
                let known = usize::try_from(end - start).unwrap_or(usize::MAX);
                bytes.drain(..known.min(bytes.len()));
                start = end;
            }
        }
        let after = self.pieces.iter().find(|(at, _)| *at >= start);
        if let Some((at, _)) = after {
            bytes.truncate(usize::try_from(at - start).unwrap_or(usize::MAX));
        }
        if bytes.is_empty() {
            return;
        }
        self.held += bytes.len() as u64;
        let at = self.pieces.partition_point(|(at, _)| *at < start);
        self.pieces.insert(at, (start, bytes));
        // Joined with what it touches, behind and before.
        for second in [at + 1, at] {
            let touches = second > 0
                && second < self.pieces.len()
                && self.pieces[second - 1].0 + self.pieces[second - 1].1.len() as u64
                    == self.pieces[second].0;
            if touches {
                let (_, tail) = self.pieces.remove(second);
                self.pieces[second - 1].1.extend_from_slice(&tail);
            }
        }
    }

    /// The bytes of a range, if the file has them and they are here.
    ///
    /// # Errors
    /// When not; what is missing is noted.
    pub fn get(&self, range: Range<u64>) -> Result<&[u8], NotHere> {
        if range.start > range.end || range.end > self.total {
            return Err(NotHere);
        }
        if range.is_empty() {
            return Ok(&[]);
        }
        let piece = self
            .pieces
            .iter()
            .rfind(|(at, bytes)| *at <= range.start && range.start < at + bytes.len() as u64);
        let mut from = range.start;
        if let Some((at, bytes)) = piece {
            let start = (range.start - at) as usize; // within a Vec
            let end = usize::try_from(range.end - at).unwrap_or(usize::MAX);
            if let Some(found) = bytes.get(start..end) {
                return Ok(found);
            }
            from = at + bytes.len() as u64;
        }
        self.want(from, range.end);
        Err(NotHere)
    }

    /// The first bytes, as many as are here, up to `len`.
    pub fn head(&self, len: usize) -> &[u8] {
        match self.pieces.first() {
            Some((0, bytes)) => &bytes[..bytes.len().min(len)],
            _ => &[],
        }
    }

    /// All of it, if it has no more than `limit` bytes.
    ///
    /// # Errors
    /// When it has more, or they are not all here.
    pub fn all(&self, limit: u64) -> Result<&[u8], NotHere> {
        if self.total > limit {
            return Err(NotHere);
        }
        self.get(0..self.total)
    }

    /// The first bytes, `limit` or as many as the file has.
    ///
    /// # Errors
    /// When they are not all here.
    pub fn first(&self, limit: u64) -> Result<&[u8], NotHere> {
        self.get(0..self.total.min(limit))
    }

    fn want(&self, start: u64, end: u64) {
        if self.missing.get().is_none() {
            self.missing.set(Some((start, end)));
        }
    }

    /// What was missing first since this was asked last, in whole pieces: where it begins and how
    /// many bytes. None if nothing was, or if no more can be held.
    pub fn take_missing(&self) -> Option<(u64, u64)> {
        let (start, end) = self.missing.take()?;
        // Who reads on from what is here will go on: each time twice as much.
        let before = self.pieces.iter().rfind(|(at, _)| *at <= start);
        let before = before.filter(|(at, bytes)| at + bytes.len() as u64 == start);
        let ahead = before.map_or(0, |(_, bytes)| (bytes.len() as u64).min(MAX_AHEAD));
        let end = end.max(start.saturating_add(ahead));
        let end = end.checked_next_multiple_of(PIECE).unwrap_or(end);
        let end = end.min(self.total);
        let next = self.pieces.iter().find(|(at, _)| *at > start);
        let end = next.map_or(end, |(at, _)| end.min(*at));
        let len = end.checked_sub(start).filter(|len| *len > 0)?;
        (self.held + len <= MAX_HELD).then_some((start, len))
    }
}

/// For the readers of programs.
impl<'a> ReadRef<'a> for &'a Source {
    fn len(self) -> Result<u64, ()> {
        Ok(self.total)
    }

    fn read_bytes_at(self, start: u64, size: u64) -> Result<&'a [u8], ()> {
        let end = start.checked_add(size).ok_or(())?;
        self.get(start..end).map_err(|NotHere| ())
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        let end = range.end.min(self.total);
        let mut len = 256;
        loop {
            let to = range.start.saturating_add(len).min(end);
            let bytes = self.get(range.start..to).map_err(|NotHere| ())?;
            if let Some(at) = memchr::memchr(delimiter, bytes) {
                return Ok(&bytes[..at]);
            }
            if to >= end {
                return Err(());
            }
            len *= 4;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(range: Range<u64>) -> Vec<u8> {
        range.map(|n| n as u8).collect()
    }

    #[test]
    fn pieces_are_joined_and_asked_for_once() {
        let mut source = Source::new(1_000_000);
        source.add(0, numbers(0..100));
        assert_eq!(source.get(90..110), Err(NotHere));
        assert_eq!(source.take_missing(), Some((100, PIECE - 100)));
        assert_eq!(source.take_missing(), None);
        source.add(200, numbers(200..300));
        source.add(50, numbers(50..250));
        assert_eq!(source.get(0..300).unwrap(), numbers(0..300));
        assert_eq!(source.held(), 300);
        source.add(999_990, vec![1; 100]);
        assert_eq!(source.get(999_990..1_000_000).unwrap(), [1; 10]);
        assert_eq!(source.get(999_990..1_000_001), Err(NotHere));
        assert_eq!(source.take_missing(), None, "the file has no such bytes");
    }

    #[test]
    fn no_more_is_asked_for_than_can_be_held() {
        let source = Source::new(u64::MAX);
        assert!(source.get(0..MAX_HELD + 1).is_err());
        assert_eq!(source.take_missing(), None);
    }

    #[test]
    fn a_text_is_read_up_to_its_end() {
        let source = Source::whole(b"abc\0def");
        assert_eq!((&source).read_bytes_at_until(0..7, 0), Ok(&b"abc"[..]));
        assert_eq!((&source).read_bytes_at_until(4..7, 0), Err(()));
        assert_eq!((&source).read_bytes_at(5, u64::MAX), Err(()));
    }
}
