//! One symbol at a time, for the ends of input and output: it takes up where either ended.

use super::bits::BitReader;
use super::fast_loop::{Watch, extra};
use super::tables::{
    DIST_BITS, DIST_SIZE, END, EXCEPTION, INVALID, LITERAL, LITLEN_BITS, LITLEN_SIZE, Tables,
};

/// What comes next inside a compressed block.
#[derive(Debug, Clone, Copy)]
pub(super) enum Symbol {
    /// A literal, a length or the block's end.
    LitLen,
    /// The distance of a match this long.
    Dist { len: u16 },
    /// So much of a match.
    Match { len: u16, dist: u16 },
}

/// What a turn came to.
pub(super) enum Turn {
    /// A literal or a match was written; a literal or a length comes next.
    Written,
    /// The block has ended.
    BlockEnd,
    NeedsInput,
    NeedsOutput,
    Failed,
}

/// Decodes a literal, a match or the block's end, or as much of it as there is room for.
pub(super) fn turn<W: Watch>(
    tables: &Tables,
    bits: &mut BitReader<'_>,
    symbol: &mut Symbol,
    out: &mut [u8],
    pos: &mut usize,
    watch: &mut W,
) -> Turn {
    loop {
        match *symbol {
            Symbol::LitLen => {
                let Some(found) = look_up::<LITLEN_SIZE>(&tables.litlen, LITLEN_BITS, bits) else {
                    return Turn::NeedsInput;
                };
                let entry = found.entry;
                if entry & LITERAL != 0 {
                    let Some(to) = out.get_mut(*pos) else {
                        return Turn::NeedsOutput;
                    };
                    *to = (entry >> 16) as u8;
                    *pos += 1;
                    bits.skip(found.used);
                    return Turn::Written;
                }
                if entry & EXCEPTION != 0 {
                    bits.skip(found.used);
                    return if entry & END != 0 {
                        Turn::BlockEnd
                    } else {
                        Turn::Failed
                    };
                }
                let len = found.value(bits);
                *symbol = Symbol::Dist { len };
            }
            Symbol::Dist { len } => {
                let Some(found) = look_up::<DIST_SIZE>(&tables.dist, DIST_BITS, bits) else {
                    return Turn::NeedsInput;
                };
                if found.entry & EXCEPTION != 0 {
                    return Turn::Failed;
                }
                let dist = found.value(bits);
                if usize::from(dist) > *pos {
                    return Turn::Failed;
                }
                *symbol = Symbol::Match { len, dist };
            }
            Symbol::Match { len, dist } => {
                let room = out.len() - *pos;
                let now = usize::from(len).min(room);
                watch.copied(pos.saturating_sub(usize::from(dist)), now);
                for at in *pos..*pos + now {
                    // Byte by byte: a match may reach into itself. A caller that moved its
                    // position back meets a failure, not a panic.
                    let Some(from) = at.checked_sub(usize::from(dist)) else {
                        return Turn::Failed;
                    };
                    out[at] = out[from];
                }
                *pos += now;
                if now < usize::from(len) {
                    let len = len - now as u16;
                    *symbol = Symbol::Match { len, dist };
                    return Turn::NeedsOutput;
                }
                *symbol = Symbol::LitLen;
                return Turn::Written;
            }
        }
    }
}

/// An entry whose bits are all there.
struct Found {
    entry: u32,
    /// Bits of its code, with extra bits.
    used: u32,
    /// Bits before those that the entry counts: a subtable's prefix.
    prefix: u32,
}

impl Found {
    /// The length or distance, whose bits are used up.
    fn value(&self, bits: &mut BitReader<'_>) -> u16 {
        let value = (self.entry >> 16) as usize + extra(bits.buf >> self.prefix, self.entry);
        bits.skip(self.used);
        // At most 32768.
        value as u16
    }
}

/// The next entry, once its bits are there: bits that are not there yet choose a longer one.
fn look_up<const N: usize>(
    table: &[u32; N],
    table_bits: u32,
    bits: &mut BitReader<'_>,
) -> Option<Found> {
    loop {
        let mut prefix = 0;
        let mut entry = table[bits.buf as usize & ((1 << table_bits) - 1)];
        if entry & (LITERAL | EXCEPTION | END | INVALID) == EXCEPTION {
            prefix = table_bits;
            let index = (bits.buf >> table_bits) as u32 & ((1 << (entry >> 8 & 15)) - 1);
            entry = table[((entry >> 16) + index) as usize & (N - 1)];
        }
        let used = prefix + (entry & 63);
        if used <= bits.count {
            return Some(Found {
                entry,
                used,
                prefix,
            });
        }
        if bits.is_empty() {
            return None;
        }
        bits.refill();
    }
}
