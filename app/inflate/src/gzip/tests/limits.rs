//! What a stream may cost.

use super::*;
use crate::gzip::limits::GzipLimits;

/// Builds within limits; the output's length and the error.
fn build_within(limits: GzipLimits, blob: &[u8], chunk: usize) -> (u64, Option<GzipError>) {
    let mut builder: GzipIndexBuilder = GzipIndexBuilder::new(GzipOptions {
        limits,
        ..GzipOptions::default()
    });
    let mut out_len = 0;
    for piece in blob.chunks(chunk) {
        if let Err(error) = builder.push(piece, &mut |b| out_len += b.len() as u64) {
            return (out_len, Some(error));
        }
    }
    (out_len, builder.finish().1)
}

#[track_caller]
fn check_limit(limits: GzipLimits, blob: &[u8], expected: u64) -> u64 {
    let (out_len, error) = build_within(limits, blob, 1000);
    match error {
        Some(GzipError::LimitExceeded { limit, .. }) => assert_eq!(limit, expected),
        other => panic!("{other:?}"),
    }
    out_len
}

#[test]
fn a_bomb_meets_its_limits() {
    let blob = gz(&vec![0; 60 << 20], 9);
    let max_out = GzipLimits {
        max_out: 1_234_567,
        ..GzipLimits::default()
    };
    // Exactly so many bytes are given out, however the input is cut.
    for chunk in [1, 1000, usize::MAX] {
        assert_eq!(build_within(max_out.clone(), &blob, chunk).0, 1_234_567);
    }
    check_limit(max_out, &blob, 1_234_567);
    let max_ratio = GzipLimits {
        max_ratio: 100,
        ratio_from: 16 << 20,
        ..GzipLimits::default()
    };
    assert!(check_limit(max_ratio, &blob, 100) < 20 << 20);
    // Nothing is wrong with it by itself: layers with an empty disk image look like this.
    assert_eq!(
        build_within(GzipLimits::default(), &blob, 1000),
        (60 << 20, None)
    );
}

#[test]
fn a_stream_as_long_as_allowed_is_good() {
    let blob = gz(&nature(0, 100_000), 6);
    let limit = |max_out| GzipLimits {
        max_out,
        ..GzipLimits::default()
    };
    assert_eq!(build_within(limit(100_000), &blob, 77), (100_000, None));
    assert_eq!(check_limit(limit(99_999), &blob, 99_999), 99_999);
    assert_eq!(check_limit(limit(0), &blob, 0), 0);
}

#[test]
fn members_and_headers_are_counted() {
    let blob = gz(b"one", 6).repeat(5);
    let members = |max_members| GzipLimits {
        max_members,
        ..GzipLimits::default()
    };
    assert_eq!(build_within(members(5), &blob, 7), (15, None));
    assert_eq!(check_limit(members(4), &blob, 4), 12);
    // A name without an end.
    let mut header = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3];
    header.resize(1 << 20, b'n');
    assert_eq!(check_limit(GzipLimits::default(), &header, 1 << 17), 0);
}

/// A stored block (RFC 1951 section 3.2.4).
fn stored(bytes: &[u8], last: u8) -> Vec<u8> {
    let len = bytes.len() as u16;
    let (len, not_len) = (len.to_le_bytes(), (!len).to_le_bytes());
    [&[last], len.as_slice(), &not_len, bytes].concat()
}

/// Thousands of blocks that give nothing, up to a member's end.
#[test]
fn empty_blocks_at_the_end() {
    let data = nature(0, 40_100);
    for empty in 13_084..13_090 {
        let mut blob = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        blob.extend(stored(&data[..40_000], 0));
        blob.extend(stored(&data[40_000..], 0));
        blob.extend(stored(b"", 0).repeat(empty));
        blob.extend(stored(b"", 1));
        blob.extend(crc32fast::hash(&data).to_le_bytes());
        blob.extend(40_100u32.to_le_bytes());
        let (whole, out, problem) = build(&blob, usize::MAX, 0);
        assert_eq!((problem, whole.checkpoints.len()), (None, 2));
        assert!(out == data);
        for chunk in [1, 2, 3] {
            assert!(build(&blob, chunk, 0).0 == whole, "{empty} {chunk}");
        }
    }
}

/// A flood of empty blocks after a boundary is part of what is watched.
#[test]
fn a_flood_of_empty_blocks() {
    let data = nature(0, 66_000);
    let mut blob = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    for piece in data[..40_000].chunks(20_000) {
        blob.extend(stored(piece, 0));
    }
    blob.extend(stored(b"", 0).repeat(20_000));
    blob.extend(stored(&data[40_000..], 1));
    blob.extend(crc32fast::hash(&data).to_le_bytes());
    blob.extend(66_000u32.to_le_bytes());

    check(&blob, &data);
    let (whole, ..) = build(&blob, usize::MAX, 0);
    for chunk in [1, 5, 64, 65_536, 65_541] {
        assert!(build(&blob, chunk, 0).0 == whole, "chunk {chunk}");
    }
}
