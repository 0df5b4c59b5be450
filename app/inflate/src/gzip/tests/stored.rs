//! The stored form: refused unless it is what was written, and harmless whatever it is.

use proptest::prelude::*;

use super::*;
use crate::gzip::checkpoint::{Checkpoint, CheckpointKind};
use crate::gzip::error::IndexProblem;
use crate::gzip::window::PackedWindow;

#[test]
fn a_stored_index_is_refused_unless_whole() {
    let (index, _, _) = build(&gz_blocks(&nature(0, 300_000), 6, 20_000), usize::MAX, 0);
    assert!(index.checkpoints.len() > 3 && !index.landmarks.is_empty());
    let stored = index.to_bytes();
    for len in 0..stored.len() {
        assert!(
            GzipIndex::from_bytes(&stored[..len]).is_err(),
            "cut at {len}"
        );
    }
    let mut longer = stored;
    longer.push(0);
    assert_eq!(GzipIndex::from_bytes(&longer), Err(IndexProblem::Length));
}

fn start() -> Checkpoint {
    Checkpoint {
        in_bit_offset: 0,
        out_offset: 0,
        kind: CheckpointKind::MemberStart,
        window: PackedWindow::default(),
    }
}

/// A small index that is valid, to be made invalid.
fn small() -> GzipIndex {
    let second = Checkpoint {
        in_bit_offset: 803,
        out_offset: 5000,
        kind: CheckpointKind::Block,
        window: PackedWindow::pack(b"history"),
    };
    GzipIndex {
        in_len: 1000,
        out_len: 9000,
        members: 1,
        trailing: 10,
        checkpoints: vec![start(), second],
        ..GzipIndex::default()
    }
}

#[track_caller]
fn check_refused(change: impl Fn(&mut GzipIndex), expected: IndexProblem) {
    let mut index = small();
    assert_eq!(GzipIndex::from_bytes(&index.to_bytes()), Ok(index.clone()));
    change(&mut index);
    assert_eq!(index.validate(), Err(expected));
    assert!(GzipIndex::from_bytes(&index.to_bytes()).is_err());
}

#[test]
fn what_cannot_be_is_refused() {
    use IndexProblem::{Kind, NoStart, Order};
    check_refused(|i| i.checkpoints.clear(), NoStart);
    check_refused(|i| drop(i.checkpoints.remove(0)), NoStart);
    check_refused(|i| i.checkpoints[0].out_offset = 1, NoStart);
    check_refused(|i| i.checkpoints[1].out_offset = 0, Order);
    check_refused(|i| i.checkpoints[1].out_offset = 9001, Order);
    check_refused(|i| i.checkpoints[1].out_offset = u64::MAX, Order);
    check_refused(|i| i.checkpoints[1].in_bit_offset = 0, Order);
    check_refused(|i| i.checkpoints[1].in_bit_offset = 8001, Order);
    check_refused(
        |i| i.checkpoints[1].kind = CheckpointKind::MemberStart,
        Kind,
    );
    // It would not be stored.
    let mut index = small();
    index.checkpoints[0].window = PackedWindow::pack(b"x");
    assert_eq!(index.validate(), Err(Kind));
    check_refused(|i| i.in_len = u64::MAX, Order);
    check_refused(|i| i.out_len = u64::MAX, Order);
    check_refused(|i| i.trailing = 1001, Order);
    check_refused(|i| i.members = 1001, Order);
}

#[test]
fn numbers_without_end_are_refused() {
    assert_eq!(
        GzipIndex::from_bytes(&[0xff; 30]),
        Err(IndexProblem::Length)
    );
    // 2^63 checkpoints, or landmarks, that are not there.
    let many = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1];
    let checkpoints = [[0, 0, 0, 0].as_slice(), &many].concat();
    assert_eq!(
        GzipIndex::from_bytes(&checkpoints),
        Err(IndexProblem::Length)
    );
    let landmarks = [[0, 0, 0, 0, 0].as_slice(), &many].concat();
    assert_eq!(GzipIndex::from_bytes(&landmarks), Err(IndexProblem::Length));
}

/// A checkpoint that no index of ours has is an error or other bytes, never a panic.
#[test]
fn a_reader_bears_any_checkpoint() {
    let plan = |len| crate::GzipPlan {
        checkpoint: 0,
        in_range: 0..0,
        skip: 0,
        len,
    };
    let blob = gz(&nature(0, 100_000), 6);
    for in_bit_offset in [0, 7, u64::MAX - 7, u64::MAX] {
        for kind in [CheckpointKind::MemberStart, CheckpointKind::Block] {
            let checkpoint = Checkpoint {
                in_bit_offset,
                out_offset: u64::MAX - 5,
                kind,
                window: PackedWindow::default(),
            };
            let mut reader: GzipReader =
                GzipReader::new(&checkpoint, &plan(u64::MAX)).expect("an empty window");
            let first = reader.push(&blob, &mut |_| {});
            let again = reader.push(&blob, &mut |_| {});
            assert!(first.is_ok() || first == again);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_the_reader_of_stored_indices(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(index) = GzipIndex::from_bytes(&bytes) {
            prop_assert_eq!(index.validate(), Ok(()));
        }
    }

    /// An index that was changed in storage may still be valid: then it may mislead, no more.
    #[test]
    fn a_changed_index_reads_without_panic(
        changes in proptest::collection::vec((0.0..1.0f64, 1u8..), 1..4),
        from in 0.0..1.0f64,
    ) {
        let data = nature(0, 200_000);
        let blob = gz_blocks(&data, 6, 20_000);
        let mut bytes = build(&blob, usize::MAX, 0).0.to_bytes();
        for (at, bits) in changes {
            let at = (at * bytes.len() as f64) as usize;
            bytes[at] ^= bits;
        }
        let Ok(index) = GzipIndex::from_bytes(&bytes) else { return Ok(()) };
        let start = (from * index.out_len as f64) as u64;
        let end = index.out_len.min(start + 10_000);
        let Some(plan) = index.plan(start..end) else { return Ok(()) };
        if plan.in_range.end > blob.len() as u64 { return Ok(()) }
        let (out, _) = try_read(&index, &blob, start..end, 100);
        prop_assert!(out.len() as u64 <= plan.len);
    }
}
