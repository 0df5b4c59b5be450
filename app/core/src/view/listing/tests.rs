//! Tests of listings.

use super::*;
use crate::job::RowKind;
use crate::tree::tests::{toc_from_lines, tree_from_lines};

const LINES: [&str; 14] = [
    "./",                   // 0
    "etc/",                 // 1
    "etc/rc10",             // 2
    "etc/rc9",              // 3
    "etc/Zone",             // 4
    "etc/init.d/x",         // 5
    "./etc/rc9",            // 6
    "lib -> usr/lib",       // 7
    "usr/lib/libc.so",      // 8
    "usr/lib/.wh.old",      // 9
    "usr/lib/.wh..wh..opq", // 10
    "hard => etc/rc9",      // 11
    "loop -> loop",         // 12
    "bad -> /no/where",     // 13
];

fn spec(at: &str, mode: ViewMode, sort: SortKey, descending: bool) -> ViewSpec {
    ViewSpec {
        at: EntryPath::new(at),
        mode,
        sort,
        descending,
        hidden: false,
    }
}

fn text(rows: &[Row]) -> String {
    let name = |row: &Row| {
        let path = row.path.as_bytes().escape_ascii().to_string();
        match (row.ordinal, row.duplicate) {
            (None, _) => format!("({path})"),
            (Some(ordinal), true) => format!("{path}#{ordinal}"),
            (Some(_), false) => path,
        }
    };
    rows.iter().map(name).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(spec: ViewSpec, expect: &str) {
    let (tree, toc) = tree_from_lines(&LINES);
    let mut listing = Listing::new(spec.clone());
    assert!(listing.refresh(&tree, &toc));
    assert!(!listing.refresh(&tree, &toc));
    let total = listing.info(&tree, &toc, true).total;
    let rows = listing.rows(&tree, &toc, 0, total);
    assert_eq!(text(&rows), expect);
    // Each row is found by its path; of a name that stands there twice the last.
    for row in &rows {
        let at = listing.position(&tree, &toc, row.path.as_bytes());
        let found = &rows[at.expect("a row's path is found") as usize];
        assert_eq!(found.path.normalised(), row.path.normalised());
    }
    assert_eq!(listing.position(&tree, &toc, b"no/such/path"), None);
    // The same when it grows entry by entry.
    let (mut tree, mut grown) = (Tree::new(), Listing::new(spec));
    for n in 0..=LINES.len() {
        let toc = toc_from_lines(&LINES[..n]);
        tree.update(&toc);
        grown.refresh(&tree, &toc);
    }
    assert_eq!(text(&grown.rows(&tree, &toc, 0, total)), expect);
    let (a, b) = (
        grown.info(&tree, &toc, true),
        listing.info(&tree, &toc, true),
    );
    assert_eq!((a.total, a.bytes, a.found), (b.total, b.bytes, b.found));
}

#[test]
fn directories() {
    let dir = |at, sort, descending| spec(at, ViewMode::Dir, sort, descending);
    check(dir("", SortKey::Name, false), "etc (usr) bad hard lib loop");
    check(dir("", SortKey::Name, true), "(usr) etc loop lib hard bad");
    check(
        dir("etc", SortKey::Name, false),
        "(etc/init.d) etc/Zone etc/rc9#6 etc/rc10",
    );
    check(
        dir("./etc/", SortKey::Size, true),
        "etc/rc9#6 etc/Zone etc/rc10 (etc/init.d)",
    );
    check(
        dir("etc", SortKey::Time, true),
        "etc/rc10 etc/Zone etc/rc9#6 (etc/init.d)",
    );
    check(
        dir("etc", SortKey::Archive, false),
        "(etc/init.d) etc/rc10 etc/Zone etc/rc9#6",
    );
    check(dir("lib", SortKey::Name, false), "");
    check(
        dir("usr/lib", SortKey::Name, false),
        "usr/lib/.wh..wh..opq usr/lib/.wh.old usr/lib/libc.so",
    );
    check(dir("none", SortKey::Name, false), "");
    check(dir("etc/rc9", SortKey::Name, false), "");
}

#[test]
fn everything_below() {
    let flat = |at, sort, descending| spec(at, ViewMode::Flat, sort, descending);
    check(
        flat("etc", SortKey::Name, false),
        "etc/Zone etc/init.d/x etc/rc9#3 etc/rc9#6 etc/rc10",
    );
    check(
        flat("etc", SortKey::Archive, false),
        "etc/rc10 etc/rc9#3 etc/Zone etc/init.d/x etc/rc9#6",
    );
    check(
        flat("etc", SortKey::Archive, true),
        "etc/rc9#6 etc/init.d/x etc/Zone etc/rc9#3 etc/rc10",
    );
    check(
        flat("etc", SortKey::Size, true),
        "etc/rc9#6 etc/init.d/x etc/Zone etc/rc9#3 etc/rc10",
    );
    check(
        flat("etc", SortKey::Time, false),
        "etc/rc9#6 etc/init.d/x etc/Zone etc/rc9#3 etc/rc10",
    );
    check(
        flat("usr", SortKey::Name, false),
        "usr/lib/.wh..wh..opq usr/lib/.wh.old usr/lib/libc.so",
    );
}

#[test]
fn searches() {
    let search = |at, text: &str| spec(at, ViewMode::Search(text.to_owned()), SortKey::Name, false);
    check(search("", "RC"), "");
    check(search("", "rc"), "etc/rc9#3 etc/rc9#6 etc/rc10");
    check(search("", "zone"), "etc/Zone");
    check(search("", "Zone"), "etc/Zone");
    check(search("", "*.so"), "usr/lib/libc.so");
    check(
        search("", "lib"),
        "lib usr/lib/.wh..wh..opq usr/lib/.wh.old usr/lib/libc.so",
    );
    check(search("usr", "lib/libc"), "usr/lib/libc.so");
    check(search("usr", "usr"), "");
    check(search("usr/lib", "lib"), "usr/lib/libc.so");
}

fn info_in(lines: &[&str], at: &str) -> ViewInfo {
    let (tree, toc) = tree_from_lines(lines);
    let mut listing = Listing::new(spec(at, ViewMode::Dir, SortKey::Name, false));
    listing.refresh(&tree, &toc);
    listing.info(&tree, &toc, false)
}

/// What a path names, where it leads, and what else has its name.
#[track_caller]
fn check_found_in(lines: &[&str], at: &str, expect: &str) {
    let got = match info_in(lines, at).found {
        Found::Directory { row } => format!("dir {}", text(row.as_slice())),
        Found::Missing { nearest } => format!("missing after '{nearest}'"),
        Found::Entry {
            row,
            others,
            target,
        } => {
            let mut got = format!("{} {}", row.kind.name(), text(&[row]));
            if !others.is_empty() {
                got += &format!(" others {}", text(&others));
            }
            got += &match target {
                Some(Target::Entry(row)) => format!(" leads to {}", text(&[row])),
                Some(Target::Nothing { path }) => format!(" to nothing at {path}"),
                Some(Target::Outside { path }) => format!(" out, to {path}"),
                Some(Target::Circle { path }) => format!(" in a circle by {path}"),
                None => String::new(),
            };
            got
        }
    };
    assert_eq!(got.trim_end(), expect, "{at}");
}

#[test]
fn what_a_path_names() {
    let check_found = |at, expect| check_found_in(&LINES, at, expect);
    check_found("", "dir");
    check_found("etc", "dir etc");
    check_found("usr", "dir");
    check_found("etc/rc10", "file etc/rc10");
    check_found("etc/rc9", "file etc/rc9#6 others etc/rc9#3");
    check_found("lib", "symlink lib leads to (usr/lib)");
    check_found("lib/libc.so", "file usr/lib/libc.so");
    check_found("lib/.wh.old", "whiteout usr/lib/.wh.old");
    check_found("usr/lib/.wh..wh..opq", "whiteout usr/lib/.wh..wh..opq");
    check_found("hard", "hardlink hard leads to etc/rc9#6");
    check_found("loop", "symlink loop in a circle by loop");
    check_found("bad", "symlink bad to nothing at no/where");
    check_found("etc/none/x", "missing after 'etc'");
    check_found("loop/x", "missing after 'loop'");
}

#[test]
fn where_links_lead() {
    let lines = [
        "d/",
        "d/this -> that",
        "d/that -> this",
        "d/abs -> ./../d/abs",
        "d/to -> this/x",
        "by -> d/this",
        "alias -> d",
        "d/far -> ../alias/far",
        "d/gone -> ../none",
        "d/out -> ../../none",
        "d/up -> ../../../d",
        "hard => d/hard",
        "d/hard => hard",
        "own => own",
        "lost => d/lost",
        "above => ../lost",
    ];
    let check = |at, expect: &str| {
        let kind = if lines.iter().any(|l| l.starts_with(&format!("{at} => "))) {
            "hardlink"
        } else {
            "symlink"
        };
        check_found_in(&lines, at, &format!("{kind} {at} {expect}"));
    };
    check("d/this", "in a circle by d/that");
    check("d/that", "in a circle by d/this");
    check("d/abs", "in a circle by d/abs");
    check("d/to", "in a circle by d/this/x");
    check("by", "in a circle by d/this");
    check("d/far", "in a circle by d/far");
    check("d/gone", "to nothing at none");
    check("d/out", "out, to none");
    check("d/up", "leads to d");
    check("hard", "in a circle by d/hard");
    check("own", "in a circle by own");
    check("lost", "to nothing at d/lost");
    check("above", "out, to ../lost");
}

#[test]
fn rows_tell_all_of_an_entry() {
    let (tree, toc) = tree_from_lines(&LINES);
    let row = row(&tree, &toc, 8).unwrap();
    let told = (row.kind, row.size, row.mode, row.uid, row.gid, row.mtime);
    assert_eq!(told, (RowKind::File, 8, 0o644, 1, 2, 992));
    assert_eq!(
        (row.uname.as_str(), row.gname.as_str(), row.link.as_bytes()),
        ("u", "g", &b""[..])
    );
    assert!(super::row(&tree, &toc, 14).is_none());
}

#[test]
fn only_rows_that_exist_are_given() {
    let (tree, toc) = tree_from_lines(&LINES);
    let mut listing = Listing::new(spec("", ViewMode::Flat, SortKey::Archive, false));
    assert_eq!(listing.rows(&tree, &toc, 0, 10).len(), 0);
    listing.refresh(&tree, &toc);
    let len = |start, end| listing.rows(&tree, &toc, start, end).len();
    assert_eq!(
        (len(0, 3), len(12, 99), len(13, 99), len(99, 100)),
        (3, 1, 0, 0)
    );
    assert_eq!(len(5, 2), 0);
    assert_eq!(
        listing.info(&tree, &toc, true).bytes,
        2 + 3 + 4 + 5 + 6 + 8 + 9 + 10
    );
}

#[test]
fn attributes_are_shown_without_what_is_invisible() {
    let mut toc = toc_from_lines(&["a"]);
    let mut entry = toc.get(0).unwrap();
    entry.kind = EntryKind::Other(b'V');
    entry.uname = "r\u{202e}oot".into();
    entry.pax = vec![
        (b"SCHILY.xattr.user.x".to_vec(), b"plain".to_vec()),
        (
            b"SCHILY.xattr.security.capability".to_vec(),
            vec![1, 0, 0xff],
        ),
        (b"long".to_vec(), vec![b'x'; 5000]),
    ];
    assert!(toc.push(&entry));
    let mut tree = Tree::new();
    tree.update(&toc);
    let row = row(&tree, &toc, 1).unwrap();
    assert!(!row.uname.contains('\u{202e}'));
    let extra: Vec<(&str, &str)> = row.extra.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(
        extra[..3],
        [
            ("typeflag", "V"),
            ("user.x", "plain"),
            ("security.capability", "0x0100ff")
        ]
    );
    assert!(extra[3].1.len() < 300);
}
