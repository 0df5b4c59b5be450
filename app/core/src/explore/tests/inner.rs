//! Archives in a layer's files, opened as folders.

use super::world::{Blob, World, gzip, serve};
use crate::job::{JobId, Phase, Request, Verified, ViewMode, ViewSpec};
use crate::path::EntryPath;

const ZIP: &[u8] = include_bytes!("../../../../../tests/data/archives/plain.zip");
const DEB: &[u8] = include_bytes!("../../../../../tests/data/archives/demo.deb");

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ::tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

fn world() -> World {
    let nested = tar(&[("a.zip", ZIP), ("note", b"in the middle")]);
    let files: [(&str, &[u8]); 4] = [
        ("opt/demo.deb", DEB),
        ("opt/app.zip", ZIP),
        ("opt/text", b"no archive"),
        ("opt/nested.tar.gz", &gzip(&nested)),
    ];
    let blob = Blob::new(gzip(&tar(&files)));
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run();
    world
}

fn open(world: &mut World, job: JobId, outer: JobId, path: &str) {
    let path = EntryPath::from(path);
    world.post(Request::OpenInner { job, outer, path });
    world.run();
}

#[track_caller]
fn names(world: &mut World, job: JobId) -> Vec<String> {
    let spec = ViewSpec {
        mode: ViewMode::Flat,
        ..ViewSpec::default()
    };
    let view = 100 + job;
    world.post(Request::View { job, view, spec });
    world.post(Request::Rows {
        job,
        view,
        start: 0,
        end: u32::MAX,
    });
    world.paths_of(job, view)
}

fn read(world: &mut World, job: JobId, read: u32, ordinal: u32) -> (Vec<u8>, Verified) {
    world.post(Request::Read {
        job,
        read,
        ordinal,
        start: 0,
        len: 1 << 20,
    });
    world.run();
    let content = world.content(read).unwrap();
    (content.bytes, content.verified)
}

#[test]
fn a_zip_is_a_folder_and_its_files_take_no_request() {
    let mut world = world();
    open(&mut world, 2, 1, "opt/app.zip");
    let progress = world.progress_of(2).unwrap();
    assert_eq!(progress.phase, Phase::Done);
    assert_eq!(progress.verified, Verified::Span);
    assert_eq!(progress.entries, 8);
    let before = world.ranges().len();
    assert_eq!(before, 2, "the layer, and the zip in it");
    let found = names(&mut world, 2);
    assert!(found.contains(&"dir/numbers.txt".to_owned()), "{found:?}");
    let (bytes, verified) = read(&mut world, 2, 1, 7);
    assert_eq!((&bytes[..], verified), (&b"hello\n"[..], Verified::Span));
    world.post(Request::Download {
        job: 2,
        read: 9,
        ordinal: 2,
    });
    world.run();
    let (_, beside) = world.take_told().pop().unwrap();
    assert_eq!(beside.unwrap().len(), 18_893);
    assert_eq!(world.ranges().len(), before);
    // The layer goes on as before.
    let (bytes, _) = read(&mut world, 1, 2, 2);
    assert_eq!(bytes, b"no archive");
}

#[test]
fn archives_lie_in_archives() {
    let mut world = world();
    open(&mut world, 2, 1, "opt/demo.deb");
    assert_eq!(
        names(&mut world, 2),
        ["control.tar.xz", "data.tar.xz", "debian-binary"]
    );
    open(&mut world, 3, 2, "data.tar.xz");
    let found = names(&mut world, 3);
    assert!(found.contains(&"usr/share/demo/hello.txt".to_owned()));
    open(&mut world, 4, 1, "opt/nested.tar.gz");
    open(&mut world, 5, 4, "a.zip");
    let (bytes, verified) = read(&mut world, 5, 1, 7);
    assert_eq!((&bytes[..], verified), (&b"hello\n"[..], Verified::Span));
    // Closing the outer ones leaves what is held.
    world.post(Request::Close { job: 4 });
    let (bytes, _) = read(&mut world, 5, 2, 7);
    assert_eq!(bytes, b"hello\n");
}

#[track_caller]
fn check_refused(path: &str, code: &str) {
    let mut world = world();
    open(&mut world, 2, 1, path);
    let progress = world.progress_of(2).unwrap();
    assert_eq!(progress.phase, Phase::Failed);
    assert_eq!(progress.problem.unwrap().code, code);
    assert_eq!(
        world.progress().phase,
        Phase::Done,
        "the layer is as before"
    );
}

#[test]
fn what_is_no_archive_says_so() {
    check_refused("opt/text", "NOT_AN_ARCHIVE");
    check_refused("opt/missing.zip", "PATH_MISSING");
    check_refused("opt", "PATH_MISSING");
}

#[test]
fn there_is_an_end_to_depth() {
    let mut bytes = tar(&[("x", b"the bottom")]);
    for _ in 0..9 {
        bytes = tar(&[("x", &bytes)]);
    }
    let blob = Blob::new(gzip(&bytes));
    let mut world = World::of(&blob);
    world.open(&blob);
    world.run();
    for job in 2..10 {
        open(&mut world, job, job - 1, "x");
        assert_eq!(world.progress_of(job).unwrap().phase, Phase::Done, "{job}");
    }
    open(&mut world, 10, 9, "x");
    let problem = world.progress_of(10).unwrap().problem.unwrap();
    assert_eq!(problem.code, "ARCHIVE_TOO_LARGE");
}

#[test]
fn an_archive_opens_while_its_layer_streams_and_is_not_verified_then() {
    let noise = super::world::noise(3_000_000, 1);
    let blob = Blob::new(gzip(&tar(&[("app.zip", ZIP), ("noise", &noise)])));
    let served = blob.clone();
    let mut world = World::new(&Default::default(), move |request| {
        Ok(serve(&served, request))
    });
    world.open(&blob);
    world.run_until(|world| world.progress_of(1).is_some_and(|p| p.entries == 2));
    world.post(Request::OpenInner {
        job: 2,
        outer: 1,
        path: EntryPath::from("app.zip"),
    });
    world.run_until(|world| world.progress_of(2).is_some_and(|p| p.phase == Phase::Done));
    assert_eq!(world.phase(), Phase::Streaming);
    assert_eq!(world.progress_of(2).unwrap().verified, Verified::None);
    let (bytes, verified) = read(&mut world, 2, 1, 7);
    assert_eq!((&bytes[..], verified), (&b"hello\n"[..], Verified::None));
}
