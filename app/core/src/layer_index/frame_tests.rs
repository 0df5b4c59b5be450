//! The whole way again for compressions that are entered at frames.

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::tests::{archive, build, content, digests, fetch, index, read, theirs};
use super::*;
use crate::decode;
use crate::decode::tests::tool;
use crate::digest::Algorithm;
use crate::job::Verified;

/// One frame for each part.
fn zstd(parts: &[&[u8]]) -> Vec<u8> {
    let frames = parts
        .iter()
        .map(|part| compress_to_vec(*part, CompressionLevel::Fastest));
    frames.flatten().collect()
}

/// Every file of the layer, from a fresh index and from a stored one, against the tar crate.
#[track_caller]
fn check(compression: Compression, blob: &[u8], plain: &[u8]) -> LayerIndex {
    let made = index(blob);
    assert_eq!(made.compression(), compression);
    assert_eq!(made.damage(), None);
    assert_eq!(made.out_len(), plain.len() as u64);
    let mut stored = LayerIndex::from_bytes(&made.to_bytes().unwrap()).unwrap();
    let plan = stored.plan_read(5, 0..10).unwrap();
    let refused = stored.reader(plan).map(|_| ()).unwrap_err();
    assert_eq!(refused, ReadError::NoDecoder { compression });
    assert!(!stored.has_decoders());
    stored.set_decoders(decode::decoder);
    for index in [&made, &stored] {
        for (ordinal, theirs) in (0..).zip(theirs(plain)) {
            let Some(theirs) = theirs else { continue };
            assert!(read(index, blob, ordinal, 0..u64::MAX, 5000) == theirs);
            let half = theirs.len() as u64 / 2;
            let part = read(index, blob, ordinal, half..half + 10, 64 << 10);
            let end = theirs.len().min(half as usize + 10);
            assert_eq!(part, theirs[half as usize..end]);
        }
    }
    // However it is cut, it is the same index.
    for chunk in [999, usize::MAX] {
        let expected = Digest::of(Algorithm::Sha256, blob);
        let again = LayerIndex::seal(build(blob, chunk), digests(blob), &expected).unwrap();
        assert_eq!(again.to_bytes(), made.to_bytes());
    }
    made
}

#[test]
fn zstd_layers_of_one_frame_and_of_many() {
    let plain = archive();
    check(Compression::Zstd, &zstd(&[&plain]), &plain);
    let parts: Vec<&[u8]> = plain.chunks(300_000).collect();
    let blob = zstd(&parts);
    let index = check(Compression::Zstd, &blob, &plain);
    // One file in the middle is read from the frame before it.
    let plan = index.plan_read(5, 0..u64::MAX).unwrap();
    let len = plan.in_range.end - plan.in_range.start;
    assert!(len < blob.len() as u64 / 4, "{len} of {}", blob.len());
}

#[test]
fn layers_made_by_the_tools() {
    let plain = archive();
    for (compression, command) in [
        (Compression::Zstd, &["zstd", "-c", "-19"][..]),
        (Compression::Xz, &["xz", "-c"]),
        (Compression::Bzip2, &["bzip2", "-c"]),
    ] {
        if let Some(blob) = tool(command, &plain) {
            check(compression, &blob, &plain);
        }
    }
}

#[test]
fn a_changed_unit_is_not_decoded() {
    let plain = archive();
    let mut blob = zstd(&[&plain]);
    let index = index(&blob);
    let plan = index.plan_read(5, 0..100).unwrap();
    blob[10] ^= 1;
    let mut reader = index.reader(plan).unwrap();
    let mut given = 0;
    let error = reader.push(&blob, &mut |bytes| given += bytes.len());
    assert!(matches!(error, Err(ReadError::UnitMismatch { .. })));
    assert_eq!(given, 0);
}

#[test]
fn a_decoder_can_come_later() {
    let plain = archive();
    let blob = zstd(&[&plain]);
    let error = Err(BuildError::NoDecoder {
        compression: Compression::Zstd,
    });
    for first in [1, 3, 6, 1000] {
        let mut builder = IndexBuilder::new(BuildOptions::default());
        let (first, rest) = blob.split_at(first);
        let (early, rest) = match first.len() < 6 {
            true => (first, rest),
            false => (&[][..], &blob[..]),
        };
        builder.push(early).unwrap();
        let (next, rest) = rest.split_at(500);
        assert_eq!(builder.push(next), error);
        let mut passed = Vec::new();
        builder
            .set_decoders(decode::decoder, &mut |b| passed.extend_from_slice(b))
            .unwrap();
        builder
            .push_and(rest, &mut |b| passed.extend_from_slice(b))
            .unwrap();
        assert!(passed == plain);
        let built = builder.finish();
        assert_eq!(built.damage, None);
        assert_eq!(built.in_len, blob.len() as u64);
        assert_eq!(built.out_len, plain.len() as u64);
    }
    // And never, which is told as damage.
    let mut builder = IndexBuilder::new(BuildOptions::default());
    builder.push(&blob[..2]).unwrap();
    assert_eq!(builder.push(&blob[2..9]), error);
    assert_eq!(builder.push(&blob[9..]), error);
    assert_eq!(builder.compression(), Some(Compression::Zstd));
    let built = builder.finish();
    assert_eq!(built.in_len, blob.len() as u64);
    assert_eq!(built.damage.map(|d| d.kind), Some(DamageKind::Unreadable));
}

#[test]
fn a_damaged_frame_ends_the_listing_and_what_is_before_it_can_be_read() {
    let plain = archive();
    let parts: Vec<&[u8]> = plain.chunks(300_000).collect();
    let mut blob = zstd(&parts);
    let cut = blob.len() * 3 / 4;
    blob.truncate(cut);
    let index = index(&blob);
    assert_eq!(index.damage().map(|d| d.kind), Some(DamageKind::Compressed));
    let mut index = LayerIndex::from_bytes(&index.to_bytes().unwrap()).unwrap();
    index.set_decoders(decode::decoder);
    let file = content(5, 70_000);
    assert!(read(&index, &blob, 5, 0..u64::MAX, 5000) == file);
}

#[test]
fn bare_files_can_be_read() {
    let text = content(4, 2_500_000);
    for (compression, blob) in [
        (Compression::Zstd, Some(zstd(&[&text]))),
        (Compression::Xz, tool(&["xz", "-c"], &text)),
        (Compression::Bzip2, tool(&["bzip2", "-c"], &text)),
    ] {
        let Some(blob) = blob else { continue };
        let index = index(&blob);
        assert_eq!(index.compression(), compression);
        assert_eq!(index.damage().map(|d| d.kind), Some(DamageKind::NotTar));
        assert_eq!(index.out_len(), text.len() as u64);
        for range in [0..10, 2_000_000..2_000_500, 0..2_500_000, 5..5] {
            let plan = index.plan_inflated(range.clone()).unwrap();
            let expect = &text[range.start as usize..range.end as usize];
            assert!(fetch(&index, &blob, plan, 1000) == expect);
        }
    }
}

#[test]
fn kept_bytes_go_the_same_way() {
    let plain = archive();
    let index = index(&zstd(&[&plain]));
    for (ordinal, theirs) in (0..).zip(theirs(&plain)) {
        let Some(theirs) = theirs else { continue };
        let plan = index.plan_read(ordinal, 0..u64::MAX).unwrap();
        let place = plan.out_range();
        let mut reader = EntryReader::of_kept(plan, Verified::Span);
        let mut out = Vec::new();
        for piece in plain[place.start as usize..place.end as usize].chunks(1000) {
            reader
                .push(piece, &mut |bytes| out.extend_from_slice(bytes))
                .unwrap();
        }
        let verified = reader.finish(&mut |bytes| out.extend_from_slice(bytes));
        assert_eq!(verified, Ok(Verified::Span));
        assert!(out == theirs);
    }
}
