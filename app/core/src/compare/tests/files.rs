//! Root file systems: what differs, what is known of contents, what is listed.

use proptest::prelude::*;

use crate::compare::files::{Comparison, Content, Fate};
use crate::compare::list::{List, ListSpec, Only};
use crate::compare::snapshot::{Snapshot, by_path};
use crate::digest::{Algorithm, Digest};
use crate::rootfs::RootFs;
use crate::rootfs::tests::toc;
use crate::toc::{EntryKind, Toc};

/// A layer's name and its lines, as in [`toc`].
type Layer<'a> = (&'a str, &'a [&'a str]);

fn snapshot(layers: &[Layer<'_>]) -> Snapshot {
    let tables: Vec<Toc> = layers.iter().map(|(_, lines)| toc(lines)).collect();
    of(layers.iter().map(|(name, _)| *name).zip(&tables))
}

fn of<'a>(layers: impl Iterator<Item = (&'a str, &'a Toc)>) -> Snapshot {
    let mut root = RootFs::new();
    let mut digests = Vec::new();
    for (name, toc) in layers {
        root.add_layer(toc);
        digests.push(Digest::of(Algorithm::Sha256, name.as_bytes()));
    }
    root.update();
    let snapshot = Snapshot::of(&root, digests);
    let again = Snapshot::unpack(&snapshot.clone().pack());
    assert_eq!(again.as_ref(), Some(&snapshot), "it travels unchanged");
    snapshot
}

/// Each change as `fate path words`.
fn shown(comparison: &Comparison) -> Vec<String> {
    let lines = comparison.changes().iter().map(|change| {
        let path = String::from_utf8_lossy(&change.path).into_owned();
        let words = change.facets.words().join(",");
        format!("{} {path} {words}", change.fate().name())
            .trim_end()
            .to_owned()
    });
    lines.collect()
}

#[track_caller]
fn check(left: &[Layer<'_>], right: &[Layer<'_>], expect: &[&str]) -> Comparison {
    let (left, right) = (snapshot(left), snapshot(right));
    let found = Comparison::of(&left, &right);
    assert_eq!(shown(&found), expect);
    // The other way round what was added is removed.
    let turned = Comparison::of(&right, &left);
    let turned: Vec<String> = shown(&turned)
        .iter()
        .map(|line| match line.split_once(' ') {
            Some(("added", rest)) => format!("removed {rest}"),
            Some(("removed", rest)) => format!("added {rest}"),
            _ => line.clone(),
        })
        .collect();
    assert_eq!(turned, expect);
    found
}

#[test]
fn paths_that_come_and_go() {
    check(&[], &[], &[]);
    let base: Layer<'_> = ("base", &["d 0 etc", "f 5 etc/a", "f 5 etc/b"]);
    check(&[base], &[base], &[]);
    check(
        &[base],
        &[],
        &["removed etc", "removed etc/a", "removed etc/b"],
    );
    check(
        &[base],
        &[base, ("top", &["f 0 etc/.wh.a", "f 1 etc/c", "f 1 new/d"])],
        &["removed etc/a", "added etc/c", "added new", "added new/d"],
    );
    // A directory's content stands behind it, before names that only begin like it.
    check(
        &[],
        &[("x", &["f 1 a-b", "f 1 a/z", "f 1 a"])],
        &["added a", "added a-b"],
    );
    check(
        &[],
        &[("x", &["f 1 a-b", "f 1 a/z", "f 1 a.c"])],
        &["added a", "added a/z", "added a-b", "added a.c"],
    );
}

#[test]
fn contents_by_layer_size_or_not_at_all() {
    let base: Layer<'_> = ("base", &["f 5 same", "f 5 grown", "f 5 again", "f 0 empty"]);
    let found = check(
        &[base],
        &[base, ("top", &["f 6 grown", "f 5 again", "f 0 empty"])],
        &["unread again", "changed grown size"],
    );
    let sum = found.summary();
    assert_eq!((sum.by_layer, sum.by_size, sum.by_content), (1, 1, 0));
    assert_eq!((sum.unread.files, sum.unread.bytes), (1, 5));
    assert_eq!((sum.changed.files, sum.same.files), (1, 2));
    assert_eq!((sum.left.files, sum.left.bytes), (4, 15));
    assert_eq!((sum.right.files, sum.right.bytes), (4, 16));
    // The same lines in a layer of another digest are another layer's.
    check(
        &[("one", &["f 5 a"])],
        &[("two", &["f 5 a"])],
        &["unread a"],
    );
    // Another entry of the same layer is another content.
    check(
        &[("one", &["f 5 a", "f 5 b"])],
        &[("one", &["f 5 a", "f 5 b"]), ("two", &["h 0 a => b"])],
        &["unread a"],
    );
}

#[test]
fn types_links_and_hard_links() {
    check(
        &[(
            "l",
            &["f 5 a", "s 0 b -> x", "d 0 c", "s 0 d -> x", "f 3 e"],
        )],
        &[(
            "r",
            &["s 0 a -> b", "s 0 b -> y", "f 1 c", "s 0 d -> x", "d 0 e"],
        )],
        &[
            "changed a type",
            "changed b link target",
            "changed c type",
            "changed e type",
        ],
    );
    // A hard link is the file that it names, also where the other has a copy.
    check(
        &[("l", &["f 5 a", "h 0 b => a"])],
        &[("l", &["f 5 a", "h 0 b => a"]), ("r", &["f 7 b"])],
        &["changed b size"],
    );
    check(
        &[("l", &["f 5 a", "h 0 b => a"])],
        &[("l", &["f 5 a", "h 0 b => a"])],
        &[],
    );
    let sum = Comparison::of(
        &snapshot(&[]),
        &snapshot(&[("l", &["f 5 a", "h 0 b => a"])]),
    )
    .summary();
    assert_eq!(
        (sum.added.files, sum.added.bytes),
        (2, 5),
        "its bytes are there once"
    );
}

#[test]
fn facts_but_never_times() {
    type Change = fn(&mut crate::toc::Entry);
    #[track_caller]
    fn check(line: &str, change: Change, expect: &str) {
        let base = toc(&[line]);
        let mut entry = base.get(0).unwrap();
        change(&mut entry);
        let mut other = Toc::new();
        assert!(other.push(&entry));
        // One digest: nothing but the entry itself differs.
        let (left, right) = (
            of([("l", &base)].into_iter()),
            of([("l", &other)].into_iter()),
        );
        let found = shown(&Comparison::of(&left, &right));
        let expect: Vec<String> = match expect {
            "" => Vec::new(),
            words => vec![format!("changed x {words}")],
        };
        assert_eq!(found, expect);
    }
    check("f 5 x", |e| e.mtime_s += 1, "");
    check("f 5 x", |e| e.mtime_ns = 5, "");
    check("f 5 x", |e| e.uname = b"other".to_vec(), "");
    check("f 5 x", |e| e.mode = 0o4755, "mode");
    check("d 0 x", |e| e.mode = 0o700, "mode");
    check("f 5 x", |e| e.mode |= 0o100_000, "");
    check("s 0 x -> y", |e| e.mode = 0o700, "");
    check("f 5 x", |e| e.uid = 7, "owner");
    check("f 5 x", |e| e.gid = 7, "owner");
    check("c 0 x", |e| e.device = Some((1, 3)), "device");
    check(
        "f 5 x",
        |e| e.pax.push((b"SCHILY.xattr.user.a".to_vec(), b"1".to_vec())),
        "attributes",
    );
    check(
        "f 5 x",
        |e| e.pax.push((b"comment".to_vec(), b"1".to_vec())),
        "",
    );
    check("f 5 x", |e| e.kind = EntryKind::Fifo, "type");
    check(
        "f 5 x",
        |e| {
            e.uid = 1;
            e.mode = 0;
        },
        "mode,owner",
    );
}

#[test]
fn what_is_only_implied_has_no_mode() {
    check(
        &[("l", &["f 1 a/b"])],
        &[("l", &["f 1 a/b"]), ("r", &["d 0 a"])],
        &[],
    );
}

#[test]
fn contents_are_settled_by_digests() {
    let left: Layer<'_> = ("l", &["f 5 a", "f 5 b", "f 6 c", "f 7 d"]);
    let right: Layer<'_> = ("r", &["f 5 a", "f 5 b", "f 6 c", "f 7 d"]);
    let (left, right) = (snapshot(&[left]), snapshot(&[right]));
    let mut found = Comparison::of(&left, &right);
    assert_eq!(found.unread(0, 2, 100), [(0, 0, 0), (1, 1, 1)]);
    assert_eq!(
        found.unread(0, 9, 10),
        [(0, 0, 0), (1, 1, 1)],
        "up to so many bytes"
    );
    assert_eq!(found.unread(0, 9, 1), [(0, 0, 0)], "but at least one");
    assert_eq!(found.unread(2, 9, 100), [(2, 2, 2), (3, 3, 3)]);
    found.settle(0, Some([1; 32]), Some([1; 32]));
    found.settle(1, Some([1; 32]), Some([2; 32]));
    found.settle(2, Some([1; 32]), None);
    found.settle(1, Some([1; 32]), Some([1; 32])); // too late
    found.settle(99, None, None);
    assert_eq!(
        shown(&found),
        ["same a", "changed b content", "unread c", "unread d"]
    );
    assert_eq!(found.changes()[2].content, Content::Failed);
    let sum = found.summary();
    assert_eq!(
        (sum.by_content, sum.unread.files, sum.failed.files),
        (2, 1, 1)
    );
    assert_eq!((sum.same.files, sum.changed.files), (1, 1));
    assert_eq!(found.unread(0, 9, 100), [(3, 3, 3)]);
}

#[test]
fn lists_are_filtered_and_ordered() {
    let left = snapshot(&[("l", &["f 5 etc/Gone", "f 5 etc/grown", "f 5 var/unread"])]);
    let right = snapshot(&[("r", &["f 9 etc/grown", "f 5 var/unread", "f 70 usr/new"])]);
    let found = Comparison::of(&left, &right);
    let rows = |only: Only, query: &str, by_growth: bool| {
        let spec = ListSpec {
            only,
            query: query.to_owned(),
            by_growth,
        };
        let (total, rows) = List::default().rows(&found, &spec, (0, 99));
        assert_eq!(total as usize, rows.len());
        let names: Vec<String> = rows.iter().map(|row| row.path.display()).collect();
        names.join(" ")
    };
    let all = "etc/Gone etc/grown usr usr/new var/unread";
    assert_eq!(rows(Only::All, "", false), all);
    assert_eq!(rows(Only::Added, "", false), "usr usr/new");
    assert_eq!(rows(Only::Removed, "", false), "etc/Gone");
    assert_eq!(rows(Only::Changed, "", false), "etc/grown");
    assert_eq!(rows(Only::Unread, "", false), "var/unread");
    assert_eq!(rows(Only::All, "g", false), "etc/Gone etc/grown");
    assert_eq!(rows(Only::All, "G", false), "etc/Gone");
    assert_eq!(
        rows(Only::All, "", true),
        "usr/new etc/Gone etc/grown usr var/unread"
    );
    let mut list = List::default();
    let spec = ListSpec::default();
    let (total, part) = list.rows(&found, &spec, (3, 4));
    assert_eq!((total, part.len(), part[0].fate), (5, 1, Fate::Added));
    assert_eq!(list.rows(&found, &spec, (9, 4)).1, []);
    assert_eq!(list.rows(&found, &spec, (4, u32::MAX)).1.len(), 1);
}

#[test]
fn what_is_no_snapshot_is_refused() {
    assert_eq!(Snapshot::unpack(b""), None);
    assert_eq!(Snapshot::unpack(&[0xff; 20]), None);
    let mut twice = snapshot(&[("l", &["f 1 a", "f 1 b"])]);
    let first = twice.names[0].clone();
    twice.names.push(first);
    assert_eq!(Snapshot::unpack(&twice.pack()), None, "out of order");
}

/// A small root file system: names of few letters, so that both often have the same.
fn small() -> impl Strategy<Value = Vec<(String, u64)>> {
    proptest::collection::vec(("[ab]{1,2}(/[ab.-]{1,2}){0,2}", 0_u64..3), 0..12)
}

proptest! {
    /// Every path of either is the same in both, or told once; and the order holds.
    #[test]
    fn nothing_is_lost(left in small(), right in small()) {
        let lines = |files: &[(String, u64)]| -> Vec<String> {
            files.iter().map(|(name, size)| format!("f {size} {name}")).collect()
        };
        let (l, r) = (lines(&left), lines(&right));
        let l: Vec<&str> = l.iter().map(String::as_str).collect();
        let r: Vec<&str> = r.iter().map(String::as_str).collect();
        let (left, right) = (snapshot(&[("l", &l)]), snapshot(&[("r", &r)]));
        let found = Comparison::of(&left, &right);
        let told: Vec<&[u8]> = found.changes().iter().map(|c| c.path.as_slice()).collect();
        prop_assert!(told.windows(2).all(|w| by_path(w[0], w[1]) == std::cmp::Ordering::Less));
        let sum = found.summary();
        let all: std::collections::BTreeSet<&[u8]> =
            left.names.iter().chain(&right.names).map(|(path, _)| path.as_slice()).collect();
        prop_assert_eq!(told.len() as u64 + sum.same.names(), all.len() as u64);
        prop_assert_eq!(sum.left.names(), left.names.len() as u64);
        prop_assert_eq!(
            left.names.len() as u64 + sum.added.names(),
            right.names.len() as u64 + sum.removed.names()
        );
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Snapshot::unpack(&bytes);
    }
}
