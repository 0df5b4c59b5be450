//! Several layers as one file system, in one worker.

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::world::{Blob, World, gzip, noise, serve};
use crate::job::{
    Access, Event, Found, LayerSource, Phase, Progress, Request, SortKey, Target, Verified,
    ViewMode, ViewSpec,
};
use crate::path::EntryPath;
use crate::port::memory::{Answer, MemoryStore};
use crate::rootfs::Fate;
use crate::rootfs::ask::{RootAnswer, RootAsk};

/// A layer from lines: `name/`, `name`, `name -> target`; a file's content is its name and layer.
fn layer(number: usize, lines: &[&str]) -> Blob {
    let mut archive = ::tar::Builder::new(Vec::new());
    for line in lines {
        let mut header = ::tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        header.set_size(0);
        if let Some((name, target)) = line.split_once(" -> ") {
            header.set_entry_type(::tar::EntryType::Symlink);
            archive.append_link(&mut header, name, target).unwrap();
        } else if let Some((name, target)) = line.split_once(" => ") {
            header.set_entry_type(::tar::EntryType::Link);
            archive.append_link(&mut header, name, target).unwrap();
        } else if line.ends_with('/') {
            header.set_entry_type(::tar::EntryType::Directory);
            archive.append_data(&mut header, line, &[][..]).unwrap();
        } else {
            let bytes = content(number, line);
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, line, &*bytes).unwrap();
        }
    }
    Blob::new(gzip(&archive.into_inner().unwrap()))
}

fn content(layer: usize, name: &str) -> Vec<u8> {
    match name {
        "usr/big" => noise(500_000, layer as u64 + 1),
        name if name.contains(".wh.") => Vec::new(),
        name => format!("{name} of {layer}\n").into_bytes(),
    }
}

fn blobs() -> Vec<Blob> {
    vec![
        layer(
            0,
            &[
                "usr/",
                "usr/bin/",
                "bin -> usr/bin",
                "usr/bin/python3.11",
                "usr/bin/python3 -> python3.11",
                "usr/big",
                "etc/",
                "etc/gone",
            ],
        ),
        layer(1, &["bin/tool", "usr/big", "link => usr/big"]),
        layer(2, &["etc/.wh.gone", "usr/big", "etc/new"]),
    ]
}

fn world(blobs: &[Blob], store: &MemoryStore) -> World {
    let all = blobs.to_vec();
    World::new(store, move |request| {
        let asked = all.iter().find(|blob| {
            let digest = crate::path::encode_bytes(blob.digest.to_string().as_bytes(), false);
            request.url.contains(&digest) || request.url.contains(&blob.digest.to_string())
        });
        Ok(match asked {
            Some(blob) => serve(blob, request),
            None => Answer::status(404),
        })
    })
}

fn open(world: &mut World, blobs: &[Blob]) {
    let source = |blob: &Blob| World::source(blob, Some(blob.len()));
    world.post(Request::OpenRoot {
        job: 1,
        source: source(&blobs[0]),
        layers: packed(&blobs.iter().map(source).collect::<Vec<_>>()),
        access: Access::default(),
    });
}

fn packed(layers: &[LayerSource]) -> Vec<u8> {
    postcard::to_allocvec(layers).unwrap()
}

fn spec(at: &str, mode: ViewMode) -> ViewSpec {
    ViewSpec {
        at: EntryPath::new(at),
        mode,
        sort: SortKey::Name,
        descending: false,
        hidden: false,
    }
}

/// Rows as `path@layer`, and ` fate` of what is hidden.
fn rows(world: &mut World, view: u32) -> Vec<String> {
    let rows = world.rows(view);
    let text = |row: &crate::job::Row| match row.version {
        None => row.path.display(),
        Some(v) if v.fate == Fate::Visible => format!("{}@{}", row.path.display(), v.layer),
        Some(v) => format!(
            "{}@{} {} {}",
            row.path.display(),
            v.layer,
            v.fate.name(),
            v.by
        ),
    };
    rows.iter().map(text).collect()
}

#[test]
fn layers_come_in_one_after_the_other() {
    let blobs = blobs();
    let store = MemoryStore::default();
    for again in [false, true] {
        let mut world = world(&blobs, &store);
        open(&mut world, &blobs);
        world.view(1, spec("", ViewMode::Flat));
        world.run();
        let told: Vec<Progress> = world
            .told()
            .into_iter()
            .filter_map(|event| match event {
                Event::Progress { progress, .. } => Some(progress),
                _ => None,
            })
            .collect();
        let last = told.last().unwrap();
        assert_eq!(last.phase, Phase::Done);
        assert_eq!(last.layers, Some((3, 3)));
        assert_eq!((last.verified, last.from_store), (Verified::Blob, again));
        assert_eq!(last.entries, 13);
        let all: u64 = blobs.iter().map(Blob::len).sum();
        assert_eq!((last.received, last.size), (all, Some(all)));
        assert_eq!(last.problem, None);
        // The first layer is listed before the last is here, and a part never speaks for the whole.
        assert!(
            told.iter()
                .any(|p| p.layers == Some((1, 3)) && p.entries == 8)
        );
        assert!(told.windows(2).all(|w| w[0].layers <= w[1].layers));
        assert_eq!(
            rows(&mut world, 1),
            [
                "bin@0",
                "etc@0",
                "etc/new@2",
                "link@1",
                "usr@0",
                "usr/big@2",
                "usr/bin@0",
                "usr/bin/python3@0",
                "usr/bin/python3.11@0",
                "usr/bin/tool@1",
            ]
            .map(str::to_owned)
        );
        assert_eq!(world.ranges().len(), if again { 0 } else { 3 });
    }
}

#[test]
fn files_are_read_from_the_layer_that_has_them() {
    let blobs = blobs();
    let mut world = world(&blobs, &MemoryStore::default());
    open(&mut world, &blobs);
    world.run();
    let mut read = |path: &str, which: usize| {
        world.view(7, spec(path, ViewMode::Dir));
        let Some(Found::Entry { row, others, .. }) = world.info(7).map(|i| i.found) else {
            panic!("{path} is no file");
        };
        let mut versions = others;
        versions.push(row);
        let ordinal = versions[which].ordinal.unwrap();
        world.take_told();
        world.read(5, ordinal, 0, u64::MAX);
        world.run();
        world.content(5).unwrap()
    };
    for layer in 0..3 {
        let got = read("usr/big", layer);
        assert!(got.bytes == content(layer, "usr/big"), "{layer}");
        assert_eq!(got.verified, Verified::Span);
    }
    // A hard link keeps what its layer linked.
    assert!(read("link", 0).bytes == content(1, "usr/big"));
    assert!(read("bin/tool", 0).bytes == content(1, "bin/tool"));
    // What a later layer deleted is there all the same.
    assert!(read("etc/gone", 0).bytes == content(0, "etc/gone"));
}

#[test]
fn what_is_hidden_is_shown_on_demand() {
    let blobs = blobs();
    let mut world = world(&blobs, &MemoryStore::default());
    open(&mut world, &blobs);
    world.run();
    let hidden = |at: &str, mode| ViewSpec {
        hidden: true,
        ..spec(at, mode)
    };
    world.view(1, spec("etc", ViewMode::Dir));
    assert_eq!(rows(&mut world, 1), ["etc/new@2"]);
    world.view(2, hidden("etc", ViewMode::Dir));
    assert_eq!(rows(&mut world, 2), ["etc/gone@0 deleted 2", "etc/new@2"]);
    world.view(3, hidden("", ViewMode::Search("big".to_owned())));
    assert_eq!(
        rows(&mut world, 3),
        ["usr/big@0 replaced 1", "usr/big@1 replaced 2", "usr/big@2"]
    );
    world.view(4, spec("", ViewMode::Search("layer:2".to_owned())));
    assert_eq!(rows(&mut world, 4), ["link@1", "usr/bin/tool@1"]);
    world.view(
        5,
        spec(
            "",
            ViewMode::Search("re:^usr/b.*3$ type:symlink".to_owned()),
        ),
    );
    assert!(
        rows(&mut world, 5).is_empty(),
        "all after re: is the expression"
    );
    world.view(
        6,
        spec(
            "",
            ViewMode::Search("type:symlink re:^usr/b.*3$".to_owned()),
        ),
    );
    assert_eq!(rows(&mut world, 6), ["usr/bin/python3@0"]);
    // Where it really points.
    world.view(7, spec("bin/python3", ViewMode::Dir));
    let Some(Found::Entry { target, .. }) = world.info(7).map(|i| i.found) else {
        panic!("it is a link");
    };
    let Some(Target::Entry(row)) = target else {
        panic!("{target:?}");
    };
    assert_eq!(row.path, EntryPath::new("usr/bin/python3.11"));
    assert_eq!(row.version.map(|v| v.layer), Some(0));
}

#[test]
fn a_layer_that_fails_is_named() {
    let blobs = blobs();
    let mut world = world(&blobs[..1], &MemoryStore::default());
    open(&mut world, &blobs);
    world.view(1, spec("", ViewMode::Dir));
    world.run();
    let progress = world.progress();
    assert_eq!(progress.phase, Phase::Failed);
    assert_eq!(progress.layers, Some((1, 3)));
    let problem = progress.problem.unwrap();
    assert!(problem.cause.starts_with("Layer 2 of 3: "), "{problem:?}");
    // What is below it is listed.
    assert_eq!(rows(&mut world, 1), ["etc@0", "usr@0", "bin@0"]);
}

#[test]
fn it_can_be_cancelled_and_is_empty_without_layers() {
    let blobs = blobs();
    let mut world = world(&blobs, &MemoryStore::default());
    open(&mut world, &blobs);
    world.post(Request::Cancel { job: 1 });
    world.run();
    assert_eq!(world.phase(), Phase::Cancelled);
    world.post(Request::Close { job: 1 });
    world.take_told();
    world.post(Request::OpenRoot {
        job: 2,
        source: World::source(&blobs[0], None),
        layers: packed(&[]),
        access: Access::default(),
    });
    world.run();
    let progress = world.progress_of(2).unwrap();
    assert_eq!((progress.phase, progress.entries), (Phase::Done, 0));
}

#[test]
fn questions_are_answered() {
    let blobs = blobs();
    let mut world = world(&blobs, &MemoryStore::default());
    open(&mut world, &blobs);
    world.run();
    let mut ask = |ask: RootAsk| {
        world.take_told();
        world.post(Request::Root {
            job: 1,
            read: 9,
            ask: postcard::to_allocvec(&ask).unwrap(),
        });
        world.run();
        let told = world.take_told();
        let bytes = told.into_iter().find_map(|(event, bytes)| match event {
            Event::Root { job: 1, read: 9 } => bytes,
            _ => None,
        });
        postcard::from_bytes::<RootAnswer>(&bytes.unwrap()).unwrap()
    };
    let RootAnswer::Waste(waste) = ask(RootAsk::Waste) else {
        panic!("another answer");
    };
    // Three times the big file, and the two of the deleted one.
    assert_eq!(waste.path_count, 2);
    assert_eq!(waste.paths[0], (EntryPath::new("usr/big"), 3, 1_500_000));
    let RootAnswer::Sizes(sizes) = ask(RootAsk::Sizes {
        at: EntryPath::ROOT,
    }) else {
        panic!("another answer");
    };
    // Another name keeps what the second layer brought.
    let largest = |n: usize| (sizes.largest[n].path.display(), sizes.largest[n].layer);
    assert_eq!(largest(0), ("link".to_owned(), Some(1)));
    assert_eq!(largest(1), ("usr/big".to_owned(), Some(2)));
    let RootAnswer::Packages(packages) = ask(RootAsk::Packages) else {
        panic!("another answer");
    };
    assert_eq!((packages.count, packages.problem), (0, None));
    assert_eq!(packages.total.bytes, sizes.total.bytes);
    let RootAnswer::Layers(layers) = ask(RootAsk::Layers) else {
        panic!("another answer");
    };
    assert_eq!(layers[2].changes.removed.files, 1);
    // By all that a layer tells of them, its big file is that of the layer below.
    assert_eq!(layers[1].changes.repeated.files, 1);
}

#[test]
fn half_a_layer_is_never_left() {
    let lower = layer(0, &["etc/", "etc/gone"]);
    // More than one slice of work.
    let deep: Vec<String> = (0..24_000)
        .map(|i| format!("a/b/c/d/e/f/g/h/{i}/"))
        .collect();
    let mut lines: Vec<&str> = vec!["etc/.wh.gone"];
    lines.extend(deep.iter().map(String::as_str));
    let blobs = [lower, layer(1, &lines)];
    let store = MemoryStore::default();
    let mut first = world(&blobs, &store);
    open(&mut first, &blobs);
    first.run();
    assert_eq!(first.phase(), Phase::Done);
    let mut seen = [0; 3];
    for turns in 0.. {
        let mut world = world(&blobs, &store);
        open(&mut world, &blobs);
        (0..turns).for_each(|_| world.turn());
        if world.phase() == Phase::Done {
            break;
        }
        world.post(Request::Cancel { job: 1 });
        world.run();
        let progress = world.progress();
        assert_eq!(progress.phase, Phase::Cancelled);
        let layers = progress.layers.map_or(0, |(n, _)| n as usize);
        seen[layers] += 1;
        assert_eq!(progress.entries, [0, 2, 24_002][layers]);
        let all = ViewSpec {
            hidden: true,
            ..spec("etc", ViewMode::Dir)
        };
        world.view(1, all);
        let expect: &[&str] = [&[][..], &["etc/gone@0"], &["etc/gone@0 deleted 1"]][layers];
        assert_eq!(rows(&mut world, 1), expect);
    }
    assert!(
        seen[1] >= 3,
        "in the middle of the second layer too: {seen:?}"
    );
}

#[test]
fn what_does_not_fit_is_said() {
    let blob = layer(0, &["etc/", "etc/new"]);
    let blobs = vec![blob; crate::rootfs::MAX_LAYERS + 1];
    let mut world = world(&blobs, &MemoryStore::default());
    open(&mut world, &blobs);
    world.run();
    let progress = world.progress();
    assert_eq!(progress.phase, Phase::Failed);
    assert_eq!(progress.layers, Some((4096, 4097)));
    let problem = progress.problem.unwrap();
    assert_eq!(problem.code, "ROOT_TOO_LARGE");
    assert!(
        problem
            .cause
            .starts_with("Layer 4097 of 4097: with it there are more layers"),
        "{problem:?}"
    );
}

#[test]
fn what_has_no_place_is_listed_with_what_is_hidden() {
    let blobs = [
        layer(0, &["a -> b", "b -> a", "c"]),
        layer(1, &["a/lost", "c"]),
    ];
    let mut world = world(&blobs, &MemoryStore::default());
    open(&mut world, &blobs);
    world.run();
    world.view(1, spec("", ViewMode::Flat));
    assert_eq!(rows(&mut world, 1), ["a@0", "b@0", "c@1"]);
    let hidden = |mode| ViewSpec {
        hidden: true,
        ..spec("", mode)
    };
    world.view(2, hidden(ViewMode::Flat));
    let all = ["a@0", "a/lost@1 unplaced 1", "b@0", "c@0 replaced 1", "c@1"];
    assert_eq!(rows(&mut world, 2), all);
    world.view(3, hidden(ViewMode::Search("lost".to_owned())));
    assert_eq!(rows(&mut world, 3), ["a/lost@1 unplaced 1"]);
    let ordinal = world.rows(3)[0].ordinal.unwrap();
    world.read(5, ordinal, 0, u64::MAX);
    world.run();
    assert!(world.content(5).unwrap().bytes == content(1, "a/lost"));
}

#[test]
fn a_search_that_cannot_be_read_says_so() {
    let blobs = blobs();
    let mut world = world(&blobs, &MemoryStore::default());
    open(&mut world, &blobs);
    world.run();
    let problem = |world: &mut World, text: &str| {
        world.view(1, spec("", ViewMode::Search(text.to_owned())));
        world.info(1).unwrap().problem
    };
    assert!(problem(&mut world, "re:usr/(bin").is_some());
    let mixed = problem(&mut world, "name re:x").unwrap();
    assert_eq!(mixed, "what stands before re: is no filter");
    assert_eq!(problem(&mut world, "re:^usr/none$"), None);
    assert_eq!(problem(&mut world, "name"), None);
}

/// Listings that were told of, by their rows.
fn told_of(world: &World, view: u32) -> usize {
    let of = |event: &Event| matches!(event, Event::View { view: v, .. } if *v == view);
    world.told().iter().filter(|event| of(event)).count()
}

#[test]
fn a_burst_of_layers_is_listed_once() {
    let blobs: Vec<Blob> = (0..30)
        .map(|i| layer(i, &["d/", &format!("d/{i}")]))
        .collect();
    let store = MemoryStore::default();
    let mut first = world(&blobs, &store);
    open(&mut first, &blobs);
    first.run();
    // All are stored now, and come within no time.
    let mut world = world(&blobs, &store);
    open(&mut world, &blobs);
    world.view(1, spec("d", ViewMode::Dir));
    world.run();
    assert_eq!(rows(&mut world, 1).len(), 30);
    let times = told_of(&world, 1);
    assert!(times < 6, "it was made {times} times");
    // Time goes by between them.
    let mut slow = self::world(&blobs, &store);
    open(&mut slow, &blobs);
    slow.view(1, spec("d", ViewMode::Dir));
    for turns in 0.. {
        if slow.phase() == Phase::Done {
            break;
        }
        slow.turn();
        slow.clock.set(f64::from(turns) * 150.0);
    }
    assert!(told_of(&slow, 1) > 10);
    // Who asks in the middle of it is told of all that is there.
    let mut early = self::world(&blobs, &store);
    open(&mut early, &blobs);
    early.view(1, spec("d", ViewMode::Dir));
    early.run_until(|w| w.progress_of(1).is_some_and(|p| p.layers >= Some((20, 30))));
    early.view(2, spec("d", ViewMode::Dir));
    assert!(rows(&mut early, 2).len() >= 20);
    assert_eq!(
        rows(&mut early, 1),
        rows(&mut early, 2),
        "they are of one tree"
    );
    early.run();
    assert_eq!(rows(&mut early, 1).len(), 30);
}

#[test]
fn several_layers_keep_no_more_than_one() {
    // One long frame each, of more plain bytes together than are kept.
    let blobs: Vec<Blob> = (0..3)
        .map(|i| {
            let mut archive = ::tar::Builder::new(Vec::new());
            let mut header = ::tar::Header::new_gnu();
            header.set_size(24 << 20);
            let bytes = vec![i; 24 << 20];
            archive
                .append_data(&mut header, format!("{i}"), &*bytes)
                .unwrap();
            let plain = archive.into_inner().unwrap();
            Blob::new(compress_to_vec(&*plain, CompressionLevel::Fastest))
        })
        .collect();
    let mut world = world(&blobs, &MemoryStore::default());
    open(&mut world, &blobs);
    world.run();
    assert_eq!(world.phase(), Phase::Done);
    assert_eq!(world.session.kept(1), Some(64 << 20));
}
