//! Tests of the whole way: blob to index to stored bytes to a file's bytes.

use std::io::{Read, Write};

use proptest::prelude::*;

use super::*;
use crate::decode;
use crate::digest::Algorithm;
use crate::job::Verified;
use crate::toc::EntryKind;
use crate::toc::varint::Reader;

/// Bytes that deflate makes neither nothing nor everything of.
pub(super) fn content(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match state >> 30 {
            0 => bytes.extend_from_slice(b"the same words again "),
            1 => bytes.extend_from_slice(&state.to_le_bytes()),
            2 => bytes.extend_from_within(bytes.len().saturating_sub(300)..),
            _ => bytes.push((state >> 9) as u8),
        }
    }
    bytes.truncate(len);
    bytes
}

/// Files of many sizes, hard links and a sparse file of the old GNU form.
pub(super) fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: String, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).unwrap();
    };
    for (i, len) in (0u32..).zip([0, 1, 511, 512, 513, 70_000, 3_000_000, 5, 1_500_000, 40]) {
        add(format!("dir/file{i}"), &content(i, len));
    }
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Link);
    link.set_size(0);
    builder
        .append_link(&mut link, "hard", "./dir/file5")
        .unwrap();
    let mut dangling = link.clone();
    link.set_entry_type(tar::EntryType::Symlink);
    builder.append_link(&mut link, "soft", "dir/file5").unwrap();
    builder
        .append_link(&mut dangling, "dangling", "nowhere")
        .unwrap();
    let mut tar = builder.into_inner().unwrap();
    tar.truncate(tar.len() - 1024);
    // The crate wants runs of whole blocks.
    tar.extend(crate::tar::tests::old_gnu(
        &[(0, 512), (2048, 1024), (5000, 0)],
        false,
        5000,
        1536,
    ));
    tar.extend(content(20, 1536));
    tar.resize(tar.len() + 1024, 0);
    tar
}

fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn build(blob: &[u8], chunk: usize) -> Built {
    let mut builder = IndexBuilder::new(BuildOptions {
        decoders: Some(decode::decoder),
        ..BuildOptions::default()
    });
    for chunk in blob.chunks(chunk) {
        builder.push(chunk).unwrap();
    }
    assert_eq!(builder.in_len(), blob.len() as u64);
    builder.finish()
}

pub(super) fn digests(blob: &[u8]) -> BlobDigests {
    let mut hasher = BlobHasher::new(Algorithm::Sha256);
    hasher.push(blob);
    hasher.finish()
}

pub(super) fn index(blob: &[u8]) -> LayerIndex {
    let digests = digests(blob);
    let expected = Digest::of(Algorithm::Sha256, blob);
    LayerIndex::seal(build(blob, 64 << 10), digests, &expected).unwrap()
}

/// What a registry would answer, cut into chunks, through the reader.
pub(super) fn fetch(index: &LayerIndex, blob: &[u8], plan: ReadPlan, chunk: usize) -> Vec<u8> {
    let len = plan.range.end - plan.range.start;
    let answer = blob[plan.in_range.start as usize..plan.in_range.end as usize].to_vec();
    let mut reader = index.reader(plan).unwrap();
    let mut out = Vec::new();
    for chunk in answer.chunks(chunk) {
        reader
            .push(chunk, &mut |bytes| out.extend_from_slice(bytes))
            .unwrap();
    }
    let verified = reader
        .finish(&mut |bytes| out.extend_from_slice(bytes))
        .unwrap();
    assert_eq!(verified, Verified::Span);
    assert_eq!(out.len() as u64, len);
    out
}

/// All bytes of a range, plan by plan.
pub(super) fn read(
    index: &LayerIndex,
    blob: &[u8],
    ordinal: u32,
    range: Range<u64>,
    chunk: usize,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = range.start;
    loop {
        let plan = index.plan_read(ordinal, at..range.end).unwrap();
        let end = plan.range.end;
        if end <= at {
            return out;
        }
        out.extend(fetch(index, blob, plan, chunk));
        at = end;
    }
}

/// Every file's content as the tar crate has it, by ordinal; sparse PAX files excepted, which it
/// does not put together.
pub(super) fn theirs(archive: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let is_file = matches!(
            entry.header().entry_type(),
            tar::EntryType::Regular | tar::EntryType::GNUSparse
        );
        let is_pax_sparse = entry.pax_extensions().unwrap().is_some_and(|records| {
            records
                .flatten()
                .any(|r| r.key_bytes().starts_with(b"GNU.sparse."))
        });
        (is_file && !is_pax_sparse).then(|| {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            content
        })
    });
    entries.collect()
}

/// Every `step`th file of the layer reads as the tar crate has it.
#[track_caller]
fn check_files(blob: &[u8], archive: &[u8], step: usize) -> LayerIndex {
    let built = index(blob);
    assert_eq!(built.damage(), None);
    let index = LayerIndex::from_bytes(&built.to_bytes().unwrap()).unwrap();
    assert_eq!(index.to_bytes().unwrap(), built.to_bytes().unwrap());
    let theirs = theirs(archive);
    assert_eq!(index.toc().len() as usize, theirs.len());
    for (ordinal, content) in (0u32..).zip(&theirs).step_by(step) {
        let Some(content) = content else { continue };
        let plan = index.plan_read(ordinal, 0..u64::MAX).unwrap();
        assert_eq!(
            (plan.total, plan.ordinal),
            (content.len() as u64, Some(ordinal))
        );
        assert_eq!(
            plan.in_range.is_empty(),
            index.toc().stored_len(ordinal) == 0
        );
        assert!(
            read(&index, blob, ordinal, 0..u64::MAX, 10_000) == *content,
            "{ordinal}"
        );
    }
    index
}

#[test]
fn every_file_of_plain_and_gzip_layers() {
    let archive = archive();
    check_files(&archive, &archive, 1);
    for level in [0, 1, 6, 9] {
        check_files(&gzip(&archive, level), &archive, 1);
    }
    // Many members, cut anywhere.
    let members: Vec<u8> = archive
        .chunks(100_001)
        .flat_map(|part| gzip(part, 6))
        .collect();
    check_files(&members, &archive, 1);
}

#[test]
fn a_real_layer() {
    let made = std::process::Command::new("tar")
        .args(["--format=gnu", "-cf-", "-C", "/usr/share", "doc", "perl"])
        .output();
    let Ok(made) = made else {
        eprintln!("skipped: there is no tar here");
        return;
    };
    let archive = made.stdout;
    if archive.len() < 1_000_000 {
        eprintln!("skipped: /usr/share/doc has too little");
        return;
    }
    let blob = gzip(&archive, 6);
    let index = check_files(&blob, &archive, 11);
    let (stored, toc) = (index.to_bytes().unwrap().len(), index.toc().pack().len());
    let Access::Gzip(access) = index.access() else {
        panic!("it is gzip");
    };
    let access = access.to_bytes().len();
    let share = |n: usize| 100.0 * n as f64 / blob.len() as f64;
    eprintln!(
        "{} entries, {} bytes compressed; stored {:.3} %: access {:.3} %, units {:.3} %, toc {:.3} % ({:.1} bytes an entry)",
        index.toc().len(),
        blob.len(),
        share(stored),
        share(access),
        share(stored - access - toc),
        share(toc),
        toc as f64 / f64::from(index.toc().len()),
    );
    assert!(share(stored - toc) < 2.0);
}

#[test]
fn links_lead_to_files() {
    let blob = gzip(&archive(), 6);
    let index = index(&blob);
    let plan = index.plan_read(10, 0..10).unwrap();
    assert_eq!((plan.ordinal, plan.total), (Some(5), 70_000));
    assert_eq!(
        read(&index, &blob, 10, 9..70_000, 999),
        content(5, 70_000)[9..]
    );
    let symlink = index.plan_read(11, 0..1).map(|_| ());
    assert_eq!(
        symlink,
        Err(ReadError::NotAFile {
            ordinal: 11,
            kind: EntryKind::Symlink
        })
    );
    assert_eq!(
        index.plan_read(99, 0..1).map(|_| ()),
        Err(ReadError::NoSuchEntry { ordinal: 99 })
    );
    let error = index.plan_read(12, 0..1).map(|_| ());
    assert_eq!(error, Err(ReadError::LinkTarget { ordinal: 12 }));
}

#[test]
fn small_ranges_need_few_bytes() {
    let blob = gzip(&archive(), 6);
    let index = index(&blob);
    let plan = index.plan_read(6, 2_000_000..2_000_010).unwrap();
    assert_eq!(index.checks.round(&plan.in_range), plan.in_range);
    let len = plan.in_range.end - plan.in_range.start;
    assert!(len < blob.len() as u64 * 3 / 4, "{len} of {}", blob.len());
    // A plain blob needs no more than the units.
    let archive = archive();
    let plan = self::index(&archive)
        .plan_read(6, 2_000_000..2_000_010)
        .unwrap();
    assert_eq!(plan.in_range.end - plan.in_range.start, UNIT_BYTES);
    // Nothing needs nothing.
    for range in [0..0, 5..5, 3_000_000..4_000_000, u64::MAX..u64::MAX] {
        let plan = index.plan_read(6, range).unwrap();
        assert!(plan.in_range.is_empty() && plan.range.is_empty());
        assert_eq!(fetch(&index, &blob, plan, 1), b"");
    }
}

/// A PAX 1.0 sparse file that has holes of this many bytes around 100 bytes, twice.
fn holes(hole: u64) -> Vec<u8> {
    let (a, b) = (hole, 2 * hole + 100);
    let size = 3 * hole + 200;
    let mut data = format!("2\n{a}\n100\n{b}\n100\n").into_bytes();
    data.resize(512, 0);
    data.extend(content(1, 200));
    let mut tar = tar::Builder::new(Vec::new());
    let size = size.to_string();
    let records = [
        ("major", "1"),
        ("minor", "0"),
        ("name", "s"),
        ("realsize", size.as_str()),
    ];
    let records = records.map(|(k, v)| (format!("GNU.sparse.{k}"), v.as_bytes()));
    tar.append_pax_extensions(records.iter().map(|(k, v)| (k.as_str(), *v)))
        .unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(data.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    tar.append_data(&mut header, "GNUSparseFile/s", &data[..])
        .unwrap();
    tar.into_inner().unwrap()
}

#[test]
fn sparse_files_are_put_together() {
    let hole = 12 << 20;
    let blob = gzip(&holes(hole), 6);
    let index = index(&blob);
    assert_eq!(index.toc().path(0).unwrap(), b"s");
    let mut expect = vec![0; 3 * hole as usize + 200];
    let data = content(1, 200);
    let (a, b) = (hole as usize, 2 * hole as usize + 100);
    expect[a..a + 100].copy_from_slice(&data[..100]);
    expect[b..b + 100].copy_from_slice(&data[100..]);
    assert!(read(&index, &blob, 0, 0..u64::MAX, 100) == expect);
    let len = expect.len();
    for range in [
        0..10,
        a - 5..a + 5,
        a + 90..a + 110,
        b..b + 100,
        b + 99..len,
        len - 1..len,
        a + 99..b + 1,
    ] {
        let got = read(&index, &blob, 0, range.start as u64..range.end as u64, 7);
        assert!(got == expect[range.clone()], "{range:?}");
    }
    // A hole needs no request, and one plan gives only so much of it.
    let plan = index.plan_read(0, 0..100).unwrap();
    assert!(plan.in_range.is_empty() && plan.range == (0..100));
    let plan = index.plan_read(0, 0..u64::MAX).unwrap();
    assert_eq!(plan.range, 0..hole + 100 + (4 << 20));
    // Terabytes of holes are planned at once.
    let huge = self::index(&holes(4 << 40));
    let plan = huge.plan_read(0, 1 << 40..u64::MAX).unwrap();
    assert_eq!(plan.range, 1 << 40..(1 << 40) + HOLE_BYTES_PER_PLAN);
}

#[test]
fn a_file_can_be_read_while_the_layer_streams() {
    let archive = archive();
    let theirs = theirs(&archive);
    for blob in [gzip(&archive, 6), archive.clone()] {
        let mut builder = IndexBuilder::new(BuildOptions::default());
        let (mut early, mut late) = (0, 0);
        let size = blob.len() / 40;
        for (i, chunk) in blob.chunks(size).enumerate() {
            builder.push(chunk).unwrap();
            for ordinal in 0..builder.toc().len().min(10) {
                let content = theirs[ordinal as usize].as_ref().unwrap();
                let plan = match builder.plan_read(ordinal, 0..u64::MAX) {
                    Ok(plan) => plan,
                    Err(ReadError::NotAvailable { available }) => {
                        early += 1;
                        assert!(available < content.len() as u64);
                        // What is there can be had.
                        builder.plan_read(ordinal, 0..available).unwrap()
                    }
                    Err(other) => panic!("{other}"),
                };
                late += 1;
                let came = (i + 1) * size;
                let in_range = plan.in_range.start as usize..plan.in_range.end as usize;
                assert!(in_range.end <= came);
                let (len, mut out) = (plan.range.end as usize, Vec::new());
                let mut reader = builder.reader(plan).unwrap();
                let mut sink = |bytes: &[u8]| out.extend_from_slice(bytes);
                reader.push(&blob[in_range], &mut sink).unwrap();
                assert_eq!(reader.finish(&mut sink), Ok(Verified::None));
                assert!(out == content[..len]);
            }
        }
        assert!(early > 0 && late > 100);
    }
}

#[test]
fn bytes_of_others_are_never_given() {
    let blob = gzip(&archive(), 6);
    let index = index(&blob);
    let plan = index.plan_read(6, 0..u64::MAX).unwrap();
    let good = &blob[plan.in_range.start as usize..plan.in_range.end as usize];
    let whole = content(6, 3_000_000);
    for at in [0, 1, 40_000, good.len() - 1] {
        let mut bad = good.to_vec();
        bad[at] ^= 0x10;
        let (mut reader, mut out) = (index.reader(plan.clone()).unwrap(), Vec::new());
        let mut sink = |bytes: &[u8]| out.extend_from_slice(bytes);
        let byte = plan.in_range.start + at as u64;
        let in_offset = index.checks.round(&(byte..byte + 1)).start;
        let error = Err(ReadError::UnitMismatch { in_offset });
        // The last unit may not be needed to the end.
        assert_eq!(reader.push(&bad, &mut sink), error);
        assert_eq!(reader.push(good, &mut sink), error);
        assert_eq!(reader.finish(&mut sink).map(|_| ()), error.map(|_| ()));
        assert!(out == whole[..out.len()]);
    }
    let (mut reader, mut out) = (index.reader(plan.clone()).unwrap(), 0);
    reader
        .push(&good[..good.len() - 1], &mut |b| out += b.len())
        .unwrap();
    let cut = reader.finish(&mut |_| ()).unwrap_err();
    let (in_offset, expected) = (plan.in_range.end - 1, plan.in_range.end);
    assert_eq!(
        cut,
        ReadError::Truncated {
            in_offset,
            expected
        }
    );
    // A plan of another index does not go through.
    let plain = self::index(&archive());
    assert_eq!(plain.reader(plan).map(|_| ()), Err(ReadError::OtherIndex));
    let plan = plain.plan_read(6, 0..5).unwrap();
    assert_eq!(index.reader(plan).map(|_| ()), Err(ReadError::OtherIndex));
}

#[test]
fn only_the_right_blob_is_sealed() {
    let blob = gzip(&archive(), 6);
    let right = Digest::of(Algorithm::Sha256, &blob);
    let wrong = Digest::of(Algorithm::Sha256, b"other");
    let seal = |digests, expected: &Digest| {
        LayerIndex::seal(build(&blob, 9999), digests, expected).map(|_| ())
    };
    assert_eq!(seal(digests(&blob), &right), Ok(()));
    let mismatch = SealError::DigestMismatch {
        expected: wrong.clone(),
        actual: right.clone(),
    };
    assert_eq!(seal(digests(&blob), &wrong), Err(mismatch));
    let other = digests(b"other");
    let (indexed, hashed) = (blob.len() as u64, 5);
    assert_eq!(
        seal(other, &wrong),
        Err(SealError::LengthMismatch { indexed, hashed })
    );
}

#[track_caller]
fn check_damage(blob: &[u8], kind: Option<DamageKind>, entries: u32, out_len: u64) -> LayerIndex {
    let index = index(blob);
    let again = LayerIndex::from_bytes(&index.to_bytes().unwrap()).unwrap();
    for index in [&index, &again] {
        assert_eq!(index.damage().map(|d| d.kind), kind, "{:?}", index.damage());
        assert_eq!((index.toc().len(), index.out_len()), (entries, out_len));
    }
    assert_eq!(index.damage(), again.damage());
    again
}

#[test]
fn damage_leaves_what_was_read() {
    let archive = archive();
    let (entries, out_len) = (index(&archive).toc().len(), archive.len() as u64);
    check_damage(&archive, None, entries, out_len);
    check_damage(b"", None, 0, 0);
    check_damage(&gzip(b"", 6), None, 0, 0);
    check_damage(b"hello", Some(DamageKind::NotTar), 0, 5);
    check_damage(&content(3, 5000), Some(DamageKind::NotTar), 0, 5000);
    check_damage(&[0x1f, 0x8b], Some(DamageKind::Compressed), 0, 0);

    // In the middle of file 6.
    let index = check_damage(&archive[..1_000_000], Some(DamageKind::Tar), 7, 1_000_000);
    let file6 = index.toc().data_out_offset(6).unwrap();
    let available = 1_000_000 - file6;
    assert_eq!(
        index.plan_read(6, 0..u64::MAX).map(|_| ()),
        Err(ReadError::NotAvailable { available })
    );
    assert_eq!(
        read(&index, &archive[..1_000_000], 6, 0..available, 5000).len() as u64,
        available
    );

    let blob = gzip(&archive, 6);
    let cut = &blob[..blob.len() / 2];
    let index = self::index(cut);
    assert_eq!(index.damage().map(|d| d.kind), Some(DamageKind::Compressed));
    let index = LayerIndex::from_bytes(&index.to_bytes().unwrap()).unwrap();
    assert_eq!(read(&index, cut, 5, 0..u64::MAX, 5000), content(5, 70_000));

    let mut flipped = blob.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 8].fill(0xff);
    let index = self::index(&flipped);
    assert_eq!(index.damage().map(|d| d.kind), Some(DamageKind::Compressed));
    let index = LayerIndex::from_bytes(&index.to_bytes().unwrap()).unwrap();
    assert_eq!(
        read(&index, &flipped, 5, 0..u64::MAX, 5000),
        content(5, 70_000)
    );
}

#[test]
fn a_bare_gzip_file_can_be_read() {
    let text = content(4, 2_500_000);
    let blob = gzip(&text, 6);
    let index = check_damage(&blob, Some(DamageKind::NotTar), 0, text.len() as u64);
    for range in [
        0..10,
        2_000_000..2_000_500,
        2_499_999..3_000_000,
        0..2_500_000,
        5..5,
    ] {
        let plan = index.plan_inflated(range.clone()).unwrap();
        let end = (range.end as usize).min(text.len());
        assert!(fetch(&index, &blob, plan, 1000) == text[range.start as usize..end]);
    }
}

#[test]
fn stored_bytes_are_refused_unless_they_are_whole() {
    let bytes = index(&gzip(&crate::tar::tests::mixed(), 6))
        .to_bytes()
        .unwrap();
    assert!(LayerIndex::from_bytes(&bytes).is_ok());
    for len in 0..bytes.len() {
        assert!(LayerIndex::from_bytes(&bytes[..len]).is_err());
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(LayerIndex::from_bytes(&flipped).is_err(), "{bit}");
    }
    let refused = |at: usize, with: u8| {
        let mut changed = bytes.clone();
        changed[at] = with;
        LayerIndex::from_bytes(&changed).map(|_| ()).unwrap_err()
    };
    assert_eq!(refused(4, 9), StoredIndexError::Version { found: 9 });
    assert_eq!(refused(0, b'l'), StoredIndexError::Magic);
    assert_eq!(refused(9, 0), StoredIndexError::Checksum);
    assert_eq!(
        LayerIndex::from_bytes(b"LSIX").map(|_| ()),
        Err(StoredIndexError::Magic)
    );
    let older = LayerIndex::from_bytes(b"LSIX\0").map(|_| ());
    assert_eq!(older, Err(StoredIndexError::Version { found: 0 }));
}

proptest! {
    #[test]
    fn any_range_of_any_file(
        ordinal in prop::sample::select(vec![0u32, 3, 5, 6, 7, 8, 13]),
        start in 0u64..3_100_000,
        len in 0u64..200_000,
        chunk in 1usize..50_000,
        plain in any::<bool>(),
    ) {
        use std::sync::OnceLock;
        static LAYERS: OnceLock<[(Vec<u8>, LayerIndex); 2]> = OnceLock::new();
        static THEIRS: OnceLock<Vec<Option<Vec<u8>>>> = OnceLock::new();
        let layers = LAYERS.get_or_init(|| {
            let archive = archive();
            [gzip(&archive, 6), archive].map(|blob| { let index = index(&blob); (blob, index) })
        });
        let theirs = THEIRS.get_or_init(|| theirs(&archive()));
        let (blob, index) = &layers[usize::from(plain)];
        let content = theirs[ordinal as usize].as_ref().unwrap();
        let got = read(index, blob, ordinal, start..start + len, chunk);
        let at = |n: u64| (n as usize).min(content.len());
        prop_assert!(got == content[at(start)..at(start + len)]);
    }

    #[test]
    fn every_chunking_gives_the_same_index(chunk in 1usize..5000) {
        let blob = gzip(&crate::tar::tests::mixed(), 6);
        let digests = digests(&blob);
        let expected = digests.digest().clone();
        let index = LayerIndex::seal(build(&blob, chunk), digests, &expected).unwrap();
        prop_assert_eq!(index.to_bytes(), self::index(&blob).to_bytes());
    }

    /// As a stranger could write it, with a right checksum.
    #[test]
    fn whatever_is_stored_never_panics(
        at in any::<prop::sample::Index>(),
        with in 1u8..,
        gz in any::<bool>(),
    ) {
        let archive = crate::tar::tests::mixed();
        let blob = if gz { gzip(&archive, 6) } else { archive };
        let bytes = index(&blob).to_bytes().unwrap();
        let mut body = bytes[5..bytes.len() - 4].to_vec();
        let at = at.index(body.len());
        body[at] ^= with;
        if let Ok(index) = LayerIndex::read(&mut Reader::new(&body)) {
            for ordinal in 0..index.toc().len() {
                let Ok(plan) = index.plan_read(ordinal, 0..u64::MAX) else { continue };
                let end = (plan.in_range.end as usize).min(blob.len());
                let start = (plan.in_range.start as usize).min(end);
                let Ok(mut reader) = index.reader(plan) else { continue };
                let _ = reader.push(&blob[start..end], &mut |_| ());
                let _ = reader.finish(&mut |_| ());
            }
            prop_assert!(LayerIndex::from_bytes(&index.to_bytes().unwrap()).is_ok());
        }
    }
}
