//! Blocks of every kind, and every way in which a header or a symbol can be wrong.

use super::writer::{Code, Writer};
use super::{CUTS, End, trace};
use crate::{FastEngine, MinizEngine};

/// Both engines, however the stream is cut, give this and end so.
#[track_caller]
fn check(made: &Writer, out: &[u8], end: End) {
    check_fast(made, out, end);
    for (chunk, rooms) in CUTS {
        let found = trace::<MinizEngine>(&made.bytes, chunk, rooms);
        assert_eq!((found.out.as_slice(), found.end), (out, end), "miniz");
    }
}

/// As [`check`], where miniz_oxide differs.
#[track_caller]
fn check_fast(made: &Writer, out: &[u8], end: End) {
    let mut padded = made.bytes.clone();
    // So that the fast loop meets it as well.
    padded.extend([0; 100]);
    for (chunk, rooms) in CUTS {
        let found = trace::<FastEngine>(&made.bytes, chunk, rooms);
        assert_eq!((found.out.as_slice(), found.end), (out, end));
        if end != End::CutShort {
            let long = trace::<FastEngine>(&padded, chunk, rooms);
            assert_eq!(long, found, "with bytes behind it");
        }
    }
}

#[test]
fn stored_blocks() {
    let long = crate::testing::nature(1, 65_535);
    let mut made = Writer::default();
    made.stored(false, b"").stored(false, &long);
    made.stored(false, b"x").stored(true, b"");
    let all = [long.as_slice(), b"x"].concat();
    check(&made, &all, End::Done);
    made.bytes.truncate(60_000);
    check(&made, &long[..60_000 - 10], End::CutShort);
    for bit in 8..40 {
        let mut made = Writer::default();
        made.stored(true, b"abc");
        made.bytes[bit / 8] ^= 1 << (bit % 8);
        check(&made, b"", End::Failed);
    }
}

#[test]
fn a_block_of_no_kind() {
    check(Writer::default().put(0b110, 3), b"", End::Failed);
}

#[test]
fn fixed_codes() {
    let (litlen, dist) = (Code::fixed_litlen(), Code::fixed_dist());
    let mut made = Writer::default();
    made.put(1, 1).put(1, 2);
    for literal in [b'a', 0, 143, 144, 255] {
        made.symbol(&litlen, literal.into());
    }
    made.copy(&litlen, &dist, 7, 5);
    let out = [97, 0, 143, 144, 255, 97, 0, 143, 144, 255, 97, 0];
    made.symbol(&litlen, 256);
    check(&made, &out, End::Done);
    let wrong = |symbol: usize, far: Option<usize>| {
        let mut made = Writer::default();
        made.put(1, 1).put(1, 2).symbol(&litlen, b'z'.into());
        made.symbol(&litlen, symbol);
        if let Some(far) = far {
            made.symbol(&dist, far);
        }
        made.put(0, 30);
        made
    };

    check(&wrong(286, None), b"z", End::Failed);
    check(&wrong(287, None), b"z", End::Failed);
    check(&wrong(257, Some(30)), b"z", End::Failed);
    check(&wrong(257, Some(31)), b"z", End::Failed);
    // Distance 2 after a single byte.
    check(&wrong(257, Some(1)), b"z", End::Failed);
}

/// A code of literals a and b, lengths 3 and 4, and the end.
fn small_litlen() -> Code {
    Code::of(259, &[(97, 2), (98, 2), (256, 2), (257, 3), (258, 3)])
}

#[test]
fn one_distance_code() {
    let litlen = small_litlen();
    for symbol in [0, 1] {
        let dist = Code::of(2, &[(symbol, 1)]);
        let mut made = Writer::default();
        made.dynamic(true, &litlen, &dist);
        made.symbol(&litlen, 97).symbol(&litlen, 98);
        made.copy(&litlen, &dist, 3, symbol + 1);
        made.symbol(&litlen, 256);
        let out: &[u8] = if symbol == 0 { b"abbbb" } else { b"ababa" };
        check(&made, out, End::Done);
        // The other bit is no code.
        let mut made = Writer::default();
        made.dynamic(true, &litlen, &dist);
        made.symbol(&litlen, 97).symbol(&litlen, 257).put(1, 1);
        check(made.put(0, 40), b"a", End::Failed);
    }
}

#[test]
fn no_distance_code() {
    let litlen = small_litlen();
    let dist = Code::new(&[0]);
    let mut made = Writer::default();
    made.dynamic(true, &litlen, &dist);
    made.symbol(&litlen, 98).symbol(&litlen, 256);
    check(&made, b"b", End::Done);
    for bit in [0, 1] {
        let mut made = Writer::default();
        made.dynamic(true, &litlen, &dist);
        made.symbol(&litlen, 98).symbol(&litlen, 257).put(bit, 1);
        check(made.put(0, 40), b"b", End::Failed);
    }
}

/// zlib takes it too: a block without anything.
#[test]
fn the_end_alone() {
    let litlen = Code::of(257, &[(256, 1)]);
    let dist = Code::new(&[0]);
    let mut made = Writer::default();
    made.dynamic(false, &litlen, &dist).symbol(&litlen, 256);
    made.stored(true, b"s");
    check(&made, b"s", End::Done);
    let mut made = Writer::default();
    made.dynamic(true, &litlen, &dist).put(1, 1);
    check(made.put(0, 40), b"", End::Failed);
}

#[track_caller]
fn check_codes(litlen: &Code, dist: &Code, end: End) {
    let mut made = Writer::default();
    made.put(0, 1).put(1, 2);
    made.symbol(&Code::fixed_litlen(), b'o'.into());
    made.symbol(&Code::fixed_litlen(), 256);
    made.dynamic(true, litlen, dist).put(0, 40);
    check(&made, b"o", end);
}

#[test]
fn codes_with_too_much_and_too_little() {
    let good = Code::of(2, &[(0, 1), (1, 1)]);
    let litlen = small_litlen();
    let over = [(97, 1), (98, 1), (256, 1)];
    let late = [(97, 1), (98, 2), (99, 3), (100, 4), (101, 4), (256, 15)];
    let under = [(97, 2), (256, 2)];
    let single = [(256, 2)];
    for bad in [over.as_slice(), &late, &under, &single] {
        check_codes(&Code::of(257, bad), &good, End::Failed);
    }
    let over = [1, 1, 1].as_slice();
    for bad in [over, &[2, 2], &[2], &[15], &[1, 2], &[1, 15], &[2, 2, 2]] {
        check_codes(&litlen, &Code::new(bad), End::Failed);
    }
}

#[test]
fn alphabets_too_large() {
    for (litlen, dist, end) in [
        (286, 30, End::CutShort),
        (287, 1, End::Failed),
        (288, 1, End::Failed),
        (257, 31, End::Failed),
        (257, 32, End::Failed),
    ] {
        let mut made = Writer::default();
        made.sizes(true, litlen, dist);
        check(&made, b"", end);
    }
}

#[test]
fn code_length_codes() {
    let with = |lens: [u8; 19]| {
        let mut made = Writer::default();
        made.put(0b101, 3).put(0, 10).code_lengths(&lens).put(0, 64);
        made
    };
    let mut lens = [0; 19];
    check(&with(lens), b"", End::Failed);
    lens[0] = 1;
    check(&with(lens), b"", End::Failed);
    lens[1] = 2;
    check(&with(lens), b"", End::Failed);
    lens[2] = 1;
    check(&with(lens), b"", End::Failed);
}

#[test]
fn repeated_lengths() {
    // Nothing to repeat yet.
    let mut made = Writer::default();
    let code = made.sizes(true, 257, 1);
    made.symbol(&code, 16).put(0, 60);
    check(&made, b"", End::Failed);

    // 97 and 256 and both distances have one bit; repeats cross from one alphabet to the other.
    let made = |past: u64, symbol: usize| {
        let mut made = Writer::default();
        let code = made.sizes(true, 257, 4);
        made.symbol(&code, 18).put(97 - 11, 7);
        made.symbol(&code, 1);
        made.symbol(&code, 18).put(138 - 11, 7);
        made.symbol(&code, 18).put(20 - 11, 7);
        match symbol {
            // One length for the end and 3, 4 or 5 repeats, of which a distance takes but two.
            16 => made.symbol(&code, 1).symbol(&code, 16).put(past, 2),
            17 => made.symbol(&code, 1).symbol(&code, 17).put(past, 3),
            _ => made.symbol(&code, 1).symbol(&code, 18).put(past, 7),
        };
        // Three literals and the end.
        made.put(0b1000, 4).put(0, 56);
        made
    };
    // Four distances of one bit are too many; four unused ones are fine.
    check(&made(1, 16), b"", End::Failed);
    for past in 2..4 {
        check(&made(past, 16), b"", End::Failed);
    }
    check(&made(1, 17), b"aaa", End::Done);
    for past in 2..8 {
        check(&made(past, 17), b"", End::Failed);
    }
    for past in [0, 1, 127] {
        check(&made(past, 18), b"", End::Failed);
    }
}

/// miniz_oxide reads such a block to the end of its input: the first of the allowed differences.
#[test]
fn no_code_for_the_end() {
    let litlen = Code::of(257, &[(97, 1), (98, 1)]);
    let dist = Code::new(&[0]);
    let mut made = Writer::default();
    made.dynamic(true, &litlen, &dist);
    made.symbol(&litlen, 97).symbol(&litlen, 98);
    check_fast(&made, b"", End::Failed);
    let miniz = trace::<MinizEngine>(&made.bytes, usize::MAX, &[100]);
    assert_eq!(miniz.end, End::CutShort);
}
