//! Layers from disk: nobody is asked for them but who holds the files, and some have no digest.

use super::world::{Blob, World, file, layer, noise};
use crate::digest::{Algorithm, Digest};
use crate::job::{LayerSource, Phase, Request, Verified};
use crate::port::memory::MemoryStore;
use crate::reference::{Registry, Repository};

fn source(blob: &Blob, unnamed: bool) -> LayerSource {
    LayerSource {
        repository: Repository::new(Registry::local(), "0123abcd").unwrap(),
        digest: match unnamed {
            true => Digest::of(Algorithm::Sha256, b"a name"),
            false => blob.digest.clone(),
        },
        unnamed,
        ..World::source(blob, Some(blob.len()))
    }
}

#[test]
fn what_has_no_digest_is_compared_with_none() {
    let blob = layer();
    let store = MemoryStore::default();
    for _ in 0..2 {
        let mut world = World::on(&blob, &store);
        world
            .app_config
            .replace(Some(br#"{"index-source": "https://a.example/"}"#.to_vec()));
        world.open_source(1, source(&blob, true));
        world.run();
        let progress = world.progress();
        assert_eq!(
            (progress.phase, progress.verified),
            (Phase::Done, Verified::None)
        );
        assert_eq!(progress.problem, None);
        // Read anew each time: nothing of it is kept.
        assert!(!progress.from_store);
        let (ordinal, bytes) = file("usr/share/small.txt");
        world.read(1, ordinal, 0, 100_000);
        world.run();
        let content = world.content(1).unwrap();
        assert!(content.bytes == bytes);
        assert_eq!(content.verified, Verified::None);
        for request in world.http.requests() {
            assert!(
                request.url.starts_with("local:0123abcd/blobs/"),
                "{request:?}"
            );
        }
    }
}

#[test]
fn its_own_checksum_is_checked() {
    let blob = layer();
    let mut bytes = blob.bytes.to_vec();
    let crc = bytes.len() - 8;
    bytes[crc] ^= 1;
    let blob = Blob::new(bytes);
    let mut world = World::of(&blob);
    world.open_source(1, source(&blob, true));
    world.run();
    let problem = world.progress().problem.unwrap();
    assert!(problem.cause.contains("CRC-32"), "{problem}");
}

#[test]
fn what_has_one_is() {
    let blob = layer();
    let store = MemoryStore::default();
    for again in [false, true] {
        let mut world = World::on(&blob, &store);
        world.open_source(1, source(&blob, false));
        world.run();
        let progress = world.progress();
        assert_eq!(
            (progress.phase, progress.verified),
            (Phase::Done, Verified::Blob)
        );
        assert_eq!(progress.from_store, again);
    }
    let other = Blob::new(noise(1000, 1));
    let mut world = World::of(&other);
    let wrong = LayerSource {
        digest: blob.digest.clone(),
        ..source(&other, false)
    };
    world.open_source(1, wrong);
    world.run();
    assert_eq!(world.progress().phase, Phase::Failed);
    assert_eq!(world.progress().problem.unwrap().code, "DIGEST_MISMATCH");
}

#[test]
fn a_file_in_it_opens_as_the_archive_that_it_is() {
    let mut outer = ::tar::Builder::new(Vec::new());
    let inner = {
        let mut inner = ::tar::Builder::new(Vec::new());
        let mut header = ::tar::Header::new_gnu();
        header.set_size(2);
        inner.append_data(&mut header, "b", &b"hi"[..]).unwrap();
        inner.into_inner().unwrap()
    };
    let mut header = ::tar::Header::new_gnu();
    header.set_size(inner.len() as u64);
    outer.append_data(&mut header, "a.tar", &*inner).unwrap();
    let blob = Blob::new(outer.into_inner().unwrap());
    let mut world = World::of(&blob);
    world.open_source(1, source(&blob, true));
    world.post(Request::OpenInner {
        job: 2,
        outer: 1,
        path: "a.tar".into(),
    });
    world.run();
    let progress = world.progress_of(2).unwrap();
    assert_eq!(
        (progress.phase, progress.verified),
        (Phase::Done, Verified::None)
    );
}
