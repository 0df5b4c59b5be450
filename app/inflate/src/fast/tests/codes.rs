//! Codes of every shape, and matches of every length and distance.

use proptest::prelude::*;

use super::writer::{Code, Writer, dist_symbol, length_symbol};
use super::{CUTS, End, trace};
use crate::testing::{nature, random};
use crate::{FastEngine, MinizEngine};

/// What a match gives, byte by byte.
fn copy(out: &mut Vec<u8>, len: usize, dist: usize) {
    for _ in 0..len {
        out.push(out[out.len() - dist]);
    }
}

#[track_caller]
fn check(made: &Writer, out: &[u8]) {
    let miniz = trace::<MinizEngine>(&made.bytes, usize::MAX, &[super::PLENTY]);
    assert!(miniz.out == out && miniz.end == End::Done);
    for (chunk, rooms) in CUTS {
        let found = trace::<FastEngine>(&made.bytes, chunk, rooms);
        assert!(found == miniz, "chunk {chunk}, rooms {rooms:?}");
    }
}

#[test]
fn every_length_at_every_short_distance() {
    let (litlen, dist) = (Code::fixed_litlen(), Code::fixed_dist());
    let mut out = nature(1, 70);
    let mut made = Writer::default();
    made.put(1, 1).put(1, 2);
    for byte in &out {
        made.symbol(&litlen, usize::from(*byte));
    }
    for far in 1..=70 {
        for len in (3..=258).step_by(if far < 20 { 1 } else { 17 }) {
            made.copy(&litlen, &dist, len, far);
            copy(&mut out, len, far);
            // Or else the history soon consists of repeats.
            for byte in [len as u8, far as u8, (len * far) as u8] {
                made.symbol(&litlen, byte.into());
                out.push(byte);
            }
        }
    }
    made.symbol(&litlen, 256);
    check(&made, &out);
}

/// The longest codes with the most extra bits: a symbol and its distance take 48 bits.
#[test]
fn the_longest_codes() {
    let deep = |symbols: &[usize], count: usize| {
        let lens: Vec<_> = symbols.iter().zip((1..=15).chain([15])).collect();
        Code::of(
            count,
            &lens.iter().map(|(s, len)| (**s, *len)).collect::<Vec<_>>(),
        )
    };
    let litlen = deep(
        &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 256, 284, 97],
        286,
    );
    let dist = deep(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 28, 29], 30);
    let data = nature(1, 32_768);
    let mut out = data.clone();
    let mut made = Writer::default();
    made.stored(false, &data);
    made.dynamic(true, &litlen, &dist);
    for n in 0..500 {
        for literal in [97, 13, 1, 97, 97, 97, 97].iter().take(n % 8) {
            made.symbol(&litlen, *literal);
            out.push(*literal as u8);
        }
        let (len, far) = (227 + n % 31, 16_385 + 32 * n);
        made.copy(&litlen, &dist, len, far);
        copy(&mut out, len, far);
    }
    made.symbol(&litlen, 256);
    check(&made, &out);
}

/// Lengths of a complete code for `leaves` of the symbols, `must` among them.
fn complete(
    leaves: usize,
    symbols: usize,
    must: usize,
    skew: bool,
    next: &mut impl FnMut() -> u64,
) -> Code {
    let mut depths = vec![1u8, 1];
    while depths.len() < leaves {
        let last = depths.len() - 1;
        let at = if skew && !next().is_multiple_of(4) {
            last
        } else {
            next() as usize % depths.len()
        };
        if depths[at] == 15 {
            let open = depths.iter().position(|d| *d < 15).expect("room");
            depths.swap(at, open);
        }
        depths[at] += 1;
        depths.push(depths[at]);
    }
    let mut lens = vec![0; symbols];
    let mut place = must;
    for depth in depths {
        while lens[place] != 0 {
            place = next() as usize % symbols;
        }
        lens[place] = depth;
    }
    Code::new(&lens)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_codes_any_symbols(
        seed in any::<u64>(),
        blocks in proptest::collection::vec((2usize..=286, 2usize..=30, any::<bool>(), 0usize..3000), 1..5),
    ) {
        let mut next = random(seed >> 1);
        let (mut made, mut out) = (Writer::default(), nature(1, 300));
        made.stored(false, &out);
        let count = blocks.len();
        for (n, (leaves, far_leaves, skew, symbols)) in blocks.into_iter().enumerate() {
            let litlen = complete(leaves, 286, 256, skew, &mut next);
            let dist = complete(far_leaves, 30, 0, skew, &mut next);
            made.dynamic(n + 1 == count, &litlen, &dist);
            let usable: Vec<_> = (0..286).filter(|s| litlen.lens[*s] > 0 && *s != 256).collect();
            for _ in 0..symbols {
                let symbol = usable[next() as usize % usable.len()];
                if symbol < 256 {
                    made.symbol(&litlen, symbol);
                    out.push(symbol as u8);
                    continue;
                }
                let len = (0..).map(|_| 3 + next() as usize % 256);
                let len = len.take(5000).find(|len| length_symbol(*len) == symbol - 257);
                let far = (0..64).map(|_| 1 + (next() as usize % 32_768) % (1 << (next() % 16)));
                let far = far.into_iter().find(|d| *d <= out.len() && dist.lens[dist_symbol(*d).0] > 0);
                let (len, far) = (len.unwrap_or(258), far.unwrap_or(1));
                if length_symbol(len) == symbol - 257 {
                    made.copy(&litlen, &dist, len, far);
                    copy(&mut out, len, far);
                }
            }
            made.symbol(&litlen, 256);
        }
        check(&made, &out);
    }
}
