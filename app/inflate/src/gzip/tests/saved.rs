//! A builder that is put aside, and one that goes on: together they are as one that never stopped.

use proptest::prelude::*;

use super::*;
use crate::gzip::builder::{GzipSaved, GzipTold};
use crate::testing::random;

/// A builder that is put aside and taken up again, by its stored form alone.
struct Interrupted {
    builder: GzipIndexBuilder,
    told: GzipTold,
    parts: Vec<Vec<u8>>,
    files: Files,
}

impl Interrupted {
    fn new(price: u64) -> Self {
        Interrupted {
            builder: GzipIndexBuilder::new(options(price)),
            told: GzipTold::default(),
            parts: Vec::new(),
            files: Files::default(),
        }
    }

    /// Takes a chunk; where it can be put aside in it, it is, and goes on as another. True if so.
    fn push(&mut self, at: usize, blob: &[u8], chunk: usize, price: u64) -> (usize, bool) {
        let end = blob.len().min(at + chunk);
        let chunk = &blob[at..end];
        let stopped = self.builder.push_to_stop(chunk, &mut self.files);
        let Some(left) = stopped.expect("it is not damaged") else {
            return (end, false);
        };
        let left = left.len();
        let saved = self.builder.save(&mut self.told).expect("it has stopped");
        let GzipSaved {
            in_offset,
            part,
            state,
        } = saved;
        self.parts.push(part);
        assert!(in_offset as usize <= end - left && in_offset as usize + 3 >= end - left);
        let parts = self.parts.iter().map(Vec::as_slice);
        self.builder = GzipIndexBuilder::resume(options(price), parts, &state).expect("our own");
        assert_eq!(self.builder.told(), self.told);
        assert_eq!(self.builder.in_len(), in_offset);
        (in_offset as usize, true)
    }
}

#[track_caller]
fn check(blob: &[u8], price: u64, chunk: usize, every: u64, seed: u64) -> usize {
    let (expected, out, problem) = build(blob, usize::MAX, price);
    let mut random = random(seed);
    let mut interrupted = Interrupted::new(price);
    let (mut at, mut times) = (0, 0);
    while at < blob.len() {
        if random().is_multiple_of(every) {
            let (next, stopped) = interrupted.push(at, blob, chunk, price);
            // At the same place again it would stop for ever.
            if stopped && next == at {
                let end = blob.len().min(at + chunk);
                let files = &mut interrupted.files;
                interrupted
                    .builder
                    .push_to(&blob[at..end], files)
                    .expect("it is not damaged");
                at = end;
                continue;
            }
            times += usize::from(stopped);
            at = next;
        } else {
            let end = blob.len().min(at + chunk);
            let files = &mut interrupted.files;
            interrupted
                .builder
                .push_to(&blob[at..end], files)
                .expect("it is not damaged");
            at = end;
        }
    }
    let (index, now) = finish(interrupted.builder, &interrupted.files, price);
    assert!(interrupted.files.out == out, "other bytes");
    assert_eq!(now, problem);
    assert!(
        index == expected,
        "another index after {times} interruptions"
    );
    assert_eq!(index.to_bytes(), expected.to_bytes());
    times
}

/// One member with many blocks; several, large and small; blocks shorter than a window.
fn blobs() -> Vec<Vec<u8>> {
    let mut many = Vec::new();
    for n in 0..40u8 {
        many.extend(gz(&nature(n % 5, 3_000 + 1_000 * usize::from(n)), 6));
    }
    let mut two = gz_blocks(&nature(3, 400_000), 6, 30_000);
    two.extend(gz_blocks(&nature(0, 300_000), 1, 9_000));
    vec![gz_blocks(&nature(0, 900_000), 6, 50_000), two, many]
}

#[test]
fn what_goes_on_comes_to_the_same() {
    for blob in blobs() {
        for price in [0, 30, 600] {
            let cuts = [(1_000, 1), (4_097, 3), (333, 7), (100_000, 1)];
            let times = cuts.map(|(chunk, every)| check(&blob, price, chunk, every, 5));
            assert!(times.iter().sum::<usize>() > 10, "{times:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn at_any_places(which in 0usize..3, price in 0u64..900, chunk in 100usize..9_000, seed in any::<u64>()) {
        check(&blobs()[which], price, chunk, 4, seed);
    }
}

#[test]
fn what_was_not_saved_is_refused() {
    let blob = &blobs()[1];
    let mut builder = GzipIndexBuilder::<Tested>::new(options(30));
    let mut files = Files::default();
    assert_eq!(builder.save(&mut GzipTold::default()), None);
    builder.push_to(&blob[..60_000], &mut files).expect("good");
    let stopped = builder.push_to_stop(&blob[60_000..], &mut files);
    assert!(matches!(stopped, Ok(Some(_))));
    let saved = builder
        .save(&mut GzipTold::default())
        .expect("it has stopped");
    let resume = |part: &[u8], state: &[u8], price| {
        GzipIndexBuilder::<Tested>::resume(options(price), [part], state).map(drop)
    };
    assert_eq!(resume(&saved.part, &saved.state, 30), Ok(()));
    assert!(
        resume(&saved.part, &saved.state, 31).is_err(),
        "another trade"
    );
    assert!(resume(&[], &saved.state, 30).is_err());
    for len in 0..saved.state.len() {
        assert!(
            resume(&saved.part, &saved.state[..len], 30).is_err(),
            "{len}"
        );
    }
    let longer = [saved.state.as_slice(), &[0]].concat();
    assert!(resume(&saved.part, &longer, 30).is_err());
    // Whatever a stranger wrote, nothing panics: not reading it, and not going on.
    let mut random = random(9);
    for _ in 0..400 {
        let (mut part, mut state) = (saved.part.clone(), saved.state.clone());
        let changed = if random().is_multiple_of(2) {
            &mut part
        } else {
            &mut state
        };
        for _ in 0..1 + random() % 3 {
            let at = random() as usize % changed.len();
            changed[at] = random() as u8;
        }
        let other = GzipIndexBuilder::<Tested>::resume(options(30), [part.as_slice()], &state);
        let Ok(mut other) = other else { continue };
        let from = other.in_len() as usize;
        let rest = blob.get(from..).unwrap_or_default();
        let _maybe_damaged = other.push_to(rest, &mut Files::default());
        let (index, _) = other.finish_for([1..5_000, 9_000..400_000]);
        let _ = GzipIndex::from_bytes(&index.to_bytes());
    }
}
