//! Files read and downloaded.

use crate::job::{Event, Phase, Request, Verified, ViewMode, ViewSpec};
use crate::path::EntryPath;

use super::world::{BIG, Blob, World, file, layer, serve};

/// A world with the layer opened.
fn opened() -> (Blob, World) {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run();
    (blob, world)
}

#[track_caller]
fn check(path: &str, start: u64, len: u64) {
    let (_, mut world) = opened();
    let (ordinal, bytes) = file(path);
    world.read(9, ordinal, start, len);
    world.run();
    let content = world.content(9).unwrap();
    let from = (start as usize).min(bytes.len());
    let to = (start.saturating_add(len) as usize).min(bytes.len());
    assert!(content.bytes == bytes[from..to]);
    assert_eq!(
        (content.start, content.total),
        (from as u64, bytes.len() as u64)
    );
    let requests = world.ranges().len() - 1;
    assert_eq!(requests, usize::from(from < to), "requests");
}

#[test]
fn parts_of_files() {
    check("etc/hostname", 0, 5);
    check("etc/hostname", 5, 1_000_000);
    check("etc/hostname", 0, u64::MAX);
    check("etc/hostname", 11, 1);
    check("etc/hostname", 400, 1);
    check("etc/hostname", 3, 0);
    check("etc/empty", 0, 10);
    check("usr/share/noise.bin", 0, u64::MAX);
    check("usr/share/noise.bin", 1_234_567, 3);
    check("usr/share/noise.bin", BIG as u64 - 1, 1);
    check("usr/share/last.txt", 0, u64::MAX);
}

#[test]
fn the_same_span_is_fetched_once() {
    let (_, mut world) = opened();
    let (ordinal, bytes) = file("usr/share/small.txt");
    for read in 0..5 {
        world.read(read, ordinal, 0, 4000);
        world.run();
        assert_eq!(world.content(read).unwrap().bytes, &bytes[..4000]);
    }
    assert_eq!(world.ranges().len(), 2);
    assert_eq!(world.content(4).unwrap().fetched, 0);
    assert_eq!(world.content(4).unwrap().verified, Verified::Span);
}

#[test]
fn neighbours_come_from_one_range() {
    let (_, mut world) = opened();
    let [(small, small_bytes), (last, last_bytes)] =
        ["usr/share/small.txt", "usr/share/last.txt"].map(file);
    // The one after it begins in what is here: only what is missing is asked for.
    world.read(1, small, 0, u64::MAX);
    world.run();
    assert_eq!(world.content(1).unwrap().bytes, small_bytes);
    let range = |world: &World, n: usize| {
        let range = world.ranges()[n].clone().expect("a range");
        let (start, end) = range.trim_start_matches("bytes=").split_once('-').unwrap();
        (start.parse::<u64>().unwrap(), end.parse::<u64>().unwrap())
    };
    world.read(2, last, 0, u64::MAX);
    world.run();
    assert_eq!(world.content(2).unwrap().bytes, last_bytes);
    assert_eq!(world.content(2).unwrap().verified, Verified::Span);
    let first_end = range(&world, 1).1;
    match world.ranges().len() {
        2 => assert_eq!(world.content(2).unwrap().fetched, 0),
        _ => assert_eq!(range(&world, 2).0, first_end + 1),
    }
    // Both are in what is here now.
    let requests = world.ranges().len();
    world.read(3, small, 5, 50);
    world.run();
    assert_eq!(world.content(3).unwrap().bytes, &small_bytes[5..55]);
    assert_eq!(world.ranges().len(), requests);
}

#[test]
fn entries_without_bytes_are_refused_and_the_job_goes_on() {
    let (_, mut world) = opened();
    world.read(1, 0, 0, 10);
    world.read(2, 4_000_000, 0, 10);
    world.run();
    assert_eq!(world.content(1).unwrap_err().code, "NO_FILE");
    assert_eq!(world.content(2).unwrap_err().code, "NO_FILE");
    assert_eq!(world.progress().phase, Phase::Done);
    assert_eq!(world.ranges().len(), 1);
}

#[test]
fn a_file_is_read_while_its_layer_streams() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run_until(|world| {
        world
            .progress_of(1)
            .is_some_and(|p| p.received > 500_000 || p.entries > 3)
    });
    let (ordinal, bytes) = file("etc/hostname");
    world.read(1, ordinal, 0, 100);
    world.run_until(|world| world.answer(1).is_some());
    assert_eq!(
        world.phase(),
        Phase::Streaming,
        "it did not wait for the layer"
    );
    let content = world.content(1).unwrap();
    assert_eq!((content.bytes, content.verified), (bytes, Verified::None));
    world.run();
    assert_eq!(world.phase(), Phase::Done);
}

#[test]
fn a_file_that_is_still_on_its_way_is_waited_for() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run_until(|world| world.phase() == Phase::Streaming);
    // Its header comes first, its data later: both ends are asked for before they are there.
    let (ordinal, bytes) = file("usr/share/noise.bin");
    world.run_until(|world| world.ranges().len() == 1 && world.progress().entries > 0);
    world.read(1, ordinal, BIG as u64 - 50, 50);
    let mut turns = 0;
    while world.answer(1).is_none() && turns < 10_000 {
        turns += 1;
        world.turn();
    }
    // Either it was not known yet when it was asked for, or it was waited for: never wrong bytes.
    match world.content(1) {
        Ok(content) => assert_eq!(content.bytes, &bytes[BIG - 50..]),
        Err(problem) => assert_eq!(problem.code, "NO_FILE"),
    }
    world.run();
    world.read(2, ordinal, BIG as u64 - 50, 50);
    world.run();
    assert_eq!(world.content(2).unwrap().bytes, &bytes[BIG - 50..]);
}

#[test]
fn a_server_that_ignores_ranges_is_cut_to_size() {
    let blob = layer();
    let mut world = World::scripted(
        &blob,
        vec![|blob, request| Ok(serve(blob, request)), |blob, _| {
            Ok(crate::port::memory::Answer::ok(blob.bytes.to_vec()).chunked(10_000))
        }],
    );
    world.open(&blob);
    world.run();
    let (ordinal, bytes) = file("usr/share/small.txt");
    world.read(1, ordinal, 0, u64::MAX);
    world.run();
    let content = world.content(1).unwrap();
    assert!(content.bytes == bytes);
    assert_eq!(content.verified, Verified::Span);
    assert!(content.fetched > bytes.len() as u64);
}

#[test]
fn changed_bytes_are_never_shown() {
    let blob = layer();
    let mut world = World::scripted(
        &blob,
        vec![|blob, request| Ok(serve(blob, request)), |blob, request| {
            let mut changed = blob.bytes.to_vec();
            changed.iter_mut().for_each(|b| *b ^= 1);
            Ok(serve(&Blob::new(changed), request))
        }],
    );
    world.open(&blob);
    world.run();
    let (ordinal, bytes) = file("usr/share/small.txt");
    world.read(1, ordinal, 0, 100);
    world.run();
    assert_eq!(world.content(1).unwrap_err().code, "DIGEST_MISMATCH");
    // And they are not kept either: the next read gets the right ones.
    world.read(2, ordinal, 0, 100);
    world.run();
    assert_eq!(world.content(2).unwrap().bytes, &bytes[..100]);
}

#[test]
fn a_read_that_breaks_off_goes_on() {
    let blob = layer();
    let mut world = World::scripted(
        &blob,
        vec![|blob, request| Ok(serve(blob, request)), |blob, request| {
            Ok(serve(blob, request).breaks_after(5_000))
        }],
    );
    world.open(&blob);
    world.run();
    let (ordinal, bytes) = file("usr/share/noise.bin");
    world.read(1, ordinal, 0, u64::MAX);
    world.run();
    let content = world.content(1).unwrap();
    assert!(content.bytes == bytes);
    assert_eq!(world.ranges().len(), 3);
    assert_eq!(*world.sleeps.borrow(), [500]);
}

#[test]
fn a_cancelled_read_is_not_answered() {
    let (_, mut world) = opened();
    let (ordinal, _) = file("usr/share/noise.bin");
    world.read(1, ordinal, 0, u64::MAX);
    world.turn();
    world.post(Request::CancelRead { job: 1, read: 1 });
    world.run();
    assert_eq!(world.answer(1), None);
    world.read(2, ordinal, 0, 10);
    world.run();
    assert!(world.content(2).is_ok());
}

#[test]
fn a_download_is_whole_and_tells_how_far_it_is() {
    let (_, mut world) = opened();
    world.take_told();
    let (ordinal, bytes) = file("usr/share/noise.bin");
    world.post(Request::Download {
        job: 1,
        read: 5,
        ordinal,
    });
    for turn in 1..1000 {
        world.clock.set(f64::from(turn) * 200.0);
        world.turn();
    }
    let mut told = world.take_told();
    let (last, beside) = told.pop().unwrap();
    let (memory, _) = told.pop().unwrap();
    assert!(matches!(memory, Event::Progress { .. }), "{memory:?}");
    for (event, _) in &told {
        assert!(
            matches!(event, Event::Download { read: 5, written, ready: None, .. } if *written > 0),
            "{event:?}"
        );
    }
    assert!(!told.is_empty());
    let Event::Download {
        written,
        total,
        ready: Some(name),
        ..
    } = last
    else {
        panic!("{last:?}");
    };
    assert_eq!((written, total), (BIG as u64, BIG as u64));
    assert!(!name.contains('/') && !name.is_empty(), "{name}");
    assert!(beside.is_some_and(|got| got == bytes));
}

#[test]
fn an_empty_download() {
    let (_, mut world) = opened();
    let (ordinal, _) = file("etc/empty");
    world.post(Request::Download {
        job: 1,
        read: 5,
        ordinal,
    });
    world.run();
    let told = world.take_told();
    let (event, bytes) = told.last().unwrap();
    assert!(
        matches!(
            event,
            Event::Download {
                written: 0,
                total: 0,
                ready: Some(_),
                ..
            }
        ),
        "{event:?}"
    );
    assert_eq!(bytes.as_deref(), Some(&[][..]));
}

#[test]
fn a_download_for_which_there_is_no_place() {
    let (_, mut world) = opened();
    world.file_limit.set(2_000_000);
    let (ordinal, _) = file("usr/share/noise.bin");
    world.post(Request::Download {
        job: 1,
        read: 5,
        ordinal,
    });
    world.run();
    assert_eq!(world.content(5).unwrap_err().code, "FILE_TOO_LARGE");
    assert_eq!(world.progress().phase, Phase::Done);
}

#[test]
fn an_entry_is_found_in_a_list() {
    let (_, mut world) = opened();
    let spec = ViewSpec {
        mode: ViewMode::Flat,
        ..ViewSpec::default()
    };
    let view = 3;
    world.post(Request::View { job: 1, view, spec });
    world.run();
    let mut place_of = |path: &str| {
        let path = EntryPath::new(path.as_bytes().to_vec());
        world.take_told();
        world.post(Request::Find { job: 1, view, path });
        world.run();
        let place = world
            .take_told()
            .into_iter()
            .find_map(|(event, _)| match event {
                Event::Place { path, index, .. } => Some((path, index)),
                _ => None,
            });
        place.expect("it is answered")
    };
    let (path, index) = place_of("usr/share/noise.bin");
    assert_eq!(path.as_bytes(), b"usr/share/noise.bin");
    assert_eq!(place_of("no/such/entry").1, None);
    let start = index.expect("it is there");
    world.take_told();
    world.post(Request::Rows {
        job: 1,
        view,
        start,
        end: start + 1,
    });
    world.run();
    let rows = world
        .take_told()
        .into_iter()
        .find_map(|(event, _)| match event {
            Event::Rows { rows, .. } => Some(rows),
            _ => None,
        });
    assert_eq!(rows.expect("a row")[0].path, path);
}

#[test]
fn a_file_of_nothing_but_holes_needs_no_request() {
    let hole = crate::layer_index::HOLE_BYTES_PER_PLAN + 7;
    let mut tar = crate::tar::tests::old_gnu(&[(hole, 0)], false, hole, 0);
    tar.extend([0; 1024]);
    let blob = Blob::new(tar);
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run();
    world.read(1, 0, 0, 1000);
    world.post(Request::Download {
        job: 1,
        read: 2,
        ordinal: 0,
    });
    world.run();
    assert_eq!(world.content(1).unwrap().bytes, [0; 1000]);
    let (_, beside) = world.take_told().pop().unwrap();
    assert_eq!(beside.map(|zeros| zeros.len() as u64), Some(hole));
    assert_eq!(world.ranges(), [None]);
}
