//! Plain bytes of a layer that were seen: what they are kept for are compressions in which nothing
//! can be reached without decoding all that is before it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use crate::job::Verified;

/// Plain bytes kept from the layer's start on, as they pass. Most layers are smaller.
const FIRST_BYTES: u64 = 64 << 20;
/// Plain bytes kept of files that were read later: a file beyond the first bytes is read in
/// several steps, and must not be decoded for each.
pub(super) const RECENT_BYTES: u64 = 32 << 20;
/// They are held in pieces, so that growing moves nothing.
const PIECE: usize = 1 << 20;

/// What several layers that are open together may keep: no more than one alone.
#[derive(Debug)]
struct Room {
    /// Of the first bytes, how many more may be kept.
    first_left: Cell<u64>,
    /// What was read, the last first.
    recent: RefCell<VecDeque<Recent>>,
    /// Layers that share it.
    layers: Cell<u32>,
}

/// Bytes that were read.
#[derive(Debug)]
struct Recent {
    /// The layer, by its number among those that share the room.
    of: u32,
    start: u64,
    bytes: Vec<u8>,
}

impl Recent {
    fn covers(&self, of: u32, out_range: &Range<u64>) -> bool {
        let end = self.start + self.bytes.len() as u64;
        self.of == of && self.start <= out_range.start && out_range.end <= end
    }
}

impl Default for Room {
    fn default() -> Self {
        Room {
            first_left: Cell::new(FIRST_BYTES),
            recent: RefCell::default(),
            layers: Cell::new(1),
        }
    }
}

/// The plain bytes of one layer.
#[derive(Debug, Default)]
pub(super) struct Kept {
    first: Vec<Vec<u8>>,
    first_len: u64,
    room: Rc<Room>,
    /// Its number in the room.
    number: u32,
    /// How far they were checked.
    verified: Verified,
}

impl Kept {
    /// For another layer, which shares the room of this one.
    pub(super) fn beside(&self) -> Kept {
        let number = self.room.layers.get();
        self.room.layers.set(number.saturating_add(1));
        Kept {
            room: self.room.clone(),
            number,
            ..Kept::default()
        }
    }

    /// Plain bytes pass, from `out_offset` on; kept if they are the next of the first ones.
    pub(super) fn pass(&mut self, out_offset: u64, bytes: &[u8]) {
        let Some(known) = self.first_len.checked_sub(out_offset) else {
            return; // there is a gap
        };
        let room = self.room.first_left.get();
        let new = usize::try_from(known).ok().and_then(|at| bytes.get(at..));
        let mut new = new.unwrap_or_default();
        new = &new[..new.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
        self.first_len += new.len() as u64;
        self.room.first_left.set(room - new.len() as u64);
        while !new.is_empty() {
            if self.first.last().is_none_or(|piece| piece.len() == PIECE) {
                self.first.push(Vec::new());
            }
            let Some(piece) = self.first.last_mut() else {
                return;
            };
            let n = new.len().min(PIECE - piece.len());
            piece.extend_from_slice(&new[..n]);
            new = &new[n..];
        }
    }

    /// Keeps what was read.
    pub(super) fn put(&mut self, out_offset: u64, bytes: Vec<u8>) {
        if bytes.len() as u64 > RECENT_BYTES {
            return;
        }
        let mut recent = self.room.recent.borrow_mut();
        recent.push_front(Recent {
            of: self.number,
            start: out_offset,
            bytes,
        });
        let mut sum = 0;
        recent.retain(|recent| {
            sum += recent.bytes.len() as u64;
            sum <= RECENT_BYTES
        });
    }

    /// How far all of them have been checked by now.
    pub(super) fn set_verified(&mut self, verified: Verified) {
        self.verified = verified;
    }

    pub(super) fn verified(&self) -> Verified {
        self.verified
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.first.clear();
        let left = self.room.first_left.get();
        self.room
            .first_left
            .set(left + std::mem::take(&mut self.first_len));
        let mut recent = self.room.recent.borrow_mut();
        recent.retain(|recent| recent.of != self.number);
        self.verified = Verified::default();
    }

    /// All bytes of the range are here.
    pub(super) fn covers(&self, out_range: &Range<u64>) -> bool {
        let recent = self.room.recent.borrow();
        out_range.end <= self.first_len || recent.iter().any(|r| r.covers(self.number, out_range))
    }

    /// Some bytes from the start of a range that is [covered](Self::covers); none if it is not.
    pub(super) fn piece(&self, out_range: &Range<u64>) -> Option<Vec<u8>> {
        let cut = |bytes: &[u8]| {
            let len = usize::try_from(out_range.end - out_range.start).unwrap_or(usize::MAX);
            Some(bytes.get(..bytes.len().min(len))?.to_vec())
        };
        if out_range.is_empty() {
            return None;
        }
        if out_range.end <= self.first_len {
            let at = usize::try_from(out_range.start).ok()?;
            return cut(self.first.get(at / PIECE)?.get(at % PIECE..)?);
        }
        let recent = self.room.recent.borrow();
        let holder = recent.iter().find(|r| r.covers(self.number, out_range))?;
        let from = usize::try_from(out_range.start - holder.start).ok()?;
        cut(holder.bytes.get(from..)?)
    }

    /// Bytes kept by all that share the room.
    #[cfg(test)]
    pub(super) fn in_room(&self) -> u64 {
        let recent = self.room.recent.borrow();
        let recent: u64 = recent.iter().map(|r| r.bytes.len() as u64).sum();
        FIRST_BYTES - self.room.first_left.get() + recent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(range: Range<u64>) -> Vec<u8> {
        range.map(|at| (at % 251) as u8).collect()
    }

    #[track_caller]
    fn check(kept: &Kept, range: Range<u64>, expect: bool) {
        assert_eq!(kept.covers(&range), expect, "{range:?}");
        let mut out = Vec::new();
        let mut at = range.start;
        while let Some(piece) = kept.piece(&(at..range.end)) {
            assert!(!piece.is_empty());
            out.extend_from_slice(&piece);
            at += piece.len() as u64;
        }
        match expect {
            true => assert!(out == bytes(range)),
            false => assert!(out.is_empty()),
        }
    }

    #[test]
    fn what_passed_first_is_here() {
        let mut kept = Kept::default();
        kept.pass(0, &bytes(0..1000));
        kept.pass(1000, &bytes(1000..3_000_000));
        kept.pass(500, &bytes(500..3_000_100)); // passes again, and goes on
        kept.pass(4_000_000, &bytes(0..10)); // after a gap
        check(&kept, 0..3_000_100, true);
        check(&kept, 999..1001, true);
        check(&kept, 1_048_575..1_048_577, true);
        check(&kept, 3_000_099..3_000_101, false);
        check(&kept, 4_000_000..4_000_001, false);
    }

    #[test]
    fn it_stays_within_its_limits() {
        let mut kept = Kept::default();
        let chunk = bytes(0..251 * 10_000);
        let mut at = 0;
        while at < 2 * FIRST_BYTES {
            kept.pass(at, &chunk);
            at += chunk.len() as u64;
        }
        check(&kept, FIRST_BYTES - 5000..FIRST_BYTES, true);
        check(&kept, FIRST_BYTES..FIRST_BYTES + 1, false);
        assert_eq!(kept.first_len, FIRST_BYTES);
        let far = FIRST_BYTES * 3;
        let third = RECENT_BYTES / 3;
        for i in 0..4 {
            let start = far + i * third;
            kept.put(start, bytes(start..start + third));
        }
        check(&kept, far..far + 1, false);
        check(&kept, far + third..far + third + 7, true);
        check(&kept, far + third * 4 - 1..far + third * 4, true);
        kept.put(0, bytes(0..RECENT_BYTES + 1));
        assert_eq!(kept.room.recent.borrow().len(), 3);
    }

    #[test]
    fn several_keep_no_more_than_one() {
        let mut one = Kept::default();
        let mut two = one.beside();
        one.pass(0, &bytes(0..FIRST_BYTES / 4 * 3));
        two.pass(0, &bytes(0..FIRST_BYTES));
        check(&one, FIRST_BYTES / 2..FIRST_BYTES / 4 * 3, true);
        check(&two, 0..FIRST_BYTES / 4, true);
        check(&two, 0..FIRST_BYTES / 4 + 1, false);
        // What is given back is there for the other.
        one.clear();
        check(&one, 0..1, false);
        two.pass(FIRST_BYTES / 4, &bytes(FIRST_BYTES / 4..FIRST_BYTES));
        check(&two, FIRST_BYTES - 9..FIRST_BYTES, true);
        // Of what was read, the last of all stays.
        let (far, half) = (FIRST_BYTES * 2, RECENT_BYTES / 2);
        one.put(far, bytes(far..far + half));
        two.put(far, bytes(far..far + half));
        check(&one, far..far + half, true);
        check(&two, far..far + half, true);
        two.put(0, bytes(0..half));
        check(&one, far..far + half, false);
        check(&two, far + 5..far + half, true);
        assert_eq!(one.in_room(), FIRST_BYTES + RECENT_BYTES);
        two.clear();
        assert_eq!(one.in_room(), 0);
    }
}
