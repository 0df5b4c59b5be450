//! What happens when something goes wrong.

use crate::digest::{Algorithm, Digest};
use crate::job::{Phase, Verified, ViewMode, ViewSpec};
use crate::port::memory::{Answer, MemoryStore};
use crate::port::{HttpError, StoreError};

use super::world::{Blob, Script, World, file, gzip, layer, noise, serve, tar};

fn flat() -> ViewSpec {
    ViewSpec {
        mode: ViewMode::Flat,
        ..ViewSpec::default()
    }
}

#[track_caller]
fn code(world: &World) -> String {
    world.progress().problem.expect("no problem was told").code
}

/// The registry answers with a status.
#[track_caller]
fn check_status(answer: Script, expect: &str) {
    let blob = layer();
    let mut world = World::scripted(&blob, vec![answer; 20]);
    world.open(&blob);
    world.view(1, flat());
    world.run();
    let progress = world.progress();
    assert_eq!(
        (progress.phase, progress.verified),
        (Phase::Failed, Verified::None)
    );
    assert_eq!(code(&world), expect);
    assert!(world.store.keys().is_empty());
    assert!(world.info(1).unwrap().complete);
    // Somebody may try again under another id, in the same worker.
    assert_eq!(world.answer(1), None);
}

#[test]
fn a_registry_that_refuses() {
    check_status(|_, _| Ok(Answer::status(401)), "UNAUTHORIZED");
    check_status(|_, _| Ok(Answer::status(403)), "FORBIDDEN");
    check_status(|_, _| Ok(Answer::status(404)), "NOT_FOUND");
    check_status(
        |_, _| Ok(Answer::status(429).header("Retry-After", "30")),
        "RATE_LIMITED",
    );
    check_status(|_, _| Ok(Answer::status(502)), "REGISTRY_FAILED");
}

#[test]
fn nobody_answers() {
    let blob = layer();
    let mut world = World::scripted(&blob, vec![|_, _| Err(HttpError::TimedOut); 20]);
    world.open(&blob);
    world.run();
    assert_eq!(world.progress().phase, Phase::Failed);
    assert_eq!(
        world.http.requests().len(),
        1,
        "the user is asked before it is tried again"
    );
}

#[test]
fn a_wrong_digest_marks_the_rows_and_stores_nothing() {
    let right = layer();
    let wrong = Blob {
        digest: Digest::of(Algorithm::Sha256, b"something else"),
        ..right
    };
    let mut world = World::of(&wrong);
    world.open(&wrong);
    world.view(1, flat());
    world.run();
    let progress = world.progress();
    assert_eq!(
        (progress.phase, progress.verified),
        (Phase::Failed, Verified::None)
    );
    assert_eq!(code(&world), "DIGEST_MISMATCH");
    assert_eq!(world.info(1).unwrap().total, 6, "the rows stay");
    assert!(world.store.keys().is_empty());
    let (ordinal, _) = file("etc/hostname");
    world.read(1, ordinal, 0, 10);
    world.run();
    assert_eq!(world.content(1).unwrap().verified, Verified::None);
}

/// A blob with damage in it, whose digest is right: what was pushed is what is there.
#[track_caller]
fn check_damage(bytes: Vec<u8>, expect: &str, entries: u32) {
    let blob = Blob::new(bytes);
    let mut world = World::of(&blob);
    world.open(&blob);
    world.view(1, flat());
    world.run();
    let progress = world.progress();
    assert_eq!(
        (progress.phase, progress.verified),
        (Phase::Done, Verified::Blob)
    );
    assert_eq!(code(&world), expect);
    assert_eq!(progress.entries, entries);
    assert_eq!(world.info(1).unwrap().total, entries);

    // The next visit says the same, without a request.
    let store = world.store.clone();
    let mut world = World::on(&blob, &store);
    world.open(&blob);
    world.run();
    assert_eq!(
        (world.progress().entries, code(&world)),
        (entries, expect.to_owned())
    );
    assert!(world.progress().from_store && world.ranges().is_empty());
}

#[test]
fn damage_is_told_beside_what_could_be_read() {
    let whole = layer().bytes.to_vec();
    check_damage(whole[..whole.len() / 2].to_vec(), "STREAM_DAMAGED", 4);
    let mut changed = whole.clone();
    let at = changed.len() - 6; // in the trailer's CRC or length
    changed[at] ^= 1;
    check_damage(changed, "STREAM_DAMAGED", 6);
    check_damage(gzip(&tar()[..40_000]), "TAR_DAMAGED", 4);
}

#[test]
fn a_decoder_that_cannot_be_loaded_ends_the_transfer() {
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd];
    bytes.extend(noise(1_000_000, 5));
    let blob = Blob::new(bytes.clone());
    let mut world = World::of(&blob);
    world.formats_fail.set(true);
    world.open(&blob);
    world.run();
    assert_eq!(world.progress().phase, Phase::Failed);
    assert_eq!(code(&world), "PROGRAM_MISSING");
    assert!(world.progress().received < 100_000);
    check_damage(bytes, "STREAM_DAMAGED", 0);
}

#[test]
fn more_than_the_manifest_states() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open_as(1, &blob, Some(blob.len() - 1));
    world.run();
    assert_eq!(world.progress().phase, Phase::Failed);
    assert_eq!(code(&world), "BLOB_TOO_LONG");
    assert!(world.store.keys().is_empty());
}

#[test]
fn a_dropped_connection_is_taken_up_where_it_broke() {
    let blob = layer();
    for broken in [1, 49_999, 50_000, 1_000_001] {
        // What was given out before is not asked for again.
        let from = broken;
        let served = blob.clone();
        let first = std::cell::Cell::new(true);
        let mut world = World::new(&MemoryStore::default(), move |request| {
            let answer = serve(&served, request);
            Ok(match first.replace(false) {
                true => answer.breaks_after(broken),
                false => answer,
            })
        });
        world.open(&blob);
        world.view(1, flat());
        world.run();
        let progress = world.progress();
        assert_eq!(
            (progress.phase, progress.verified),
            (Phase::Done, Verified::Blob)
        );
        assert_eq!((progress.received, progress.problem), (blob.len(), None));
        assert_eq!(world.info(1).unwrap().total, 6);
        assert_eq!(world.ranges(), [None, Some(format!("bytes={from}-"))]);
        assert_eq!(*world.sleeps.borrow(), [500]);
    }
}

#[test]
fn a_server_that_begins_again_is_skipped_to_where_it_broke() {
    let blob = layer();
    let mut world = World::scripted(
        &blob,
        vec![
            |blob, request| Ok(serve(blob, request).breaks_after(70_000)),
            |_, _| Ok(Answer::status(503)),
            |_, _| Err(HttpError::TimedOut),
            |blob, _| Ok(Answer::ok(blob.bytes.to_vec()).chunked(33_333)),
        ],
    );
    world.open(&blob);
    world.run();
    let progress = world.progress();
    assert_eq!(
        (progress.phase, progress.received),
        (Phase::Done, blob.len())
    );
    assert_eq!(*world.sleeps.borrow(), [500, 1000, 2000]);
}

#[test]
fn a_connection_that_stays_lost() {
    let blob = layer();
    let mut answers: Vec<Script> = vec![|_, _| Err(HttpError::TimedOut); 50];
    answers[0] = |blob, request| Ok(serve(blob, request).breaks_after(2_000_000));
    let mut world = World::scripted(&blob, answers);
    world.open(&blob);
    world.view(1, flat());
    world.run();
    let progress = world.progress();
    assert_eq!(
        (progress.phase, progress.verified),
        (Phase::Failed, Verified::None)
    );
    assert_eq!(code(&world), "CONNECTION_LOST");
    assert_eq!(progress.received, 2_000_000);
    assert!(world.info(1).unwrap().total > 0, "the rows stay");
    assert_eq!(world.sleeps.borrow().len(), 5);
    assert!(world.store.keys().is_empty());
}

#[test]
fn a_blob_that_is_gone_when_it_is_taken_up_again() {
    let blob = layer();
    let mut world = World::scripted(
        &blob,
        vec![
            |blob, request| Ok(serve(blob, request).breaks_after(70_000)),
            |_, _| Ok(Answer::status(404)),
        ],
    );
    world.open(&blob);
    world.run();
    assert_eq!(code(&world), "NOT_FOUND");
    assert_eq!(world.sleeps.borrow().len(), 1);
}

#[test]
fn a_hasher_that_stops() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.hash_dies.set(true);
    world.open(&blob);
    world.run();
    assert_eq!(
        (world.progress().phase, world.progress().verified),
        (Phase::Failed, Verified::None)
    );
    assert!(world.store.keys().is_empty());
}

#[test]
fn without_a_store_all_works_and_the_user_is_told_once() {
    let store = MemoryStore::default();
    store.fail_with(Some(StoreError::Unavailable {
        detail: "private window".into(),
    }));
    let blob = layer();
    let mut world = World::on(&blob, &store);
    world.open(&blob);
    world.run();
    assert_eq!(
        (world.progress().phase, world.progress().verified),
        (Phase::Done, Verified::Blob)
    );
    world.open_as(2, &blob, None);
    world.run();
    assert_eq!(world.progress_of(2).unwrap().phase, Phase::Done);
    assert_eq!(world.notices().len(), 1);
    let (ordinal, bytes) = file("etc/hostname");
    world.read(1, ordinal, 0, 100);
    world.run();
    assert_eq!(world.content(1).unwrap().bytes, bytes);
}

#[test]
fn a_stored_index_that_is_damaged_is_made_again() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run();
    let store = world.store.clone();
    let key = store.keys().pop().unwrap();
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes[4] = 0xff,
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        Vec::clear,
    ];
    for damage in damages {
        store.tamper(&key, damage);
        let mut world = World::on(&blob, &store);
        world.open(&blob);
        world.run();
        assert_eq!(world.progress().phase, Phase::Done);
        assert!(!world.progress().from_store);
        assert_eq!(world.ranges(), [None]);
        assert_eq!(world.notices(), [""; 0], "nobody needs to know");
        let mut world = World::on(&blob, &store);
        world.open(&blob);
        world.run();
        assert!(world.progress().from_store, "it was stored again");
    }
}

#[test]
fn an_index_of_another_layer_under_this_key_is_not_believed() {
    let (blob, other) = (layer(), Blob::new(gzip(&tar()[..1024])));
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run();
    let (key, store) = (world.store.keys().pop().unwrap(), world.store.clone());
    let mut world = World::on(&other, &store);
    world.open(&other);
    world.run();
    let mut stolen = Vec::new();
    let other_key = store.keys().into_iter().find(|k| *k != key).unwrap();
    store.tamper(&other_key, |bytes| stolen = bytes.clone());
    store.tamper(&key, |bytes| *bytes = stolen);
    let mut world = World::on(&blob, &store);
    world.open(&blob);
    world.run();
    assert_eq!(
        (world.progress().from_store, world.progress().entries),
        (false, 6)
    );
}
