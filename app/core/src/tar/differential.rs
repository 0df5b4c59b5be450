//! Against another reader (the `tar` crate) and real writers (that crate and GNU tar).
//!
//! Allowed differences, each handled below: the crate gives no global PAX records; it keeps the
//! `GNU.sparse` names of PAX sparse files and does not put such files together; its `size` for
//! old GNU sparse files is the real size, as ours is; their position is that of the blocks of the
//! map, ours that of the data after them.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use super::tests::read_all;
use crate::toc::{Entry, EntryKind};

/// A sparse file with its holes.
fn assembled(entry: &Entry, data: &[u8]) -> Vec<u8> {
    let Some(runs) = &entry.sparse else {
        return data.to_vec();
    };
    let mut file = vec![0; entry.size as usize];
    let mut rest = data;
    for run in runs {
        let (now, later) = rest.split_at(run.len as usize);
        file[run.start as usize..(run.start + run.len) as usize].copy_from_slice(now);
        rest = later;
    }
    file
}

/// Our reading equals the crate's, entry for entry. Returns how many entries there are.
#[track_caller]
fn check(archive: &[u8]) -> usize {
    let (seen, result) = read_all(archive);
    let notes = result.expect("a good archive");
    assert!(notes.trailer);
    let mut theirs = tar::Archive::new(archive);
    let mut count = 0;
    for (i, entry) in theirs.entries().unwrap().enumerate() {
        let mut entry = entry.unwrap();
        let ours = &seen.entries[i];
        let flag = entry.header().entry_type();
        let pax_sparse = entry.pax_extensions().unwrap().is_some_and(|records| {
            records
                .flatten()
                .any(|r| r.key_bytes().starts_with(b"GNU.sparse."))
        });
        if !pax_sparse {
            assert_eq!(entry.path_bytes().as_ref(), ours.path);
        }
        assert_eq!(
            entry.link_name_bytes().unwrap_or_default().as_ref(),
            ours.linkname
        );
        let kind = match flag {
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                // v7 archives tell a directory by its slash.
                match ours.path.ends_with(b"/") {
                    true => EntryKind::Dir,
                    false => EntryKind::File,
                }
            }
            tar::EntryType::Link => EntryKind::Hardlink,
            tar::EntryType::Symlink => EntryKind::Symlink,
            tar::EntryType::Char => EntryKind::Char,
            tar::EntryType::Block => EntryKind::Block,
            tar::EntryType::Directory => EntryKind::Dir,
            tar::EntryType::Fifo => EntryKind::Fifo,
            other => EntryKind::Other(other.as_byte()),
        };
        assert_eq!(ours.kind, kind, "{}", ours.path.escape_ascii());
        assert_eq!(entry.header().mode().unwrap(), ours.mode);
        if entry.pax_extensions().unwrap().is_none() {
            assert_eq!(entry.header().uid().unwrap(), ours.uid);
            assert_eq!(entry.header().gid().unwrap(), ours.gid);
            assert_eq!(entry.header().mtime().unwrap() as i64, ours.mtime_s);
            let uname = entry.header().username_bytes().unwrap_or_default();
            assert_eq!(uname, ours.uname);
        }
        if ours.kind.has_data() && !pax_sparse {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert_eq!(
                content,
                assembled(ours, &seen.data[i]),
                "{}",
                ours.path.escape_ascii()
            );
            assert_eq!(content.len() as u64, ours.size);
        }
        if ours.sparse.is_none() {
            assert_eq!(Some(entry.raw_file_position()), ours.data_out_offset);
        }
        count += 1;
    }
    assert_eq!(count, seen.entries.len());
    count
}

#[test]
fn archives_of_the_tar_crate() {
    let mut builder = tar::Builder::new(Vec::new());
    for i in 0..50u64 {
        let content = vec![i as u8; (i * i * 7) as usize];
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600 + i as u32 % 8);
        header.set_uid(i * 100_000);
        header.set_gid(i);
        header.set_mtime(1_600_000_000 + i);
        let name = format!("dir{i}/{}", "long-name-".repeat(i as usize));
        builder
            .append_data(&mut header, name, &content[..])
            .unwrap();
    }
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    link.set_mode(0o777);
    link.set_uid(0);
    link.set_gid(0);
    link.set_mtime(1);
    builder
        .append_link(&mut link, "link", "t/".repeat(120))
        .unwrap();
    let mut big = tar::Header::new_ustar();
    big.set_size(3);
    big.set_mode(0o644);
    big.set_uid(u64::from(u32::MAX));
    builder
        .append_pax_extensions([("SCHILY.xattr.user.a", &b"v\0w"[..])])
        .unwrap();
    builder.append_data(&mut big, "x", &b"abc"[..]).unwrap();
    let archive = builder.into_inner().unwrap();
    assert_eq!(check(&archive), 52);
    let (seen, _) = read_all(&archive);
    let last = seen.entries.last().unwrap();
    assert_eq!(
        last.pax,
        [(b"SCHILY.xattr.user.a".to_vec(), b"v\0w".to_vec())]
    );
}

/// A folder with names, kinds and holes that archives have trouble with.
fn tree(root: &Path) {
    let _ = std::fs::remove_dir_all(root);
    std::fs::create_dir_all(root.join("a/b/c")).unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(root.join(name), content).unwrap();
    write("a/empty", b"");
    write("a/512", &[7; 512]);
    write("a/513", &[8; 513]);
    write("a/b/naïve \n name", b"x");
    write(&format!("a/b/c/{}", "n".repeat(90)), b"long name");
    std::fs::hard_link(root.join("a/512"), root.join("a/z-hard")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../../nowhere", root.join("a/b/link")).unwrap();
    let mut file = std::fs::File::create(root.join("a/sparse")).unwrap();
    for i in 0..60u64 {
        use std::io::Seek;
        file.seek(std::io::SeekFrom::Start(i * 100_000 + 5000))
            .unwrap();
        file.write_all(format!("run {i}").repeat(300).as_bytes())
            .unwrap();
    }
    file.set_len(7_000_000).unwrap();
}

#[test]
fn archives_of_gnu_tar() {
    let version = Command::new("tar").arg("--version").output();
    if !version.is_ok_and(|v| v.stdout.starts_with(b"tar (GNU tar)")) {
        eprintln!("skipped: there is no GNU tar here");
        return;
    }
    let root = std::env::temp_dir().join(format!("layerscope-tar-{}", std::process::id()));
    tree(&root);
    for args in [
        &["--format=gnu", "-S"][..],
        &["--format=gnu"],
        &["--format=pax"],
        &["--format=pax", "-S", "--sparse-version=0.0"],
        &["--format=pax", "-S", "--sparse-version=0.1"],
        &["--format=pax", "-S", "--sparse-version=1.0"],
        &["--format=ustar"],
        &["--format=v7"],
        &["--format=gnu", "--mtime=1960-01-01"],
    ] {
        let made = Command::new("tar")
            .args(args)
            .arg("-cf-")
            .arg("-C")
            .arg(&root)
            .arg("a")
            .output();
        let archive = made.unwrap().stdout;
        let (seen, result) = read_all(&archive);
        assert!(result.is_ok(), "{args:?}: {result:?}");
        // By content too, so that PAX sparse files are covered.
        let mut files = 0;
        for (entry, data) in seen.entries.iter().zip(&seen.data) {
            if entry.kind == EntryKind::File {
                let name = std::str::from_utf8(&entry.path).unwrap();
                let content = std::fs::read(root.join(name)).unwrap();
                assert!(content == assembled(entry, data), "{args:?} {name}");
                assert_eq!(
                    entry.sparse.is_some(),
                    args.contains(&"-S") && name == "a/sparse"
                );
                files += 1;
            }
        }
        assert_eq!(files, 6, "{args:?}");
        if args
            .iter()
            .all(|a| !a.starts_with("--sparse-version") && !a.starts_with("--mtime"))
        {
            check(&archive);
        }
    }
    std::fs::remove_dir_all(&root).unwrap();
}
