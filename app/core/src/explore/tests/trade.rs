//! What an index keeps is the user's choice.

use crate::job::{LayerSource, Phase, Progress};
use crate::layer_index::{LayerIndex, TradeChoice};
use crate::port::index_key;
use crate::port::memory::MemoryStore;

use super::world::{Blob, World, gzip};

/// Files of words that repeat, so that their blocks lean on what was before them.
fn many_files() -> Blob {
    let mut state = 7u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let words: Vec<String> = (0..4_000).map(|_| format!("{:x}", next())).collect();
    let mut builder = tar::Builder::new(Vec::new());
    for n in 0..900 {
        let count = 200 + next() % 2_500;
        let text: Vec<&str> = (0..count)
            .map(|_| words[next() as usize % words.len()].as_str())
            .collect();
        let text = text.join(" ");
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        let name = format!("dir/{n:04}");
        builder
            .append_data(&mut header, name, text.as_bytes())
            .unwrap();
    }
    Blob::new(gzip(&builder.into_inner().unwrap()))
}

fn source(blob: &Blob, trade: TradeChoice) -> LayerSource {
    LayerSource {
        trade,
        ..World::source(blob, Some(blob.len()))
    }
}

fn stored(store: &MemoryStore, blob: &Blob) -> LayerIndex {
    let mut bytes = Vec::new();
    store.tamper(&index_key(&blob.digest), |kept| bytes.clone_from(kept));
    LayerIndex::from_bytes(&bytes).unwrap()
}

/// The mean of what reading each file fetches.
fn mean_fetch(index: &LayerIndex) -> u64 {
    let files = index.toc().len();
    let fetched = |n| {
        let plan = index.plan_read(n, 0..u64::MAX).unwrap();
        plan.in_range.end - plan.in_range.start
    };
    (0..files).map(fetched).sum::<u64>() / u64::from(files)
}

#[track_caller]
fn open(store: &MemoryStore, blob: &Blob, source: LayerSource) -> (Progress, usize) {
    let mut world = World::on(blob, store);
    world.open_source(1, source);
    world.run();
    let progress = world.progress();
    assert_eq!(progress.phase, Phase::Done);
    (progress, world.ranges().len())
}

#[test]
fn more_kept_is_less_fetched() {
    let blob = many_files();
    let made: Vec<(u64, u64)> = TradeChoice::ALL
        .into_iter()
        .map(|choice| {
            let store = MemoryStore::default();
            let (progress, _) = open(&store, &blob, source(&blob, choice));
            assert_eq!(progress.trade, Some(choice));
            let index = stored(&store, &blob);
            assert_eq!(index.trade(), Some(choice));
            (progress.index_bytes.unwrap(), mean_fetch(&index))
        })
        .collect();
    assert!(made.is_sorted_by(|a, b| a.0 < b.0), "bytes kept: {made:?}");
    assert!(
        made.is_sorted_by(|a, b| a.1 > b.1),
        "bytes fetched: {made:?}"
    );
}

#[test]
fn an_index_of_another_choice_is_used_and_can_be_made_again() {
    let blob = many_files();
    let store = MemoryStore::default();
    open(&store, &blob, source(&blob, TradeChoice::Small));

    // The setting has changed since.
    let (progress, requests) = open(&store, &blob, source(&blob, TradeChoice::Fine));
    assert!(progress.from_store);
    assert_eq!(requests, 0, "it is used as it is");
    assert_eq!(progress.trade, Some(TradeChoice::Small));

    let again = LayerSource {
        again: true,
        ..source(&blob, TradeChoice::Fine)
    };
    let (progress, requests) = open(&store, &blob, again);
    assert!(!progress.from_store);
    assert_eq!(requests, 1, "the layer is read once more");
    assert_eq!(progress.trade, Some(TradeChoice::Fine));
    assert_eq!(stored(&store, &blob).trade(), Some(TradeChoice::Fine));
    assert_eq!(store.keys().len(), 1, "the old one is replaced");

    let (progress, requests) = open(&store, &blob, source(&blob, TradeChoice::Small));
    assert_eq!((progress.trade, requests), (Some(TradeChoice::Fine), 0));
}
