//! The loop over symbols while input and output have room for a whole turn without asking.

use crate::engine::Watched;

use super::tables::{
    DIST_BITS, DIST_SIZE, END, EXCEPTION, INVALID, LITERAL, LITLEN_BITS, LITLEN_SIZE, Tables,
};

/// A turn refills twice, and a refill reads 8 bytes and takes at most 7.
pub(super) const IN_ROOM: usize = 24;
/// Four literals, or three and the longest match, and what is copied past its end.
pub(super) const OUT_ROOM: usize = 4 + 258 + 16;

/// Hears of each copy.
pub(super) trait Watch {
    /// `len` bytes from `from` of the output are copied, or from there on again and again.
    fn copied(&mut self, from: usize, len: usize);
}

/// Nobody wants to know.
impl Watch for () {
    #[inline(always)]
    fn copied(&mut self, _from: usize, _len: usize) {}
}

impl Watch for Watched {
    #[inline(always)]
    fn copied(&mut self, from: usize, len: usize) {
        Watched::copied(self, from, len);
    }
}

/// Why the loop was left.
pub(super) enum Left {
    /// Input or output has no room for another turn.
    Room,
    /// The block has ended.
    BlockEnd,
    /// No such code, or a distance to before the output.
    Failed,
}

/// Where the loop was left.
pub(super) struct Turned {
    pub(super) left: Left,
    pub(super) buf: u64,
    pub(super) count: u32,
    /// Input bytes taken.
    pub(super) taken: usize,
    pub(super) pos: usize,
}

/// Decodes symbols into `out[pos..]`. Bytes after the new position may be changed too.
///
/// A turn starts with 56 bits or more: enough for four literals, or for three literals of at most
/// 11 bits and a length of at most 20, or for a literal of 15. A distance takes at most 28.
///
/// Only the low 6 bits of `count` are its value: an entry is taken off as a whole. No `else` of
/// the checks below is ever met; they are what safe code needs, and most are compiled away.
// Inlined, it would share registers with its caller.
#[inline(never)]
pub(super) fn run<W: Watch>(
    tables: &Tables,
    input: &[u8],
    mut buf: u64,
    mut count: u32,
    out: &mut [u8],
    mut pos: usize,
    watch: &mut W,
) -> Turned {
    let mut rest = input;
    macro_rules! refill {
        () => {
            if let Some(word) = rest.first_chunk() {
                buf |= u64::from_le_bytes(*word) << (count & 63);
                rest = &rest[((count ^ 63) >> 3 & 7) as usize..];
                count |= 56;
            }
        };
    }
    macro_rules! litlen {
        () => {
            tables.litlen[buf as usize & ((1 << LITLEN_BITS) - 1)]
        };
    }
    macro_rules! skip {
        ($entry:expr) => {
            buf >>= $entry & 63;
            count = count.wrapping_sub($entry);
        };
    }
    macro_rules! literal {
        ($entry:expr) => {
            if let Some(to) = out.get_mut(pos) {
                *to = ($entry >> 16) as u8;
            }
            pos += 1;
        };
    }

    let left = 'turns: {
        if rest.len() < IN_ROOM || out.len() < OUT_ROOM {
            break 'turns Left::Room;
        }
        let limit = out.len() - OUT_ROOM;
        refill!();
        let mut entry = litlen!();
        loop {
            if rest.len() < IN_ROOM || pos > limit {
                break 'turns Left::Room;
            }
            let mut saved = buf;
            skip!(entry);
            if entry & LITERAL != 0 {
                literal!(entry);
                entry = litlen!();
                saved = buf;
                skip!(entry);
                if entry & LITERAL != 0 {
                    literal!(entry);
                    entry = litlen!();
                    saved = buf;
                    skip!(entry);
                    if entry & LITERAL != 0 {
                        literal!(entry);
                        entry = litlen!();
                        saved = buf;
                        skip!(entry);
                        if entry & LITERAL != 0 {
                            literal!(entry);
                            refill!();
                            entry = litlen!();
                            continue;
                        }
                    }
                }
            }
            if entry & EXCEPTION != 0 {
                if entry & (END | INVALID) != 0 {
                    break 'turns at_exception(entry);
                }
                let index = (entry >> 16) + (buf as u32 & ((1 << (entry >> 8 & 15)) - 1));
                entry = tables.litlen[index as usize & (LITLEN_SIZE - 1)];
                saved = buf;
                skip!(entry);
                if entry & LITERAL != 0 {
                    literal!(entry);
                    refill!();
                    entry = litlen!();
                    continue;
                }
                if entry & EXCEPTION != 0 {
                    break 'turns at_exception(entry);
                }
            }
            let len = (entry >> 16) as usize + extra(saved, entry);

            if count & 63 < 28 {
                refill!();
            }
            let mut far = tables.dist[buf as usize & ((1 << DIST_BITS) - 1)];
            if far & EXCEPTION != 0 {
                if far & INVALID != 0 {
                    break 'turns Left::Failed;
                }
                skip!(far);
                let bits = far >> 8 & 15;
                let index = (far >> 16) + (buf as u32 & ((1 << bits) - 1));
                far = tables.dist[index as usize & (DIST_SIZE - 1)];
                if far & EXCEPTION != 0 {
                    break 'turns Left::Failed;
                }
            }
            saved = buf;
            skip!(far);
            let dist = (far >> 16) as usize + extra(saved, far);
            if dist > pos {
                break 'turns Left::Failed;
            }
            // The next entry is on its way while bytes are copied.
            refill!();
            entry = litlen!();
            watch.copied(pos - dist, len);
            copy(out, pos, dist, len);
            pos += len;
        }
    };
    Turned {
        left,
        buf,
        count: count & 63,
        taken: input.len() - rest.len(),
        pos,
    }
}

/// At an entry that ends the block, or that no stream may use.
fn at_exception(entry: u32) -> Left {
    if entry & END != 0 {
        Left::BlockEnd
    } else {
        Left::Failed
    }
}

/// The extra bits of a length or distance, which follow its code in `bits`.
#[inline(always)]
pub(super) fn extra(bits: u64, entry: u32) -> usize {
    ((bits & ((1 << (entry & 63)) - 1)) >> (entry >> 8 & 15)) as usize
}

/// Copies a match, and up to 16 bytes more.
///
/// No chunk is out of bounds: the caller has seen to the room.
#[inline(always)]
fn copy(out: &mut [u8], pos: usize, dist: usize, len: usize) {
    if dist >= 16 {
        copy_chunks::<16>(out, pos - dist, pos, pos + len);
    } else if dist >= 8 {
        copy_chunks::<8>(out, pos - dist, pos, pos + len);
    } else if dist == 1 && len > 32 {
        if let Some([byte, to @ ..]) = out.get_mut(pos - 1..pos + len) {
            to.fill(*byte);
        }
    } else {
        repeat(out, pos, dist, len);
    }
}

/// Copies to `to..end` by chunks that do not reach into themselves.
#[inline(always)]
fn copy_chunks<const N: usize>(out: &mut [u8], mut from: usize, mut to: usize, end: usize) {
    loop {
        let Some(chunk) = out.get(from..).and_then(|from| from.first_chunk::<N>()) else {
            return;
        };
        let chunk = *chunk;
        let Some(place) = out.get_mut(to..).and_then(|to| to.first_chunk_mut()) else {
            return;
        };
        *place = chunk;
        from += N;
        to += N;
        if to >= end {
            return;
        }
    }
}

/// Repeats fewer than 8 bytes, as often as they fit into 8 whole.
#[inline(always)]
fn repeat(out: &mut [u8], pos: usize, dist: usize, len: usize) {
    let end = pos + len;
    let Some(word) = out.get(pos - dist..).and_then(|from| from.first_chunk()) else {
        return;
    };
    let bits = dist as u32 * 8;
    let mut word = u64::from_le_bytes(*word) & ((1 << (bits & 63)) - 1);
    word |= word << (bits & 63);
    if dist < 4 {
        word |= word << ((bits * 2) & 63);
        if dist == 1 {
            word |= word << 32;
        }
    }
    let step = [8, 8, 8, 6, 8, 5, 6, 7][dist & 7];
    let mut to = pos;
    loop {
        let Some(place) = out.get_mut(to..).and_then(|to| to.first_chunk_mut()) else {
            return;
        };
        *place = word.to_le_bytes();
        to += step;
        if to >= end {
            return;
        }
    }
}
