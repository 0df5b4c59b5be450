//! Block headers (RFC 1951 sections 3.2.3, 3.2.4 and 3.2.7).

use super::bits::BitReader;
use super::tables::{BadCode, Tables};

/// The order in which the lengths of the code length code come (RFC 1951 section 3.2.7).
const ORDER: [u8; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Index bits of the code length code's table, and its longest code.
const CODE_BITS: u32 = 7;

/// The header of a block with dynamic codes, as far as it was read.
pub(super) struct DynamicHeader {
    litlen: usize,
    dist: usize,
    code_lens: usize,
    /// How many of what is being read now are there.
    done: usize,
    /// The code length code's lengths, by symbol.
    lens_of_code: [u8; 19],
    /// Symbol and length (low 3 bits) for each 7 bits of input.
    code: Option<[u8; 1 << CODE_BITS]>,
    /// Code lengths of literals and lengths, then of distances.
    lens: [u8; 320],
}

impl DynamicHeader {
    /// After the sizes (5, 5 and 4 bits). Sizes above those of the alphabets are bad.
    pub(super) fn new(sizes: u32) -> Result<Self, BadCode> {
        let header = DynamicHeader {
            litlen: 257 + (sizes & 31) as usize,
            dist: 1 + (sizes >> 5 & 31) as usize,
            code_lens: 4 + (sizes >> 10 & 15) as usize,
            done: 0,
            lens_of_code: [0; 19],
            code: None,
            lens: [0; 320],
        };
        if header.litlen > 286 || header.dist > 30 {
            return Err(BadCode);
        }
        Ok(header)
    }

    /// Goes on; true when `tables` are set, false if the input ends before.
    pub(super) fn read(
        &mut self,
        bits: &mut BitReader<'_>,
        tables: &mut Tables,
    ) -> Result<bool, BadCode> {
        let code = match &self.code {
            Some(code) => code,
            None => {
                while self.done < self.code_lens {
                    if !bits.have(3) {
                        return Ok(false);
                    }
                    self.lens_of_code[usize::from(ORDER[self.done])] = bits.take(3) as u8;
                    self.done += 1;
                }
                self.done = 0;
                self.code.insert(code_length_code(&self.lens_of_code)?)
            }
        };
        let total = self.litlen + self.dist;
        while self.done < total {
            // A symbol and its extra bits together.
            let entry = loop {
                let entry = code[bits.buf as usize & ((1 << CODE_BITS) - 1)];
                let used = u32::from(entry & 7);
                let (symbol, extra) = match entry >> 3 {
                    16 => (16, 2),
                    17 => (17, 3),
                    18 => (18, 7),
                    len => (len, 0),
                };
                if used + extra <= bits.count {
                    bits.skip(used);
                    break (symbol, extra);
                }
                if bits.is_empty() {
                    return Ok(false);
                }
                bits.refill();
            };
            match entry {
                (symbol @ 16.., extra) => {
                    let least = if symbol == 18 { 11 } else { 3 };
                    let len = match symbol {
                        16 if self.done == 0 => return Err(BadCode),
                        16 => self.lens[self.done - 1],
                        _ => 0,
                    };
                    let end = self.done + least + bits.take(extra) as usize;
                    if end > total {
                        return Err(BadCode);
                    }
                    self.lens[self.done..end].fill(len);
                    self.done = end;
                }
                (len, _) => {
                    self.lens[self.done] = len;
                    self.done += 1;
                }
            }
        }
        let (litlen, dist) = self.lens[..total].split_at(self.litlen);
        // A block could never end without it; zlib is as strict.
        if litlen[256] == 0 {
            return Err(BadCode);
        }
        tables.set(litlen, dist)?;
        Ok(true)
    }
}

/// The table of the code length code, which must be complete.
fn code_length_code(lens: &[u8; 19]) -> Result<[u8; 1 << CODE_BITS], BadCode> {
    let mut table = [0; 1 << CODE_BITS];
    // Codes as numbers of 7 bits, from the shortest on.
    let mut code = 0usize;
    for len in 1..=7u8 {
        let step = 1 << (CODE_BITS - u32::from(len));
        for (symbol, _) in lens.iter().enumerate().filter(|(_, l)| **l == len) {
            if code >= table.len() {
                return Err(BadCode);
            }
            let mut at = (code as u8).reverse_bits() as usize >> 1;
            while at < table.len() {
                table[at] = (symbol as u8) << 3 | len;
                at += 1 << len;
            }
            code += step;
        }
    }
    if code == table.len() {
        Ok(table)
    } else {
        Err(BadCode)
    }
}
