//! Damage ends a stream with a typed error after all that was good, and never with a panic.

use proptest::prelude::*;

use super::*;

#[test]
fn a_damaged_member_does_not_copy_from_the_one_before() {
    let mut blob = gz(&nature(0, 50_000), 6);
    // A fixed-Huffman block whose first symbol is a match: nothing lies before it.
    let mut second = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    second.extend([0b0000_0011, 0b0000_0010, 0, 0, 0, 0, 0, 0]);
    blob.extend(second);
    let (_, out, problem) = build(&blob, usize::MAX, 0);
    assert_eq!(out.len(), 50_000);
    assert!(
        matches!(problem, Some(GzipError::BadDeflate { .. })),
        "{problem:?}"
    );
}

#[test]
fn truncated_at_every_byte() {
    let first = nature(0, 3000);
    let data = [first.as_slice(), b"and a second member"].concat();
    let boundary = gz(&first, 6).len();
    let blob = [gz(&first, 6), gz(b"and a second member", 6)].concat();
    for len in 0..blob.len() {
        let (_, out, problem) = build(&blob[..len], 5, 0);
        match problem {
            Some(GzipError::Truncated { in_offset, .. }) => assert_eq!(in_offset, len as u64),
            Some(GzipError::NotGzip) if len < 3 => {}
            None if len == boundary => {}
            other => panic!("cut at {len}: {other:?}"),
        }
        assert!(data.starts_with(&out), "cut at {len}");
    }
}

#[test]
fn a_flipped_bit_is_noticed_or_harmless() {
    let data = nature(3, 6_000);
    let blob = gz(&data, 6);
    for bit in 0..blob.len() * 8 {
        let mut bad = blob.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let (_, out, problem) = build(&bad, 1000, 0);
        assert!(problem.is_some() || out == data, "bit {bit}");
    }
}

/// Nothing that a reader gives before the damage is wrong, whatever bit of its range is flipped.
#[test]
fn a_flipped_bit_leaves_a_right_prefix_for_readers() {
    let data = nature(3, 300_000);
    let blob = gz_blocks(&data, 6, 20_000);
    let (index, _, _) = build(&blob, 1000, 0);
    let checkpoint = &index.checkpoints[2];
    let wanted = checkpoint.out_offset..checkpoint.out_offset + 50_000;
    let plan = index.plan(wanted.clone()).expect("inside");
    for at in (plan.in_range.start as usize..plan.in_range.end as usize).step_by(7) {
        let mut bad = blob.clone();
        bad[at] ^= 1 << (at % 8);
        let (out, _) = try_read(&index, &bad, wanted.clone(), 100);
        // Bytes before the flip are decoded from what is undamaged: at most 1032 come of one byte.
        let good = build(&blob[..at], usize::MAX, 0).1.len() as u64;
        let sure = good.saturating_sub(wanted.start).saturating_sub(1032) as usize;
        let sure = sure.min(50_000);
        assert!(out.len() >= sure, "byte {at}: {} < {sure}", out.len());
        let start = wanted.start as usize;
        assert!(out[..sure] == data[start..start + sure], "byte {at}");
    }
}

#[track_caller]
fn check_trailer(at: usize, expected: impl Fn(&GzipError) -> bool) {
    let data = nature(0, 5000);
    let mut blob = gz(&data, 6);
    let len = blob.len();
    blob[len - 8 + at] ^= 1;
    for chunk in [1, 3, usize::MAX] {
        let (index, out, problem) = build(&blob, chunk, 0);
        assert!(problem.as_ref().is_some_and(&expected), "{problem:?}");
        assert!(out == data);
        assert_eq!(index.out_len, 5000);
    }
    let unchecked = GzipOptions {
        check_crc: false,
        ..options(1000)
    };
    let mut builder: GzipIndexBuilder = GzipIndexBuilder::new(unchecked);
    // The length is compared in any case.
    let pushed = builder.push(&blob, &mut |_| {});
    assert_eq!(pushed.is_ok(), at < 4, "{pushed:?}");
}

#[test]
fn trailers_are_compared() {
    for at in 0..4 {
        check_trailer(at, |e| matches!(e, GzipError::CrcMismatch { .. }));
    }
    for at in 4..8 {
        check_trailer(at, |e| matches!(e, GzipError::LengthMismatch { .. }));
    }
}

#[track_caller]
fn check_header(change: impl Fn(&mut Vec<u8>), expected: impl Fn(&GzipError) -> bool) {
    let mut blob = gz(b"text", 6);
    change(&mut blob);
    let (index, out, problem) = build(&blob, 1, 0);
    assert!(problem.as_ref().is_some_and(expected), "{problem:?}");
    assert!(out.is_empty() && index.out_len == 0);
    assert_eq!(GzipIndex::from_bytes(&index.to_bytes()), Ok(index));
}

#[test]
fn headers_are_checked() {
    check_header(|b| b[0] = 0x50, |e| *e == GzipError::NotGzip);
    check_header(|b| b[1] = 0x50, |e| *e == GzipError::NotGzip);
    check_header(|b| b[2] = 7, |e| *e == GzipError::NotGzip);
    for flag in [0x20, 0x40, 0x80] {
        check_header(
            |b| b[3] = flag,
            |e| matches!(e, GzipError::BadHeader { .. }),
        );
    }
}

/// An error is final: more input changes nothing, and nothing is indexed past an array's end.
#[test]
fn an_error_stays() {
    let good = gz(&nature(0, 5000), 6);
    let mut trailer = good.clone();
    let len = trailer.len();
    trailer[len - 8] ^= 1;
    let mut body = good.clone();
    body[len / 2] ^= 0x55;
    let mut header = good.clone();
    header[3] = 0xff;
    for bad in [trailer, body, header, b"no gzip".to_vec()] {
        let mut builder: GzipIndexBuilder = GzipIndexBuilder::new(options(1000));
        let first = builder.push(&bad, &mut |_| {}).expect_err("damage");
        let (in_len, out_len) = (builder.in_len(), builder.out_len());
        for more in [b"".as_slice(), b"x", &good, &[0; 100]] {
            let again = builder.push(more, &mut |_| panic!("output after an error"));
            assert_eq!(again, Err(first.clone()));
        }
        assert_eq!((builder.in_len(), builder.out_len()), (in_len, out_len));
        let (index, problem) = builder.finish();
        assert_eq!(problem, Some(first));
        assert_eq!(index.validate(), Ok(()));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_the_builder(bytes in proptest::collection::vec(any::<u8>(), 0..2000), chunk in 1usize..50) {
        let mut blob = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        blob.extend(bytes);
        let (index, out, _) = build(&blob, chunk, 0);
        prop_assert_eq!(index.out_len, out.len() as u64);
        prop_assert_eq!(index.validate(), Ok(()));
    }

    /// Damage is found at the same place however the input is cut.
    #[test]
    fn damage_does_not_depend_on_chunks(
        kind in 0u8..4,
        level in 0u32..10,
        at in 0.0..1.0f64,
        bits in 1u8..,
        chunk in 1usize..3000,
    ) {
        let mut blob = gz_blocks(&nature(kind, 150_000), level, 10_000);
        let at = (at * blob.len() as f64) as usize;
        blob[at] ^= bits;
        let (whole, out, problem) = build(&blob, usize::MAX, 0);
        let (cut, cut_out, cut_problem) = build(&blob, chunk, 0);
        prop_assert!(out == cut_out);
        prop_assert_eq!(whole.checkpoints, cut.checkpoints);
        prop_assert_eq!(whole.landmarks, cut.landmarks);
        let kind = |p: &Option<GzipError>| p.as_ref().map(std::mem::discriminant);
        prop_assert_eq!(kind(&problem), kind(&cut_problem));
    }
}
