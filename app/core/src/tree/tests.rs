//! Tests of the tree.

use super::*;
use crate::toc::Entry;

/// An entry whose header is so many uncompressed bytes from the archive's start, with a name and
/// what it links to.
pub(crate) fn entry_at(at: u64, kind: EntryKind, size: u64, (name, to): (&str, &str)) -> Entry {
    Entry {
        path: name.into(),
        kind,
        size,
        mode: 0o100644,
        uid: 1,
        gid: 2,
        uname: b"u".to_vec(),
        gname: b"g".to_vec(),
        mtime_s: 1000,
        mtime_ns: 0,
        linkname: to.into(),
        device: None,
        pax: Vec::new(),
        header_out_offset: Some(at),
        data_out_offset: Some(at + 512),
        stored_len: size,
        sparse: None,
    }
}

/// A table of contents from lines: `name`, `name/` for a directory, `name -> target` for a
/// symlink, `name => target` for a hard link.
pub(crate) fn toc_from_lines(lines: &[&str]) -> Toc {
    let mut toc = Toc::new();
    for (i, line) in lines.iter().enumerate() {
        let link = |by: &str, kind| line.split_once(by).map(|(name, to)| (name, kind, to));
        let (name, kind, to) = link(" -> ", EntryKind::Symlink)
            .or_else(|| link(" => ", EntryKind::Hardlink))
            .unwrap_or(match line.ends_with('/') {
                true => (line, EntryKind::Dir, ""),
                false => (line, EntryKind::File, ""),
            });
        let size = if kind == EntryKind::File { i as u64 } else { 0 };
        let at = toc.end_out_offset();
        let entry = Entry {
            mtime_s: 1000 - i as i64,
            ..entry_at(at, kind, size, (name, to))
        };
        assert!(toc.push(&entry));
    }
    toc
}

pub(crate) fn tree_from_lines(lines: &[&str]) -> (Tree, Toc) {
    let toc = toc_from_lines(lines);
    let mut tree = Tree::new();
    assert_eq!(tree.update(&toc), !lines.is_empty());
    assert!(!tree.update(&toc));
    (tree, toc)
}

#[track_caller]
fn check_normalised(raw: &str, expect: &str) {
    assert_eq!(
        normalised(raw.as_bytes()).escape_ascii().to_string(),
        expect
    );
}

#[test]
fn names_and_what_they_mean() {
    check_normalised("", "");
    check_normalised("./", "");
    check_normalised("/", "");
    check_normalised("./usr//bin/./ls/", "usr/bin/ls");
    check_normalised("/etc/passwd", "etc/passwd");
    check_normalised("../../etc", "../../etc");
    check_normalised("a/../b", "a/../b");
    check_normalised("...", "...");
}

#[test]
fn children_with_implied_parents() {
    let (tree, toc) = tree_from_lines(&[
        "./",
        "usr/bin/ls",
        "./usr/",
        "etc/a/b/c",
        "../x",
        "/usr/lib/",
    ]);
    let names = |path: &str| {
        let node = tree.find(path.as_bytes()).unwrap();
        let names = tree
            .children(node)
            .map(|n| String::from_utf8(tree.name(n).into()).unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(names(""), ".. etc usr");
    assert_eq!(names("usr"), "bin lib");
    assert_eq!(names("etc/a"), "b");
    assert_eq!(names(".."), "x");
    assert_eq!(names("usr/bin/ls"), "");
    assert_eq!(tree.ordinal(Tree::ROOT), Some(0));
    assert_eq!(tree.ordinal(tree.find(b"usr").unwrap()), Some(2));
    assert_eq!(tree.ordinal(tree.find(b"etc/a").unwrap()), None);
    assert!(tree.is_dir(tree.find(b"etc/a").unwrap(), &toc));
    assert!(tree.is_dir(tree.find(b"usr/lib").unwrap(), &toc));
    assert!(!tree.is_dir(tree.find(b"etc/a/b/c").unwrap(), &toc));
    assert_eq!(tree.find(b"etc/b"), None);
    assert_eq!(tree.path(tree.find(b"./etc/a/b").unwrap()), b"etc/a/b");
}

#[test]
fn the_last_entry_of_a_name_wins() {
    let (tree, toc) = tree_from_lines(&["d/a", "./d/a/", "d//a", "d/a -> x"]);
    let node = tree.find(b"d/a").unwrap();
    assert_eq!(tree.ordinal(node), Some(3));
    assert_eq!(tree.earlier(node), [0, 1, 2]);
    // It was a directory once, but has no children and its last entry is none.
    assert!(!tree.is_dir(node, &toc));
}

#[test]
fn it_grows_as_the_layer_streams() {
    let lines = ["a/b", "a/c", "d/", "a/b", "d/e/f"];
    let (whole, _) = tree_from_lines(&lines);
    let mut tree = Tree::new();
    for n in 1..=lines.len() {
        let before = tree.find(b"a").map(|a| tree.version(a));
        assert!(tree.update(&toc_from_lines(&lines[..n])));
        let after = tree.find(b"a").map(|a| tree.version(a));
        let touched = lines[n - 1].starts_with("a/");
        assert_eq!(before != after, touched, "{n}");
    }
    assert_eq!(tree.len(), 5);
    for path in ["", "a", "a/b", "a/c", "d", "d/e", "d/e/f"] {
        let (x, y) = (whole.find(path.as_bytes()), tree.find(path.as_bytes()));
        assert_eq!(x, y);
        let (x, y) = (x.unwrap(), y.unwrap());
        assert_eq!(
            (whole.ordinal(x), whole.earlier(x)),
            (tree.ordinal(y), tree.earlier(y))
        );
    }
}

#[track_caller]
fn check_resolve(tree: &Tree, toc: &Toc, path: &str, last: bool, expect: &str) {
    let got = match tree.resolve(path.as_bytes(), last, toc) {
        Resolved::Node(node) => format!("/{}", tree.path(node).escape_ascii()),
        Resolved::Missing {
            path,
            nearest,
            above,
        } => {
            format!(
                "no {} after /{}{}",
                path.escape_ascii(),
                tree.path(nearest).escape_ascii(),
                if above { ", above" } else { "" }
            )
        }
        Resolved::Loop => "loop".to_owned(),
    };
    assert_eq!(got, expect, "{path}");
}

#[test]
fn links_are_followed_inside_the_tree() {
    let (tree, toc) = tree_from_lines(&[
        "usr/lib/libc.so.6",
        "usr/lib/libc.so -> libc.so.6",
        "lib -> usr/lib",
        "abs -> /lib/libc.so",
        "up -> ../../../../usr",
        "gone -> usr/none/../x",
        "out -> usr/../../away",
        "usr/out -> none/../../../away",
        "a -> b",
        "b -> a",
        "self -> self/x",
        "empty -> ",
        "x/../y",
        "hard => ./usr/lib/libc.so.6",
    ]);
    let check = |path, last, expect| check_resolve(&tree, &toc, path, last, expect);
    check("", true, "/");
    check("usr/lib", true, "/usr/lib");
    check("lib", false, "/lib");
    check("lib", true, "/usr/lib");
    check("lib/libc.so", false, "/usr/lib/libc.so");
    check("lib/libc.so", true, "/usr/lib/libc.so.6");
    check("abs", true, "/usr/lib/libc.so.6");
    check("up/lib", true, "/usr/lib");
    check("up/../lib/libc.so", false, "/usr/lib/libc.so");
    check("gone", true, "no usr/x after /usr");
    check("out", true, "no away after /, above");
    check("usr/out", true, "no away after /usr, above");
    check("lib/none/y", true, "no usr/lib/none/y after /usr/lib");
    check("a", true, "loop");
    check("self", true, "loop");
    check("a/c", false, "loop");
    check("empty", true, "/");
    check("x/../y", true, "/x/../y");
    let hard = tree.find(b"hard").unwrap();
    assert_eq!(
        tree.resolve_link(hard, &toc),
        Resolved::Node(tree.find(b"usr/lib/libc.so.6").unwrap())
    );
}

#[test]
fn exactly_forty_links_are_followed() {
    let chain = |n: usize| {
        let mut lines: Vec<String> = (0..n).map(|i| format!("l{i} -> l{}", i + 1)).collect();
        lines.push(format!("l{n}"));
        let (tree, toc) = tree_from_lines(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        tree.resolve(b"l0", true, &toc)
    };
    assert!(matches!(chain(40), Resolved::Node(_)));
    assert_eq!(chain(41), Resolved::Loop);
}

#[test]
fn deep_and_wide_names_take_no_stack_and_little_memory() {
    let deep = vec!["d"; 32_000].join("/");
    let (tree, _) = tree_from_lines(&[&deep]);
    let node = tree.find(deep.as_bytes()).unwrap();
    assert_eq!(tree.path(node), deep.as_bytes());
    let names: Vec<String> = (0..100_000)
        .map(|i| format!("usr/{}/{i:020}", i % 1000))
        .collect();
    let (tree, toc) = tree_from_lines(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let each = (tree.memory() + toc.memory()) / names.len();
    assert!(each < 240, "{each} bytes an entry");
}

proptest::proptest! {
    #[test]
    fn every_entry_is_where_its_normalised_name_is(
        paths in proptest::collection::vec("(\\./|/)?([ab.]{0,2}/){0,3}[ab.]{0,2}/?", 0..30),
    ) {
        let lines: Vec<&str> = paths.iter().map(String::as_str).collect();
        let (tree, _) = tree_from_lines(&lines);
        let keys: Vec<Vec<u8>> = paths.iter().map(|path| normalised(path.as_bytes())).collect();
        for key in &keys {
            let node = tree.find(key).expect("it was added");
            let same = (0u32..).zip(&keys).filter(|(_, other)| *other == key);
            let mut ordinals: Vec<u32> = same.map(|(ordinal, _)| ordinal).collect();
            let last = ordinals.pop();
            proptest::prop_assert_eq!(tree.path(node), key.as_slice());
            proptest::prop_assert_eq!(tree.ordinal(node), last);
            proptest::prop_assert_eq!(tree.earlier(node), ordinals);
        }
    }
}
