//! Everything that was put in comes out again, through the index too.

use std::io::Read;

use flate2::{GzBuilder, read::MultiGzDecoder};
use proptest::prelude::*;

use super::*;
use crate::engine::Engine;
use crate::gzip::checkpoint::CheckpointKind;

#[test]
fn every_nature_and_level_reads_as_it_was() {
    for kind in 0..4 {
        let data = nature(kind, 250_000);
        for level in 0..=9 {
            check(&gz(&data, level), &data);
        }
        for (level, every) in [(1, 7_000), (6, 23_000), (9, 331), (6, 50_001)] {
            let blob = gz_blocks(&data, level, every);
            assert!(build(&blob, 1000, 0).0.checkpoints.len() >= 3);
            check(&blob, &data);
        }
    }
}

#[test]
fn small_streams() {
    check(&gz(b"", 6), b"");
    check(&gz(b"a", 6), b"a");
    check(&gz(b"hello hello hello", 0), b"hello hello hello");
}

#[test]
fn header_fields_of_every_kind() {
    let data = nature(0, 100_000);
    let mut encoder = GzBuilder::new()
        .filename("name.tar")
        .comment("a comment")
        .extra(vec![7; 300])
        .write(Vec::new(), Compression::default());
    encoder.write_all(&data).expect("memory");
    check(&encoder.finish().expect("memory"), &data);
}

#[test]
fn a_header_with_its_own_checksum() {
    let plain = gz(b"checked header", 6);
    let mut blob = plain[..10].to_vec();
    blob[3] |= 2;
    let crc = crc32fast::hash(&blob) as u16;
    blob.extend_from_slice(&crc.to_le_bytes());
    blob.extend_from_slice(&plain[10..]);
    check(&blob, b"checked header");
    blob[10] ^= 1;
    let (_, _, problem) = build(&blob, 3, 0);
    assert!(
        matches!(problem, Some(GzipError::BadHeader { .. })),
        "{problem:?}"
    );
}

#[test]
fn members_empty_and_full_and_what_follows_them() {
    let data = nature(3, 500_000);
    let mut blob = gz(b"", 6);
    for piece in data.chunks(9_000) {
        blob.extend(gz(piece, 6));
        blob.extend(gz(b"", 9));
    }
    check(&blob, &data);
    let mut zeros = blob.clone();
    zeros.extend([0; 1000]);
    check(&zeros, &data);
    assert_eq!(build(&zeros, 11, 0).0.trailing, 1000);
    let mut junk = blob;
    junk.extend(b"\x1fnot a member");
    check(&junk, &data);
}

#[test]
fn sparse_windows_are_small() {
    let data = nature(0, 3_000_000);
    let (index, _, _) = build(&gz(&data, 6), usize::MAX, 0);
    assert!(index.checkpoints.len() > 3);
    if !Tested::TELLS_COPIES {
        return; // it keeps whole windows
    }
    for checkpoint in &index.checkpoints[1..] {
        let window = checkpoint.window.unpack().expect("good");
        assert_eq!(window.len(), 32 * 1024);
        assert!(window.iter().filter(|b| **b == 0).count() > 1000);
    }
}

#[test]
fn a_plan_does_not_run_to_the_next_checkpoint() {
    let data = nature(1, 4_000_000);
    let blob = gz(&data, 6);
    let (index, _, _) = build(&blob, usize::MAX, 0);
    let plan = index.plan(100..200).expect("inside");
    assert!(plan.in_range.end < 200_000, "{plan:?}");
    assert_eq!(index.plan(0..data.len() as u64 + 1), None);
}

#[test]
fn nothing_is_fetched_for_nothing() {
    let (index, _, _) = build(&gz(&nature(0, 300_000), 6), 1000, 0);
    for at in [0, 1, 299_999, 300_000] {
        let plan = index.plan(at..at).expect("inside");
        assert!(plan.in_range.is_empty() && plan.len == 0, "{plan:?}");
    }
    let past = 300_001..300_001;
    assert_eq!(index.plan(past), None);
}

#[test]
fn trailing_bytes_are_not_fetched() {
    let data = nature(1, 100_000);
    let mut blob = gz(&data, 6);
    let end = blob.len() as u64;
    blob.extend([0; 5000]);
    let (index, _, _) = build(&blob, 1000, 0);
    let plan = index.plan(99_000..100_000).expect("inside");
    assert!(plan.in_range.end <= end, "{plan:?}");
}

/// Many small members: most checkpoints are member starts, and reads cross their ends.
#[test]
fn thousands_of_members() {
    let data = nature(0, 600_000);
    let mut blob = Vec::new();
    for (n, piece) in data.chunks(211).enumerate() {
        blob.extend(gz(piece, n as u32 % 10));
    }
    check(&blob, &data);
    let (index, _, _) = build(&blob, 999, 0);
    assert_eq!(index.members, data.len().div_ceil(211) as u64);
    let starts = |c: &&crate::Checkpoint| c.kind == CheckpointKind::MemberStart;
    // Not all of them: they are less than 200 bytes each.
    assert!((20..100).contains(&index.checkpoints.iter().filter(starts).count()));
    assert!(index.checkpoints.iter().all(|c| c.window.is_empty()));
}

/// A member that ends in an empty block: its last boundary leads nowhere, the next member's start
/// is the better checkpoint.
#[test]
fn no_checkpoint_where_nothing_follows() {
    let data = nature(0, 300_000);
    let mut blob = gz_blocks(&data[..100_000], 6, 50_000);
    blob.extend(gz_blocks(&data[100_000..], 6, 50_000));
    let (index, _, _) = build(&blob, 1000, 0);
    let found: Vec<_> = index
        .checkpoints
        .iter()
        .map(|c| (c.out_offset, c.kind))
        .collect();
    let expected = [
        (0, CheckpointKind::MemberStart),
        (50_000, CheckpointKind::Block),
        (100_000, CheckpointKind::MemberStart),
        (150_000, CheckpointKind::Block),
        (200_000, CheckpointKind::Block),
        (250_000, CheckpointKind::Block),
    ];
    assert_eq!(found, expected);
    check(&blob, &data);
}

#[test]
fn what_is_known_can_be_read_while_the_rest_streams() {
    let data = nature(3, 500_000);
    let blob = gz_blocks(&data, 6, 20_000);
    let mut builder: GzipIndexBuilder = GzipIndexBuilder::new(options(0));
    for (n, piece) in blob.chunks(7_001).enumerate() {
        builder.push(piece, &mut |_| {}).expect("good data");
        let seen = &blob[..(n * 7_001 + piece.len())];
        let (index, known) = (builder.so_far(), builder.out_len());
        assert_eq!(index.in_len, seen.len() as u64);
        let range = known.saturating_sub(60_000)..known;
        let got = read(index, seen, range.clone(), 512);
        assert!(got == data[range.start as usize..range.end as usize]);
        let stored = GzipIndex::from_bytes(&index.to_bytes()).expect("own bytes");
        assert_eq!(stored.landmarks, index.landmarks);
        let windows = |index: &GzipIndex| -> Vec<_> {
            index
                .checkpoints
                .iter()
                .map(|c| c.window.unpack())
                .collect()
        };
        assert!(windows(&stored) == windows(index));
    }
}

/// Layers that SOCI's tests use: the slices between checkpoints make the whole.
#[test]
fn layers_with_socis_ztocs() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/soci");
    for (name, members) in [("text.tar.gz", 1), ("multi.tar.gz", 49)] {
        let blob = std::fs::read(format!("{folder}/{name}")).expect("test data");
        let mut data = Vec::new();
        MultiGzDecoder::new(blob.as_slice())
            .read_to_end(&mut data)
            .expect("good gzip");
        let (index, out, problem) = build(&blob, 65_536, 0);
        assert_eq!(problem, None, "{name}");
        assert!(out == data, "{name}");
        assert_eq!(index.members, members, "{name}");
        assert!(index.checkpoints.len() > 10, "{name}");
        let mut whole = Vec::new();
        for (n, checkpoint) in index.checkpoints.iter().enumerate() {
            let next = index.checkpoints.get(n + 1);
            let end = next.map_or(index.out_len, |c| c.out_offset);
            whole.extend(read(&index, &blob, checkpoint.out_offset..end, 8192));
        }
        assert!(whole == data, "{name}");
    }
}

/// Cuts `blob` at the given places and builds.
fn build_cut(blob: &[u8], cuts: &[usize], price: u64) -> (GzipIndex, Vec<u8>) {
    let mut files = Files::default();
    let mut builder: GzipIndexBuilder = GzipIndexBuilder::new(options(price));
    let (mut rest, mut cuts) = (blob, cuts.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*cuts.next().expect("some")).min(rest.len()));
        builder.push_to(piece, &mut files).expect("good data");
        rest = after;
    }
    let (index, problem) = finish(builder, &files, price);
    assert_eq!(problem, None);
    (index, files.out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_chunks_any_range(
        kind in 0u8..4,
        parts in proptest::collection::vec((0usize..120_000, 0u32..10, 500usize..90_000), 1..4),
        mut cuts in proptest::collection::vec(0usize..5000, 1..20),
        price in 0u64..200,
        from in 0.0..1.0f64,
        part in 0.0..1.0f64,
    ) {
        cuts.push(1);
        let (mut data, mut blob) = (Vec::new(), Vec::new());
        for (len, level, every) in parts {
            let piece = nature(kind, len);
            blob.extend(gz_blocks(&piece, level, every));
            data.extend(piece);
        }
        let (index, out) = build_cut(&blob, &cuts, price);
        prop_assert!(out == data);
        prop_assert!(index == build(&blob, usize::MAX, price).0);
        let len = data.len() as u64;
        let start = (from * len as f64) as u64;
        let end = start + (part * (len - start) as f64) as u64;
        let got = read(&index, &blob, start..end, 1 + cuts[0]);
        prop_assert!(got == data[start as usize..end as usize]);
    }
}
