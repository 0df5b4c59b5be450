//! What happens when nothing goes wrong.

use crate::job::{Event, Found, Phase, Request, SortKey, Verified, ViewMode, ViewSpec};
use crate::path::EntryPath;

use super::world::{BUILD, Blob, World, file, gzip, layer, tar};

fn dir(at: &str) -> ViewSpec {
    ViewSpec {
        at: EntryPath::decode(at),
        ..ViewSpec::default()
    }
}

fn flat() -> ViewSpec {
    ViewSpec {
        mode: ViewMode::Flat,
        sort: SortKey::Archive,
        ..ViewSpec::default()
    }
}

const ALL: [&str; 6] = [
    "etc",
    "etc/hostname",
    "etc/empty",
    "usr/share/noise.bin",
    "usr/share/small.txt",
    "usr/share/last.txt",
];

#[test]
fn first_visit_then_second() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    world.view(1, dir(""));
    world.view(2, flat());
    world.run();

    let progress = world.progress();
    assert_eq!(progress.phase, Phase::Done);
    assert_eq!(progress.verified, Verified::Blob);
    assert_eq!(
        (progress.received, progress.size),
        (blob.len(), Some(blob.len()))
    );
    assert_eq!(progress.inflated, tar().len() as u64);
    assert_eq!((progress.entries, progress.from_store), (6, false));
    assert_eq!(progress.problem, None);
    assert!(progress.memory_bytes > 0);
    assert_eq!(world.paths(1), ["etc", "usr"]);
    assert_eq!(world.paths(2), ALL);
    assert_eq!(world.ranges(), [None], "one request for the whole blob");
    assert_eq!(world.store.keys().len(), 1);
    assert!(
        progress
            .index_bytes
            .is_some_and(|bytes| bytes > 0 && bytes < blob.len())
    );

    let (ordinal, bytes) = file("usr/share/small.txt");
    world.read(1, ordinal, 0, u64::MAX);
    world.run();
    let content = world.content(1).unwrap();
    assert!(content.bytes == bytes);
    assert_eq!((content.start, content.total), (0, bytes.len() as u64));
    assert_eq!(content.verified, Verified::Span);
    let ranges = world.ranges();
    assert_eq!(ranges.len(), 2, "one more request for the file");
    assert!(
        ranges[1]
            .as_ref()
            .is_some_and(|range| range.starts_with("bytes=")),
        "{ranges:?}"
    );
    assert!(
        content.fetched < blob.len() / 2,
        "{} of {}",
        content.fetched,
        blob.len()
    );

    let store = world.store.clone();
    let mut world = World::on(&blob, &store);
    world.open(&blob);
    world.view(1, flat());
    world.run();
    let progress = world.progress();
    assert_eq!(
        (progress.phase, progress.verified),
        (Phase::Done, Verified::Blob)
    );
    assert!(progress.from_store);
    assert_eq!(
        (progress.entries, progress.inflated),
        (6, tar().len() as u64)
    );
    assert_eq!(world.paths(1), ALL);
    assert_eq!(world.ranges(), [None; 0], "no request at all");

    world.read(1, ordinal, 100, 50);
    world.run();
    let content = world.content(1).unwrap();
    assert_eq!(content.bytes, &bytes[100..150]);
    assert_eq!((content.start, content.verified), (100, Verified::Span));
    assert_eq!(world.ranges().len(), 1);
}

#[test]
fn a_plain_archive_too() {
    let blob = Blob::new(tar());
    let mut world = World::of(&blob);
    world.open(&blob);
    world.view(1, flat());
    world.run();
    assert_eq!(world.progress().phase, Phase::Done);
    assert_eq!(world.paths(1), ALL);
    let (ordinal, bytes) = file("etc/hostname");
    world.read(1, ordinal, 0, 100);
    world.run();
    let content = world.content(1).unwrap();
    assert_eq!((content.bytes, content.verified), (bytes, Verified::Span));
}

#[test]
fn an_empty_archive() {
    for bytes in [gzip(&[0; 1024]), vec![0; 10_240]] {
        let blob = Blob::new(bytes);
        let mut world = World::of(&blob);
        world.open(&blob);
        world.view(1, dir(""));
        world.run();
        assert_eq!(
            (world.progress().phase, world.progress().problem),
            (Phase::Done, None)
        );
        let info = world.info(1).unwrap();
        assert_eq!((info.total, info.complete), (0, true));
    }
}

/// The clock stands still, so nothing is told because time has passed.
#[test]
fn the_first_rows_are_told_at_once_and_the_rest_not_more_often_than_they_should() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.view(1, dir("")); // before the layer is there: nobody hears it
    world.open(&blob);
    world.view(1, flat());
    world.run_until(|world| world.info(1).is_some_and(|info| info.total > 0));
    let (progress, info) = (world.progress(), world.info(1).unwrap());
    assert_eq!(progress.phase, Phase::Streaming);
    assert!(progress.received < blob.len() / 10, "{}", progress.received);
    assert!(!info.complete);
    world.run_until(|world| world.phase() != Phase::Streaming);
    let is_streaming = |event: &&Event| matches!(event, Event::Progress { progress, .. } if progress.phase == Phase::Streaming);
    let told = world.told();
    let streaming = told.iter().filter(is_streaming).count();
    assert_eq!(streaming, 2, "the start and the first rows: {told:?}");
    world.run();
    let info = world.info(1).unwrap();
    assert_eq!((info.total, info.complete), (6, true));
}

#[test]
fn the_first_rows_come_with_the_first_shape_that_has_any_and_only_then() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    world.view(1, flat());
    world.run();
    let sent = |world: &World, id| -> Vec<(u32, usize)> {
        let told = world.told().into_iter();
        told.filter_map(|event| match event {
            Event::View {
                view, info, rows, ..
            } if view == id => Some((info.total, rows.len())),
            _ => None,
        })
        .collect()
    };
    let growing = sent(&world, 1);
    assert_eq!(growing.iter().filter(|(_, rows)| *rows > 0).count(), 1);
    let first = growing.iter().find(|(total, _)| *total > 0).unwrap();
    assert_eq!(first.0 as usize, first.1, "{growing:?}");
    world.view(2, flat());
    world.run();
    assert_eq!(sent(&world, 2), [(6, 6)]);
    // A file is no list.
    world.view(3, dir("etc/hostname"));
    world.run();
    assert_eq!(
        sent(&world, 3).iter().map(|(_, rows)| rows).sum::<usize>(),
        0
    );
}

#[test]
fn progress_is_told_as_time_passes() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    let mut now = 0.0;
    while world.phase() != Phase::Done {
        now += 30.0;
        world.clock.set(now);
        world.turn();
    }
    let received: Vec<u64> = world
        .told()
        .iter()
        .filter_map(|event| match event {
            Event::Progress { progress, .. } if progress.phase == Phase::Streaming => {
                Some(progress.received)
            }
            _ => None,
        })
        .collect();
    assert!(received.len() >= 10, "{received:?}");
    assert!(received.is_sorted());
    // 100 ms are four turns of 30 ms, and a chunk takes a turn.
    assert!(
        received.len() as u64 <= blob.len() / 50_000 / 4 + 4,
        "{received:?}"
    );
    assert!(world.progress().elapsed_ms > 1000.0);
}

#[test]
fn a_listing_that_is_changed_never_has_a_generation_again() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run();
    let mut seen = Vec::new();
    for spec in [dir(""), dir("etc"), flat(), dir("")] {
        world.view(5, spec);
        seen.push(world.info(5).unwrap().generation);
    }
    seen.dedup();
    assert!(seen.len() == 4 && seen.is_sorted(), "{seen:?}");
}

#[test]
fn a_path_that_is_not_there_yet_is_found_when_it_comes() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    world.view(1, dir("usr/share/last.txt"));
    let info = world.info(1).unwrap();
    assert!(matches!(info.found, Found::Missing { .. }) && !info.complete);
    world.run();
    assert!(matches!(world.info(1).unwrap().found, Found::Entry { .. }));
    world.view(2, dir("usr/bin/nothing"));
    let info = world.info(2).unwrap();
    assert_eq!(
        info.found,
        Found::Missing {
            nearest: EntryPath::decode("usr")
        }
    );
    assert!(info.complete);
}

#[test]
fn two_layers_in_one_worker_do_not_wait_for_each_other() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open_as(1, &blob, Some(blob.len()));
    world.open_as(2, &blob, Some(blob.len()));
    world.run_until(|world| {
        world
            .progress_of(1)
            .is_some_and(|p| p.phase == Phase::Streaming)
    });
    assert_eq!(world.progress_of(2).unwrap().phase, Phase::Streaming);
    world.run();
    assert_eq!(world.progress_of(1).unwrap().phase, Phase::Done);
    assert_eq!(world.progress_of(2).unwrap().phase, Phase::Done);
}

#[test]
fn a_cancelled_layer_keeps_its_rows_and_stores_nothing() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    world.view(1, flat());
    world.run_until(|world| world.info(1).is_some_and(|info| info.total > 0));
    world.post(Request::Cancel { job: 1 });
    world.run();
    let progress = world.progress();
    assert_eq!(
        (progress.phase, progress.verified),
        (Phase::Cancelled, Verified::None)
    );
    assert!(progress.received < blob.len());
    assert_eq!(progress.problem, None);
    assert!(world.info(1).unwrap().complete, "nothing more will come");
    assert!(world.paths(1).contains(&"etc/hostname".to_owned()));
    assert!(world.store.keys().is_empty());
    // What came can still be read.
    let (ordinal, bytes) = file("etc/hostname");
    world.read(1, ordinal, 0, 100);
    world.run();
    let content = world.content(1).unwrap();
    assert_eq!((content.bytes, content.verified), (bytes, Verified::None));
}

#[test]
fn a_closed_job_says_nothing_more() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run_until(|world| world.phase() == Phase::Streaming);
    world.read(1, 3, 0, 10_000);
    world.post(Request::Close { job: 1 });
    world.take_told();
    world.run();
    assert_eq!(world.told(), []);
    assert!(world.store.keys().is_empty());
}

#[test]
fn what_nobody_knows_is_ignored() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run();
    world.take_told();
    let spec = ViewSpec::default();
    let (job, view, read, ordinal) = (99, 1, 1, 0);
    for request in [
        Request::Cancel { job },
        Request::Close { job },
        Request::View { job, view, spec },
        Request::Rows {
            job,
            view,
            start: 0,
            end: 10,
        },
        Request::Read {
            job,
            read,
            ordinal,
            start: 0,
            len: 1,
        },
        Request::Download { job, read, ordinal },
        Request::CancelRead { job, read },
        // Known job, unknown view and read.
        Request::Rows {
            job: 1,
            view: 77,
            start: 0,
            end: 10,
        },
        Request::CancelRead { job: 1, read: 77 },
        // Cancelling what is done changes nothing.
        Request::Cancel { job: 1 },
    ] {
        world.post(request);
    }
    // A job's id is never used twice.
    world.open(&blob);
    world.run();
    assert_eq!(world.told(), []);
}

#[test]
fn a_page_of_another_build_is_told_so_and_nothing_else() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.session.announce();
    world.post(Request::Hello {
        build: "other".into(),
    });
    world.open(&blob);
    world.run();
    let build = BUILD.to_owned();
    assert_eq!(
        world.told(),
        [
            Event::Ready {
                build: build.clone()
            },
            Event::Ready {
                build: build.clone()
            }
        ]
    );
    world.post(Request::Hello { build });
    world.open(&blob);
    world.run();
    assert_eq!(world.progress().phase, Phase::Done);
}
