//! CRC-32 eight bytes at a time, by eight tables that are made when the first bytes come: a visitor
//! would have to fetch 8 KiB of finished ones, and making them takes less than a millisecond.

use std::sync::OnceLock;

/// The polynomial, its bits the other way round.
const POLYNOMIAL: u32 = 0xedb8_8320;

type Tables = [[u32; 256]; 8];

static TABLES: OnceLock<Box<Tables>> = OnceLock::new();

fn make() -> Box<Tables> {
    let mut tables = Box::new([[0; 256]; 8]);
    for byte in 0..256 {
        let mut value = byte as u32;
        for _ in 0..8 {
            let low = value & 1;
            value = (value >> 1) ^ (POLYNOMIAL & low.wrapping_neg());
        }
        tables[0][byte] = value;
    }
    // The same byte with one, two … zero bytes behind it.
    for behind in 1..8 {
        for byte in 0..256 {
            let before = tables[behind - 1][byte];
            tables[behind][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
        }
    }
    tables
}

/// The CRC-32 of bytes so far, its bits turned over.
#[derive(Debug, Clone)]
pub(super) struct State(u32);

impl Default for State {
    fn default() -> Self {
        State(!0)
    }
}

impl State {
    pub(super) fn resume(value: u32) -> Self {
        State(!value)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        let tables = TABLES.get_or_init(make);
        let mut value = self.0;
        let (eights, rest) = bytes.as_chunks::<8>();
        for [a, b, c, d, e, f, g, h] in eights {
            let [w, x, y, z] = (value ^ u32::from_le_bytes([*a, *b, *c, *d])).to_le_bytes();
            value = tables[7][usize::from(w)]
                ^ tables[6][usize::from(x)]
                ^ tables[5][usize::from(y)]
                ^ tables[4][usize::from(z)]
                ^ tables[3][usize::from(*e)]
                ^ tables[2][usize::from(*f)]
                ^ tables[1][usize::from(*g)]
                ^ tables[0][usize::from(*h)];
        }
        for byte in rest {
            let [low, ..] = value.to_le_bytes();
            value = (value >> 8) ^ tables[0][usize::from(low ^ byte)];
        }
        self.0 = value;
    }

    pub(super) fn value(&self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_processor_does_it() {
        // Bytes by a simple generator; every length, and every place of a cut.
        let mut seed = 1_u32;
        let bytes: Vec<u8> = (0..200)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            })
            .collect();
        for len in 0..bytes.len() {
            let whole = crc32fast::hash(&bytes[..len]);
            let mut state = State::default();
            state.update(&bytes[..len]);
            assert_eq!(state.value(), whole);
            let mut state = State::default();
            state.update(&bytes[..len / 3]);
            let mut state = State::resume(state.value());
            state.update(&bytes[len / 3..len]);
            assert_eq!(state.value(), whole, "{len}");
        }
    }
}
