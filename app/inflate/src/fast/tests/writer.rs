//! Writes deflate streams with any codes, right or wrong.

use crate::fast::tables::LENGTHS;

/// Bits, the first in the lowest place (RFC 1951 section 3.1.1).
#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    used: u32,
}

/// Code lengths by symbol, and the codes they make (RFC 1951 section 3.2.2).
pub(super) struct Code {
    pub(super) lens: Vec<u8>,
    codes: Vec<u32>,
}

impl Code {
    pub(super) fn new(lens: &[u8]) -> Self {
        let mut codes = vec![0; lens.len()];
        let mut next = 0;
        for len in 1..=15 {
            for (symbol, _) in lens.iter().enumerate().filter(|(_, l)| **l == len) {
                codes[symbol] = next;
                next += 1;
            }
            next <<= 1;
        }
        Code {
            lens: lens.to_vec(),
            codes,
        }
    }

    /// Lengths for some of `count` symbols.
    pub(super) fn of(count: usize, lens: &[(usize, u8)]) -> Self {
        let mut all = vec![0; count];
        for (symbol, len) in lens {
            all[*symbol] = *len;
        }
        Code::new(&all)
    }

    pub(super) fn fixed_litlen() -> Self {
        let len = |symbol| match symbol {
            0..144 | 280..288 => 8,
            144..256 => 9,
            _ => 7,
        };
        Code::new(&(0..288).map(len).collect::<Vec<_>>())
    }

    pub(super) fn fixed_dist() -> Self {
        Code::new(&[5; 32])
    }
}

impl Writer {
    pub(super) fn put(&mut self, value: u64, bits: u32) -> &mut Self {
        for n in 0..bits {
            if self.used == 0 {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= ((value >> n & 1) as u8) << self.used;
            self.used = (self.used + 1) % 8;
        }
        self
    }

    /// A symbol, its code's first bit first.
    pub(super) fn symbol(&mut self, code: &Code, symbol: usize) -> &mut Self {
        let len = u32::from(code.lens[symbol]);
        assert!(len > 0, "no code for {symbol}");
        let code = code.codes[symbol].reverse_bits() >> (32 - len);
        self.put(code.into(), len)
    }

    /// A match: the symbol of its length and that of its distance, with their extra bits.
    pub(super) fn copy(&mut self, litlen: &Code, dist: &Code, len: usize, far: usize) -> &mut Self {
        let n = length_symbol(len);
        let (base, extra) = LENGTHS[n];
        self.symbol(litlen, 257 + n);
        self.put((len - usize::from(base)) as u64, extra.into());
        let (symbol, base, extra) = dist_symbol(far);
        self.symbol(dist, symbol);
        self.put((far - base) as u64, extra)
    }

    /// A dynamic block's header, each length written as it is.
    pub(super) fn dynamic(&mut self, last: bool, litlen: &Code, dist: &Code) -> &mut Self {
        let code = self.sizes(last, litlen.lens.len(), dist.lens.len());
        for len in litlen.lens.iter().chain(&dist.lens) {
            self.symbol(&code, usize::from(*len));
        }
        self
    }

    /// A dynamic block's header up to the code lengths, with a code for them.
    pub(super) fn sizes(&mut self, last: bool, litlen: usize, dist: usize) -> Code {
        self.put(last.into(), 1).put(2, 2);
        self.put(litlen as u64 - 257, 5).put(dist as u64 - 1, 5);
        let lens: Vec<u8> = (0..19).map(|n| if n < 13 { 4 } else { 5 }).collect();
        self.code_lengths(&lens);
        Code::new(&lens)
    }

    /// The code length code's lengths, in their order (RFC 1951 section 3.2.7).
    pub(super) fn code_lengths(&mut self, lens: &[u8]) -> &mut Self {
        self.put(15, 4);
        for symbol in [
            16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
        ] {
            self.put(lens[symbol].into(), 3);
        }
        self
    }

    pub(super) fn stored(&mut self, last: bool, bytes: &[u8]) -> &mut Self {
        self.put(last.into(), 1).put(0, 2);
        self.used = 0;
        let len = bytes.len() as u16;
        self.bytes.extend(len.to_le_bytes());
        self.bytes.extend((!len).to_le_bytes());
        self.bytes.extend(bytes);
        self
    }
}

/// Which of [`LENGTHS`] a match of this length has.
pub(super) fn length_symbol(len: usize) -> usize {
    let after = LENGTHS
        .iter()
        .position(|(base, _)| usize::from(*base) > len);
    after.unwrap_or(LENGTHS.len()) - 1
}

/// A distance's symbol, first value and extra bits.
pub(super) fn dist_symbol(dist: usize) -> (usize, usize, u32) {
    let (mut symbol, mut base) = (0, 1);
    loop {
        let extra = if symbol < 4 { 0 } else { symbol / 2 - 1 };
        if dist < base + (1 << extra) {
            return (symbol, base, extra as u32);
        }
        base += 1 << extra;
        symbol += 1;
    }
}
