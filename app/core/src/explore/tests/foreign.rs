//! Layers that open by the table of contents which their publisher put into them, with every
//! request that is made for it.

use serde_json::Value;

use crate::digest::{Algorithm, Digest};
use crate::foreign::tests::{ALL, Layer, layer, repacked};
use crate::job::{LayerSource, MadeBy, Phase, Verified, ViewMode, ViewSpec};
use crate::port::memory::{Answer, MemoryStore};

use super::world::{Blob, World, serve};

fn blob(layer: &Layer) -> Blob {
    Blob::new(layer.blob.clone())
}

fn source(layer: &Layer) -> LayerSource {
    LayerSource {
        annotations: layer.annotations.clone(),
        ..World::source(&blob(layer), Some(layer.blob.len() as u64))
    }
}

/// A world in which the layer was opened by what its manifest says.
fn opened(layer: &Layer) -> World {
    let mut world = World::of(&blob(layer));
    world.open_source(1, source(layer));
    world.run();
    world
}

fn made_by(name: &str) -> MadeBy {
    match name.starts_with("zstd") {
        true => MadeBy::ZstdChunked,
        false => MadeBy::EStargz,
    }
}

/// A file's ordinal, by a listing.
#[track_caller]
fn find(world: &mut World, name: &str) -> u32 {
    world.view(
        1,
        ViewSpec {
            mode: ViewMode::Flat,
            ..ViewSpec::default()
        },
    );
    let rows = world.rows(1);
    let row = rows.iter().find(|row| row.path.encode() == name);
    row.expect("the file is listed").ordinal.unwrap()
}

/// What `tar` has under a name.
fn file(layer: &Layer, name: &str) -> Vec<u8> {
    let files = layer.files();
    let found = files.into_iter().find(|(path, _)| path == name);
    found.unwrap().1
}

fn range(range: std::ops::Range<u64>) -> Option<String> {
    Some(format!("bytes={}-{}", range.start, range.end - 1))
}

#[test]
fn one_request_opens_the_layer_and_one_reads_a_file() {
    for name in ALL {
        let layer = layer(name);
        let mut world = opened(&layer);
        let progress = world.progress();
        assert_eq!(progress.phase, Phase::Done, "{name}: {:?}", progress.note);
        assert_eq!(progress.verified, Verified::Toc);
        assert_eq!((progress.made_by, progress.note), (made_by(name), None));
        assert_eq!((progress.received, progress.index_bytes), (0, None));
        let len = layer.blob.len() as u64;
        let first = match made_by(name) {
            MadeBy::EStargz => range(len - (16 << 10)..len),
            _ => range(layer.toc_place()),
        };
        assert_eq!(world.ranges(), [first]);
        let ordinal = find(&mut world, "usr/share/text.txt");
        world.read(1, ordinal, 0, u64::MAX);
        world.run();
        let content = world.content(1).unwrap();
        assert!(content.bytes == file(&layer, "usr/share/text.txt"));
        assert_eq!(content.verified, Verified::Toc);
        assert_eq!(world.ranges().len(), 2, "{name}");
        assert!(content.fetched < 110_000, "{name}: {}", content.fetched);
        // Its neighbourhood is kept.
        world.read(2, ordinal, 1000, 10);
        world.run();
        assert_eq!(world.content(2).unwrap().bytes, content.bytes[1000..1010]);
        assert_eq!(world.ranges().len(), 2, "{name}");
        assert!(
            world.store.keys().is_empty(),
            "nothing of a stranger's is stored"
        );
    }
}

#[test]
fn a_large_table_is_a_request_of_its_own() {
    let layer = repacked(&layer("estargz.tar.gz"), |toc| {
        let noise = super::world::noise(30_000, 3);
        toc["noise"] = Value::from(format!("{noise:?}"));
    });
    let mut world = opened(&layer);
    assert_eq!(world.progress().verified, Verified::Toc);
    let len = layer.blob.len() as u64;
    let toc = layer.toc_place();
    assert!(toc.start < len - (16 << 10));
    assert_eq!(world.ranges(), [range(len - (16 << 10)..len), range(toc)]);
    let ordinal = find(&mut world, "etc/hostname");
    world.read(1, ordinal, 0, 100);
    world.run();
    assert_eq!(world.content(1).unwrap().bytes, b"layerscope\n");
}

/// The layer is read whole, and why is told.
#[track_caller]
fn check_whole(mut world: World, layer: &Layer, why: &str) {
    world.run();
    let progress = world.progress();
    let note = progress.note.expect("nothing is told");
    assert!(note.contains(why), "{note}");
    assert_eq!(world.ranges().last(), Some(&None));
    assert_eq!(progress.made_by, MadeBy::Us);
    assert_eq!(
        progress.received,
        layer.blob.len() as u64,
        "{:?}",
        progress.problem
    );
}

#[test]
fn whatever_is_wrong_the_layer_is_read_whole() {
    let estargz = layer("estargz.tar.gz");
    let with = |layer: &Layer, key: &str, value: &str| {
        let mut source = source(layer);
        for (k, v) in &mut source.annotations {
            if k.ends_with(key) {
                value.clone_into(v);
            }
        }
        let mut world = World::of(&blob(layer));
        world.open_source(1, source);
        world
    };
    let other = Digest::of(Algorithm::Sha256, b"other").to_string();
    check_whole(
        with(&estargz, "toc.digest", &other),
        &estargz,
        "its manifest says",
    );
    check_whole(
        with(&estargz, "toc.digest", "md5:1"),
        &estargz,
        "has a bad digest",
    );
    // The table is not what it was.
    let changed = |at: u64| {
        let mut layer = estargz.clone();
        layer.blob[at as usize] ^= 4;
        layer.digest = Digest::of(Algorithm::Sha256, &layer.blob);
        layer
    };
    let toc = estargz.toc_place();
    let layer = changed(toc.start + 100);
    let mut world = World::of(&blob(&layer));
    world.open_source(1, source(&layer));
    // Its gzip is damaged, so that the whole has an end too.
    world.run();
    assert!(world.progress().note.is_some());
    assert_eq!(world.ranges().last(), Some(&None));
    // The footer names another place, or is none.
    for at in [
        estargz.blob.len() as u64 - 20,
        estargz.blob.len() as u64 - 50,
    ] {
        let layer = changed(at);
        let mut world = World::of(&blob(&layer));
        world.open_source(1, source(&layer));
        world.run();
        assert!(world.progress().note.is_some(), "{at}");
        assert_eq!(world.ranges().last(), Some(&None));
    }
    // A table that the publisher vouches for, with a place that cannot be.
    let layer = repacked(&estargz, |toc| {
        toc["entries"][3]["type"] = Value::from("unheard-of");
    });
    check_whole(
        opened(&layer),
        &layer,
        "entry 3 of its table of contents has a bad type",
    );
    let layer = repacked(&estargz, |toc| {
        for entry in toc["entries"].as_array_mut().unwrap() {
            if entry["name"] == "etc/hostname" {
                entry["offset"] = Value::from(1u64 << 40);
            }
        }
    });
    check_whole(opened(&layer), &layer, "bad place");
}

#[test]
fn zstd_chunked_that_is_wrong_is_read_whole_too() {
    for name in ["zstd-stargz.tar.zst", "zstd-storage.tar.zst"] {
        for (key, value, why) in [
            ("position", "1:2:3", "says \"1:2:3\""),
            ("position", "999999999:10:10:1", "and the layer has"),
            ("position", "100:10:10:1", "its manifest says"),
            ("checksum", "sha256:00", "bad digest"),
        ] {
            let layer = layer(name);
            let mut source = source(&layer);
            for (k, v) in &mut source.annotations {
                if k.ends_with(&format!("manifest-{key}")) {
                    value.clone_into(v);
                }
            }
            let mut world = World::of(&blob(&layer));
            world.open_source(1, source);
            world.run();
            let note = world.progress().note.expect("nothing is told");
            assert!(note.contains(why), "{note}");
            assert_eq!(world.ranges().last(), Some(&None));
        }
    }
}

#[test]
fn a_changed_piece_is_not_shown() {
    for name in ALL {
        let layer = layer(name);
        let mut world = opened(&layer);
        let ordinal = find(&mut world, "usr/bin/tool");
        world.read(1, ordinal, 0, u64::MAX);
        world.run();
        let asked = world.ranges().pop().flatten().unwrap();
        let (from, _) = asked[6..].split_once('-').unwrap();
        let mut changed = layer.clone();
        changed.blob[from.parse::<usize>().unwrap() + 5000] ^= 1;
        // The registry has the right digest and other bytes.
        let (bytes, digest) = (changed.blob.into(), layer.digest.clone());
        let mut world = World::of(&Blob { bytes, digest });
        world.open_source(1, source(&layer));
        world.run();
        assert_eq!(world.progress().verified, Verified::Toc);
        world.read(1, ordinal, 0, u64::MAX);
        world.run();
        assert_eq!(
            world.content(1).unwrap_err().code,
            "DIGEST_MISMATCH",
            "{name}"
        );
    }
}

#[test]
fn a_registry_without_ranges() {
    let layer = layer("estargz.tar.gz");
    let whole = blob(&layer);
    let mut world = World::new(&MemoryStore::default(), move |_| {
        Ok(Answer::ok(whole.bytes.to_vec()).chunked(50_000))
    });
    world.open_source(1, source(&layer));
    world.run();
    let progress = world.progress();
    assert_eq!(
        (progress.phase, progress.verified),
        (Phase::Done, Verified::Blob)
    );
    assert!(progress.note.unwrap().contains("no parts of them"));
    assert_eq!(world.ranges().len(), 2);
}

#[test]
fn a_registry_that_has_another_blob() {
    let layer = layer("estargz.tar.gz");
    let mut source = source(&layer);
    source.size = Some(layer.blob.len() as u64 - 1);
    let mut world = World::of(&blob(&layer));
    world.open_source(1, source);
    world.run();
    assert!(world.progress().note.unwrap().contains("the registry says"));
}

#[test]
fn read_whole_when_that_is_wanted() {
    let layer = layer("estargz.tar.gz");
    let mut world = World::of(&blob(&layer));
    world.open_source(
        1,
        LayerSource {
            whole: true,
            ..source(&layer)
        },
    );
    world.run();
    let progress = world.progress();
    assert_eq!(
        (progress.phase, progress.verified),
        (Phase::Done, Verified::Blob)
    );
    assert_eq!((progress.made_by, progress.note), (MadeBy::Us, None));
    assert_eq!(world.ranges(), [None]);
    // From then on our own index is used.
    let mut again = World::on(&blob(&layer), &world.store);
    again.open_source(1, source(&layer));
    again.run();
    assert!(again.progress().from_store);
    assert_eq!(again.progress().verified, Verified::Blob);
    assert_eq!(again.ranges(), []);
}

#[test]
fn the_second_part_of_the_program_may_be_missing() {
    let layer = layer("estargz.tar.gz");
    let mut world = World::of(&blob(&layer));
    world.formats_fail.set(true);
    world.open_source(1, source(&layer));
    check_whole(world, &layer, "did not load: no connection");
}

#[test]
fn it_can_be_cancelled() {
    let layer = layer("estargz.tar.gz");
    let mut world = World::of(&blob(&layer));
    world.open_source(1, source(&layer));
    world.post(crate::job::Request::Cancel { job: 1 });
    world.run();
    assert_eq!(world.phase(), Phase::Cancelled);
    assert_eq!(world.ranges().len(), 0);
}

#[test]
fn without_annotations_only_a_large_layer_is_looked_at() {
    let small = layer("estargz.tar.gz");
    let mut world = World::of(&blob(&small));
    world.open(&blob(&small));
    world.run();
    assert_eq!(world.ranges(), [None]);
    assert_eq!(world.progress().note, None);

    for found in [true, false] {
        let mut large = small.padded(64 << 20);
        if !found {
            let at = large.blob.len() - 15; // in its magic
            large.blob[at] ^= 1;
        }
        let blob = blob(&large);
        let served = blob.clone();
        let mut world = World::new(&MemoryStore::default(), move |request| {
            match request.header("range") {
                Some(_) => Ok(serve(&served, request)),
                None => Ok(Answer::status(404)),
            }
        });
        world.open(&blob);
        world.run();
        let (progress, ranges) = (world.progress(), world.ranges());
        let len = large.blob.len() as u64;
        assert_eq!(ranges[0], range(len - (16 << 10)..len));
        assert_eq!(progress.note, None);
        if found {
            assert_eq!((ranges.len(), progress.made_by), (1, MadeBy::EStargz));
            // Nothing binds the table to the layer's digest.
            assert_eq!(progress.verified, Verified::None);
        } else {
            assert_eq!((ranges.len(), progress.phase), (2, Phase::Failed));
        }
    }
}
