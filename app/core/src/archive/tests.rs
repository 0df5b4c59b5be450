//! Archives made by Debian's tools, and by Python's, against what was packed.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::decode::tests::{sample, tool};
use crate::decode::{self};
use crate::job::Verified;
use crate::layer_index::{EntryReader, ReadError};
use crate::toc::EntryKind;
use crate::tree::normalised;

const CONTENT: &[u8] = include_bytes!("../../../../tests/data/archives/content.tar.xz");
const NEWC: &[u8] = include_bytes!("../../../../tests/data/archives/newc.cpio");
const CRC: &[u8] = include_bytes!("../../../../tests/data/archives/crc.cpio");
const ODC: &[u8] = include_bytes!("../../../../tests/data/archives/odc.cpio");
const INITRAMFS: &[u8] = include_bytes!("../../../../tests/data/archives/initramfs.cpio");
const ZIP: &[u8] = include_bytes!("../../../../tests/data/archives/plain.zip");
const STORED_ZIP: &[u8] = include_bytes!("../../../../tests/data/archives/stored.zip");
const ENCRYPTED_ZIP: &[u8] = include_bytes!("../../../../tests/data/archives/encrypted.zip");
const LONG_NAMES: &[u8] = include_bytes!("../../../../tests/data/archives/long-names.a");
const DEB: &[u8] = include_bytes!("../../../../tests/data/archives/demo.deb");

fn open_as(bytes: &[u8], name: &str, chunk: usize) -> Result<Archive, ArchiveError> {
    let mut builder = ArchiveBuilder::new(MAX_HELD_BYTES, decode::decoder);
    for chunk in bytes.chunks(chunk) {
        builder.push(chunk)?;
    }
    builder.finish(name.as_bytes())
}

fn open(bytes: &[u8]) -> Archive {
    open_as(bytes, "file", 64 << 10).unwrap()
}

fn read(archive: &Archive, ordinal: u32, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
    let (plan, mut from) = archive.open(ordinal, range)?;
    let mut reader = EntryReader::of_kept(plan, Verified::Span);
    let mut out = Vec::new();
    while let Some(piece) = from.next()? {
        reader.push(&piece, &mut |bytes| out.extend_from_slice(bytes))?;
    }
    reader.finish(&mut |bytes| out.extend_from_slice(bytes))?;
    Ok(out)
}

/// What an entry is, where its link leads, and its bytes.
type Item = (EntryKind, Vec<u8>, Vec<u8>);

/// Everything in it, by name; a hard link has the bytes of its file.
fn listed(archive: &Archive) -> BTreeMap<String, Item> {
    let toc = archive.toc();
    let entries = (0..toc.len()).map(|ordinal| {
        let entry = toc.get(ordinal).unwrap();
        let path = String::from_utf8(normalised(&entry.path)).unwrap();
        let (kind, bytes) = match entry.kind {
            EntryKind::File | EntryKind::Hardlink => {
                let bytes = read(archive, ordinal, 0..u64::MAX).unwrap();
                let half = bytes.len() as u64 / 2;
                let part = read(archive, ordinal, half..half + 5).unwrap();
                let end = bytes.len().min(half as usize + 5);
                assert_eq!(part, bytes[half as usize..end], "{path}");
                (EntryKind::File, bytes)
            }
            kind => (kind, Vec::new()),
        };
        let link = match kind {
            EntryKind::Symlink => entry.linkname,
            _ => Vec::new(),
        };
        (path, (kind, link, bytes))
    });
    entries.collect()
}

/// What was packed, by the tar crate.
fn packed() -> BTreeMap<String, Item> {
    let plain = tool(&["xz", "-dc"], CONTENT);
    let plain = plain.unwrap_or_else(|| open(CONTENT).plain.to_vec());
    let mut archive = tar::Archive::new(&plain[..]);
    let mut items = BTreeMap::<String, Item>::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(normalised(&entry.path_bytes())).unwrap();
        let kind = entry.header().entry_type();
        let link = entry.link_name_bytes().map(|l| l.into_owned());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let item = match kind {
            tar::EntryType::Directory => (EntryKind::Dir, Vec::new(), Vec::new()),
            tar::EntryType::Symlink => (EntryKind::Symlink, link.unwrap(), Vec::new()),
            tar::EntryType::Link => {
                let of = String::from_utf8(normalised(&link.unwrap())).unwrap();
                items[&of].clone()
            }
            _ => (EntryKind::File, Vec::new(), bytes),
        };
        items.insert(path, item);
    }
    assert_eq!(items.len(), 9);
    items
}

#[track_caller]
fn check(bytes: &[u8], kind: ArchiveKind, extra: &[&str]) {
    let archive = open(bytes);
    assert_eq!(archive.kind(), kind);
    assert_eq!(archive.damage(), None);
    let mut listed = listed(&archive);
    for name in extra {
        assert!(listed.remove(*name).is_some(), "{name}");
    }
    let mut packed = packed();
    if !listed.contains_key("") {
        packed.remove(""); // not every tool writes the top directory
    }
    let names = |of: &BTreeMap<String, Item>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&listed), names(&packed));
    assert!(listed == packed);
    // 2024-02-29 12:34:56 UTC; zip has every second second.
    for ordinal in 0..archive.toc().len() {
        let entry = archive.toc().get(ordinal).unwrap();
        let path = String::from_utf8(normalised(&entry.path)).unwrap();
        // The top directory of what comes first in an initramfs is another one.
        if !path.is_empty() && !extra.contains(&&*path) {
            assert_eq!(entry.mtime_s, 1_709_210_096);
            let expect = match (entry.kind, &*normalised(&entry.path)) {
                (EntryKind::Dir, _) => 0o755,
                (EntryKind::Symlink, _) => 0o777,
                (_, b"hello.txt" | b"dir/deeper/same") => 0o640,
                _ => 0o644,
            };
            assert_eq!(entry.mode, expect, "{entry:?}");
        }
    }
    // However it is cut.
    for chunk in [1, 1000] {
        let again = open_as(bytes, "file", chunk).unwrap();
        assert!(self::listed(&again).keys().len() == listed.len() + extra.len());
    }
}

#[test]
fn all_kinds_hold_what_was_packed() {
    check(CONTENT, ArchiveKind::Tar, &[]);
    check(NEWC, ArchiveKind::Cpio, &[]);
    check(CRC, ArchiveKind::Cpio, &[]);
    check(ODC, ArchiveKind::Cpio, &[]);
    check(ZIP, ArchiveKind::Zip, &[]);
    check(STORED_ZIP, ArchiveKind::Zip, &[]);
    check(INITRAMFS, ArchiveKind::Cpio, &["microcode"]);
}

#[test]
fn compressed_ones_are_unpacked_first() {
    let tar = open(CONTENT).plain.to_vec();
    check(&tar, ArchiveKind::Tar, &[]);
    for command in [
        &["gzip", "-c"][..],
        &["zstd", "-c"],
        &["bzip2", "-c"],
        &["xz", "-c", "--check=sha256"],
    ] {
        if let Some(packed) = tool(command, &tar) {
            check(&packed, ArchiveKind::Tar, &[]);
        }
        if let Some(packed) = tool(command, NEWC) {
            check(&packed, ArchiveKind::Cpio, &[]);
        }
    }
    // As Alpine's packages are: archives without an end, each a gzip member.
    let halves = [
        tool(&["gzip", "-c"], &tar[..1024]),
        tool(&["gzip", "-c"], &tar[1024..]),
    ];
    if let [Some(one), Some(other)] = halves {
        check(&[one, other].concat(), ArchiveKind::Tar, &[]);
    }
}

#[test]
fn ar_has_long_names_and_debs_have_archives() {
    let archive = open(LONG_NAMES);
    assert_eq!(archive.kind(), ArchiveKind::Ar);
    let packed = packed();
    let listed = listed(&archive);
    assert_eq!(listed.len(), 4);
    for (name, item) in listed {
        let mut same = packed.iter().filter(|(path, _)| path.ends_with(&name));
        assert_eq!(Some(&item), same.next().map(|(_, item)| item), "{name}");
    }

    let deb = open(DEB);
    let names = ["debian-binary", "control.tar.xz", "data.tar.xz"];
    for (ordinal, name) in (0..).zip(names) {
        assert_eq!(deb.toc().path(ordinal).unwrap(), name.as_bytes());
    }
    assert_eq!(read(&deb, 0, 0..u64::MAX).unwrap(), b"2.0\n");
    let data = open(&read(&deb, 2, 0..u64::MAX).unwrap());
    let inside = self::listed(&data);
    for (path, item) in packed.iter().filter(|(path, _)| !path.is_empty()) {
        assert!(&inside[&format!("usr/share/demo/{path}")] == item, "{path}");
    }
    let control = open(&read(&deb, 1, 0..u64::MAX).unwrap());
    let control = self::listed(&control)["control"].2.clone();
    assert!(control.starts_with(b"Package: demo\n"));
}

#[test]
fn a_compressed_file_is_one_file() {
    let data = sample(1 << 20);
    for (command, name, expect) in [
        (&["gzip", "-c"][..], "notes.txt.gz", "notes.txt"),
        (&["xz", "-c"], "notes.txt.xz", "notes.txt"),
        (&["zstd", "-c"], "notes.txt", "notes.txt"),
    ] {
        let Some(packed) = tool(command, &data) else {
            continue;
        };
        let archive = open_as(&packed, name, 1000).unwrap();
        assert_eq!(archive.kind(), ArchiveKind::File);
        assert_eq!(archive.toc().path(0).unwrap(), expect.as_bytes());
        assert!(read(&archive, 0, 0..u64::MAX).unwrap() == data);
    }
    assert!(matches!(
        open_as(b"plain text, no archive", "file", 5),
        Err(ArchiveError::NotAnArchive)
    ));
    assert!(matches!(
        open_as(b"", "file", 5),
        Err(ArchiveError::NotAnArchive)
    ));
}

/// Python's zipfile: data descriptors, zip64, names that are not ASCII.
#[test]
fn zips_of_python() {
    const SCRIPT: &str = r#"
import sys, zipfile, io
out = io.BytesIO()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
    for i in range(300):
        z.writestr("d%d/file%d.txt" % (i % 7, i), ("line %d\n" % i) * i)
    z.writestr("ünïcode.txt", b"x" * 100)
    with z.open("zip64.bin", "w", force_zip64=True) as f:
        f.write(bytes(range(256)) * 5000)
    z.writestr("bzip2.txt", b"y" * 1000, compress_type=zipfile.ZIP_BZIP2)
    z.comment = b"a comment"
sys.stdout.buffer.write(out.getvalue())
"#;
    let Some(bytes) = tool(&["python3", "-c", SCRIPT], b"") else {
        return;
    };
    let archive = open(&[b"#!/bin/sh in front\n", &bytes[..]].concat()[19..]);
    let toc = archive.toc();
    assert_eq!(toc.len(), 303);
    for i in 0..300 {
        let expect = format!("line {i}\n").repeat(i as usize);
        assert!(read(&archive, i, 0..u64::MAX).unwrap() == expect.as_bytes());
    }
    assert_eq!(toc.path(300).unwrap(), "ünïcode.txt".as_bytes());
    assert_eq!(read(&archive, 301, 1_279_999..u64::MAX).unwrap(), [255]);
    let refused = read(&archive, 302, 0..1).unwrap_err();
    assert!(refused.to_string().contains("BZIP2"), "{refused}");
}

#[test]
fn what_is_encrypted_or_damaged_says_so() {
    let archive = open(ENCRYPTED_ZIP);
    let refused = read(&archive, 0, 0..1).unwrap_err().to_string();
    assert!(refused.contains("encrypted"), "{refused}");

    // A byte of the largest member, which is deflated.
    let mut bad = ZIP.to_vec();
    let at = bad.len() / 2;
    bad[at] ^= 1;
    let archive = open(&bad);
    let mut failed = 0;
    for ordinal in 0..archive.toc().len() {
        let result = read(&archive, ordinal, 0..u64::MAX);
        failed += u32::from(matches!(result, Err(ReadError::Member { .. })));
    }
    assert_eq!(failed, 1);
    for (bytes, kind) in [(NEWC, ArchiveKind::Cpio), (LONG_NAMES, ArchiveKind::Ar)] {
        let cut = open(&bytes[..bytes.len() / 2]);
        assert_eq!(cut.kind(), kind);
        assert!(cut.damage().is_some());
        assert!(!cut.toc().is_empty(), "what comes before it is good");
    }
    let tar = open(CONTENT).plain.to_vec();
    assert!(open(&tar[..tar.len() / 2]).damage().is_some());
    assert!(open_as(&CONTENT[..1000], "file", 100).is_err());
}

#[test]
fn no_more_is_held_than_allowed() {
    let limit = 100_000;
    let mut builder = ArchiveBuilder::new(limit, decode::decoder);
    let Some(bomb) = tool(&["gzip", "-c"], &vec![0; 1 << 20]) else {
        return;
    };
    assert!(builder.push(&bomb).is_err());
    assert!(builder.out_len() <= limit);
    let mut builder = ArchiveBuilder::new(limit, decode::decoder);
    let plain = builder.push(&vec![b'x'; 100_001]);
    assert_eq!(plain, Err(ArchiveError::TooLarge { limit }));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        which in 0..7usize,
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..6),
        cut in any::<usize>(),
    ) {
        let mut bytes = [NEWC, ODC, ZIP, STORED_ZIP, LONG_NAMES, DEB, INITRAMFS][which].to_vec();
        for (at, byte) in changes {
            // Headers are what matters; most lie in the first kilobyte or, zip's, in the last.
            let len = bytes.len();
            let at = match at % 3 {
                0 => at % 1024.min(len),
                1 => len - 1 - at % 1024.min(len),
                _ => at % len,
            };
            bytes[at] = byte;
        }
        if cut % 4 == 0 {
            bytes.truncate(cut / 4 % bytes.len());
        }
        if let Ok(archive) = open_as(&bytes, "file", 4096) {
            for ordinal in 0..archive.toc().len() {
                // Damage is an error; a size that only a header states is no allocation.
                let _told = read(&archive, ordinal, 0..100_000);
            }
        }
    }
}

/// Packages that this machine happens to have, or that `LAYERSCOPE_DEBS` names a folder of: every
/// file of a deb against what dpkg-deb gives of it.
#[test]
fn real_debs() {
    let named = std::env::var_os("LAYERSCOPE_DEBS").map(std::path::PathBuf::from);
    let folders = [Some("/var/cache/apt/archives".into()), named];
    let files = folders
        .into_iter()
        .flatten()
        .filter_map(|f| std::fs::read_dir(f).ok());
    let files = files.flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let debs: Vec<_> = files
        .filter(|p| p.extension().is_some_and(|e| e == "deb"))
        .collect();
    if debs.is_empty() {
        eprintln!("skipped: there are no packages on this machine");
    }
    for path in debs.iter().take(8) {
        let command = ["dpkg-deb", "--fsys-tarfile", &path.to_string_lossy()];
        let Some(theirs) = tool(&command, b"") else {
            return;
        };
        let deb = open(&std::fs::read(path).unwrap());
        let data = (0..deb.toc().len())
            .find(|o| deb.toc().path(*o).unwrap().starts_with(b"data.tar"))
            .unwrap();
        let ours = open(&read(&deb, data, 0..u64::MAX).unwrap());
        assert!(*ours.plain == theirs, "{}", path.display());
        let mut archive = tar::Archive::new(&theirs[..]);
        for (ordinal, entry) in (0..).zip(archive.entries().unwrap()) {
            let mut entry = entry.unwrap();
            assert_eq!(ours.toc().path(ordinal).unwrap(), &*entry.path_bytes());
            if entry.header().entry_type() == tar::EntryType::Regular {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                assert!(read(&ours, ordinal, 0..u64::MAX).unwrap() == bytes);
            }
        }
    }
}

/// A real wheel, the one that Python brings pip in, against Python's own zipfile.
#[test]
fn a_real_wheel() {
    const FIND: &str = "
import ensurepip, glob, os
found = glob.glob(os.path.join(os.path.dirname(ensurepip.__file__), '_bundled', 'pip-*.whl'))
print(found[0] if found else '', end='')";
    const LIST: &str = "
import hashlib, sys, zipfile
for i in zipfile.ZipFile(sys.argv[1]).infolist():
    data = zipfile.ZipFile(sys.argv[1]).read(i)
    print(hashlib.sha256(data).hexdigest(), i.filename)";
    let Some(path) = tool(&["python3", "-c", FIND], b"").filter(|p| !p.is_empty()) else {
        eprintln!("skipped: there is no wheel on this machine");
        return;
    };
    let path = String::from_utf8(path).unwrap();
    let listed = tool(&["python3", "-c", LIST, &path], b"").unwrap();
    let wheel = open(&std::fs::read(&path).unwrap());
    let mut ours = String::new();
    for ordinal in 0..wheel.toc().len() {
        let bytes = read(&wheel, ordinal, 0..u64::MAX).unwrap();
        let digest = crate::digest::Digest::of(crate::digest::Algorithm::Sha256, &bytes);
        let name = String::from_utf8(wheel.toc().path(ordinal).unwrap()).unwrap();
        ours += &format!("{} {name}\n", digest.encoded());
    }
    assert!(wheel.toc().len() > 100);
    assert_eq!(ours, String::from_utf8(listed).unwrap());
}
