//! Compared with the tools that everybody packs with. A test whose tool is not installed says so
//! and passes; `cargo xtask test` runs where all are.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::layer_index::Compression;

/// What a command writes for this input; none if it is not installed.
pub(crate) fn tool(command: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let spawned = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("skipped: {} is not installed", command[0]);
        return None;
    };
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it was started");
    writer.join().expect("no panic").expect("it reads it all");
    assert!(output.status.success(), "{command:?}");
    Some(output.stdout)
}

/// Bytes that compress as files do: words, runs, and noise between.
pub(crate) fn sample(len: usize) -> Vec<u8> {
    let mut seed = 0x9e37_79b9_u32;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed
    };
    let mut out = Vec::with_capacity(len + 4096);
    while out.len() < len {
        match next() % 8 {
            0 => out.extend(std::iter::repeat_n(0, (next() % 4096) as usize)),
            1 => out.extend((0..next() % 256).map(|_| next() as u8)),
            2 if out.len() > 40_000 => {
                let from = next() as usize % (out.len() - 3000);
                out.extend_from_within(from..from + 3000);
            }
            _ => out.extend_from_slice(format!("line {} of a file\n", next() % 997).as_bytes()),
        }
    }
    out.truncate(len);
    out
}

/// All of it, pushed in chunks.
fn decode(
    compression: Compression,
    input: &[u8],
    chunk: usize,
) -> (Vec<u8>, FrameIndex, Result<(), DecodeError>) {
    let limits = DecodeLimits::default();
    let mut decoder = decoder(compression, FramePoint::default(), limits).expect("there is one");
    let mut out = Vec::new();
    let mut result = Ok(());
    for chunk in input.chunks(chunk) {
        result = decoder.push(chunk, &mut |bytes| out.extend_from_slice(bytes));
        if result.is_err() {
            break;
        }
    }
    let result = result.and_then(|()| decoder.finish());
    (out, decoder.so_far().clone(), result)
}

#[track_caller]
fn check(compression: Compression, packed: &[u8], expect: &[u8]) -> FrameIndex {
    let (out, index, result) = decode(compression, packed, 64 << 10);
    assert_eq!(result, Ok(()));
    assert!(
        out == expect,
        "{} bytes, not the {}",
        out.len(),
        expect.len()
    );
    for chunk in [1, 7, 4093, usize::MAX] {
        if chunk < 64 && packed.len() > 300_000 {
            continue;
        }
        let (again, points, result) = decode(compression, packed, chunk);
        assert_eq!(result, Ok(()));
        assert!(again == out, "chunks of {chunk} give other bytes");
        assert_eq!(points, index, "chunks of {chunk} give other points");
    }
    assert_eq!(index.out_len, expect.len() as u64);
    assert_eq!(index.in_len, packed.len() as u64);
    let stored = FrameIndex::from_bytes(&index.to_bytes());
    assert_eq!(stored, Ok(index.clone()));
    reads(compression, packed, expect, &index);
    index
}

/// Ranges all over it, each from its own frame.
#[track_caller]
fn reads(compression: Compression, packed: &[u8], expect: &[u8], index: &FrameIndex) {
    let len = expect.len();
    let ranges = [
        0..len.min(10),
        len / 3..len / 2,
        len * 9 / 10..len,
        len..len,
    ];
    for range in ranges {
        let plan = index.plan(range.start as u64..range.end as u64);
        let Some(plan) = plan else {
            assert!(range.is_empty(), "{range:?}");
            continue;
        };
        let mut reader = FrameReader::new(compression, &plan, decoder).expect("there is one");
        let bytes = &packed[plan.in_range.start as usize..plan.in_range.end as usize];
        let mut out = Vec::new();
        for chunk in bytes.chunks(1000) {
            let mut passed = |at: u64, bytes: &[u8]| {
                assert!(bytes == &expect[at as usize..at as usize + bytes.len()]);
            };
            let pushed = reader.push(chunk, &mut passed, &mut |b| out.extend_from_slice(b));
            assert_eq!(pushed, Ok(()));
        }
        assert!(out == expect[range.clone()], "{range:?}");
    }
}

#[track_caller]
fn check_tool(compression: Compression, command: &[&str], data: &[u8]) -> Option<FrameIndex> {
    let packed = tool(command, data)?;
    Some(check(compression, &packed, data))
}

#[test]
fn zstd_at_its_levels() {
    let data = sample(2 << 20);
    for level in ["-1", "-3", "-19", "--fast=5"] {
        check_tool(Compression::Zstd, &["zstd", "-c", level], &data);
    }
    check_tool(Compression::Zstd, &["zstd", "-c", "--ultra", "-22"], &data);
    check_tool(Compression::Zstd, &["zstd", "-c", "--no-check"], &data);
    check_tool(Compression::Zstd, &["zstd", "-c", "-T2", "-B100000"], &data);
    check_tool(Compression::Zstd, &["zstd", "-c"], b"");
    check_tool(Compression::Zstd, &["zstd", "-c"], b"x");
    check_tool(Compression::Zstd, &["zstd", "-c"], &vec![0; 10 << 20]);
}

#[test]
fn zstd_with_a_long_window_reaches_far_back() {
    // A repeat further back than any usual window.
    let mut data = sample(12 << 20);
    let first = data[..1 << 20].to_vec();
    data.extend_from_slice(&first);
    check_tool(Compression::Zstd, &["zstd", "-c", "--long=27"], &data);
}

#[test]
fn zstd_frames_one_after_the_other() {
    let data = sample(1 << 20);
    let mut packed = Vec::new();
    // A skippable frame first, an empty one between.
    packed.extend_from_slice(b"\x50\x2a\x4d\x18\x03\0\0\0abc");
    for part in data.chunks(200_000) {
        let Some(frame) = tool(&["zstd", "-c", "-6"], part) else {
            return;
        };
        packed.extend_from_slice(&frame);
        packed.extend_from_slice(b"\x5f\x2a\x4d\x18\0\0\0\0");
    }
    let index = check(Compression::Zstd, &packed, &data);
    assert_eq!(index.points.len(), 6);
    assert_eq!(index.points[0].in_offset, 11);
    // A byte in the middle takes one frame alone.
    let plan = index.plan(500_000..500_001).expect("it is there");
    assert_eq!(plan.point.out_offset, 400_000);
    assert!(plan.in_range.end - plan.in_range.start < packed.len() as u64 / 3);
    assert_eq!(index.longest_frame(), 200_000);
}

#[test]
fn pzstd_writes_many_frames() {
    let data = sample(20 << 20);
    let path = std::env::temp_dir().join(format!("layerscope-pzstd-{}", std::process::id()));
    std::fs::write(&path, &data).expect("written");
    let packed = tool(&["pzstd", "-c", "-p", "2", &path.to_string_lossy()], b"");
    std::fs::remove_file(&path).expect("it is there");
    if let Some(packed) = packed {
        let index = check(Compression::Zstd, &packed, &data);
        assert!(index.points.len() > 1, "pzstd cuts it");
    }
}

#[test]
fn xz_at_its_levels_with_all_checks_and_filters() {
    let data = sample(1 << 20);
    for level in ["-0", "-6", "-9e"] {
        check_tool(Compression::Xz, &["xz", "-c", level], &data);
    }
    for check in [
        "--check=none",
        "--check=crc32",
        "--check=crc64",
        "--check=sha256",
    ] {
        check_tool(Compression::Xz, &["xz", "-c", check], &data);
    }
    check_tool(Compression::Xz, &["xz", "-c", "--x86", "--lzma2"], &data);
    check_tool(
        Compression::Xz,
        &["xz", "-c", "--delta=dist=4", "--lzma2"],
        &data,
    );
    check_tool(
        Compression::Xz,
        &["xz", "-c", "-T2", "--block-size=100000"],
        &data,
    );
    check_tool(Compression::Xz, &["xz", "-c"], b"");
    check_tool(Compression::Xz, &["xz", "-c"], b"x");
    check_tool(Compression::Xz, &["xz", "-c"], &vec![0; 10 << 20]);
}

#[test]
fn xz_streams_with_padding_between() {
    let data = sample(600_000);
    let mut packed = Vec::new();
    for part in data.chunks(200_000) {
        let Some(stream) = tool(&["xz", "-c"], part) else {
            return;
        };
        packed.extend_from_slice(&stream);
        packed.extend_from_slice(&[0; 8]);
    }
    let index = check(Compression::Xz, &packed, &data);
    assert_eq!(index.points.len(), 3);
    packed.extend_from_slice(&[0; 3]);
    let (out, _, result) = decode(Compression::Xz, &packed, 999);
    assert!(out == data);
    assert!(result.is_err(), "padding comes by fours");
}

#[test]
fn bzip2_at_its_levels_and_in_members() {
    let data = sample(1 << 20);
    for level in ["-1", "-9"] {
        check_tool(Compression::Bzip2, &["bzip2", "-c", level], &data);
    }
    check_tool(Compression::Bzip2, &["bzip2", "-c"], b"");
    check_tool(Compression::Bzip2, &["bzip2", "-c"], &vec![0; 10 << 20]);
    let mut packed = Vec::new();
    for part in data.chunks(300_000) {
        let Some(member) = tool(&["bzip2", "-c"], part) else {
            return;
        };
        packed.extend_from_slice(&member);
    }
    let index = check(Compression::Bzip2, &packed, &data);
    assert_eq!(index.points.len(), 4);
    // bzip2 itself ignores what follows.
    packed.extend_from_slice(b"BZ and more");
    let (out, _, result) = decode(Compression::Bzip2, &packed, 100);
    assert!(out == data);
    assert_eq!(result, Ok(()));
}

/// Damage anywhere is told, and what came before it is right.
#[track_caller]
fn damage(compression: Compression, command: &[&str], told: bool) {
    let data = sample(300_000);
    let Some(packed) = tool(command, &data) else {
        return;
    };
    for at in (0..packed.len()).step_by(packed.len() / 61) {
        let mut bad = packed.clone();
        bad[at] ^= 0x10;
        let (out, _, result) = decode(compression, &bad, 5000);
        assert!(!told || result.is_err() || out == data, "byte {at}");
        let (out, _, result) = decode(compression, &packed[..at], 5000);
        assert!(out == data[..out.len()], "cut at {at}");
        assert!(result.is_err() || at == 0, "cut at {at}");
    }
}

#[test]
fn damage_is_told() {
    damage(Compression::Zstd, &["zstd", "-c", "--check"], true);
    damage(Compression::Zstd, &["zstd", "-c", "--no-check"], false);
    damage(Compression::Xz, &["xz", "-c"], true);
    damage(Compression::Bzip2, &["bzip2", "-c"], true);
}

#[test]
fn limits_hold_whatever_a_header_says() {
    // A frame whose header asks for a window of 256 MiB.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, (28 - 10) << 3, 1, 0, 0];
    let (_, _, result) = decode(Compression::Zstd, &frame, 100);
    let limit = DecodeLimits::default().max_window;
    assert!(
        matches!(result, Err(DecodeError::LimitExceeded { limit: l, .. }) if l == limit),
        "{result:?}"
    );
    if let Some(packed) = tool(&["xz", "-c", "--lzma2=dict=65MiB"], b"abc") {
        let (_, _, result) = decode(Compression::Xz, &packed, 100);
        assert!(
            matches!(result, Err(DecodeError::LimitExceeded { .. })),
            "{result:?}"
        );
    }
    let limits = DecodeLimits {
        max_out: 100_000,
        ..DecodeLimits::default()
    };
    for (compression, command) in [
        (Compression::Zstd, "zstd"),
        (Compression::Xz, "xz"),
        (Compression::Bzip2, "bzip2"),
    ] {
        let Some(packed) = tool(&[command, "-c"], &vec![0; 1 << 20]) else {
            continue;
        };
        let at = FramePoint::default();
        let mut bounded = decoder(compression, at, limits.clone()).expect("there is one");
        let mut given = 0;
        let result = bounded.push(&packed, &mut |bytes| given += bytes.len());
        assert!(matches!(result, Err(DecodeError::LimitExceeded { .. })));
        assert!(given <= 100_000);
        let again = bounded.push(&packed, &mut |_| panic!("nothing more comes"));
        assert_eq!(again, result);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        which in 0..3usize,
    ) {
        let (compression, magic): (_, &[u8]) = [
            (Compression::Zstd, &b"\x28\xb5\x2f\xfd"[..]),
            (Compression::Xz, b"\xfd7zXZ\0\0\x01\x69\x22\xde\x36"),
            (Compression::Bzip2, b"BZh9"),
        ][which];
        let mut input = magic.to_vec();
        input.extend_from_slice(&bytes);
        let whole = decode(compression, &input, usize::MAX);
        let cut = decode(compression, &input, 3);
        // How much comes before damage may differ, never what.
        let len = whole.0.len().min(cut.0.len());
        prop_assert_eq!(&whole.0[..len], &cut.0[..len]);
        prop_assert_eq!(whole.2.is_ok(), cut.2.is_ok());
        if whole.2.is_ok() {
            prop_assert_eq!(whole.1, cut.1);
        }
    }

    #[test]
    fn stored_frames_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(index) = FrameIndex::from_bytes(&bytes) {
            prop_assert_eq!(index.to_bytes(), bytes);
            index.plan(0..index.out_len);
        }
    }
}
