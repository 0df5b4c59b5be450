//! A session that reads ahead what is stored of the layer that will be asked for.

use super::world::{Blob, World, gzip, layer, tar};
use crate::job::{Phase, ViewMode, ViewSpec};
use crate::port::StoreError;
use crate::port::memory::MemoryStore;

/// A store that has the layer's index.
fn stored(blob: &Blob) -> MemoryStore {
    let mut world = World::of(blob);
    world.open(blob);
    world.run();
    world.store.clone()
}

#[test]
fn an_expected_layer_lists_the_same() {
    let blob = layer();
    for opened_meanwhile in [false, true] {
        let mut world = World::on(&blob, &stored(&blob));
        world.expect(&blob);
        if !opened_meanwhile {
            world.run();
        }
        world.open(&blob);
        let mode = ViewMode::Flat;
        world.view(
            1,
            ViewSpec {
                mode,
                ..ViewSpec::default()
            },
        );
        world.run();
        let progress = world.progress();
        assert!(progress.from_store);
        assert_eq!((progress.phase, progress.entries), (Phase::Done, 6));
        assert_eq!(world.paths(1).len(), 6);
        assert_eq!(world.ranges(), [None; 0]);
    }
}

#[test]
fn it_is_read_once() {
    let blob = layer();
    let store = stored(&blob);
    let mut world = World::on(&blob, &store);
    world.expect(&blob);
    world.run();
    // What was read ahead is what is shown, and nobody looks again.
    store.tamper(&store.keys()[0], Vec::clear);
    world.open(&blob);
    world.run();
    assert!(world.progress().from_store);
    // The next one finds that nothing is left to be taken.
    world.open_as(2, &blob, None);
    world.run();
    assert!(!world.progress_of(2).unwrap().from_store);
}

#[test]
fn another_layer_and_a_missing_one_are_opened_as_ever() {
    let (blob, other) = (layer(), Blob::new(gzip(&tar()[..1024])));
    for expected in [&other, &blob] {
        let mut world = World::of(&blob);
        world.expect(expected);
        world.run();
        world.open(&blob);
        world.run();
        let progress = world.progress();
        assert_eq!((progress.phase, progress.from_store), (Phase::Done, false));
        assert_eq!(world.store.keys().len(), 1);
    }
}

#[test]
fn a_damaged_index_is_made_again() {
    let blob = layer();
    let store = stored(&blob);
    store.tamper(&store.keys()[0], |bytes| bytes.truncate(bytes.len() / 2));
    let mut world = World::on(&blob, &store);
    world.expect(&blob);
    world.open(&blob);
    world.run();
    assert!(!world.progress().from_store);
    assert_eq!(world.notices(), [""; 0]);
}

#[test]
fn a_store_that_fails_is_told_once_by_who_opens() {
    let blob = layer();
    let mut world = World::of(&blob);
    let detail = "no".to_owned();
    world
        .store
        .fail_with(Some(StoreError::Unavailable { detail }));
    world.expect(&blob);
    world.run();
    assert_eq!(world.notices(), [""; 0]);
    world.open(&blob);
    world.run();
    assert_eq!(world.notices().len(), 1);
}
