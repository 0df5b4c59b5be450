//! The root file system of an image beside what umoci unpacks: names, types, modes, owners, link
//! targets, contents.

#![allow(clippy::unwrap_used)] // a test's panic is its message

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use layerscope_core::layer_index::{BuildOptions, IndexBuilder};
use layerscope_core::path::EntryPath;
use layerscope_core::rootfs::RootFs;
use layerscope_core::toc::{EntryKind, Toc};
use layerscope_core::tree::Tree;
use layerscope_tests::corpus::push::{digest, media};
use layerscope_tests::corpus::rawtar::Tar;
use layerscope_tests::corpus::{Corpus, Layer, gz};
use layerscope_tests::{apt, process, skipped};
use serde_json::json;

/// What there is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Thing {
    kind: &'static str,
    /// Permissions; of symbolic links Linux keeps none.
    mode: u32,
    owner: (u64, u64),
    target: Vec<u8>,
    /// The digest of a file's bytes.
    content: String,
}

type Things = BTreeMap<Vec<u8>, Thing>;

/// umoci, installed if this user may do that.
fn umoci() -> Option<PathBuf> {
    if let Some(found) = process::find("umoci") {
        return Some(found);
    }
    let installed = apt::get(
        &["install", "-y", "--no-install-recommends", "umoci"],
        Path::new("/"),
    );
    match (installed, process::find("umoci")) {
        (Ok(()), Some(found)) => Some(found),
        (Err(error), _) => {
            skipped("root file systems against umoci", error);
            None
        }
        (Ok(()), None) => {
            skipped(
                "root file systems against umoci",
                "installed, but not on PATH",
            );
            None
        }
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// A layer: its compressed bytes, and its tar.
struct Blob {
    bytes: Vec<u8>,
    tar: Vec<u8>,
}

impl Blob {
    fn of_tar(tar: Vec<u8>) -> Blob {
        Blob {
            bytes: gz::member(&tar, 6),
            tar,
        }
    }

    fn of_corpus(corpus: &Corpus, layer: &Layer) -> Blob {
        let bytes = fs::read(corpus.blob_path(&layer.digest)).unwrap();
        let mut tar = Vec::new();
        flate2::read::MultiGzDecoder::new(&*bytes)
            .read_to_end(&mut tar)
            .unwrap();
        Blob { bytes, tar }
    }

    /// Its table of contents, as a worker makes it.
    fn toc(&self) -> Toc {
        let mut builder = IndexBuilder::new(BuildOptions::default());
        for chunk in self.bytes.chunks(1 << 20) {
            builder.push(chunk).unwrap();
        }
        builder.finish().toc
    }
}

/// An OCI layout of these layers.
fn write_layout(dir: &Path, layers: &[Blob]) {
    let blobs = dir.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        let digest = digest(bytes);
        fs::write(blobs.join(digest.trim_start_matches("sha256:")), bytes).unwrap();
        json!({"digest": digest, "size": bytes.len()})
    };
    let typed = |mut descriptor: serde_json::Value, media_type: &str| {
        descriptor["mediaType"] = json!(media_type);
        descriptor
    };
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest(&layer.tar)).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media::MANIFEST,
        "config": typed(put(config.to_string().as_bytes()), media::CONFIG),
        "layers": layers.iter().map(|l| typed(put(&l.bytes), media::GZIP)).collect::<Vec<_>>(),
    });
    let mut top = typed(put(manifest.to_string().as_bytes()), media::MANIFEST);
    top["annotations"] = json!({"org.opencontainers.image.ref.name": "it"});
    let index = json!({"schemaVersion": 2, "manifests": [top]});
    fs::write(dir.join("index.json"), index.to_string()).unwrap();
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// All that is below a directory on disk.
fn on_disk(root: &Path) -> Things {
    let mut out = Things::new();
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let kind = meta.file_type();
            let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
            let mut thing = Thing {
                kind: "other",
                mode: meta.mode() & 0o7777,
                owner: (meta.uid().into(), meta.gid().into()),
                target: Vec::new(),
                content: String::new(),
            };
            if kind.is_dir() {
                thing.kind = "dir";
                todo.push(path.clone());
            } else if kind.is_symlink() {
                thing.kind = "symlink";
                thing.mode = 0;
                thing.target = fs::read_link(&path).unwrap().into_os_string().into_vec();
            } else if kind.is_file() {
                thing.kind = "file";
                thing.content = digest(&fs::read(&path).unwrap());
            } else if kind.is_char_device() {
                thing.kind = "char";
            } else if kind.is_block_device() {
                thing.kind = "block";
            } else if kind.is_fifo() {
                thing.kind = "fifo";
            }
            out.insert(name.to_owned(), thing);
        }
    }
    out
}

/// Bytes of all files below a directory on disk, those with several names once.
fn bytes_on_disk(root: &Path) -> u64 {
    let mut files = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                todo.push(path);
            } else if meta.is_file() {
                files.insert((meta.dev(), meta.ino()), meta.len());
            }
        }
    }
    files.values().sum()
}

/// All that the merged layers show, and the bytes of it.
fn as_merged(layers: &[Blob]) -> (Things, u64) {
    let mut root = RootFs::new();
    for layer in layers {
        assert!(root.add_layer(&layer.toc()));
    }
    root.update();
    let tocs: Vec<Toc> = layers.iter().map(Blob::toc).collect();
    let (tree, toc) = (root.visible(), root.toc());
    let mut out = Things::new();
    let mut todo = vec![Tree::ROOT];
    while let Some(node) = todo.pop() {
        todo.extend(tree.children(node));
        if node == Tree::ROOT {
            continue;
        }
        let mut thing = Thing {
            kind: "dir",
            mode: 0o755,
            owner: (0, 0),
            target: Vec::new(),
            content: String::new(),
        };
        if let Some(ordinal) = tree.ordinal(node) {
            // A hard link is another name of its file.
            let file = toc.hardlink_target(ordinal).unwrap();
            let entry = toc.get(file).unwrap();
            thing.mode = entry.mode & 0o7777;
            thing.owner = (entry.uid, entry.gid);
            thing.kind = match entry.kind {
                EntryKind::File => "file",
                EntryKind::Dir => "dir",
                EntryKind::Symlink => "symlink",
                EntryKind::Char => "char",
                EntryKind::Block => "block",
                EntryKind::Fifo => "fifo",
                EntryKind::Hardlink | EntryKind::Other(_) => "other",
            };
            if entry.kind == EntryKind::Symlink {
                thing.mode = 0;
                thing.target = entry.linkname;
            } else if entry.kind == EntryKind::File {
                let version = root.version(file).unwrap();
                let layer = usize::from(version.layer);
                let bytes = match tocs[layer].data_range(version.ordinal) {
                    Some(at) => &layers[layer].tar[at.start as usize..at.end as usize],
                    None => &[],
                };
                thing.content = digest(bytes);
            }
        }
        out.insert(tree.path(node), thing);
    }
    (out, root.sizes(&EntryPath::ROOT).total.bytes)
}

#[track_caller]
fn check(name: &str, layers: &[Blob]) {
    let Some(umoci) = umoci() else {
        return;
    };
    if !is_root() {
        return skipped(name, "only root may unpack owners and devices");
    }
    let dir = tempfile::tempdir().unwrap();
    let (layout, bundle) = (dir.path().join("layout"), dir.path().join("bundle"));
    fs::create_dir(&layout).unwrap();
    write_layout(&layout, layers);
    let mut command = Command::new(umoci);
    command
        .args(["unpack", "--image"])
        .arg(format!("{}:it", layout.display()))
        .arg(&bundle);
    if let Err(error) = process::run(&mut command) {
        let text = error.to_string();
        // Containers may not make devices; there is nothing to compare then.
        if text.contains("mknod") || text.contains("operation not permitted") {
            return skipped(name, text);
        }
        panic!("{name}: {text}");
    }
    let expect = on_disk(&bundle.join("rootfs"));
    let (found, bytes) = as_merged(layers);
    let show = |path: &[u8]| path.escape_ascii().to_string();
    let mut differences = Vec::new();
    for (path, thing) in &expect {
        match found.get(path) {
            Some(found) if found == thing => {}
            other => differences.push(format!("{}: umoci {thing:?}, ours {other:?}", show(path))),
        }
    }
    for (path, thing) in found.iter().filter(|(path, _)| !expect.contains_key(*path)) {
        differences.push(format!("{}: umoci has none, ours {thing:?}", show(path)));
    }
    assert!(
        differences.is_empty(),
        "{name}:\n{}",
        differences.join("\n")
    );
    assert!(!expect.is_empty(), "{name}");
    assert_eq!(bytes, bytes_on_disk(&bundle.join("rootfs")), "{name}");
}

#[test]
fn debian_with_packages_over_it() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    let Some(image) = corpus.optional("debian/packages") else {
        return;
    };
    let layers: Vec<Blob> = image
        .layers
        .iter()
        .map(|layer| Blob::of_corpus(&corpus, layer))
        .collect();
    check("debian/packages", &layers);
}

#[test]
fn whiteouts_of_the_corpus() {
    let Some(corpus) = Corpus::shared() else {
        return;
    };
    for name in ["edge/whiteouts", "made/three"] {
        let layers = &corpus.image(name).layers;
        let layers: Vec<Blob> = layers.iter().map(|l| Blob::of_corpus(&corpus, l)).collect();
        check(name, &layers);
    }
}

/// What is seldom in one image: links on the way, directories that go and come again, opaque ones
/// in one layer, hard links to layers below.
#[test]
fn one_layer_over_the_other() {
    let lower = Tar::new()
        .dir("usr/")
        .dir("usr/bin/")
        .dir("usr/lib/")
        .symlink("bin", "usr/bin")
        .symlink("lib", "/usr/lib")
        .file("usr/bin/sh", "the shell\n")
        .file("usr/lib/libc", "the library\n")
        .dir("again/")
        .file("again/old", "old")
        .dir("again/sub/")
        .file("again/sub/deep", "deep")
        .dir("opaque/")
        .file("opaque/one", "1")
        .dir("opaque/two/")
        .file("opaque/two/three", "3")
        .file("kept", "kept by a link")
        .file("file-to-dir", "f")
        .dir("dir-to-file/")
        .file("dir-to-file/x", "x")
        .symlink("link-to-dir", "usr")
        .file("twice", "first")
        .file("twice", "second")
        .finish();
    let middle = Tar::new()
        .file("bin/tool", "through a link\n")
        .file("lib/extra", "through an absolute link\n")
        .hardlink("other-name", "kept")
        .dir("again/")
        .file("again/new", "new")
        .file(".wh.again", "")
        .dir("opaque/")
        .file("opaque/mine", "mine")
        .file("opaque/.wh..wh..opq", "")
        .dir("file-to-dir/")
        .file("file-to-dir/y", "y")
        .file("dir-to-file", "now a file")
        .dir("link-to-dir/")
        .file("link-to-dir/z", "z")
        .finish();
    let upper = Tar::new()
        .file("bin/.wh.sh", "")
        .file("kept", "another file now")
        .file(".wh.never-was", "")
        .dir("opaque/")
        .file("opaque/late", "late")
        .finish();
    let layers: Vec<Blob> = [lower, middle, upper]
        .into_iter()
        .map(Blob::of_tar)
        .collect();
    check("made by hand", &layers);
}
