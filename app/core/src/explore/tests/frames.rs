//! Layers that cannot be entered anywhere: one zstd frame, or a few.

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::explore::tests::world::{Blob, World, file, tar};
use crate::job::{Event, Phase, Request, Verified};

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// A tar with a large file in front, and what the last file has.
fn large(mib: usize) -> (Vec<u8>, Vec<u8>) {
    let mut archive = ::tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes).unwrap();
    };
    add("first", b"the first file\n");
    add("large", &vec![7; mib << 20]);
    let last: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.to_le_bytes()).collect();
    add("last", &last);
    (archive.into_inner().unwrap(), last)
}

fn opened(blob: &Blob) -> World {
    let mut world = World::of(blob);
    world.open(blob);
    world.run();
    assert_eq!(world.phase(), Phase::Done);
    assert_eq!(world.progress().problem, None);
    world
}

#[track_caller]
fn check(world: &mut World, read: u32, ordinal: u32, start: usize, expect: &[u8], requests: usize) {
    let before = world.ranges().len();
    world.read(read, ordinal, start as u64, expect.len() as u64);
    world.run();
    let content = world.content(read).unwrap();
    assert!(content.bytes == expect);
    assert_eq!(content.verified, Verified::Span);
    assert_eq!(world.ranges().len() - before, requests, "requests");
}

#[test]
fn what_was_seen_needs_no_request() {
    let (plain, last) = large(20);
    let blob = Blob::new(zstd(&plain));
    let mut world = opened(&blob);
    check(&mut world, 1, 0, 0, b"the first file\n", 0);
    check(&mut world, 2, 2, 5_000_000, &last[5_000_000..5_000_100], 0);
    check(&mut world, 3, 1, 19 << 20, &[7; 100], 0);
}

#[test]
fn beyond_what_is_kept_the_blob_is_streamed_again_and_says_so() {
    let (plain, last) = large(70);
    let blob = Blob::new(zstd(&plain));
    let mut world = opened(&blob);
    check(&mut world, 1, 0, 0, b"the first file\n", 0);
    check(&mut world, 2, 2, 100, &last[100..1100], 1);
    let decoding = world
        .told()
        .into_iter()
        .rev()
        .find_map(|event| match event {
            Event::Decoding {
                read: 2,
                decoded,
                total,
                ..
            } => Some((decoded, total)),
            _ => None,
        });
    let (decoded, total) = decoding.expect("it says how far it is");
    assert!(decoded <= total && total > 70 << 20);
    // What follows in the file is there now.
    check(&mut world, 3, 2, 0, &last[..100], 1);
    check(&mut world, 4, 2, 11_000_000, &last[11_000_000..], 0);
    // Pages that are asked for together are not streamed each.
    let before = world.ranges().len();
    for page in 0..4 {
        world.read(10 + page, 1, (66 << 20) + u64::from(page) * 32_768, 32_768);
    }
    world.run();
    assert_eq!(world.ranges().len() - before, 1);
    for page in 0..4 {
        assert_eq!(world.content(10 + page).unwrap().bytes, [7; 32_768]);
    }
    // One that is given up leaves its turn to the next.
    world.read(20, 1, 129 << 19, 10);
    world.read(21, 1, 65 << 20, 10);
    world.turn();
    world.post(Request::CancelRead { job: 1, read: 20 });
    world.run();
    assert!(world.answer(20).is_none());
    assert_eq!(world.content(21).unwrap().bytes, [7; 10]);
    // A download goes through as well, and is the file.
    world.post(Request::Download {
        job: 1,
        read: 5,
        ordinal: 1,
    });
    world.run();
    let bytes = world.take_told().pop().and_then(|(_, bytes)| bytes);
    assert!(bytes.is_some_and(|bytes| bytes == vec![7; 70 << 20]));
}

#[test]
fn after_a_reload_the_first_read_brings_the_rest() {
    let (plain, last) = large(20);
    let blob = Blob::new(zstd(&plain));
    let first = opened(&blob);
    let mut world = World::on(&blob, &first.store);
    world.open(&blob);
    world.run();
    assert!(world.progress().from_store);
    assert!(world.ranges().is_empty());
    check(&mut world, 1, 2, 0, &last[..1000], 1);
    check(&mut world, 2, 0, 0, b"the first file\n", 0);
    check(&mut world, 3, 1, 0, &[7; 1000], 0);
    check(
        &mut world,
        4,
        2,
        10_000_000,
        &last[10_000_000..10_000_100],
        0,
    );
}

#[test]
fn a_layer_of_many_frames_is_read_by_ranges_and_nothing_is_kept() {
    let plain = tar();
    let blob = Blob::new(plain.chunks(250_000).flat_map(zstd).collect());
    let mut world = opened(&blob);
    let (ordinal, bytes) = file("etc/hostname");
    check(&mut world, 1, ordinal, 0, &bytes, 1);
    let (ordinal, bytes) = file("usr/share/noise.bin");
    check(
        &mut world,
        2,
        ordinal,
        1_000_000,
        &bytes[1_000_000..1_000_100],
        1,
    );
    let fetched = world.content(2).unwrap().fetched;
    assert!(fetched < blob.len() / 4, "{fetched}");
}

#[test]
fn a_file_behind_what_is_kept_waits_for_the_stream() {
    let (plain, last) = large(70);
    let blob = Blob::new(zstd(&plain));
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run_until(|world| world.progress_of(1).is_some_and(|p| p.entries == 3));
    world.read(1, 2, 0, 1000);
    world.run();
    let content = world.content(1).unwrap();
    assert!(content.bytes == last[..1000]);
    assert_eq!(content.verified, Verified::Span);
}

#[test]
fn without_the_decoder_a_stored_layer_lists_and_says_why_it_reads_nothing() {
    let blob = Blob::new(zstd(&tar()));
    let first = opened(&blob);
    let mut world = World::on(&blob, &first.store);
    world.formats_fail.set(true);
    world.open(&blob);
    world.run();
    assert_eq!(world.phase(), Phase::Done);
    world.read(1, 1, 0, 100);
    world.run();
    assert_eq!(world.content(1).unwrap_err().code, "PROGRAM_MISSING");
}
