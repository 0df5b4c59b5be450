//! Layers that open by an index that somebody else made beside them: SOCI's, an index source's, a
//! file that the user chose. And indices given away.

use std::rc::Rc;

use crate::digest::{Algorithm, Digest};
use crate::job::{
    Access, Event, ExportFormat, Exported, LayerSource, MadeBy, Phase, Request, SociIndex, Verified,
};
use crate::layer_index::{BlobHasher, BuildOptions, IndexBuilder, LayerIndex, index_file_name};
use crate::port::memory::{Answer, MemoryStore};
use crate::ztoc::{Ztoc, ZtocBuilder};

use super::world::{Blob, World, file, gzip, layer, noise, serve};

const SOURCE: &str = "https://cdn.test/lsx/";

fn sha256(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

/// A layer that SOCI would make a ztoc of, with the bytes of the file at its end.
fn large() -> (Blob, Vec<u8>) {
    let mut archive = ::tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes).unwrap();
    };
    add("noise", &noise(11 << 20, 1));
    add("last", b"found without the rest");
    let tar = archive.into_inner().unwrap();
    (Blob::new(gzip(&tar)), b"found without the rest".to_vec())
}

fn ztoc_of(blob: &Blob) -> Vec<u8> {
    let mut builder = ZtocBuilder::new(&blob.digest);
    builder.push(&blob.bytes).unwrap();
    builder.finish(&blob.digest).unwrap().bytes
}

fn index_file(blob: &Blob) -> Vec<u8> {
    let mut builder = IndexBuilder::new(BuildOptions::default());
    builder.push(&blob.bytes).unwrap();
    let mut hasher = BlobHasher::new(Algorithm::Sha256);
    hasher.push(&blob.bytes);
    let index = LayerIndex::seal(builder.finish(), hasher.finish(), &blob.digest);
    index.unwrap().to_bytes().unwrap()
}

/// SOCI's index of an image with this layer.
fn soci_index(layer: &Digest, ztoc: &[u8]) -> Vec<u8> {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{{"mediaType":"application/vnd.amazon.soci.index.v1+json","digest":"{}","size":2}},
        "layers":[{{"mediaType":"application/octet-stream","digest":"{}","size":{},
        "annotations":{{"com.amazon.soci.image-layer-digest":"{layer}"}}}}]}}"#,
        sha256(b"{}"),
        sha256(ztoc),
        ztoc.len()
    )
    .into_bytes()
}

/// Answers by a part of the address.
type Others = Vec<(String, Vec<u8>)>;

/// A proxy that has the blob, and other answers by a part of their address.
fn world(blob: &Blob, others: Others) -> World {
    let (blob, others) = (blob.clone(), Rc::new(others));
    World::new(&MemoryStore::default(), move |request| {
        let url = percent_encoding::percent_decode_str(&request.url).decode_utf8_lossy();
        if url.contains("/blob") && url.contains(&blob.digest.to_string()) {
            return Ok(serve(&blob, request));
        }
        let found = others.iter().find(|(part, _)| url.contains(part.as_str()));
        Ok(found.map_or(Answer::status(404), |(_, body)| Answer::ok(body.clone())))
    })
}

/// What SOCI's tool pushes for an image with this layer, as it is found by the referrers.
fn pushed(blob: &Blob, manifest: &Digest, ztoc: &[u8]) -> Others {
    let index = soci_index(&blob.digest, ztoc);
    let referrers = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
        {{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},
        "artifactType":"application/vnd.amazon.soci.index.v1+json"}}]}}"#,
        sha256(&index),
        index.len()
    );
    vec![
        (
            format!("referrers?registry=registry.test&repository=library/demo&digest={manifest}"),
            referrers.into_bytes(),
        ),
        (sha256(&index).to_string(), index),
        (sha256(ztoc).to_string(), ztoc.to_vec()),
    ]
}

fn source(blob: &Blob, soci: SociIndex) -> LayerSource {
    LayerSource {
        manifest: Some(sha256(b"the image")),
        soci,
        ..World::source(blob, Some(blob.len()))
    }
}

/// Opens the layer, and reads its last file where it is listed.
#[track_caller]
fn check_opens(world: &mut World, source: LayerSource, by: MadeBy, ordinal: u32, expect: &[u8]) {
    let len = source.size.unwrap();
    world.open_source(1, source);
    world.run();
    let progress = world.progress();
    assert_eq!(progress.phase, Phase::Done, "{progress:?}");
    assert_eq!(progress.made_by, by, "{:?}", progress.note);
    assert_eq!((progress.verified, progress.note), (Verified::Toc, None));
    assert_eq!(progress.received, 0);
    world.read(1, ordinal, 0, u64::MAX);
    world.run();
    let content = world.content(1).unwrap();
    assert!(content.bytes == expect);
    assert_eq!(content.verified, Verified::Toc);
    assert!(content.fetched < len / 2, "{} of {len}", content.fetched);
    assert!(
        world.store.keys().is_empty(),
        "nothing of a stranger's is stored"
    );
}

#[track_caller]
fn check_whole(mut world: World, source: LayerSource, note: Option<&str>) -> World {
    world.open_source(1, source);
    world.run();
    let progress = world.progress();
    assert_eq!(progress.made_by, MadeBy::Us);
    assert_eq!(progress.verified, Verified::Blob, "{progress:?}");
    match (note, &progress.note) {
        (Some(part), Some(told)) => assert!(told.contains(part), "{told}"),
        (part, told) => assert_eq!((part, told), (None, &None)),
    }
    world
}

#[test]
fn socis_index_is_found_by_the_referrers_or_where_the_manifest_says() {
    let (blob, bytes) = large();
    let ztoc = ztoc_of(&blob);
    let manifest = sha256(b"the image");
    let index = sha256(&soci_index(&blob.digest, &ztoc));
    for (soci, requests) in [(SociIndex::Unknown, 3), (SociIndex::At(index), 2)] {
        let mut world = world(&blob, pushed(&blob, &manifest, &ztoc));
        let source = source(&blob, soci);
        check_opens(&mut world, source, MadeBy::Soci, 1, &bytes);
        assert_eq!(world.http.requests().len(), requests + 1);
    }
}

/// For all layers of an image one answer does, whatever it is.
#[test]
fn socis_index_is_looked_for_once_for_all_layers() {
    let (blob, ..) = large();
    let ztoc = ztoc_of(&blob);
    let pushed = pushed(&blob, &sha256(b"the image"), &ztoc);
    for (others, made_by) in [(Vec::new(), MadeBy::Us), (pushed, MadeBy::Soci)] {
        let mut world = world(&blob, others);
        let one = source(&blob, SociIndex::Unknown);
        let layers = vec![one.clone(); 4];
        world.post(Request::OpenRoot {
            job: 1,
            source: one,
            layers: postcard::to_allocvec(&layers).unwrap(),
            access: Access::default(),
        });
        world.run();
        assert_eq!(world.progress().phase, Phase::Done);
        let asked = |part: &str| {
            let requests = world.http.requests();
            requests.iter().filter(|r| r.url.contains(part)).count()
        };
        assert_eq!(asked("/referrers"), 1, "{made_by:?}");
        // The fallback tag, or the index.
        assert_eq!(asked("/manifest"), 1, "{made_by:?}");
    }
}

#[test]
fn what_is_wrong_with_socis_index_is_told_and_the_layer_read_whole() {
    let (blob, ..) = large();
    let ztoc = ztoc_of(&blob);
    let manifest = sha256(b"the image");
    let good = pushed(&blob, &manifest, &ztoc);
    let with = |change: &dyn Fn(&mut Others)| {
        let mut others = good.clone();
        change(&mut others);
        world(&blob, others)
    };
    let unknown = || source(&blob, SociIndex::Unknown);
    let at = |digest: Digest| source(&blob, SociIndex::At(digest));
    // Nobody promised anything.
    check_whole(with(&|o| o.clear()), unknown(), None);
    check_whole(with(&|o| o[0].1 = b"<html>".to_vec()), unknown(), None);
    // An index that is there in part.
    check_whole(
        with(&|o| drop(o.remove(1))),
        unknown(),
        Some("does not have the manifest"),
    );
    check_whole(
        with(&|o| drop(o.remove(2))),
        unknown(),
        Some("does not have the blob"),
    );
    check_whole(
        with(&|o| o[2].1[9] ^= 1),
        unknown(),
        Some("with the digest"),
    );
    check_whole(
        with(&|_| {}),
        at(sha256(b"elsewhere")),
        Some("does not have the manifest"),
    );
    // A ztoc of another layer, with its right digest.
    let other = ztoc_of(&layer());
    let others = pushed(&blob, &manifest, &other);
    check_whole(
        world(&blob, others),
        unknown(),
        Some("the ztoc is of a blob of"),
    );
    // One that is no ztoc.
    let others = pushed(&blob, &manifest, b"none");
    check_whole(world(&blob, others), unknown(), Some("no flatbuffer"));
    // The program's part that reads it.
    let world = with(&|_| {});
    world.formats_fail.set(true);
    check_whole(world, unknown(), Some("did not load"));
}

#[test]
fn nothing_is_asked_where_soci_has_nothing() {
    let (blob, ..) = large();
    let small = layer();
    let without = |blob: &Blob, source: LayerSource| {
        let world = check_whole(world(blob, Vec::new()), source, None);
        assert_eq!(world.http.requests().len(), 1);
    };
    without(&blob, source(&blob, SociIndex::None));
    without(&small, source(&small, SociIndex::Unknown));
    let nowhere = LayerSource {
        manifest: None,
        ..source(&blob, SociIndex::Unknown)
    };
    without(&blob, nowhere);
    let whole = LayerSource {
        whole: true,
        ..source(&blob, SociIndex::At(sha256(b"index")))
    };
    without(&blob, whole);
}

fn with_source(blob: &Blob, file: Option<Vec<u8>>) -> World {
    let name = format!("{SOURCE}{}", index_file_name(&blob.digest));
    let world = world(blob, file.map(|file| (name, file)).into_iter().collect());
    let config = format!(r#"{{"index-source":"{SOURCE}"}}"#);
    *world.app_config.borrow_mut() = Some(config.into_bytes());
    world
}

#[test]
fn an_index_source_is_asked_first() {
    let blob = layer();
    let (ordinal, bytes) = file("usr/share/last.txt");
    let mut world = with_source(&blob, Some(index_file(&blob)));
    let source = World::source(&blob, Some(blob.len()));
    check_opens(&mut world, source, MadeBy::Source, ordinal, &bytes);
    let urls: Vec<_> = world
        .http
        .requests()
        .iter()
        .map(|r| r.url.clone())
        .collect();
    assert_eq!(
        urls[0],
        format!("{SOURCE}{}", index_file_name(&blob.digest))
    );
    assert_eq!(urls.len(), 2);
    // It has no digests of ours: it is not given away as ours.
    world.post(Request::Export {
        job: 1,
        read: 9,
        format: ExportFormat::IndexFile,
    });
    world.run();
    assert_eq!(world.content(9).unwrap_err().code, "NO_INDEX");
}

#[test]
fn an_index_source_without_it_or_with_another_costs_a_request() {
    let blob = layer();
    let source = || World::source(&blob, Some(blob.len()));
    let world = check_whole(with_source(&blob, None), source(), None);
    assert_eq!(world.http.requests().len(), 2);
    let other = index_file(&large().0);
    check_whole(
        with_source(&blob, Some(other)),
        source(),
        Some("another layer"),
    );
    let mut damaged = index_file(&blob);
    damaged[40] ^= 1;
    check_whole(
        with_source(&blob, Some(damaged)),
        source(),
        Some("no index"),
    );
    let html = b"<!doctype html>".to_vec();
    check_whole(with_source(&blob, Some(html)), source(), Some("no index"));
    let world = with_source(&blob, None);
    *world.app_config.borrow_mut() = Some(br#"{"index-source":"ftp://x"}"#.to_vec());
    check_whole(world, source(), Some("config.json"));
    // Nothing is set: no part of the program is loaded for it.
    let world = with_source(&blob, None);
    *world.app_config.borrow_mut() = Some(b"{}".to_vec());
    world.formats_fail.set(true);
    check_whole(world, source(), None);
}

#[test]
fn bytes_that_are_not_those_of_the_index_are_refused() {
    let blob = layer();
    let mut changed = blob.clone();
    let mut bytes = blob.bytes.to_vec();
    let at = bytes.len() - 100;
    bytes[at] ^= 1;
    changed.bytes = bytes.into();
    let mut world = with_source(&changed, Some(index_file(&blob)));
    world.open_source(1, World::source(&blob, Some(blob.len())));
    world.run();
    assert_eq!(world.progress().verified, Verified::Toc);
    world.read(1, file("usr/share/last.txt").0, 0, 100);
    world.run();
    assert_eq!(world.content(1).unwrap_err().code, "DIGEST_MISMATCH");
}

#[test]
fn a_file_that_the_user_chose_is_used_at_once() {
    let blob = layer();
    let (ordinal, bytes) = file("usr/share/last.txt");
    let given = |file: Vec<u8>| LayerSource {
        given: Some(file),
        ..World::source(&blob, Some(blob.len()))
    };
    let mut world = World::of(&blob);
    let source = given(index_file(&blob));
    check_opens(&mut world, source, MadeBy::File, ordinal, &bytes);
    let other = given(index_file(&large().0));
    check_whole(World::of(&blob), other, Some("another layer"));
    check_whole(World::of(&blob), given(b"text".to_vec()), Some("no index"));
}

/// What an export gave.
#[track_caller]
fn export(world: &mut World, format: ExportFormat) -> (Exported, Vec<u8>) {
    world.post(Request::Export {
        job: 1,
        read: 7,
        format,
    });
    world.run();
    let told = world.take_told();
    let found = told.into_iter().find_map(|(event, bytes)| match event {
        Event::Exported { exported, .. } => Some((exported, bytes.unwrap())),
        _ => None,
    });
    found.expect("nothing was exported")
}

#[test]
fn an_index_is_given_away_in_both_forms() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run();
    let (exported, bytes) = export(&mut world, ExportFormat::IndexFile);
    assert_eq!(exported.name, index_file_name(&blob.digest));
    assert_eq!(
        (exported.digest, exported.len),
        (sha256(&bytes), bytes.len() as u64)
    );
    assert!(bytes == index_file(&blob));
    assert_eq!(world.http.requests().len(), 1);

    let (exported, bytes) = export(&mut world, ExportFormat::Ztoc);
    assert!(exported.name.ends_with(".ztoc"));
    assert_eq!(exported.digest, sha256(&bytes));
    let ztoc = Ztoc::parse(&bytes, Some(blob.len())).unwrap();
    assert_eq!(ztoc.toc.len(), 6);
    assert_eq!(world.ranges(), [None, None]);

    // A layer that is no tar has no ztoc.
    let blob = Blob::new(gzip(b"no archive"));
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run();
    world.post(Request::Export {
        job: 1,
        read: 7,
        format: ExportFormat::Ztoc,
    });
    world.run();
    assert_eq!(world.content(7).unwrap_err().code, "NO_ZTOC");
}
