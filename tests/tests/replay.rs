//! The fuzz targets' seeds on the stable toolchain: what was found once stays found.

use std::{fs, path::Path};

#[path = "../fuzz/src/lib.rs"]
mod targets;

/// Runs a target's check over its seeds, and over each seed cut short and with a byte turned over,
/// so that a run without a fuzzer still sees damage.
#[track_caller]
fn replay(target: &str, check: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let seeds: Vec<_> = fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.expect("a folder that can be read").path())
        .collect();
    assert!(!seeds.is_empty(), "no seeds in {}", dir.display());
    for path in seeds {
        println!("{}", path.display());
        let seed = fs::read(&path).expect("a seed that can be read");
        check(&seed);
        let step = (seed.len() / 24).max(1);
        for at in (0..seed.len()).step_by(step) {
            check(&seed[..at]);
            let mut turned = seed.clone();
            turned[at] ^= 1 << (at % 8);
            check(&turned);
        }
    }
}

#[test]
fn gzip() {
    replay("gzip", targets::gzip);
}

#[test]
fn decode() {
    replay("decode", targets::decode);
}

#[test]
fn archive() {
    replay("archive", targets::archive);
}

#[test]
fn tar() {
    replay("tar", targets::tar);
}

#[test]
fn stored_index() {
    replay("stored_index", targets::stored_index);
}

#[test]
fn partial() {
    replay("partial", targets::partial::partial);
}

#[test]
fn ztoc() {
    replay("ztoc", targets::ztoc);
}

#[test]
fn foreign() {
    replay("foreign", targets::foreign);
}

#[test]
fn reference() {
    replay("reference", targets::reference);
}

#[test]
fn link() {
    replay("link", targets::link);
}

#[test]
fn challenge() {
    replay("challenge", targets::challenge);
}

#[test]
fn viewer() {
    replay("viewer", targets::viewer::viewer);
}

#[test]
fn target() {
    replay("target", targets::target);
}
