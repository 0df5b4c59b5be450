//! Layers as many programs compress them (`tests/data/gzip`, and headers and ends made here): each
//! is listed and read through its index, and compared with a reference decoder and `tar`'s reader.

#![allow(clippy::unwrap_used)] // a test's panic is its message

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use layerscope_core::digest::{Algorithm, Digest};
use layerscope_core::job::Verified;
use layerscope_core::layer_index::{
    Access, BlobHasher, BuildOptions, DamageKind, IndexBuilder, LayerIndex, Progress, ReadPlan,
};
use layerscope_core::toc::EntryKind;
use layerscope_inflate::Trade;

/// Ranges that are read of each file's uncompressed bytes.
const RANDOM_READS: u64 = 60;

fn blob(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/gzip");
    std::fs::read(folder.join(format!("{name}.gz"))).unwrap()
}

/// All members, by flate2.
fn reference(blob: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(blob).read_to_end(&mut plain).unwrap();
    plain
}

/// The regular files of a tar, by the `tar` crate.
fn files(plain: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut archive = tar::Archive::new(plain);
    let entries = archive.entries().unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.header().entry_type().is_file());
    files
        .map(|mut file| {
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (file.path_bytes().into_owned(), content)
        })
        .collect()
}

fn index(blob: &[u8], trade: Trade, chunk: usize) -> LayerIndex {
    let mut options = BuildOptions::default();
    options.gzip.trade = trade;
    let mut builder = IndexBuilder::new(options);
    let mut hasher = BlobHasher::new(Algorithm::Sha256);
    for chunk in blob.chunks(chunk) {
        builder.push(chunk).unwrap();
        hasher.push(chunk);
    }
    let digest = Digest::of(Algorithm::Sha256, blob);
    let index = LayerIndex::seal(builder.finish(), hasher.finish(), &digest).unwrap();
    // What is read is what was stored.
    LayerIndex::from_bytes(&index.to_bytes().unwrap()).unwrap()
}

/// What a plan gives of the bytes that it names, and of no others.
fn read(index: &LayerIndex, blob: &[u8], plan: ReadPlan) -> Vec<u8> {
    let fetched = blob[plan.in_range.start as usize..plan.in_range.end as usize].to_vec();
    let mut reader = index.reader(plan).unwrap();
    let mut out = Vec::new();
    for chunk in fetched.chunks(1_000) {
        let done = reader.push(chunk, &mut |b| out.extend_from_slice(b));
        if done.unwrap() == Progress::Done {
            break;
        }
    }
    let verified = reader.finish(&mut |b| out.extend_from_slice(b)).unwrap();
    assert_eq!(verified, Verified::Span);
    out
}

/// Lists and reads a blob that inflates to `plain`.
#[track_caller]
fn check(name: &str, blob: &[u8], plain: &[u8]) {
    check_with(name, blob, plain, None);
}

/// As [`check`], with this said to be wrong with it.
#[track_caller]
fn check_with(name: &str, blob: &[u8], plain: &[u8], damage: Option<DamageKind>) {
    let expected = files(plain);
    for (trade, chunk) in [(Trade::BALANCED, 64 << 10), (Trade::ALL, 1_001)] {
        let index = index(blob, trade, chunk);
        assert_eq!(index.damage().map(|d| d.kind), damage, "{name}");
        assert_eq!(index.out_len(), plain.len() as u64, "{name}");
        let toc = index.toc();
        let mut listed = BTreeMap::new();
        for ordinal in 0..toc.len() {
            if toc.kind(ordinal) == Some(EntryKind::File) {
                let size = toc.size(ordinal);
                let plan = index.plan_read(ordinal, 0..size).unwrap();
                assert_eq!(plan.range, 0..size, "{name}: in one plan");
                let content = read(&index, blob, plan);
                listed.insert(toc.path(ordinal).unwrap(), content);
            }
        }
        assert!(listed == expected, "{name}: other files or contents");
        // Anywhere in the archive, headers included (xorshift, the same on every run).
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..RANDOM_READS {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let start = state % plain.len() as u64;
            let end = (start + state % 20_000).min(plain.len() as u64);
            let plan = index.plan_inflated(start..end).unwrap();
            let bytes = read(&index, blob, plan);
            let same = bytes == plain[start as usize..end as usize];
            assert!(same, "{name}: {start}..{end}");
        }
    }
}

/// One of the committed files; `blocks` says whether it has more than one deflate block or member.
#[track_caller]
fn check_file(name: &str, blocks: bool) {
    let blob = blob(name);
    let plain = reference(&blob);
    assert!(
        plain == reference(&self::blob("gzip-6")),
        "{name} is of the same tar"
    );
    check(name, &blob, &plain);
    let all = index(&blob, Trade::ALL, 4096);
    let Access::Gzip(gzip) = all.access() else {
        panic!("{name} is gzip")
    };
    assert_eq!(
        gzip.checkpoints.len() > 1,
        blocks,
        "{name}: {} places to start",
        gzip.checkpoints.len()
    );
}

#[test]
fn gzip_at_every_level() {
    for level in 1..=9 {
        check_file(&format!("gzip-{level}"), true);
    }
    check_file("gzip-rsyncable", true);
}

#[test]
fn pigz() {
    check_file("pigz", true);
    check_file("pigz-independent", true);
    check_file("pigz-11", true);
}

#[test]
fn bgzip() {
    check_file("bgzip", true);
    let gzip = index(&blob("bgzip"), Trade::ALL, 4096);
    let Access::Gzip(gzip) = gzip.access() else {
        panic!("gzip")
    };
    assert!(
        gzip.members > 3,
        "a member for each 64 KiB, and an empty one"
    );
}

#[test]
fn encoders_that_look_for_the_smallest() {
    for name in ["zopfli", "7z", "libdeflate-12", "advdef"] {
        check_file(name, true);
    }
}

#[test]
fn encoders_that_are_fast() {
    check_file("libdeflate-1", true);
    check_file("python", true);
    // All of it in one block.
    check_file("igzip", false);
}

#[test]
fn gos_writer() {
    for name in ["go-default", "go-9", "go-huffman", "go-stored"] {
        check_file(name, true);
        let index = index(&blob(name), Trade::BALANCED, 4096);
        assert_eq!(index.stored_name(), Some(b"layer.tar".as_slice()));
    }
}

/// A member with these optional parts in its header (RFC 1952, section 2.3).
fn member(plain: &[u8], level: u32, fields: Fields<'_>) -> Vec<u8> {
    let mut flags = 0;
    let mut after = Vec::new();
    if let Some(extra) = fields.extra {
        flags |= 4;
        after.extend((extra.len() as u16).to_le_bytes());
        after.extend(extra);
    }
    for (flag, text) in [(8, fields.name), (16, fields.comment)] {
        if let Some(text) = text {
            flags |= flag;
            after.extend(text);
            after.push(0);
        }
    }
    if fields.text {
        flags |= 1;
    }
    if fields.header_crc {
        flags |= 2;
    }
    let mut blob = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
    blob.extend(after);
    if fields.header_crc {
        let mut crc = flate2::Crc::new();
        crc.update(&blob);
        blob.extend((crc.sum() as u16).to_le_bytes());
    }
    let level = flate2::Compression::new(level);
    let mut deflate = flate2::write::DeflateEncoder::new(blob, level);
    deflate.write_all(plain).unwrap();
    let mut blob = deflate.finish().unwrap();
    let mut crc = flate2::Crc::new();
    crc.update(plain);
    blob.extend(crc.sum().to_le_bytes());
    blob.extend((plain.len() as u32).to_le_bytes());
    blob
}

#[derive(Clone, Copy, Default)]
struct Fields<'a> {
    extra: Option<&'a [u8]>,
    name: Option<&'a [u8]>,
    comment: Option<&'a [u8]>,
    text: bool,
    header_crc: bool,
}

const NO_FIELDS: Fields<'_> = Fields {
    extra: None,
    name: None,
    comment: None,
    text: false,
    header_crc: false,
};

#[test]
fn every_header_field() {
    let plain = reference(&blob("gzip-6"));
    let long = vec![b'x'; 60_000];
    let all = Fields {
        extra: Some(b"LS\x04\0data"),
        name: Some(b"n\xe4me.tar"),
        comment: Some(b"a comment"),
        text: true,
        header_crc: true,
    };
    // Each alone, all together, and each as long as it may be.
    let cases = [
        all,
        Fields {
            extra: Some(b""),
            ..NO_FIELDS
        },
        Fields {
            extra: Some(&long),
            ..NO_FIELDS
        },
        Fields {
            name: Some(b""),
            ..NO_FIELDS
        },
        Fields {
            comment: Some(&long),
            ..NO_FIELDS
        },
        Fields {
            text: true,
            ..NO_FIELDS
        },
        Fields {
            header_crc: true,
            ..NO_FIELDS
        },
        Fields {
            extra: Some(&long),
            header_crc: true,
            ..NO_FIELDS
        },
    ];
    for (n, fields) in cases.into_iter().enumerate() {
        let blob = member(&plain, 6, fields);
        assert!(reference(&blob) == plain, "case {n}");
        check(&format!("case {n}"), &blob, &plain);
        // The same fields on a later member.
        let (first, second) = plain.split_at(100_000);
        let two = [member(first, 6, NO_FIELDS), member(second, 6, fields)].concat();
        check(&format!("case {n}, second member"), &two, &plain);
    }
    let named = index(&member(&plain, 6, all), Trade::BALANCED, 4096);
    assert_eq!(named.stored_name(), Some(b"n\xe4me.tar".as_slice()));
}

#[test]
fn stored_blocks() {
    let plain = reference(&blob("gzip-6"));
    check("stored", &member(&plain, 0, NO_FIELDS), &plain);
}

#[test]
fn empty_members() {
    let plain = reference(&blob("gzip-6"));
    let none = member(b"", 6, NO_FIELDS);
    let (first, second) = plain.split_at(70_001);
    let blob = [
        none.clone(),
        none.clone(),
        member(first, 6, NO_FIELDS),
        none.clone(),
        member(second, 9, NO_FIELDS),
        none,
    ];
    let blob = blob.concat();
    assert!(reference(&blob) == plain);
    check("empty members", &blob, &plain);
}

#[test]
fn zeros_and_garbage_behind_the_last_member() {
    let blob = blob("gzip-6");
    let plain = reference(&blob);
    for (name, tail) in [
        ("one zero", vec![0]),
        ("a tape's block of zeros", vec![0; 10_240]),
        ("text", b"this is no gzip".to_vec()),
        (
            "zeros, then text",
            [vec![0; 512], b"text".to_vec()].concat(),
        ),
    ] {
        let blob = [blob.clone(), tail.clone()].concat();
        check(name, &blob, &plain);
        let index = index(&blob, Trade::BALANCED, 4096);
        let Access::Gzip(gzip) = index.access() else {
            panic!("gzip")
        };
        assert_eq!(gzip.trailing, tail.len() as u64, "{name}");
    }
}

#[test]
fn the_beginning_of_a_member_that_is_cut_off() {
    let whole = blob("gzip-6");
    let plain = reference(&whole);
    // gzip's own words for it: unexpected end of file.
    for len in [1, 2, 9] {
        let blob = [&whole, &whole[..len]].concat();
        let name = format!("{len} bytes of a header");
        check_with(&name, &blob, &plain, Some(DamageKind::Compressed));
    }
}
