//! Several tabs, or one that comes and goes, on one layer: one of them reads it, and what is stored is
//! never older than what was.

use crate::explore::ports::SaveEvery;
use crate::job::{LayerSource, Phase, Request};
use crate::layer_index::TradeChoice;
use crate::port::memory::{MemoryStore, run};
use crate::port::{HttpError, IndexStore, index_key, partial_key};

use super::resume::{expected, save_often, stored};
use super::world::{Blob, Locks, World, layer, serve};

/// One of several tabs that share store and locks.
fn tab(blob: &Blob, locks: &Locks, store: &MemoryStore) -> World {
    let served = blob.clone();
    let world = World::beside(locks, store, move |r| Ok(serve(&served, r)));
    save_often(&world);
    world
}

#[test]
fn two_tabs_make_one_stream() {
    let blob = layer();
    let (locks, store) = (Locks::default(), MemoryStore::default());
    let (mut first, mut second) = (tab(&blob, &locks, &store), tab(&blob, &locks, &store));
    first.open(&blob);
    first.run_until(|world| world.received() > 500_000);
    second.open(&blob);
    for _ in 0..50 {
        second.turn();
    }
    let waiting = second.progress();
    assert!(waiting.waiting && waiting.phase == Phase::Starting);
    first.run();
    second.run();
    assert_eq!(first.ranges().len() + second.ranges().len(), 1);
    let progress = second.progress();
    assert_eq!(progress.phase, Phase::Done);
    assert!(progress.from_store && !progress.waiting);
    assert!(locks.borrow().is_empty());
}

#[test]
fn the_second_tab_takes_over_when_the_first_is_closed_or_stopped() {
    let blob = layer();
    for closed in [true, false] {
        let (locks, store) = (Locks::default(), MemoryStore::default());
        let (mut first, mut second) = (tab(&blob, &locks, &store), tab(&blob, &locks, &store));
        first.open(&blob);
        first.run_until(|world| world.received() > 1_500_000);
        second.open(&blob);
        second.run_until(|world| world.progress_of(1).is_some_and(|p| p.waiting));
        if closed {
            drop(first);
        } else {
            first.post(Request::Cancel { job: 1 });
            first.run();
        }
        second.run();
        assert!(second.progress().kept > 1_000_000);
        assert_eq!(second.ranges().len(), 1);
        assert!(stored(&second, &blob) == expected(&blob));
    }
}

#[test]
fn a_user_who_cancels_while_another_tab_is_waited_for() {
    let blob = layer();
    let (locks, store) = (Locks::default(), MemoryStore::default());
    locks.borrow_mut().insert(partial_key(&blob.digest));
    let mut world = World::beside(&locks, &store, |_| Err(HttpError::Aborted));
    save_often(&world);
    world.open(&blob);
    world.turn();
    world.post(Request::Cancel { job: 1 });
    world.run();
    let progress = world.progress();
    assert_eq!(
        (progress.phase, progress.waiting),
        (Phase::Cancelled, false)
    );
    assert!(world.http.requests().is_empty());
    // It may be waited for again.
    assert!(progress.can_go_on);
    locks.borrow_mut().clear();
    world.post(Request::GoOn { job: 1 });
    world.run();
    let progress = world.progress();
    assert_eq!(progress.phase, Phase::Failed);
    assert_eq!(world.http.requests().len(), 1, "it was asked for");
}

#[test]
fn a_user_who_does_not_wait_reads_beside_the_other_tab() {
    let blob = layer();
    let (locks, store) = (Locks::default(), MemoryStore::default());
    let (mut first, mut second) = (tab(&blob, &locks, &store), tab(&blob, &locks, &store));
    first.open(&blob);
    first.run_until(|world| world.received() > 1_500_000);
    second.open(&blob);
    second.run_until(|world| world.progress_of(1).is_some_and(|p| p.waiting));
    second.post(Request::GoOn { job: 1 });
    second.run_until(|world| world.received() > 2_500_000);
    // It has begun where the other was stored last.
    assert!(second.progress().kept > 1_000_000 && !second.progress().waiting);
    assert!(locks.borrow().contains(&partial_key(&blob.digest)));
    first.run_until(|world| world.received() > 2_000_000);
    drop((first, second));
    let mut third = tab(&blob, &locks, &store);
    third.open(&blob);
    third.run();
    assert!(third.progress().kept > 1_500_000);
    assert!(stored(&third, &blob) == expected(&blob));
}

#[test]
fn an_index_that_comes_while_one_is_looked_for_elsewhere_is_used() {
    let blob = layer();
    let (locks, store) = (Locks::default(), MemoryStore::default());
    let (mut first, mut second) = (tab(&blob, &locks, &store), tab(&blob, &locks, &store));
    first.open(&blob);
    first.run_until(|world| world.received() > 500_000);
    // It has looked into the store, and waits for what else there may be.
    second.open(&blob);
    first.run();
    second.run();
    assert!(second.http.requests().is_empty());
    assert!(second.progress().from_store);
}

/// A tab that was stopped half-way, and what it shares with others.
fn stopped(blob: &Blob) -> (World, Locks, MemoryStore) {
    let (locks, store) = (Locks::default(), MemoryStore::default());
    let mut world = tab(blob, &locks, &store);
    world.open(blob);
    world.run_until(|world| world.received() >= 800_000);
    world.post(Request::Cancel { job: 1 });
    world.run();
    assert!(store.keys().contains(&partial_key(&blob.digest)));
    assert!(locks.borrow().is_empty());
    (world, locks, store)
}

/// Where the tab took up the stream last.
#[track_caller]
fn last_start(world: &World) -> u64 {
    let range = world.ranges().pop().unwrap().unwrap();
    let start = range.strip_prefix("bytes=").unwrap();
    start.strip_suffix('-').unwrap().parse().unwrap()
}

#[test]
fn who_goes_on_takes_over_what_another_tab_has_added() {
    let blob = layer();
    let (mut first, locks, store) = stopped(&blob);
    let mut second = tab(&blob, &locks, &store);
    second.open(&blob);
    second.run_until(|world| world.received() >= 2_000_000);
    drop(second);
    first.post(Request::GoOn { job: 1 });
    first.run();
    assert!(last_start(&first) > 1_500_000);
    assert!(first.progress().kept > 1_500_000);
    assert!(stored(&first, &blob) == expected(&blob));
}

#[test]
fn who_goes_on_takes_the_index_that_another_tab_has_made() {
    let blob = layer();
    let (mut first, locks, store) = stopped(&blob);
    let mut second = tab(&blob, &locks, &store);
    second.open(&blob);
    second.run();
    assert!(stored(&second, &blob) == expected(&blob));
    first.post(Request::GoOn { job: 1 });
    first.run();
    let progress = first.progress();
    assert_eq!(progress.phase, Phase::Done);
    assert!(progress.from_store);
    assert_eq!(first.http.requests().len(), 1);
}

#[test]
fn who_goes_on_waits_for_who_reads_it_now() {
    let blob = layer();
    let (mut first, locks, store) = stopped(&blob);
    let mut second = tab(&blob, &locks, &store);
    second.open(&blob);
    second.run_until(|world| world.received() >= 1_500_000);
    first.post(Request::GoOn { job: 1 });
    for _ in 0..50 {
        first.turn();
    }
    assert!(first.progress().waiting);
    // Given up, it can be gone on with again.
    first.post(Request::Cancel { job: 1 });
    first.run();
    assert!(first.progress().can_go_on);
    first.post(Request::GoOn { job: 1 });
    second.run();
    first.run();
    assert!(first.progress().from_store);
    assert_eq!(first.http.requests().len(), 1);
}

/// Goes on until more is stored, is then closed, and opened again.
#[track_caller]
fn check_kept_later(mut world: World, blob: &Blob, store: &MemoryStore) {
    world.run_until(|world| world.received() >= 2_500_000);
    drop(world);
    let mut world = World::on(blob, store);
    save_often(&world);
    world.open(blob);
    world.run();
    assert!(world.progress().kept > 2_000_000);
    assert!(stored(&world, blob) == expected(blob));
}

#[test]
fn what_was_removed_during_a_build_is_stored_whole_again() {
    let blob = layer();
    let (locks, store) = (Locks::default(), MemoryStore::default());
    let key = partial_key(&blob.digest);
    let mut world = tab(&blob, &locks, &store);
    world.open(&blob);
    world.run_until(|world| world.received() >= 1_500_000);
    run(store.remove(&key)).unwrap();
    check_kept_later(world, &blob, &store);
    // Likewise while it stands still.
    let (mut world, _locks, store) = stopped(&blob);
    run(store.remove(&key)).unwrap();
    world.post(Request::GoOn { job: 1 });
    check_kept_later(world, &blob, &store);
}

#[test]
fn without_locks_two_tabs_store_one_build() {
    let blob = layer();
    let store = MemoryStore::default();
    // Each has locks of its own, as where there are none.
    let mut first = tab(&blob, &Locks::default(), &store);
    let mut second = tab(&blob, &Locks::default(), &store);
    // They stop at other places.
    second.save_every.set(SaveEvery {
        bytes: 170_000,
        ms: 0,
        slow_ms: u32::MAX,
    });
    first.open(&blob);
    second.open(&blob);
    while first.received().max(second.received()) < 2_500_000 {
        first.turn();
        second.turn();
    }
    drop((first, second));
    let mut world = World::on(&blob, &store);
    save_often(&world);
    world.open(&blob);
    world.run();
    assert!(world.progress().kept > 2_000_000);
    assert!(stored(&world, &blob) == expected(&blob));
}

#[test]
fn half_an_index_of_another_choice_is_gone_on_with() {
    let blob = layer();
    let open = |store: &MemoryStore, trade, again| {
        let mut world = World::on(&blob, store);
        save_often(&world);
        let source = World::source(&blob, Some(blob.len()));
        let source = LayerSource {
            trade,
            again,
            ..source
        };
        world.open_source(1, source);
        world
    };
    for again in [false, true] {
        let store = MemoryStore::default();
        let mut world = open(&store, TradeChoice::Small, false);
        world.run_until(|world| world.received() >= 1_500_000);
        drop(world);
        let mut world = open(&store, TradeChoice::Fine, again);
        world.run();
        let progress = world.progress();
        assert_eq!(progress.kept > 1_000_000, !again);
        let trade = match again {
            true => TradeChoice::Fine,
            false => TradeChoice::Small,
        };
        assert_eq!(progress.trade, Some(trade));
        assert_eq!(store.keys(), [index_key(&blob.digest)]);
    }
}
