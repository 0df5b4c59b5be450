//! Decoding tables of Huffman codes (RFC 1951 section 3.2.2), in the manner of libdeflate: what a
//! symbol means is in its entry, with the number of its extra bits.
//!
//! | bits   | literals    | lengths, distances       | exceptions                      |
//! |--------|-------------|--------------------------|---------------------------------|
//! | 0..6   | code's bits | code's and extra bits    | code's bits                     |
//! | 8..12  | same        | code's bits              | same, or a subtable's index bits|
//! | 12..16 | [`LITERAL`] | 0                        | [`EXCEPTION`], and its kind     |
//! | 16..32 | the literal | base                     | where a subtable starts         |

use std::sync::OnceLock;

/// The entry is of a literal.
pub(super) const LITERAL: u32 = 1 << 15;
/// The entry is neither of a literal nor of a length nor of a distance. Without another flag, it
/// leads to a subtable.
pub(super) const EXCEPTION: u32 = 1 << 14;
/// With [`EXCEPTION`]: the block's end.
pub(super) const END: u32 = 1 << 13;
/// With [`EXCEPTION`]: no code of a symbol that may be used.
pub(super) const INVALID: u32 = 1 << 12;

/// Index bits of the literal and length table.
pub(super) const LITLEN_BITS: u32 = 11;
/// Index bits of the distance table.
pub(super) const DIST_BITS: u32 = 9;
/// Twice the primary table, so that a mask replaces the check of an index. It is enough: a subtable
/// with n index bits has n + 1 symbols or more, so 286 symbols make less than 286 * 2^4 / 5
/// entries of subtables, and 30 distances less than 30 * 2^6 / 7.
pub(super) const LITLEN_SIZE: usize = 2 << LITLEN_BITS;
pub(super) const DIST_SIZE: usize = 2 << DIST_BITS;

/// Longest code (RFC 1951 section 3.2.7).
const MAX_LEN: usize = 15;

/// The two codes of a block.
pub(super) struct Tables {
    pub(super) litlen: [u32; LITLEN_SIZE],
    pub(super) dist: [u32; DIST_SIZE],
}

/// The lengths make no code that a decoder may accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadCode;

impl Tables {
    pub(super) fn empty() -> Box<Self> {
        Box::new(Tables {
            litlen: [0; LITLEN_SIZE],
            dist: [0; DIST_SIZE],
        })
    }

    /// Sets both tables. `litlen` has at most 288 lengths, `dist` at most 32, none above 15.
    pub(super) fn set(&mut self, litlen: &[u8], dist: &[u8]) -> Result<(), BadCode> {
        build(&mut self.litlen, LITLEN_BITS, litlen, &LITLEN_MEANING)?;
        build(&mut self.dist, DIST_BITS, dist, &DIST_MEANING)
    }

    /// The fixed codes (RFC 1951 section 3.2.6), built at their first use.
    pub(super) fn fixed() -> &'static Tables {
        static FIXED: OnceLock<Box<Tables>> = OnceLock::new();
        FIXED.get_or_init(|| {
            let mut litlen = [8; 288];
            litlen[144..256].fill(9);
            litlen[256..280].fill(7);
            let mut tables = Tables::empty();
            let built = tables.set(&litlen, &[5; 32]);
            debug_assert_eq!(built, Ok(()));
            tables
        })
    }
}

/// Lengths' first values and extra bits (RFC 1951 section 3.2.5).
pub(super) const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// What each literal or length symbol means: its entry but for its code's length.
static LITLEN_MEANING: [u32; 288] = {
    let mut meaning = [EXCEPTION | INVALID; 288];
    let mut symbol = 0;
    while symbol < 256 {
        meaning[symbol] = LITERAL | (symbol as u32) << 16;
        symbol += 1;
    }
    meaning[256] = EXCEPTION | END;
    let mut n = 0;
    while n < LENGTHS.len() {
        meaning[257 + n] = (LENGTHS[n].0 as u32) << 16 | LENGTHS[n].1 as u32;
        n += 1;
    }
    meaning
};

/// What each distance symbol means. Symbols 30 and 31 do not occur (RFC 1951 section 3.2.6).
static DIST_MEANING: [u32; 32] = {
    let mut meaning = [EXCEPTION | INVALID; 32];
    let mut base = 1;
    let mut symbol = 0;
    while symbol < 30 {
        let extra = if symbol < 4 { 0 } else { symbol as u32 / 2 - 1 };
        meaning[symbol] = base << 16 | extra;
        base += 1 << extra;
        symbol += 1;
    }
    meaning
};

/// Fills `table`. As zlib: an over-subscribed code is bad, an incomplete one too, but not if it has
/// no symbol, or one of a single bit.
fn build<const N: usize, const M: usize>(
    table: &mut [u32; N],
    table_bits: u32,
    lens: &[u8],
    meaning: &[u32; M],
) -> Result<(), BadCode> {
    let mut counts = [0u16; MAX_LEN + 1];
    for len in lens {
        counts[usize::from(len & 15)] += 1;
    }
    let mut starts = [0u16; MAX_LEN + 2];
    let mut used = 0u32;
    for len in 1..=MAX_LEN {
        starts[len + 1] = starts[len] + counts[len];
        used = used * 2 + u32::from(counts[len]);
    }
    // Over-subscription at a shorter length stays: what is used only doubles.
    let complete = 1 << MAX_LEN;
    if used > complete {
        return Err(BadCode);
    }
    let mut sorted = [0u16; 288];
    for (symbol, len) in lens.iter().enumerate() {
        let len = usize::from(len & 15);
        if len > 0 {
            sorted[usize::from(starts[len]) % 288] = symbol as u16;
            starts[len] += 1;
        }
    }
    let mut symbols = sorted.iter().map(|s| meaning[usize::from(*s) % M]);
    if used < complete {
        let mut half = EXCEPTION | INVALID;
        match used {
            0 => {}
            _ if counts[1] == 1 && used == complete / 2 => half = symbols.next().unwrap_or(half),
            _ => return Err(BadCode),
        }
        for pair in table[..1 << table_bits].chunks_exact_mut(2) {
            pair[0] = half + 0x101;
            pair[1] = (EXCEPTION | INVALID) + 0x101;
        }
        return Ok(());
    }

    // Codes in order of their bits as numbers, but the table's index has them reversed.
    let mut code = 0usize;
    let mut len = 1u32;
    let mut left = counts[1];
    let mut end = 2usize;
    while left == 0 {
        len += 1;
        left = counts[len as usize & 15];
        end = 1 << len.min(table_bits);
    }
    while len <= table_bits {
        for _ in 0..left {
            table[code & (N - 1)] = symbols.next().unwrap_or(0) + len * 0x101;
            if code == end - 1 {
                while len < table_bits {
                    table.copy_within(..end, end);
                    end *= 2;
                    len += 1;
                }
                return Ok(());
            }
            code = next_code(code, end);
        }
        loop {
            len += 1;
            if len <= table_bits {
                table.copy_within(..end, end);
                end *= 2;
            }
            left = counts[len as usize & 15];
            if left != 0 {
                break;
            }
        }
    }

    let prefix_mask = (1usize << table_bits) - 1;
    let mut prefix = usize::MAX;
    let mut start = 0;
    end = 1 << table_bits;
    loop {
        if code & prefix_mask != prefix {
            prefix = code & prefix_mask;
            start = end;
            let mut bits = len - table_bits;
            let mut used = usize::from(left);
            while used < 1 << bits {
                bits += 1;
                used = used * 2 + usize::from(counts[(table_bits + bits) as usize & 15]);
            }
            end = start + (1 << bits);
            table[prefix & (N - 1)] = (start as u32) << 16 | EXCEPTION | bits << 8 | table_bits;
        }
        let entry = symbols.next().unwrap_or(0) + (len - table_bits) * 0x101;
        let mut at = start + (code >> table_bits);
        while at < end {
            table[at & (N - 1)] = entry;
            at += 1 << (len - table_bits);
        }
        if code == (1 << len) - 1 {
            return Ok(());
        }
        code = next_code(code, 1 << len);
        left -= 1;
        while left == 0 {
            len += 1;
            left = counts[len as usize & 15];
        }
    }
}

/// The code after `code`, both reversed, of those below `end`, a power of two: not for the last.
fn next_code(code: usize, end: usize) -> usize {
    let bit = 1 << (code ^ (end - 1)).checked_ilog2().unwrap_or(0);
    (code & (bit - 1)) | bit
}
