//! Layers laid one over the other: tables, a model, and figures.

use super::*;
use crate::toc::{Entry, EntryKind};
use crate::tree::{Resolved, tests::entry_at};

/// A table of contents from lines: a letter for the kind (`f`, `d`, `s`, `h`, `c`, `b`, `p`), the
/// size, the name, and for links ` -> ` or ` => ` and the target.
pub(crate) fn toc(lines: &[&str]) -> Toc {
    let mut toc = Toc::new();
    for line in lines {
        let mut parts = line.splitn(3, ' ');
        let (letter, size) = (parts.next().unwrap(), parts.next().unwrap());
        let name = parts.next().unwrap();
        let (name, link) = name
            .split_once(" -> ")
            .or_else(|| name.split_once(" => "))
            .unwrap_or((name, ""));
        let kind = match letter {
            "f" => EntryKind::File,
            "d" => EntryKind::Dir,
            "s" => EntryKind::Symlink,
            "h" => EntryKind::Hardlink,
            "c" => EntryKind::Char,
            "b" => EntryKind::Block,
            "p" => EntryKind::Fifo,
            other => panic!("{other}"),
        };
        let size = size.parse().unwrap();
        let at = toc.end_out_offset();
        let entry = Entry {
            mode: 0o755,
            uid: 0,
            gid: 0,
            uname: b"root".to_vec(),
            gname: b"root".to_vec(),
            ..entry_at(at, kind, size, (name, link))
        };
        assert!(toc.push(&entry));
    }
    toc
}

fn merged(layers: &[&[&str]]) -> RootFs {
    let mut root = RootFs::new();
    for lines in layers {
        assert!(root.add_layer(&toc(lines)));
    }
    root.update();
    root
}

/// What is visible, with the layer: `name@2`, directories with a slash, implied ones without layer.
fn visible(root: &RootFs) -> Vec<String> {
    let tree = root.visible();
    let mut out = Vec::new();
    let mut todo = vec![Tree::ROOT];
    while let Some(node) = todo.pop() {
        if node != Tree::ROOT {
            let slash = if tree.is_dir(node, root.toc()) {
                "/"
            } else {
                ""
            };
            let layer = tree.ordinal(node).map_or(String::new(), |o| {
                format!("@{}", root.version(o).unwrap().layer)
            });
            out.push(format!("{}{slash}{layer}", tree.path(node).escape_ascii()));
        }
        todo.extend(tree.children(node));
    }
    out.sort();
    out
}

#[track_caller]
fn check(layers: &[&[&str]], expect: &[&str]) {
    let mut expect: Vec<String> = expect.iter().map(|s| (*s).to_owned()).collect();
    expect.sort();
    assert_eq!(visible(&merged(layers)), expect);
}

#[test]
fn later_entries_win() {
    check(
        &[&["f 1 a", "f 1 b", "d 0 d"], &["f 2 b", "d 0 d", "f 1 d/x"]],
        &["a@0", "b@1", "d/@1", "d/x@1"],
    );
    // Also in one layer.
    check(&[&["f 1 a", "f 2 a", "f 3 ./a"]], &["a@0"]);
    // A directory keeps what is in it; anything else takes its place.
    check(&[&["d 0 d", "f 1 d/x"], &["d 0 d"]], &["d/@1", "d/x@0"]);
    check(&[&["d 0 d", "f 1 d/x"], &["f 1 d"]], &["d@1"]);
    check(&[&["f 1 d"], &["d 0 d", "f 1 d/x"]], &["d/@1", "d/x@1"]);
    check(&[&["f 1 d"], &["f 1 d/x"]], &["d/", "d/x@1"]);
    check(&[&["d 0 d", "f 1 d/x"], &["f 1 d"], &["d 0 d"]], &["d/@2"]);
}

#[test]
fn whiteouts() {
    check(
        &[&["d 0 a", "f 1 a/keep", "f 1 a/gone"], &["f 0 a/.wh.gone"]],
        &["a/@0", "a/keep@0"],
    );
    check(&[&["d 0 a", "d 0 a/b", "f 1 a/b/c"], &["f 0 .wh.a"]], &[]);
    // They speak of the layers below alone, wherever they stand.
    check(&[&["f 1 x"], &["f 1 x", "f 0 .wh.x"]], &["x@1"]);
    check(&[&["f 1 x"], &["f 0 .wh.x", "f 1 x"]], &["x@1"]);
    // A directory deleted and made again.
    check(
        &[
            &["d 0 d", "f 1 d/old", "d 0 d/sub", "f 1 d/sub/x"],
            &["f 0 .wh.d", "d 0 d", "f 1 d/new"],
        ],
        &["d/@1", "d/new@1"],
    );
    check(
        &[
            &["d 0 d", "f 1 d/old"],
            &["d 0 d", "f 1 d/new", "f 0 .wh.d"],
        ],
        &["d/@1", "d/new@1"],
    );
    // Of what never was, of the root, of nothing.
    check(
        &[
            &["f 1 a"],
            &["f 0 .wh.b", "f 0 .wh.", "f 0 .wh..", "f 0 .wh..."],
        ],
        &["a@0"],
    );
    // A name can come back, and go again.
    check(
        &[&["f 1 a"], &["f 0 .wh.a"], &["f 1 a"], &["f 0 .wh.a"]],
        &[],
    );
    // In a directory that no entry states.
    check(
        &[&["f 1 d/a", "f 1 d/b"], &["f 0 d/.wh.a"]],
        &["d/", "d/b@0"],
    );
    // As a directory.
    check(&[&["f 1 a"], &["d 0 .wh.a/"]], &[]);
}

#[test]
fn opaque_directories() {
    let below: &[&str] = &["d 0 o", "f 1 o/one", "d 0 o/sub", "f 1 o/sub/x"];
    let expect: &[&str] = &["o/@1", "o/three@1"];
    check(
        &[below, &["d 0 o", "f 0 o/.wh..wh..opq", "f 1 o/three"]],
        expect,
    );
    // The marker may stand behind what it leaves.
    check(
        &[below, &["d 0 o", "f 1 o/three", "f 0 o/.wh..wh..opq"]],
        expect,
    );
    // In the lowest layer it hides nothing, and twice is once.
    check(
        &[&[
            "d 0 o",
            "f 1 o/a",
            "f 0 o/.wh..wh..opq",
            "f 1 o/b",
            "f 0 o/.wh..wh..opq",
        ]],
        &["o/@0", "o/a@0", "o/b@0"],
    );
    // Of the root.
    // A directory where a link was: what the link led to is somebody else's.
    let linked: &[&str] = &["d 0 run", "f 1 run/lock", "d 0 var", "s 0 var/run -> /run"];
    for marker in ["f 0 var/run/.wh..wh..opq", "f 0 var/run/.wh.lock"] {
        check(
            &[linked, &["d 0 var/run", marker, "f 1 var/run/x"]],
            &[
                "run/@0",
                "run/lock@0",
                "var/@0",
                "var/run/@1",
                "var/run/x@1",
            ],
        );
    }
    // By a link that stays it is meant.
    check(
        &[linked, &["f 0 var/run/.wh.lock"]],
        &["run/@0", "var/@0", "var/run@0"],
    );
    check(&[below, &["f 0 .wh..wh..opq", "f 1 new"]], &["new@1"]);
    // Names of union file systems are no files.
    check(
        &[&[
            "f 0 .wh..wh.aufs",
            "d 0 .wh..wh.plnk",
            "f 1 .wh..wh.plnk/1.2",
            "f 1 a",
        ]],
        &["a@0"],
    );
}

#[test]
fn links_on_the_way_are_followed() {
    check(
        &[
            &[
                "d 0 usr",
                "d 0 usr/bin",
                "s 0 bin -> usr/bin",
                "f 1 usr/bin/sh",
            ],
            &["f 1 bin/tool", "f 2 bin/sh"],
            &["f 0 bin/.wh.tool"],
        ],
        &["usr/@0", "usr/bin/@0", "bin@0", "usr/bin/sh@1"],
    );
    check(
        &[
            &["d 0 a", "d 0 a/b", "s 0 up -> a/b/../..", "s 0 abs -> /a/b"],
            &["f 1 up/x", "f 1 abs/y", "f 1 abs/../z"],
        ],
        // A `..` in a name takes away the component before it, link or not, as runtimes do.
        &["a/@0", "a/b/@0", "up@0", "abs@0", "x@1", "a/b/y@1", "z@1"],
    );
    // A directory takes the place of a link to one.
    check(
        &[
            &["d 0 real", "f 1 real/x", "s 0 link -> real"],
            &["d 0 link", "f 1 link/y"],
        ],
        &["real/@0", "real/x@0", "link/@1", "link/y@1"],
    );
    // A link to nothing leads there all the same; a circle leads nowhere.
    check(
        &[&["s 0 l -> not/there"], &["f 1 l/x"]],
        &["l@0", "not/", "not/there/", "not/there/x@1"],
    );
    let circle = merged(&[&["s 0 a -> b", "s 0 b -> a"], &["f 1 a/x"]]);
    assert_eq!(circle.version(2).unwrap().fate, Fate::Unplaced);
    assert_eq!(visible(&circle), ["a@0", "b@0"]);
    // No link, and no `..`, leads out.
    check(
        &[
            &[
                "s 0 out -> ../../..",
                "f 1 ../up",
                "f 1 /abs",
                "f 1 a/../../b",
            ],
            &["f 1 out/x"],
        ],
        &["out@0", "up@0", "abs@0", "b@0", "x@1"],
    );
    // Nothing but a directory can be the root.
    check(&[&["f 1 a", "f 1 ./", "d 0 ./"]], &["a@0"]);
}

#[test]
fn what_hid_it_is_known() {
    let root = merged(&[
        &[
            "d 0 d", "f 7 d/x", "f 1 y", "f 1 z", "d 0 o", "f 1 o/1", "f 1 same",
        ],
        &["f 9 y", "f 0 d/.wh.x", "f 1 same"],
        &["f 1 d", "f 0 o/.wh..wh..opq", "f 0 .wh.z"],
    ]);
    let fate = |path: &str| {
        let node = root.all().find(path.as_bytes()).unwrap();
        let ordinals = root.all().earlier(node).iter().copied();
        let all: Vec<String> = ordinals
            .chain(root.all().ordinal(node))
            .map(|o| {
                let v = root.version(o).unwrap();
                format!("{} {} {}", v.layer, v.fate.name(), v.by)
            })
            .collect();
        all.join(", ")
    };
    assert_eq!(fate("d/x"), "0 deleted 1");
    assert_eq!(fate("d"), "0 replaced 2, 2 visible 2");
    assert_eq!(fate("y"), "0 replaced 1, 1 visible 1");
    assert_eq!(fate("z"), "0 deleted 2");
    assert_eq!(fate("o/1"), "0 cleared 2");
    let buried = merged(&[&["d 0 d", "f 7 d/x"], &["f 1 d"]]);
    let x = buried.all().find(b"d/x").unwrap();
    let version = buried.version(buried.all().ordinal(x).unwrap()).unwrap();
    assert_eq!((version.fate, version.by), (Fate::Buried, 1));
    let changes = root.layers();
    let counted = |c: &Changes| {
        [c.added, c.modified, c.repeated, c.removed].map(|count| (count.files, count.bytes))
    };
    assert_eq!(counted(&changes[0]), [(5, 11), (0, 0), (0, 0), (0, 0)]);
    assert_eq!(counted(&changes[1]), [(0, 0), (1, 9), (1, 1), (1, 7)]);
    assert_eq!(counted(&changes[2]), [(0, 0), (1, 1), (0, 0), (2, 2)]);
}

#[test]
fn hard_links_lead_to_what_was_there() {
    let root = merged(&[
        &["d 0 usr", "s 0 lib -> usr", "f 5 usr/a"],
        &["h 0 b => lib/a"],
        &["f 9 usr/a"],
    ]);
    let target = |path: &str| {
        let node = root.visible().find(path.as_bytes()).unwrap();
        let file = root
            .toc()
            .hardlink_target(root.visible().ordinal(node).unwrap());
        root.version(file.unwrap()).unwrap().layer
    };
    // The link keeps the old file, though its first name has another one now.
    assert_eq!(target("b"), 0);
    assert_eq!(target("usr/a"), 2);
    let node = root.visible().resolve(b"lib/a", true, root.toc());
    let expect = root.visible().find(b"usr/a").unwrap();
    assert_eq!(node, Resolved::Node(expect));
}

/// The same by a map of names, for layers without links on the way.
mod model {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Map = BTreeMap<String, (bool, usize)>;

    fn under(map: &mut Map, path: &str) {
        map.retain(|name, _| name != path && !name.starts_with(&format!("{path}/")));
    }

    fn add(map: &mut Map, lines: &[(char, String)], layer: usize) {
        for (_, name) in lines {
            let (dir, base) = name.rsplit_once('/').unwrap_or(("", name));
            if base == ".wh..wh..opq" {
                let front = format!("{dir}/");
                map.retain(|name, _| !(dir.is_empty() || name.starts_with(&front)));
            } else if let Some(base) = base.strip_prefix(".wh.") {
                let path = if dir.is_empty() {
                    base.to_owned()
                } else {
                    format!("{dir}/{base}")
                };
                under(map, &path);
            }
        }
        for (kind, name) in lines {
            if name.rsplit('/').next().unwrap().starts_with(".wh.") {
                continue;
            }
            let mut above = name.as_str();
            while let Some((dir, _)) = above.rsplit_once('/') {
                // A file gives way to the directory that a name under it needs.
                if map.get(dir).is_some_and(|(is_dir, _)| !is_dir) {
                    map.remove(dir);
                }
                above = dir;
            }
            if *kind == 'f' {
                under(map, name);
            }
            map.insert(name.clone(), (*kind == 'd', layer));
        }
    }

    fn line() -> impl Strategy<Value = (char, String)> {
        let name = proptest::collection::vec("[abc]", 1..4);
        (name, 0..8).prop_map(|(mut names, what)| {
            let last = names.pop().unwrap();
            let (kind, last) = match what {
                0 => ('f', ".wh..wh..opq".to_owned()),
                1 | 2 => ('f', format!(".wh.{last}")),
                3 | 4 => ('d', last),
                _ => ('f', last),
            };
            names.push(last);
            (kind, names.join("/"))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        #[test]
        fn it_is_what_the_model_says(
            layers in proptest::collection::vec(proptest::collection::vec(line(), 0..12), 1..6)
        ) {
            let mut map = Map::new();
            let mut root = RootFs::new();
            for (i, lines) in layers.iter().enumerate() {
                add(&mut map, lines, i);
                let text: Vec<String> = lines.iter().map(|(k, n)| format!("{k} 1 {n}")).collect();
                root.add_layer(&toc(&text.iter().map(String::as_str).collect::<Vec<_>>()));
            }
            root.update();
            let mut expect: Vec<String> = map
                .iter()
                .map(|(name, (_, layer))| format!("{name}@{layer}"))
                .collect();
            expect.sort();
            let mut found: Vec<String> = visible(&root)
                .into_iter()
                .filter(|line| line.contains('@'))
                .map(|line| line.replace("/@", "@"))
                .collect();
            found.sort();
            prop_assert_eq!(found, expect);
            // Each entry is visible, or a layer that is not below it hid it.
            for ordinal in 0..root.toc().len() {
                let version = root.version(ordinal).unwrap();
                prop_assert!(version.by >= version.layer);
                let node = root.visible().find(&root.toc().path(ordinal).unwrap());
                let shown = node.and_then(|node| root.visible().ordinal(node)) == Some(ordinal);
                prop_assert_eq!(shown, version.fate == Fate::Visible);
            }
        }
    }
}

#[test]
fn a_hundred_thousand_entries_of_ten_layers() {
    let mut root = RootFs::new();
    for layer in 0..10 {
        // Each adds nine tenths and says a tenth of the layer below anew.
        let from = layer * 9_000;
        let lines: Vec<String> = (from..from + 10_000)
            .map(|i| format!("f {i} usr/share/d{}/file-{i:06}", i / 100))
            .collect();
        assert!(root.add_layer(&toc(&lines.iter().map(String::as_str).collect::<Vec<_>>())));
    }
    root.update();
    assert_eq!(root.toc().len(), 100_000);
    assert_eq!(root.layers()[9].added.files, 9_000);
    assert_eq!(
        root.layers()[9].modified.files + root.layers()[9].repeated.files,
        1_000
    );
    let each = root.memory() / 100_000;
    assert!(each < 400, "{each} bytes an entry");
}
