//! Two root file systems, each a job of its own, and what a page carries from one to the other.

use super::world::{Blob, World, gzip, noise, serve};
use crate::compare::ask::{CompareAnswer, CompareAsk, FileContent, Raw};
use crate::compare::files::{Content, Fate, Summary};
use crate::compare::list::{ChangeRow, ListSpec};
use crate::compare::text::Compared;
use crate::job::{Access, Event, JobId, LayerSource, Phase, Request};
use crate::path::EntryPath;
use crate::port::memory::{Answer, MemoryStore};
use crate::rootfs::ask::{RootAnswer, RootAsk};

/// A layer of files with these contents, one second later than the last one made.
fn layer(mtime: u64, files: &[(&str, &[u8])]) -> Blob {
    Blob::new(gzip(&tar(mtime, files)))
}

fn tar(mtime: u64, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ::tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(mtime);
        header.set_size(bytes.len() as u64);
        if let Some(link) = bytes.strip_prefix(b"=>") {
            header.set_size(0);
            header.set_entry_type(::tar::EntryType::Link);
            let link = std::str::from_utf8(link).unwrap();
            archive.append_link(&mut header, name, link).unwrap();
            continue;
        }
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

const STATUS: &[u8] =
    b"Package: a\nVersion: 1\nArchitecture: all\nStatus: install ok installed\n\n\
    Package: gone\nVersion: 1\nArchitecture: all\nStatus: deinstall ok config-files\n";
const INSTALLED: &[u8] = b"P:musl\nV:1.2\nA:x86_64\nI:100\nF:lib\nR:a\n";

/// Two jobs over images with these layers.
fn world(left: &[Blob], right: &[Blob]) -> World {
    let all: Vec<Blob> = left.iter().chain(right).cloned().collect();
    let mut world = World::new(&MemoryStore::default(), move |request| {
        let asked = all.iter().find(|blob| {
            let digest = crate::path::encode_bytes(blob.digest.to_string().as_bytes(), false);
            request.url.contains(&digest) || request.url.contains(&blob.digest.to_string())
        });
        Ok(asked.map_or_else(|| Answer::status(404), |blob| serve(blob, request)))
    });
    for (job, blobs) in [(1, left), (2, right)] {
        let source = |blob: &Blob| World::source(blob, Some(blob.len()));
        let layers: Vec<LayerSource> = blobs.iter().map(source).collect();
        world.post(Request::OpenRoot {
            job,
            source: source(&blobs[0]),
            layers: postcard::to_allocvec(&layers).unwrap(),
            access: Access::default(),
        });
    }
    world.run();
    assert_eq!(world.progress_of(1).unwrap().phase, Phase::Done);
    assert_eq!(world.progress_of(2).unwrap().phase, Phase::Done);
    world
}

fn ask(world: &mut World, to: JobId, ask: CompareAsk) -> CompareAnswer {
    world.take_told();
    world.post(Request::Root {
        job: to,
        read: 9,
        ask: postcard::to_allocvec(&RootAsk::Compare(ask)).unwrap(),
    });
    world.run();
    let told = world.take_told();
    let bytes = told.into_iter().find_map(|(event, bytes)| match event {
        Event::Root { job, read: 9 } if job == to => bytes,
        _ => None,
    });
    match postcard::from_bytes(&bytes.unwrap()).unwrap() {
        RootAnswer::Compare(answer) => answer,
        other => panic!("{other:?}"),
    }
}

/// What the page does with two roots that are here.
fn compare(world: &mut World) -> Summary {
    let CompareAnswer::Snapshot(other) = ask(world, 2, CompareAsk::Snapshot) else {
        panic!("another answer");
    };
    match ask(world, 1, CompareAsk::With(other)) {
        CompareAnswer::Summary(summary) => summary,
        other => panic!("{other:?}"),
    }
}

/// Reads what nothing cheaper tells apart, as the page does.
fn read_contents(world: &mut World) -> Summary {
    let hashes = |world: &mut World, job, files: Vec<(u32, u32)>| {
        let CompareAnswer::Hashes(hashes) = ask(world, job, CompareAsk::Hash(files)) else {
            panic!("another answer");
        };
        hashes
    };
    let CompareAnswer::Unread(files) = ask(world, 1, CompareAsk::Unread { from: 0 }) else {
        panic!("another answer");
    };
    let left = hashes(world, 1, files.iter().map(|f| (f.0, f.1)).collect());
    let right = hashes(world, 2, files.iter().map(|f| (f.0, f.2)).collect());
    let settled = files.iter().map(|(at, ..)| {
        let of = |hashes: &[(u32, _)]| hashes.iter().find(|(n, _)| n == at).unwrap().1;
        (*at, of(&left), of(&right))
    });
    match ask(world, 1, CompareAsk::Settle(settled.collect())) {
        CompareAnswer::Summary(summary) => summary,
        other => panic!("{other:?}"),
    }
}

fn rows(world: &mut World) -> Vec<ChangeRow> {
    let all = CompareAsk::Rows {
        spec: ListSpec::default(),
        start: 0,
        end: 100,
    };
    match ask(world, 1, all) {
        CompareAnswer::Rows { rows, .. } => rows,
        other => panic!("{other:?}"),
    }
}

fn shown(rows: &[ChangeRow]) -> Vec<String> {
    let words = |row: &ChangeRow| row.facets.words().join(",");
    rows.iter()
        .map(|row| format!("{} {} {}", row.fate.name(), row.path.display(), words(row)))
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[test]
fn contents_are_compared_and_times_are_not() {
    let (big, mut other) = (noise(300_000, 1), noise(300_000, 1));
    other[299_999] ^= 1;
    let base = layer(1, &[("base", b"base")]);
    let left = layer(
        1,
        &[
            ("etc/same", b"same"),
            ("big", &big),
            ("etc/word", b"left"),
            ("z", b"0"),
            ("zl", b"=>z"),
        ],
    );
    let right = layer(
        2,
        &[
            ("etc/same", b"same"),
            ("big", &other),
            ("etc/word", b"rite"),
            ("z", b"0"),
            ("zl", b"=>z"),
        ],
    );
    let mut world = world(&[base.clone(), left], &[base, right]);
    let sum = compare(&mut world);
    assert_eq!((sum.by_layer, sum.unread.files), (1, 5));
    assert!(rows(&mut world).iter().all(|row| row.fate == Fate::Unread));
    let before = world.ranges().len();
    let sum = read_contents(&mut world);
    assert_eq!(
        (sum.unread.files, sum.failed.files, sum.by_content),
        (0, 0, 5)
    );
    assert_eq!(
        shown(&rows(&mut world)),
        ["changed big content", "changed etc/word content"]
    );
    // Neighbours in one go: a request for each layer.
    assert_eq!(world.ranges().len() - before, 2);
    assert_eq!((sum.changed.files, sum.same.files), (2, 4));
}

#[test]
fn layers_of_every_kind_are_read() {
    let files: &[(&str, &[u8])] = &[("a", b"first"), ("b", b"second")];
    let plain = tar(1, files);
    let kinds = [
        layer(1, files),
        Blob::new(plain.clone()),
        Blob::new([gzip(&plain[..512]), gzip(&plain[512..])].concat()),
    ];
    for kind in kinds {
        let mut world = world(&[kind], &[layer(5, &[("a", b"first"), ("b", b"SECOND")])]);
        assert_eq!(compare(&mut world).unread.files, 2);
        read_contents(&mut world);
        assert_eq!(shown(&rows(&mut world)), ["changed b content"]);
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let left = layer(1, &[("a", b"first")]);
    let right = layer(2, &[("a", b"other")]);
    let mut world = world(&[left], &[right]);
    compare(&mut world);
    let CompareAnswer::Hashes(hashes) = ask(&mut world, 1, CompareAsk::Hash(vec![(7, 0), (8, 99)]))
    else {
        panic!("another answer");
    };
    assert!(hashes.contains(&(8, None)));
    assert!(hashes.iter().any(|(n, digest)| *n == 7 && digest.is_some()));
    ask(
        &mut world,
        1,
        CompareAsk::Settle(vec![(0, Some([1; 32]), None)]),
    );
    let row = rows(&mut world).remove(0);
    assert_eq!((row.fate, row.content), (Fate::Unread, Content::Failed));
}

#[test]
fn one_file_and_what_is_installed() {
    let left = layer(
        1,
        &[("etc/a", b"one\ntwo\n"), ("var/lib/dpkg/status", STATUS)],
    );
    let large = vec![b'x'; 3 << 20];
    let right = layer(
        1,
        &[
            ("etc/a", b"one\nzwei\n"),
            ("lib/apk/db/installed", INSTALLED),
            ("large", &large),
        ],
    );
    let mut world = world(&[left], &[right]);
    let mut content =
        |job, path: &str| match ask(&mut world, job, CompareAsk::File(EntryPath::new(path))) {
            CompareAnswer::File(file) => (file.side.is_some(), file.content),
            other => panic!("{other:?}"),
        };
    assert_eq!(
        content(1, "etc/a"),
        (true, FileContent::Whole(Raw(b"one\ntwo\n".to_vec())))
    );
    assert_eq!(content(1, "etc"), (true, FileContent::None));
    assert_eq!(content(1, "etc/b"), (false, FileContent::None));
    assert_eq!(content(2, "large"), (true, FileContent::Large));
    let contents = CompareAsk::Contents {
        left: Raw(b"one\ntwo\n".to_vec()),
        right: Raw(b"one\nzwei\n".to_vec()),
    };
    let CompareAnswer::Contents(Compared::Lines(lines)) = ask(&mut world, 1, contents) else {
        panic!("another answer");
    };
    assert_eq!((lines.added, lines.removed), (1, 1));
    let mut names = |job| match ask(&mut world, job, CompareAsk::Installed) {
        CompareAnswer::Installed(answer) => {
            assert_eq!((answer.rpm, answer.problem), (false, None));
            let all = answer.packages.into_iter();
            all.map(|p| format!("{} {}", p.name, p.version))
                .collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(names(1), ["a 1"]);
    assert_eq!(names(2), ["musl 1.2"]);
}
