//! The same stream through both engines.
//!
//! # Allowed differences
//! 1. A dynamic block without a code for its end: we fail at its header, as zlib does; miniz_oxide
//!    decodes on. It cannot end well either.
//! 2. A repeated code length past the last: we fail at once, miniz_oxide after the last length.
//!    Where the input is cut in between, it waits for more. Nothing is put out in either case.
//! 3. How many input bytes count as taken when a stream fails.

use std::io::{Read, Write};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use proptest::prelude::*;

use super::{CUTS, End, PLENTY, Trace, trace, trace_from};
use crate::engine::Engine;
use crate::testing::nature;
use crate::{FastEngine, MinizEngine};

/// A deflate stream with a block's end at least every `every` bytes.
fn deflate(data: &[u8], level: u32, every: usize) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
    for piece in data.chunks(every) {
        encoder.write_all(piece).expect("memory");
        if piece.len() == every {
            encoder.flush().expect("memory");
        }
    }
    encoder.finish().expect("memory")
}

#[test]
fn the_same_however_cut() {
    for kind in 0..5 {
        let data = nature(kind, 60_000);
        for (level, every) in [
            (0, usize::MAX),
            (1, usize::MAX),
            (6, usize::MAX),
            (9, usize::MAX),
            (1, 700),
            (6, 10_007),
            (9, 33),
        ] {
            let mut stream = deflate(&data, level, every);
            let taken = stream.len();
            // What follows the stream is not its own.
            stream.extend(b"a trailer and more");
            let miniz = trace::<MinizEngine>(&stream, usize::MAX, &[PLENTY]);
            assert_eq!((miniz.end, miniz.taken), (End::Done, Some(taken)));
            assert!(miniz.out == data);
            let mut flate2 = Vec::new();
            let mut decoder = DeflateDecoder::new(stream.as_slice());
            decoder.read_to_end(&mut flate2).expect("good");
            assert!(flate2 == data);
            for (chunk, rooms) in CUTS {
                let fast = trace::<FastEngine>(&stream, chunk, rooms);
                assert!(fast == miniz, "{kind} {level} {every}, {chunk} {rooms:?}");
            }
        }
    }
}

#[test]
fn resumed_at_every_boundary() {
    for kind in 0..5 {
        let data = nature(kind, 100_000);
        let stream = deflate(&data, 6, 2_503);
        let whole = trace::<FastEngine>(&stream, 1000, &[1000]);
        assert!(whole.boundaries.len() > 30);
        for (n, (bits, at)) in whole.boundaries.iter().enumerate() {
            let from = bits.div_ceil(8) as usize;
            let engine = FastEngine::resume((from as u64 * 8 - bits) as u8, stream[from - 1]);
            let window = &data[at.saturating_sub(32 * 1024)..*at];
            let (chunk, rooms) = CUTS[n % CUTS.len()];
            let rest = trace_from(engine, window, &stream[from..], chunk, rooms);
            assert!(rest.out == data[*at..] && rest.end == End::Done);
        }
    }
}

#[test]
fn a_position_past_the_output_fails() {
    let step = FastEngine::start().step(b"\x03\x00", &mut [0; 4], 5);
    assert_eq!(step.status, crate::StepStatus::Failed);
    let step = FastEngine::start().step(b"\x03\x00", &mut [], 0);
    assert_eq!((step.status, step.consumed), (crate::StepStatus::Done, 2));
}

/// What is not among the allowed differences is the same.
fn alike(stream: &[u8], fast: &Trace, miniz: &Trace) -> Result<(), TestCaseError> {
    if fast.end == End::Done || miniz.end == End::Done {
        prop_assert!(fast == miniz);
        return Ok(());
    }
    prop_assert!(miniz.boundaries.starts_with(&fast.boundaries));
    if fast.boundaries != miniz.boundaries || fast.out != miniz.out {
        let at = fast.boundaries.last().map_or(0, |(bits, _)| *bits);
        prop_assert!(lacks_end(stream, at), "at bit {at}");
        prop_assert_eq!(fast.end, End::Failed);
        prop_assert!(miniz.out.starts_with(&fast.out));
    } else if fast.end != miniz.end {
        prop_assert_eq!((fast.end, miniz.end), (End::Failed, End::CutShort));
    }
    Ok(())
}

/// Whether the dynamic block at this bit has no code for its end: read simply, and not by ours.
fn lacks_end(stream: &[u8], at: u64) -> bool {
    let mut at = at as usize;
    let mut take = |count: usize| {
        let bit = |n: usize| {
            u32::from(
                stream
                    .get((at + n) / 8)
                    .map_or(0, |b| b >> ((at + n) % 8) & 1),
            )
        };
        let value = (0..count).map(|n| bit(n) << n).sum::<u32>();
        at += count;
        value
    };
    if take(3) >> 1 != 2 {
        return false;
    }
    let (litlen, dist, count) = (257 + take(5), 1 + take(5), 4 + take(4));
    let mut code = [0; 19];
    let order = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ];
    for symbol in &order[..count as usize] {
        code[*symbol] = take(3);
    }
    let mut lens: Vec<u32> = Vec::new();
    while lens.len() < (litlen + dist) as usize {
        // RFC 1951 section 3.2.2, as in zlib's puff: by counting.
        let (mut word, mut first, mut len) = (0, 0, 0);
        let symbol = loop {
            len += 1;
            if len > 7 {
                return false;
            }
            word = word << 1 | take(1);
            let mut of_len = (0..19).filter(|s| code[*s] == len);
            let count = of_len.clone().count() as u32;
            if word < first + count {
                break of_len.nth((word - first) as usize);
            }
            first = (first + count) << 1;
        };
        let (value, times) = match symbol {
            Some(16) => (*lens.last().unwrap_or(&99), 3 + take(2)),
            Some(17) => (0, 3 + take(3)),
            Some(18) => (0, 11 + take(7)),
            Some(len) => (len as u32, 1),
            None => return false,
        };
        lens.extend((0..times).map(|_| value));
    }
    lens[256] == 0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damage_is_met_alike(
        kind in 0u8..5,
        level in 0u32..10,
        every in 200usize..9_000,
        changes in proptest::collection::vec((0.0..1.0f64, 1u8..), 1..4),
        len in 0.0..1.2f64,
        cut in 0usize..CUTS.len(),
    ) {
        let mut stream = deflate(&nature(kind, 9_000), level, every);
        for (at, bits) in changes {
            let at = (at * stream.len() as f64) as usize;
            stream[at] ^= bits;
        }
        stream.truncate((len * stream.len() as f64) as usize);
        let miniz = trace::<MinizEngine>(&stream, usize::MAX, &[PLENTY]);
        let whole = trace::<FastEngine>(&stream, usize::MAX, &[PLENTY]);
        alike(&stream, &whole, &miniz)?;
        let (chunk, rooms) = CUTS[cut];
        prop_assert!(trace::<FastEngine>(&stream, chunk, rooms) == whole);
    }

    /// Headers are where most of the rules are: only those are damaged.
    #[test]
    fn damaged_headers_are_met_alike(
        kind in 0u8..5,
        changes in proptest::collection::vec(0usize..700, 1..4),
        cut in 0usize..CUTS.len(),
    ) {
        let mut stream = deflate(&nature(kind, 3_000), 9, usize::MAX);
        for bit in changes {
            let at = bit / 8 % stream.len();
            stream[at] ^= 1 << (bit % 8);
        }
        let miniz = trace::<MinizEngine>(&stream, usize::MAX, &[PLENTY]);
        let whole = trace::<FastEngine>(&stream, usize::MAX, &[PLENTY]);
        alike(&stream, &whole, &miniz)?;
        let (chunk, rooms) = CUTS[cut];
        prop_assert!(trace::<FastEngine>(&stream, chunk, rooms) == whole);
    }

    #[test]
    fn random_bytes_are_met_alike(
        mut stream in proptest::collection::vec(any::<u8>(), 1..600),
        first in 0u8..8,
        cut in 0usize..CUTS.len(),
    ) {
        stream[0] = stream[0] & !7 | first;
        let miniz = trace::<MinizEngine>(&stream, usize::MAX, &[PLENTY]);
        let whole = trace::<FastEngine>(&stream, usize::MAX, &[PLENTY]);
        alike(&stream, &whole, &miniz)?;
        let (chunk, rooms) = CUTS[cut];
        prop_assert!(trace::<FastEngine>(&stream, chunk, rooms) == whole);
    }
}
