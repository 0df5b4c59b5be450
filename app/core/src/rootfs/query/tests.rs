//! Searches over two layers.

use super::*;
use crate::rootfs::tests::toc;
use crate::tree::Tree;

fn root() -> RootFs {
    let mut root = RootFs::new();
    root.add_layer(&toc(&[
        "d 0 etc",
        "f 10 etc/passwd",
        "f 2000000 etc/Big.bin",
        "s 0 etc/link -> passwd",
        "c 0 dev/null",
    ]));
    root.add_layer(&toc(&[
        "f 0 etc/empty",
        "h 0 etc/hard => etc/passwd",
        "f 5 a b:c",
    ]));
    root.update();
    root
}

#[track_caller]
fn check(text: &str, expect: &[&str]) {
    let root = root();
    let mut query = Query::new(text);
    let mut found: Vec<String> = (0..root.toc().len())
        .filter_map(|ordinal| {
            let path = root.toc().path(ordinal)?;
            query
                .matches(&root, ordinal, &path)
                .then(|| path.escape_ascii().to_string())
        })
        .collect();
    found.sort();
    assert_eq!(found, expect, "{text}");
    assert!(root.visible().find(b"etc").is_some_and(|n| n != Tree::ROOT));
}

#[test]
fn names_and_filters() {
    check("passwd", &["etc/passwd"]);
    check("*.bin", &["etc/Big.bin"]);
    check("type:symlink", &["etc/link"]);
    check("type:device", &["dev/null"]);
    check("type:dir etc", &["etc"]);
    check("size:>1M", &["etc/Big.bin"]);
    check("size:<1k type:file layer:1", &["etc/passwd"]);
    check("size:2mb", &["etc/Big.bin"]);
    check("size:<1mib size:>9 type:file", &["etc/passwd"]);
    check("size:0", &["etc/empty"]);
    check("layer:2 etc", &["etc/empty", "etc/hard"]);
    check("layer:0", &[]);
    check("owner:root layer:2 size:5", &["a b:c"]);
    check("owner:0 group:0 passwd", &["etc/passwd"]);
    check("owner:1", &[]);
    check("mode:0755 type:file big", &["etc/Big.bin"]);
    check("mode:setuid", &[]);
    check("mode:executable passwd", &["etc/passwd"]);
    // What is no filter is a name.
    check("b:c", &["a b:c"]);
    check("a b:c", &["a b:c"]);
    check("type:nonsense", &[]);
}

#[test]
fn directories_of_a_variable() {
    let mut root = RootFs::new();
    root.add_layer(&toc(&[
        "d 0 usr/bin",
        "s 0 bin -> usr/bin",
        "f 1 usr/bin/sh",
        "f 1 usr/bin/deep/er",
        "f 1 usr/local/bin/tool",
        "f 1 sbin/init",
        "f 1 top",
    ]));
    root.update();
    let found = |text: &str| {
        let mut query = Query::new(text);
        let all = 0..root.toc().len();
        let names = all.filter_map(|n| {
            let path = root.toc().path(n)?;
            query.matches(&root, n, &path).then_some(path)
        });
        let mut names: Vec<String> = names.map(|n| n.escape_ascii().to_string()).collect();
        names.sort();
        names.join(" ")
    };
    // A directory that is a link, and one that is not there.
    let path = "path:/usr/local/bin:/none:/bin";
    assert_eq!(found(path), "usr/bin/sh usr/local/bin/tool");
    assert_eq!(found("path:/bin:/usr/bin sh"), "usr/bin/sh");
    assert_eq!(found("path:/sbin/:/none"), "sbin/init");
    assert_eq!(found("path:/ type:file"), "top");
    assert_eq!(found("path:::"), "");
}

#[test]
fn regular_expressions() {
    check("re:^etc/(passwd|empty)$", &["etc/empty", "etc/passwd"]);
    check("re:big", &["etc/Big.bin"]);
    check("re:BIG", &[]);
    check("layer:1 re:^etc/p", &["etc/passwd"]);
    check("re:a b", &["a b:c"]);
    let why = |text: &str| Query::new(text).problem().map(str::to_owned);
    assert!(why("re:(").is_some());
    assert!(why("name re:x").is_some());
    assert!(why(&format!("re:{}", "a".repeat(2000))).is_some());
    assert!(why("re:a{1000}{1000}{1000}").is_some());
    assert_eq!(why("re:a"), None);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(text in ".{0,40}") {
        let root = root();
        Query::new(&text).matches(&root, 1, b"etc/passwd");
    }
}
