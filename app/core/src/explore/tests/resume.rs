//! Nothing is lost: cut at any place, stopped, reloaded, opened in two tabs, a layer comes to the
//! same index, and no byte is asked for again but those after what was stored last.

use crate::explore::ports::SaveEvery;
use crate::job::{Lost, Phase, Request, Verified};
use crate::port::memory::{Answer, MemoryStore};
use crate::port::{HttpError, HttpRequest, index_key, partial_key};

use super::world::{Blob, Script, World, gzip, layer, noise, serve, tar};

/// Bytes between two savings in these tests.
const EVERY: u64 = 100_000;
/// What is asked for again at most after a reload: a saving is due after so many bytes, and is done
/// at the next block's start; here it takes two turns to store it, in each of which a piece comes,
/// and what is not stored yet when the tab is closed is lost with it.
fn distance(piece: usize) -> u64 {
    EVERY + 6 * piece as u64 + 100_000
}

pub(super) fn save_often(world: &World) {
    world.save_every.set(SaveEvery {
        bytes: EVERY,
        ms: 0,
        slow_ms: u32::MAX,
    });
}

/// Several members, as eStargz and pigz in pieces have them.
fn members(len: usize) -> Blob {
    let members: Vec<_> = tar().chunks(len).map(gzip).collect();
    Blob::new(members.concat())
}

fn blobs() -> Vec<(&'static str, Blob)> {
    vec![
        ("one member", layer()),
        ("large members", members(700_001)),
        ("small members", members(9_000)),
        ("plain", Blob::new(tar())),
        ("one file", Blob::new(gzip(&noise(2_000_000, 3)))),
    ]
}

/// What an index is that was made in one go.
pub(super) fn expected(blob: &Blob) -> Vec<u8> {
    let mut world = World::of(blob);
    world.open(blob);
    world.run();
    stored(&world, blob)
}

#[track_caller]
pub(super) fn stored(world: &World, blob: &Blob) -> Vec<u8> {
    let progress = world.progress();
    assert_eq!(
        (progress.phase, progress.verified),
        (Phase::Done, Verified::Blob),
        "{:?}",
        progress.problem
    );
    assert_eq!(progress.received, blob.len());
    // What was kept to go on with is gone.
    assert_eq!(world.store.keys(), [index_key(&blob.digest)]);
    let mut bytes = Vec::new();
    world
        .store
        .tamper(&index_key(&blob.digest), |b| bytes = b.clone());
    bytes
}

fn breaks_at(at: usize) -> impl Fn(&Blob, &HttpRequest) -> Answer {
    move |blob, request| match request.header("range") {
        None => serve(blob, request).breaks_after(at),
        Some(_) => serve(blob, request),
    }
}

#[test]
fn a_connection_cut_at_every_tenth_is_taken_up_at_that_byte() {
    for (name, blob) in blobs() {
        let expected = expected(&blob);
        for tenth in 1..10 {
            let at = blob.bytes.len() * tenth / 10;
            let (answer, served) = (breaks_at(at), blob.clone());
            let mut world = World::new(&MemoryStore::default(), move |request| {
                Ok(answer(&served, request))
            });
            world.open(&blob);
            world.run();
            assert!(stored(&world, &blob) == expected, "{name} cut at {at}");
            assert_eq!(world.ranges(), [None, Some(format!("bytes={at}-"))]);
            let lost = Lost {
                times: 1,
                at: at as u64,
            };
            assert_eq!(world.progress().lost, Some(lost));
            assert_eq!(world.sleeps.borrow().len(), 1);
        }
    }
}

#[test]
fn a_body_that_ends_early_without_a_length_is_not_taken_for_whole() {
    let blob = layer();
    let mut world = World::scripted(
        &blob,
        vec![|blob, _| Ok(Answer::status(200).body(&blob.bytes[..90_000]).chunked(999))],
    );
    world.open(&blob);
    world.run();
    assert!(stored(&world, &blob) == expected(&blob));
    assert_eq!(world.ranges(), [None, Some("bytes=90000-".to_owned())]);
}

#[test]
fn a_blob_that_is_shorter_than_its_manifest_says_is_told_by_its_digest() {
    let blob = layer();
    let mut world = World::new(&MemoryStore::default(), {
        let blob = blob.clone();
        move |request| {
            Ok(match request.header("range") {
                None => Answer::status(200).body(&blob.bytes[..90_000]),
                Some(_) => Answer::status(416).header("Content-Range", "bytes */90000"),
            })
        }
    });
    world.open(&blob);
    world.run();
    let problem = world.progress().problem.unwrap();
    assert_eq!(problem.code, "DIGEST_MISMATCH");
}

fn refuses_ranges(total: Option<u64>) -> impl Fn() -> Answer {
    move || {
        let refused = Answer::status(416);
        match total {
            Some(total) => refused.header("Content-Range", format!("bytes */{total}")),
            None => refused,
        }
    }
}

#[test]
fn a_range_that_a_server_cannot_serve_is_not_the_end() {
    let blob = layer();
    for total in [Some(blob.len()), None] {
        let (served, refuse) = (blob.clone(), refuses_ranges(total));
        let asked = std::cell::Cell::new(0);
        let mut world = World::new(&MemoryStore::default(), move |request| {
            asked.set(asked.get() + 1);
            Ok(match (request.header("range"), asked.get()) {
                (Some(_), _) => refuse(),
                (None, 1) => serve(&served, request).breaks_after(90_000),
                (None, _) => serve(&served, request),
            })
        });
        world.open(&blob);
        world.run();
        assert!(stored(&world, &blob) == expected(&blob));
        let from_there = Some("bytes=90000-".to_owned());
        assert_eq!(world.ranges(), [None, from_there, None]);
    }
}

#[test]
fn nothing_that_came_is_dropped_where_the_rest_is_refused() {
    let blob = layer();
    for total in [Some(blob.len()), None] {
        let store = left_at(&blob, 1_500_000);
        let kept = store.keys();
        let refuse = refuses_ranges(total);
        let mut world = World::new(&store, move |request| {
            Ok(match request.header("range") {
                Some(_) => refuse(),
                None => Answer::status(403),
            })
        });
        save_often(&world);
        world.open(&blob);
        world.run();
        let progress = world.progress();
        assert_eq!((progress.phase, progress.can_go_on), (Phase::Failed, true));
        assert_ne!(progress.problem.unwrap().code, "DIGEST_MISMATCH");
        assert_eq!(store.keys(), kept);
    }
}

#[test]
fn a_token_that_runs_out_half_way_is_renewed() {
    let blob = layer();
    let mut world = World::scripted(
        &blob,
        vec![
            |blob, request| Ok(serve(blob, request).breaks_after(70_000)),
            |_, _| {
                let challenge = r#"Bearer realm="https://r.example/token",service="r""#;
                Ok(Answer::status(401).header("WWW-Authenticate", challenge))
            },
            |_, _| Ok(Answer::ok(r#"{"scheme":"bearer","token":"NEW"}"#)),
        ],
    );
    world.open(&blob);
    world.run();
    assert!(stored(&world, &blob) == expected(&blob));
    let requests = world.http.requests();
    assert_eq!(requests.len(), 4);
    assert_eq!(requests[3].header("range"), Some("bytes=70000-"));
    assert_eq!(requests[3].header("authorization"), Some("Bearer NEW"));
    assert_eq!(world.progress().lost.unwrap().times, 1);
}

/// The tab is closed when so many bytes have come, and opened again, until the layer is whole.
/// Returns how many bytes were asked for more than once.
#[track_caller]
fn reload_at(name: &str, blob: &Blob, places: &[u64], chunk: usize, expected: &[u8]) -> u64 {
    let store = MemoryStore::default();
    let open = || {
        let served = blob.clone();
        let mut world = World::new(&store, move |request| {
            Ok(serve(&served, request).chunked(chunk))
        });
        save_often(&world);
        world.open(blob);
        world
    };
    let (mut again, mut before) = (0, 0);
    for place in places {
        let mut world = open();
        world.run_until(|world| {
            let is_there = world.received() >= *place;
            is_there || world.phase() == Phase::Done
        });
        let at = world.received();
        if world.phase() == Phase::Done {
            break;
        }
        again += check_start(name, &world, before, distance(chunk));
        before = at;
        // The tab is closed: nothing more of it runs.
    }
    let mut world = open();
    world.run();
    again += check_start(name, &world, before, distance(chunk));
    assert!(stored(&world, blob) == expected, "{name}: another index");
    again
}

/// It has asked for the bytes from where it was stored last; how many of those that had come.
#[track_caller]
fn check_start(name: &str, world: &World, before: u64, distance: u64) -> u64 {
    let ranges = world.ranges();
    assert_eq!(ranges.len(), 1);
    let from = match &ranges[0] {
        None => 0,
        Some(range) => {
            let from = range.strip_prefix("bytes=").unwrap();
            from.strip_suffix('-').unwrap().parse().unwrap()
        }
    };
    assert_eq!(world.progress().kept, from);
    assert!(from <= before, "{name}: {from} after {before}");
    assert!(
        before - from <= distance,
        "{name}: {from} after {before} came"
    );
    before - from
}

#[test]
fn a_tab_reloaded_at_every_tenth_goes_on_from_what_was_stored() {
    for (name, blob) in blobs() {
        let expected = expected(&blob);
        for tenth in 1..10 {
            let place = blob.len() * tenth / 10;
            reload_at(name, &blob, &[place], 50_000, &expected);
        }
        let every: Vec<u64> = (1..10).map(|tenth| blob.len() * tenth / 10).collect();
        reload_at(name, &blob, &every, 50_000, &expected);
    }
}

#[test]
fn at_many_places_in_pieces_of_odd_sizes() {
    let mut seed = 11u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    for (name, blob) in blobs() {
        let expected = expected(&blob);
        for chunk in [1_003, 4_096, 17_777, 99_991] {
            let mut places: Vec<u64> = (0..4).map(|_| random(blob.len())).collect();
            places.sort_unstable();
            reload_at(name, &blob, &places, chunk, &expected);
        }
    }
}

#[test]
fn what_is_stopped_goes_on_at_the_same_byte() {
    let blob = layer();
    let expected = expected(&blob);
    let mut world = World::of(&blob);
    world.open(&blob);
    let mut came = Vec::new();
    for tenth in 1..10 {
        world.run_until(|world| world.received() >= blob.len() * tenth / 10);
        world.post(Request::Cancel { job: 1 });
        world.run();
        let progress = world.progress();
        assert_eq!(
            (progress.phase, progress.can_go_on),
            (Phase::Cancelled, true)
        );
        came.push(world.received());
        world.post(Request::GoOn { job: 1 });
    }
    world.run();
    assert!(stored(&world, &blob) == expected);
    // Nothing is asked for that had come; what was on its way is lost with its connection.
    let ranges = world.ranges();
    let starts: Vec<u64> = ranges.iter().flatten().map(|r| start(r)).collect();
    assert_eq!(starts, came);
    // Nobody can go on with what is done.
    world.post(Request::GoOn { job: 1 });
    world.run();
    assert_eq!(world.progress().phase, Phase::Done);
}

fn start(range: &str) -> u64 {
    let range = range.strip_prefix("bytes=").unwrap();
    range.split('-').next().unwrap().parse().unwrap()
}

#[test]
fn after_the_last_try_the_user_goes_on_from_where_it_was() {
    let blob = layer();
    let mut answers: Vec<Script> = vec![|_, _| Err(HttpError::TimedOut); 6];
    answers[0] = |blob, request| Ok(serve(blob, request).breaks_after(2_000_000));
    let mut world = World::scripted(&blob, answers);
    world.clock.set(77.777);
    world.open(&blob);
    world.run();
    let progress = world.progress();
    assert_eq!((progress.phase, progress.can_go_on), (Phase::Failed, true));
    assert_eq!(progress.problem.unwrap().code, "CONNECTION_LOST");
    // Each pause is longer than the one before, and none is the same for everybody.
    let sleeps = world.sleeps.borrow().clone();
    assert_eq!(sleeps.len(), 5);
    for (n, pause) in sleeps.iter().enumerate() {
        let least = 500 << n;
        assert!((least..least * 3 / 2).contains(pause), "{sleeps:?}");
    }
    world.post(Request::GoOn { job: 1 });
    world.run();
    assert!(stored(&world, &blob) == expected(&blob));
    assert_eq!(
        world.ranges().last().unwrap().as_deref(),
        Some("bytes=2000000-")
    );
    assert_eq!(world.progress().problem, None);
}

#[test]
fn a_server_without_ranges_is_skipped_to_where_it_was_stored() {
    let blob = layer();
    let store = MemoryStore::default();
    let open = || {
        let served = blob.clone();
        let mut world = World::new(&store, move |_| {
            Ok(Answer::ok(served.bytes.to_vec()).chunked(50_000))
        });
        save_often(&world);
        world.open(&blob);
        world
    };
    let mut world = open();
    world.run_until(|world| world.received() >= 1_500_000);
    let mut world = open();
    world.run();
    assert!(world.progress().kept > 1_000_000);
    assert!(stored(&world, &blob) == expected(&blob));
}

/// A store in which a tab has left the beginning of a layer.
fn left_at(blob: &Blob, place: u64) -> MemoryStore {
    let store = MemoryStore::default();
    let mut world = World::on(blob, &store);
    save_often(&world);
    world.open(blob);
    world.run_until(|world| world.received() >= place);
    assert!(store.keys().contains(&partial_key(&blob.digest)));
    store
}

/// Of what is stored: what comes behind the key, and what happens to it.
type Damage = (&'static str, fn(&mut Vec<u8>));

#[test]
fn what_is_stored_is_not_believed() {
    let blob = layer();
    let expected = expected(&blob);
    let key = partial_key(&blob.digest);
    let damages: [Damage; 7] = [
        ("", |head| head.truncate(head.len() / 2)),
        ("", |head| head[4] = 99),
        ("", |head| head[30] ^= 1),
        ("", Vec::clear),
        ("/0", |part| *part.last_mut().unwrap() ^= 1),
        ("/1", |part| part.truncate(9)),
        ("/1", Vec::clear),
    ];
    for (part, damage) in damages {
        let store = left_at(&blob, 1_500_000);
        store.tamper(&format!("{key}{part}"), damage);
        let mut world = World::on(&blob, &store);
        save_often(&world);
        world.open(&blob);
        world.run();
        assert_eq!(world.ranges(), [None], "read whole");
        assert_eq!(world.notices(), [""; 0], "nobody needs to know");
        assert!(stored(&world, &blob) == expected);
    }
    // Of another blob.
    let (other, store) = (members(700_001), left_at(&blob, 1_500_000));
    let mut head = Vec::new();
    store.tamper(&key, |bytes| head = bytes.clone());
    let other_store = left_at(&other, 1_500_000);
    other_store.tamper(&partial_key(&other.digest), |bytes| *bytes = head);
    let mut world = World::on(&other, &other_store);
    save_often(&world);
    world.open(&other);
    world.run();
    assert_eq!(world.ranges(), [None]);
}

#[test]
fn a_beginning_that_was_not_the_blob_s_is_dropped() {
    let blob = layer();
    // The first visit was given other bytes by somebody on the way.
    let mut wrong = blob.bytes.to_vec();
    let at = wrong.len() / 4;
    wrong[at] ^= 1;
    let forged = Blob {
        bytes: wrong.into(),
        ..blob.clone()
    };
    let store = left_at(&forged, 1_500_000);
    let mut world = World::on(&blob, &store);
    save_often(&world);
    world.open(&blob);
    world.run();
    let progress = world.progress();
    assert_eq!(progress.problem.unwrap().code, "DIGEST_MISMATCH");
    assert!(progress.kept > 0 && !progress.can_go_on);
    assert!(store.keys().is_empty(), "tried again, it is read whole");
}

#[test]
fn a_small_layer_is_neither_stored_nor_locked() {
    let blob = layer();
    let mut world = World::of(&blob);
    world.open(&blob);
    while world.phase() != Phase::Done {
        world.turn();
        let keys = world.store.keys();
        assert!(!keys.contains(&partial_key(&blob.digest)));
    }
}

#[test]
fn of_a_slow_connection_less_is_lost() {
    let blob = layer();
    let key = partial_key(&blob.digest);
    let mut world = World::of(&blob);
    world.save_every.set(SaveEvery {
        bytes: 2_500_000,
        ms: 0,
        slow_ms: 20_000,
    });
    world.open(&blob);
    world.run_until(|world| world.received() >= 1_000_000);
    assert!(!world.store.keys().contains(&key));
    world.clock.set(20_000.0);
    world.run_until(|world| world.store.keys().contains(&key));
    assert!(world.received() < 1_500_000, "{}", world.received());
}
