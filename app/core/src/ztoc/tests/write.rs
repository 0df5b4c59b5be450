//! Ztocs of ours: those of SOCI's own library, and what it would not make.

use super::*;
use crate::layer_index::LayerIndex;

#[test]
fn ours_are_those_of_soci_byte_for_byte() {
    for sample in samples() {
        let chunk = 64 << 10;
        let ours = build(&sample.layer, sample.span, "AWS SOCI CLI", chunk);
        let ours = ours.expect("a good layer");
        assert!(ours.bytes == sample.ztoc, "they differ");
        assert_eq!(ours.digest, sha256(&sample.ztoc));
    }
}

#[test]
fn every_way_of_cutting_gives_the_same() {
    let layer = gzip(&archive());
    for (layer, span) in [(layer, 40_000), (archive(), 40_000)] {
        let whole = build(&layer, span, "test", usize::MAX).expect("a good layer");
        assert!(Ztoc::parse(&whole.bytes, None).expect("good").spans.len() > 3);
        for chunk in [1, 7, 1000] {
            assert_eq!(build(&layer, span, "test", chunk), Ok(whole.clone()));
        }
    }
}

#[test]
fn entries_come_back() {
    let layer = gzip(&archive());
    let ztoc = build(&layer, 4 << 20, "test", 4096).expect("a good layer");
    let ztoc = Ztoc::parse(&ztoc.bytes, Some(layer.len() as u64)).expect("ours");
    let index = LayerIndex::from_ztoc(sha256(&layer), ztoc);
    let built = streamed(&layer);
    for ordinal in 0..built.toc.len() {
        let (mut theirs, ours) = (built.toc.get(ordinal), index.toc().get(ordinal));
        theirs.as_mut().expect("counted").pax.sort();
        assert_eq!(ours, theirs);
    }
    assert_eq!(index.toc().len(), built.toc.len());
    assert_eq!(index.out_len(), archive().len() as u64);
}

#[track_caller]
fn refused(layer: &[u8], expect: &str) {
    let error = build(layer, 4 << 20, "test", 1000).expect_err("no ztoc of it");
    assert!(error.to_string().contains(expect), "{error}");
}

#[test]
fn what_soci_cannot_describe_is_refused() {
    refused(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0], "zstd");
    refused(b"", "no bytes");
    let tar = archive();
    refused(&gzip(&tar)[..5000], "cannot be inflated");
    refused(&tar[..700], "no good tar");
    refused(&gzip(b"no archive at all"), "no good tar");
    let mut damaged = gzip(&tar);
    damaged[9000] ^= 0xff;
    refused(&damaged, "cannot be inflated");

    let sparse = crate::tar::tests::old_gnu(&[(0, 512), (1024, 0)], false, 1024, 512);
    let mut with_sparse = [sparse, vec![7; 512]].concat();
    with_sparse.resize(with_sparse.len() + 1024, 0);
    refused(&with_sparse, "a sparse file");

    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    let record = b"18 comment=global\n";
    header.set_entry_type(tar::EntryType::XGlobalHeader);
    header.set_size(record.len() as u64);
    header.set_cksum();
    builder.append(&header, &record[..]).expect("memory");
    refused(&builder.into_inner().expect("memory"), "global PAX header");

    let mut builder = ZtocBuilder::new(&sha256(b""));
    builder.push(&tar).expect("a good layer");
    let other = builder.finish(&sha256(b"other"));
    assert!(matches!(other, Err(ZtocBuildError::DigestMismatch { .. })));
}
