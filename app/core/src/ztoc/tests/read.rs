//! Every file through a ztoc is what the archive has.

use std::ops::Range;

use super::*;
use crate::job::Verified;
use crate::layer_index::{Access, LayerIndex, ReadError, ReadPlan};
use crate::toc::{EntryKind, Toc};
use crate::ztoc::checkpoints::RECORD_BYTES;
use crate::ztoc::encode::{Parts, encode};

fn index(ztoc: &[u8], layer: &[u8]) -> LayerIndex {
    let ztoc = Ztoc::parse(ztoc, Some(layer.len() as u64)).expect("a good ztoc");
    LayerIndex::from_ztoc(sha256(layer), ztoc)
}

/// The bytes of a plan, as a server would send them.
fn read(index: &LayerIndex, layer: &[u8], plan: ReadPlan) -> Result<Vec<u8>, ReadError> {
    let sent = layer[plan.in_range.start as usize..plan.in_range.end as usize].to_vec();
    let mut reader = index.reader(plan)?;
    let mut got = Vec::new();
    for chunk in sent.chunks(100_000) {
        reader.push(chunk, &mut |bytes| got.extend_from_slice(bytes))?;
    }
    let verified = reader.finish(&mut |bytes| got.extend_from_slice(bytes))?;
    assert_eq!(verified, Verified::Toc);
    Ok(got)
}

#[track_caller]
fn same_entries(ztoc: &Toc, streamed: &Toc) {
    assert_eq!(ztoc.len(), streamed.len());
    for ordinal in 0..ztoc.len() {
        let (mut ours, mut theirs) = (ztoc.get(ordinal), streamed.get(ordinal));
        for entry in [&mut ours, &mut theirs] {
            // SOCI sorts them.
            entry.as_mut().expect("counted").pax.sort();
        }
        assert_eq!(ours, theirs, "{ordinal}");
    }
}

/// Every `step`th file by a plan of its own.
#[track_caller]
fn same_files(index: &LayerIndex, layer: &[u8], inflated: &[u8], step: usize) {
    for ordinal in (0..index.toc().len()).step_by(step) {
        if index.toc().kind(ordinal) != Some(EntryKind::File) {
            continue;
        }
        let start = index.toc().data_out_offset(ordinal).expect("counted") as usize;
        let expect = &inflated[start..start + index.toc().size(ordinal) as usize];
        let plan = index.plan_read(ordinal, 0..u64::MAX).expect("it is there");
        let got = read(index, layer, plan).expect("good bytes");
        assert!(got == expect, "file {ordinal}");
    }
}

#[test]
fn files_through_socis_ztocs_are_those_of_the_archive() {
    for sample in samples() {
        let index = index(&sample.ztoc, &sample.layer);
        assert_eq!(index.checks().verified(), Verified::Toc);
        let Access::Gzip(gzip) = index.access() else {
            panic!("it is gzip")
        };
        assert_eq!(gzip.checkpoints.len(), sample.spans);
        same_entries(index.toc(), &streamed(&sample.layer).toc);
        // All bytes, span by span, and so those of every file.
        let inflated = gunzip(&sample.layer);
        let starts = gzip.checkpoints.iter().map(|c| c.out_offset);
        let ends = starts.clone().skip(1).chain([index.out_len()]);
        for (start, end) in starts.zip(ends) {
            let plan = index.plan_inflated(start..end).expect("it is there");
            assert!(plan.in_range.end - plan.in_range.start < sample.layer.len() as u64);
            let got = read(&index, &sample.layer, plan).expect("good bytes");
            assert!(got == inflated[start as usize..end as usize]);
        }
        let few = index.toc().len() < 1000;
        same_files(&index, &sample.layer, &inflated, if few { 1 } else { 97 });
    }
}

#[test]
fn a_span_that_was_changed_gives_nothing() {
    let [_, sample, multi] = samples();
    for sample in [sample, multi] {
        let index = index(&sample.ztoc, &sample.layer);
        let Access::Gzip(gzip) = index.access() else {
            panic!("it is gzip")
        };
        let third = &gzip.checkpoints[2];
        let plan = index.plan_inflated(third.out_offset..third.out_offset + 9);
        let plan = plan.expect("it is there");
        let Range { start, end } = plan.in_range.clone();
        for at in [start, start + 1, (start + end) / 2, end - 1] {
            let mut layer = sample.layer.clone();
            layer[at as usize] ^= 0x40;
            let mut reader = index.reader(plan.clone()).expect("its own plan");
            let sent = &layer[start as usize..end as usize];
            let pushed = reader.push(sent, &mut |_| panic!("a byte of a changed span was given"));
            assert!(
                matches!(pushed, Err(ReadError::UnitMismatch { .. })),
                "{pushed:?}"
            );
        }
        // Two spans that share a byte, if their blocks do: the second is checked with it.
        let plan = index.plan_inflated(third.out_offset - 1..third.out_offset + 1);
        let plan = plan.expect("it is there");
        let mut layer = sample.layer.clone();
        layer[plan.in_range.end as usize - 1] ^= 1;
        assert!(matches!(
            read(&index, &layer, plan.clone()),
            Err(ReadError::UnitMismatch { .. })
        ));
        assert_eq!(read(&index, &sample.layer, plan).map(|b| b.len()), Ok(2));
    }
}

#[test]
fn the_first_version_lacks_its_first_checkpoint() {
    let sample = &samples()[1];
    let limits = flat::limits(sample.ztoc.len());
    let mut flat = flat::Flat::new(&sample.ztoc, &limits);
    let root = flat.root::<6>().expect("good");
    let info = flat.table::<4>(root[slots::ztoc::COMPRESSION_INFO]);
    let blob = flat.bytes(info.expect("good")[slots::info::CHECKPOINTS]);
    let blob = blob.expect("good");
    let mut first_version = blob[..12].to_vec();
    first_version.extend_from_slice(&blob[12 + RECORD_BYTES..]);
    let second = index(&sample.ztoc, &sample.layer);
    let spans = Ztoc::parse(&sample.ztoc, None).expect("good").spans;
    let ztoc = encode(&Parts {
        tool: "old",
        gzip: true,
        blob_len: sample.layer.len() as u64,
        archive_len: second.out_len(),
        toc: second.toc(),
        digests: &spans.digests(),
        checkpoints: &first_version,
    });
    let ztoc = ztoc.expect("small").bytes;
    let first = index(&ztoc, &sample.layer);
    same_entries(first.toc(), second.toc());
    same_files(&first, &sample.layer, &gunzip(&sample.layer), 40);
}

#[test]
fn an_archive_that_is_not_compressed_has_spans_too() {
    let tar = archive();
    for span in [1000, 4096, tar.len() as u64, 4 << 20] {
        let ztoc = build(&tar, span, "test", 777).expect("a good layer");
        let index = index(&ztoc.bytes, &tar);
        same_entries(index.toc(), &streamed(&tar).toc);
        same_files(&index, &tar, &tar, 1);
        let plan = index.plan_inflated(5000..5001).expect("it is there");
        let start = 5000 / span * span;
        let end = (start + span).min(tar.len() as u64);
        assert_eq!(plan.in_range, start..end);
        let mut changed = tar.clone();
        changed[start as usize] ^= 1;
        assert_eq!(
            read(&index, &changed, plan),
            Err(ReadError::UnitMismatch { in_offset: start })
        );
    }
}
