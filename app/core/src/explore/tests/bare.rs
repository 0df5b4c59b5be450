//! Blobs that are one file.

use std::io::Write as _;

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::world::{Blob, World, gzip, noise};
use crate::decode::tests::tool;
use crate::job::{Phase, Request, Verified, ViewMode, ViewSpec};

/// The blob is listed as one file of this name, in this visit and the next, and is read by ranges.
#[track_caller]
fn check(bytes: Vec<u8>, name: &str, plain: &[u8]) {
    let blob = Blob::new(bytes);
    let mut world = World::of(&blob);
    for again in [false, true] {
        world.open(&blob);
        let mode = ViewMode::Flat;
        let spec = ViewSpec {
            mode,
            ..ViewSpec::default()
        };
        world.view(1, spec);
        world.run();
        let progress = world.progress();
        assert_eq!(progress.phase, Phase::Done);
        assert_eq!(progress.verified, Verified::Blob);
        assert_eq!(progress.problem, None);
        assert_eq!((progress.bare, progress.from_store), (true, again));
        assert_eq!(progress.entries, 1);
        assert_eq!(world.paths(1), [name]);
        assert_eq!(world.rows(1)[0].size, plain.len() as u64);
        let middle = plain.len() / 2;
        world.read(1, 0, middle as u64, 10);
        world.read(2, 1, 0, 10);
        world.run();
        let content = world.content(1).unwrap();
        assert_eq!(content.bytes, plain[middle..plain.len().min(middle + 10)]);
        assert_eq!(content.verified, Verified::Span);
        assert_eq!(world.content(2).unwrap_err().code, "NO_FILE");
        world.post(Request::Download {
            job: 1,
            read: 3,
            ordinal: 0,
        });
        world.run();
        let (_, beside) = world.take_told().pop().unwrap();
        assert!(beside.is_some_and(|bytes| bytes == plain));
        world = World::on(&blob, &world.store.clone());
    }
}

#[test]
fn files_of_all_compressions() {
    let plain = noise(300_000, 5);
    check(plain.clone(), "file.bin.gz", &plain);
    check(gzip(&plain), "file.bin", &plain);
    check(
        compress_to_vec(&*plain, CompressionLevel::Fastest),
        "file.bin.gz",
        &plain,
    );
    for command in [["xz", "-c"], ["bzip2", "-c"]] {
        if let Some(packed) = tool(&command, &plain) {
            check(packed, "file.bin.gz", &plain);
        }
    }
    check(b"hello".to_vec(), "file.bin.gz", b"hello");
}

#[test]
fn the_header_knows_the_name_best() {
    let plain = noise(2000, 6);
    let builder = flate2::GzBuilder::new().filename("from/the header.txt");
    let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&plain).unwrap();
    let packed = encoder.finish().unwrap();
    check(packed, "the%20header.txt", &plain);
}
