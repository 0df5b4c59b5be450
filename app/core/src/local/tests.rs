//! Archives made here, byte by byte; real ones are in the end to end tests.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::ops::Range;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::local::LocalError;
use crate::reference::ManifestRef;
use crate::registry::Endpoint;

/// Files in memory, which count what is read of them.
struct Memory {
    list: Vec<Named>,
    bytes: Vec<Vec<u8>>,
    read: RefCell<Vec<Range<u64>>>,
    /// So many bytes less come than were asked for.
    short: Cell<usize>,
    handed_over: Option<&'static str>,
}

impl Memory {
    fn new(files: &[(&str, &[u8])]) -> Memory {
        Memory {
            list: files
                .iter()
                .map(|(path, bytes)| Named {
                    path: (*path).to_owned(),
                    len: bytes.len() as u64,
                    modified_ms: 1.5e12,
                })
                .collect(),
            bytes: files.iter().map(|(_, bytes)| bytes.to_vec()).collect(),
            read: RefCell::default(),
            short: Cell::new(0),
            handed_over: None,
        }
    }

    fn total_read(&self) -> u64 {
        self.read.borrow().iter().map(|r| r.end - r.start).sum()
    }

    fn open(&self) -> Result<Opened, LocalError> {
        let mut work = std::pin::pin!(open(self));
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(opened) => opened,
            Poll::Pending => panic!("nothing here waits"),
        }
    }

    /// The bytes of what an address leads to.
    fn get(&self, opened: &Opened, url: &str) -> Option<Vec<u8>> {
        Some(match opened.find(url)? {
            Content::Made(bytes) => bytes,
            Content::Piece(p) => {
                self.bytes[p.file][p.start as usize..(p.start + p.len) as usize].to_vec()
            }
        })
    }
}

impl Files for Memory {
    fn list(&self) -> &[Named] {
        &self.list
    }

    fn handed_over(&self) -> Option<&str> {
        self.handed_over
    }

    async fn read(&self, file: usize, range: Range<u64>) -> Result<Vec<u8>, String> {
        self.read.borrow_mut().push(range.clone());
        let bytes = &self.bytes[file][range.start as usize..range.end as usize];
        Ok(bytes[..bytes.len() - self.short.get().min(bytes.len())].to_vec())
    }
}

/// A tar of such entries: a name that ends with `@` is a symlink to what it holds.
fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, data) in entries {
        let link = name.strip_suffix('@');
        let mut block = [0u8; 512];
        let name = link.unwrap_or(name);
        block[..name.len()].copy_from_slice(name.as_bytes());
        let stored: &[u8] = if link.is_some() { &[] } else { data };
        block[100..107].copy_from_slice(b"0000644");
        block[124..135].copy_from_slice(format!("{:011o}", stored.len()).as_bytes());
        block[136..147].copy_from_slice(b"00000000000");
        block[156] = if link.is_some() { b'2' } else { b'0' };
        if link.is_some() {
            block[157..157 + data.len()].copy_from_slice(data);
        }
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.extend_from_slice(&block);
        out.extend_from_slice(stored);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn sha(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

fn blob_path(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", sha(bytes).encoded())
}

/// A layout's files: a large layer, its manifest, a signature of that, an index.
fn layout() -> Vec<(String, Vec<u8>)> {
    let layer = vec![7; 1 << 20];
    let config = b"{}".to_vec();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha(&config).to_string(), "size": 2},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": sha(&layer).to_string(), "size": layer.len()}],
    });
    let manifest = manifest.to_string().into_bytes();
    let descriptor = |bytes: &[u8]| {
        serde_json::json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": sha(bytes).to_string(), "size": bytes.len(),
        })
    };
    let signature = serde_json::json!({
        "schemaVersion": 2, "artifactType": "application/x.signature",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": sha(&config).to_string(), "size": 2},
        "layers": [], "subject": descriptor(&manifest),
    });
    let signature = signature.to_string().into_bytes();
    let mut named = descriptor(&manifest);
    named["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "demo:1"});
    named["platform"] = serde_json::json!({"os": "linux", "architecture": "arm64"});
    let mut again = named.clone();
    again["annotations"] = serde_json::json!({"io.containerd.image.name": "demo:2"});
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [named, again, descriptor(&signature)]});
    let mut files = vec![(
        "oci-layout".to_owned(),
        b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec(),
    )];
    for blob in [layer, config, manifest, signature] {
        files.push((blob_path(&blob), blob));
    }
    files.push(("index.json".to_owned(), index.to_string().into_bytes()));
    files
}

fn as_slices(files: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
    files
        .iter()
        .map(|(n, b)| (n.as_str(), b.as_slice()))
        .collect()
}

#[track_caller]
fn check_layout(files: &Memory, opened: &Opened) {
    assert_eq!(opened.form, Form::OciLayout);
    let [image] = opened.images.as_slice() else {
        panic!("{:?}", opened.images)
    };
    assert_eq!(image.names, ["demo:1", "demo:2"]);
    assert_eq!(image.platform.as_ref().unwrap().to_string(), "linux/arm64");
    let repository = opened.repository().unwrap();
    // By the requests that a client makes, whichever way registries are reached.
    let endpoint = Endpoint::proxy("https://proxy.example");
    let by = ManifestRef::Digest(image.digest.clone());
    let asked = endpoint.manifest(crate::port::Method::Get, &repository, &by);
    let manifest = files.get(opened, &asked.url).unwrap();
    assert_eq!(sha(&manifest), image.digest);
    let layer = vec![7; 1 << 20];
    let asked = endpoint.blob(&repository, &sha(&layer), Some((1, Some(3))));
    assert_eq!(asked.header("range"), Some("bytes=1-2"));
    assert!(files.get(opened, &asked.url).unwrap() == layer);
    assert_eq!(opened.piece(&sha(&layer)).unwrap().len, 1 << 20);
    assert!(!opened.is_unnamed(&sha(&layer)));
    let asked = endpoint.referrers(&repository, &image.digest, None, None);
    let referrers = String::from_utf8(files.get(opened, &asked.url).unwrap()).unwrap();
    assert!(referrers.contains("application/x.signature"), "{referrers}");
    let missing = endpoint.blob(&repository, &sha(b"nowhere"), None);
    assert_eq!(opened.find(&missing.url), None);
    assert_eq!(opened.find("local:other/blobs/sha256:00"), None);
}

#[test]
fn a_layout_as_a_tar_is_read_by_its_headers() {
    let bytes = tar(&as_slices(&layout()));
    let files = Memory::new(&[("image.tar", &bytes)]);
    let opened = files.open().unwrap();
    check_layout(&files, &opened);
    assert_eq!(
        (opened.name.as_str(), opened.len),
        ("image.tar", bytes.len() as u64)
    );
    assert!(files.total_read() < 300 << 10, "{:?}", files.read);
    assert_eq!(files.open().unwrap().id, opened.id);
}

#[test]
fn a_layout_as_a_folder() {
    let layout = layout();
    let named: Vec<(String, &[u8])> = layout
        .iter()
        .map(|(name, bytes)| (format!("my layout/{name}"), bytes.as_slice()))
        .collect();
    let named: Vec<(&str, &[u8])> = named.iter().map(|(n, b)| (n.as_str(), *b)).collect();
    let files = Memory::new(&named);
    let opened = files.open().unwrap();
    check_layout(&files, &opened);
    assert_eq!(opened.name, "my layout");
}

#[test]
fn docker_save() {
    let plain = tar(&[("etc/os-release", b"ID=demo\n")]);
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03 not looked into".to_vec();
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [
            sha(&plain).to_string(), sha(b"a").to_string(), sha(b"b").to_string(), sha(&plain).to_string(),
        ]},
    });
    let config = config.to_string().into_bytes();
    let config_name = format!("{}.json", sha(&config).encoded());
    let called = format!("{}.tar.gz", sha(&gzip).encoded());
    let hex = sha(b"a chain").encoded().to_owned();
    let (first, link, last) = (
        format!("{hex}/layer.tar"),
        format!("{}/layer.tar@", sha(b"again").encoded()),
        format!("{}/layer.tar", sha(b"gz").encoded()),
    );
    let linked = link.trim_end_matches('@').to_owned();
    let manifest = serde_json::json!([{
        "Config": config_name, "RepoTags": ["demo:latest", "demo:1"],
        "Layers": [first, called, last, linked],
    }]);
    let manifest = manifest.to_string().into_bytes();
    let target = format!("../{first}");
    let bytes = tar(&[
        (&first, &plain),
        (&called, &gzip),
        (&last, &gzip),
        (&link, target.as_bytes()),
        (&config_name, &config),
        ("manifest.json", &manifest),
        ("repositories", b"{}"),
    ]);
    let files = Memory::new(&[("saved.tar", &bytes)]);
    let opened = files.open().unwrap();
    assert_eq!(opened.form, Form::DockerSave);
    let image = &opened.images[0];
    assert_eq!(image.names, ["demo:latest", "demo:1"]);
    assert!(image.made);
    let repository = opened.repository().unwrap();
    let url = |api, digest: &Digest| url(&repository, api, &digest.to_string());
    let made = files
        .get(&opened, &url("manifests", &image.digest))
        .unwrap();
    assert_eq!(
        (sha(&made), made.len() as u64),
        (image.digest.clone(), image.len)
    );
    let made = crate::manifest::Document::parse(&made, None).unwrap();
    let crate::manifest::Document::Manifest(made) = made else {
        panic!("{made:?}")
    };
    let got = |digest: &Digest| files.get(&opened, &url("blobs", digest)).unwrap();
    assert!(got(&made.config.unwrap().digest) == config);
    let [one, two, three, four] = made.layers.as_slice() else {
        panic!("{:?}", made.layers)
    };
    assert_eq!((&one.digest, &four.digest), (&sha(&plain), &sha(&plain)));
    assert_eq!(two.digest, sha(&gzip));
    assert!(two.media_type.ends_with("+gzip"));
    // Nobody says what the third has to be.
    assert_ne!(three.digest, sha(&gzip));
    assert!(opened.is_unnamed(&three.digest) && !opened.is_unnamed(&two.digest));
    assert!(got(&three.digest) == gzip && got(&four.digest) == plain);
}

#[test]
fn single_archives() {
    let many: Vec<String> = (0..100).map(|n| format!("usr/share/{n}")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|n| (n.as_str(), &[0; 700][..])).collect();
    let layer = tar(&many);
    for (name, bytes, folder) in [
        ("layer.tar", layer.as_slice(), false),
        ("x.tgz", b"\x1f\x8b\x08 and so on", false),
        ("x.whl", b"PK\x03\x04 and so on", true),
        ("x.deb", b"!<arch>\ndebian-binary", true),
        ("x.txt", b"hello", false),
    ] {
        let files = Memory::new(&[(name, bytes)]);
        let opened = files.open().unwrap();
        assert_eq!(opened.form, Form::Archives, "{name}");
        let [archive] = opened.archives.as_slice() else {
            panic!("{name}")
        };
        assert_eq!((archive.name.as_str(), archive.folder), (name, folder));
        assert!(opened.is_unnamed(&archive.digest));
        assert_eq!(
            opened.piece(&archive.digest).unwrap().len,
            bytes.len() as u64
        );
        assert!(files.total_read() < 130 << 10);
    }
    let files = Memory::new(&[("a.deb", b"!<arch>\n"), ("b.tar", &layer)]);
    let opened = files.open().unwrap();
    assert_eq!(opened.archives.len(), 2);
    assert_ne!(opened.archives[0].digest, opened.archives[1].digest);
}

#[track_caller]
fn check_error(files: &[(&str, &[u8])], expect: &str) {
    let error = Memory::new(files).open().unwrap_err();
    let problem = crate::view::problem::Problem::from(&error);
    let text = format!("{} {problem}", problem.code);
    assert!(text.contains(expect), "{text}");
}

#[test]
fn what_is_wrong_is_told() {
    check_error(&[], "LOCAL_EMPTY");
    check_error(&[("a.tar", b"")], "a.tar is empty");
    check_error(&[("folder/a.txt", b"x")], "LOCAL_NO_IMAGE");
    let whole = tar(&as_slices(&layout()));
    check_error(
        &[("a.tar", &whole[..1 << 19])],
        "in the middle of blobs/sha256/",
    );
    let saved = |manifest: &[u8]| tar(&[("manifest.json", manifest)]);
    check_error(&[("a.tar", &saved(b"{"))], "manifest.json cannot be used");
    let names = br#"[{"Config":"a.json","Layers":[]}]"#;
    check_error(
        &[("a.tar", &saved(names))],
        "names a.json, which is not there",
    );
    check_error(&[("f/index.json", b"{}")], "no list of manifests");
    let mut broken = whole.clone();
    let second = 1024 + 10; // in its header
    broken[second] ^= 1;
    check_error(&[("a.tar", &broken)], "LOCAL_DAMAGED");
    let files = Memory::new(&[("a.tar", &whole)]);
    files.short.set(1);
    let error = files.open().unwrap_err();
    assert!(error.to_string().contains("changed meanwhile"), "{error}");
    // A layer whose end is missing is opened: the layer's page says what is wrong.
    let layer = tar(&[("a", b"x"), ("b", &[0; 9999])]);
    assert!(Memory::new(&[("l.tar", &layer[..4096])]).open().is_ok());
}

#[test]
fn a_packed_image_is_known_by_its_beginning() {
    assert!(looks_packed(&tar(&as_slices(&layout()))));
    assert!(!looks_packed(&tar(&[("etc/passwd", b"")])));
    assert!(!looks_packed(b"no tar"));
    assert!(!looks_packed(&[]));
}

/// Tars are padded, so that those of small files have equal lengths; hosts call them all "file".
#[test]
fn what_is_handed_over_is_never_taken_for_something_else() {
    let open = |id: &'static str, text: &[u8]| {
        let mut files = Memory::new(&[("file", &tar(&[("a", text)]))]);
        files.handed_over = Some(id);
        files.open().unwrap()
    };
    let (one, other) = (open("0a1b", b"one"), open("2c3d", b"two"));
    assert_eq!((&*one.id, &*other.id), ("0a1b", "2c3d"));
    assert_eq!(one.len, other.len);
    let named = |opened: &Opened| opened.archives[0].digest.clone();
    assert_ne!(named(&one), named(&other));
    let url = url(
        &one.repository().unwrap(),
        "blobs",
        &named(&one).to_string(),
    );
    assert!(one.find(&url).is_some());
    assert_eq!(other.find(&url), None);
    // What is on disk is found again by its name, length and time.
    let files = Memory::new(&[("file", &tar(&[("a", b"one")]))]);
    assert_eq!(files.open().unwrap().id, files.open().unwrap().id);
    assert_ne!(files.open().unwrap().id, one.id);
}

#[test]
fn what_is_unpacked_is_bounded() {
    let mib = 1 << 20;
    // A bomb of 10 MB would come to 10 GB.
    assert_eq!(unpacked_limit(10 * mib), 1000 * mib);
    assert_eq!(unpacked_limit(0), 256 * mib);
    assert_eq!(unpacked_limit(u64::MAX), 16 << 30);
}
