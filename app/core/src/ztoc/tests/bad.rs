//! Bytes that are no ztoc, or one that lies.

use flatbuffers::{FlatBufferBuilder, InvalidFlatbuffer, field_index_to_field_offset};
use proptest::prelude::*;

use super::*;
use crate::layer_index::LayerIndex;
use crate::ztoc::checkpoints::RECORD_BYTES;
use crate::ztoc::{UNCOMPRESSED, encode, slots};

#[track_caller]
fn refused(bytes: &[u8], expect: &str) {
    let error = Ztoc::parse(bytes, None).expect_err("no ztoc");
    assert!(error.to_string().contains(expect), "{error}");
}

/// A small layer, and a ztoc of some spans.
fn small() -> (Vec<u8>, Vec<u8>) {
    let layer = gzip(&archive());
    let ztoc = build(&layer, 100_000, "test", usize::MAX).expect("a good layer");
    (layer, ztoc.bytes)
}

/// The ztoc with one place of it changed.
fn changed(ztoc: &[u8], find: &[u8], put: &[u8]) -> Vec<u8> {
    let at = ztoc.windows(find.len()).position(|w| w == find);
    let at = at.expect("it is there");
    let mut changed = ztoc.to_vec();
    changed[at..at + put.len()].copy_from_slice(put);
    changed
}

#[test]
fn what_cannot_be_is_refused() {
    refused(b"", "no flatbuffer");
    refused(&[0; 64], "");
    refused(&[0xff; 64], "no flatbuffer");
    let (layer, ztoc) = small();
    refused(&ztoc[..ztoc.len() / 2], "");
    assert_eq!(
        Ztoc::parse(&ztoc, Some(5)).expect_err("another layer"),
        ZtocError::OtherBlob {
            stated: layer.len() as u64,
            actual: 5
        }
    );
    refused(&changed(&ztoc, b"sha256:", b"sha255:"), "span digest");
    refused(&changed(&ztoc, b"symlink", b"sumlink"), "type of an entry");
    refused(&changed(&ztoc, b"dir/file1", b"dir/fil\x001"), "NUL");
    refused(&changed(&ztoc, b"2023-11-14", b"2023-13-14"), "time");
    refused(
        &changed(&ztoc, b"SCHILY.xattr", b"GNU.sparse.x"),
        "a sparse file",
    );
    let len = |n: usize| (n as u64).to_le_bytes();
    let shorter = changed(&ztoc, &len(layer.len()), &len(20_000));
    refused(&shorter, "checkpoints");
    let archive = changed(&ztoc, &len(archive().len()), &len(200_000));
    refused(&archive, "position of an entry");
}

#[test]
fn checkpoints_that_cannot_be_are_refused() {
    let blob = |count: i32, records: &[(i64, i64, u8)]| {
        let mut blob = count.to_le_bytes().to_vec();
        blob.extend_from_slice(&4096i64.to_le_bytes());
        for (in_offset, out_offset, bits) in records {
            blob.extend_from_slice(&in_offset.to_le_bytes());
            blob.extend_from_slice(&out_offset.to_le_bytes());
            blob.push(*bits);
            blob.resize(blob.len() + RECORD_BYTES - 17, 0);
        }
        blob
    };
    let parse = |blob: &[u8]| checkpoints::parse(blob).map(|records| records.len()).ok();
    let two = [(10, 0, 0), (500, 9000, 3)];
    assert_eq!(parse(&blob(2, &two)), Some(2));
    assert_eq!(parse(&blob(3, &two[1..])), None);
    assert_eq!(parse(&blob(2, &two[1..])), Some(2)); // version 1
    assert_eq!(parse(&blob(1, &[])), Some(1)); // version 1 of a small layer
    assert_eq!(parse(&blob(0, &[])), None);
    assert_eq!(parse(&blob(-1, &two)), None);
    assert_eq!(parse(&blob(i32::MAX, &two)), None);
    assert_eq!(parse(&blob(2, &two)[..RECORD_BYTES]), None);
    assert_eq!(parse(&[blob(2, &two), vec![0]].concat()), None);
    assert_eq!(parse(&blob(2, &[(10, 0, 0), (10, 9000, 3)])), None);
    assert_eq!(parse(&blob(2, &[(10, 0, 0), (500, 9000, 8)])), None);
    assert_eq!(parse(&blob(2, &[(10, 0, 0), (-5, 9000, 3)])), None);
    assert_eq!(parse(&blob(2, &[(10, 1, 0), (500, 9000, 3)])), None);
    assert_eq!(
        parse(&blob(3, &[(10, 0, 0), (12, 0, 3), (20, 0, 0)])),
        Some(3)
    );
}

/// A ztoc of files that all have the same name: the same bytes, pointed at by each.
fn sharing_one_name(files: u64, name: &[u8]) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let name = builder.create_byte_string(name);
    let kind = builder.create_string("reg");
    let slot = |field: usize| field_index_to_field_offset(field as u16);
    let mut tables = Vec::new();
    for n in 0..files {
        let table = builder.start_table();
        builder.push_slot_always(slot(slots::file::NAME), name);
        builder.push_slot_always(slot(slots::file::TYPE), kind);
        builder.push_slot(
            slot(slots::file::UNCOMPRESSED_OFFSET),
            512 * (n as i64 + 1),
            0,
        );
        tables.push(builder.end_table(table));
    }
    let metadata = builder.create_vector(&tables);
    let table = builder.start_table();
    builder.push_slot_always(slot(slots::toc::METADATA), metadata);
    let toc = builder.end_table(table);
    let len = 512 * (files as i64 + 1);
    let checkpoints = builder.create_vector(&encode::tar_zinfo(1 << 40, len as u64));
    let digest = builder.create_string(&format!("sha256:{}", "0".repeat(64)));
    let digests = builder.create_vector(&[digest]);
    let table = builder.start_table();
    let algorithm = slot(slots::info::COMPRESSION_ALGORITHM);
    builder.push_slot_always(algorithm, UNCOMPRESSED as i8);
    builder.push_slot_always(slot(slots::info::SPAN_DIGESTS), digests);
    builder.push_slot_always(slot(slots::info::CHECKPOINTS), checkpoints);
    let info = builder.end_table(table);
    let table = builder.start_table();
    builder.push_slot_always(slot(slots::ztoc::TOC), toc);
    builder.push_slot(slot(slots::ztoc::COMPRESSED_ARCHIVE_SIZE), len, 0);
    builder.push_slot(slot(slots::ztoc::UNCOMPRESSED_ARCHIVE_SIZE), len, 0);
    builder.push_slot_always(slot(slots::ztoc::COMPRESSION_INFO), info);
    let root = builder.end_table(table);
    builder.finish_minimal(root);
    builder.finished_data().to_vec()
}

#[test]
fn a_small_one_does_not_become_large() {
    let good = Ztoc::parse(&sharing_one_name(2_000, b"a"), None).expect("none is large");
    assert_eq!(good.toc.len(), 2_000);
    let bytes = sharing_one_name(2_000, &[b'a'; 4_000]);
    assert!(bytes.len() < 200_000, "{}", bytes.len());
    let error = Ztoc::parse(&bytes, None).expect_err("8 MB of names");
    let too_large = InvalidFlatbuffer::ApparentSizeTooLarge;
    assert_eq!(error, ZtocError::Flatbuffer(too_large));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is changed in a ztoc: it is refused, or what is read through it ends in bytes or
    /// in an error.
    #[test]
    fn changed_ztocs_never_panic(
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        tail in any::<bool>(),
    ) {
        let (layer, mut ztoc) = small();
        // The windows are most of it and harmless; the head has the tables.
        let len = if tail { ztoc.len() } else { 6000.min(ztoc.len()) };
        for (place, byte) in &places {
            let at = place.index(len);
            ztoc[at] = *byte;
        }
        if let Ok(parsed) = Ztoc::parse(&ztoc, Some(layer.len() as u64)) {
            let index = LayerIndex::from_ztoc(sha256(&layer), parsed);
            for ordinal in 0..index.toc().len() {
                let Ok(plan) = index.plan_read(ordinal, 0..1 << 20) else { continue };
                let sent = plan.in_range.start as usize..plan.in_range.end as usize;
                let Ok(mut reader) = index.reader(plan) else { continue };
                let _either = reader.push(&layer[sent], &mut |_| {});
            }
        }
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _either = Ztoc::parse(&bytes, None);
    }
}
