//! Layers that are large, crafted, or given up.

use super::*;
use crate::rootfs::Room;
use crate::rootfs::tests::toc;

/// All that is known: what is visible, every name, every version.
fn state(root: &RootFs) -> String {
    let tree = |tree: &Tree| {
        let mut out = Vec::new();
        let mut todo = vec![Tree::ROOT];
        while let Some(node) = todo.pop() {
            let path = tree.path(node).escape_ascii().to_string();
            out.push((path, tree.ordinal(node), tree.earlier(node).to_vec()));
            todo.extend(tree.children(node));
        }
        out.sort();
        out
    };
    let versions: Vec<Version> = (0..root.toc().len())
        .filter_map(|n| root.version(n))
        .collect();
    let (visible, all) = (tree(root.visible()), tree(root.all()));
    format!("{visible:?}\n{all:?}\n{versions:?}\n{:?}", root.layers())
}

const LOWER: &[&str] = &[
    "d 0 usr",
    "d 0 usr/bin",
    "s 0 bin -> usr/bin",
    "f 1 usr/bin/sh",
    "f 2 usr/bin/perl",
    "h 0 usr/bin/perl5 => bin/perl",
    "c 0 dev/null",
    "s 0 loop -> loop",
    "f 3 loop/nowhere",
    "d 0 etc",
    "f 4 etc/passwd",
];
const UPPER: &[&str] = &[
    "f 5 bin/.wh.sh",
    "f 6 usr/bin/perl",
    "f 0 etc/.wh..wh..opq",
    "f 7 etc/group",
    "f 8 dev",
    "b 0 new/block",
    "f 9 loop/again",
];

fn lower() -> RootFs {
    let mut root = RootFs::new();
    assert!(root.add_layer(&toc(LOWER)));
    root.update();
    root
}

#[test]
fn in_slices_it_is_the_same() {
    let mut at_once = lower();
    assert!(at_once.add_layer(&toc(UPPER)));
    at_once.update();
    let upper = toc(UPPER);
    for slice in 1..20 {
        let mut root = lower();
        let mut parts = 0;
        while root.lay(&upper, slice) == Laid::Part {
            parts += 1;
            assert!(!root.update(), "nobody sees half a layer");
        }
        assert!(parts > 0);
        assert!(root.update());
        assert_eq!(state(&root), state(&at_once));
    }
}

#[test]
fn what_is_given_up_is_taken_back() {
    let before = state(&lower());
    let upper = toc(UPPER);
    for slices in 1..40 {
        let mut root = lower();
        let mut whole = false;
        for _ in 0..slices {
            whole |= root.lay(&upper, 1) == Laid::Whole;
            if whole {
                break;
            }
        }
        root.give_up();
        if whole {
            assert_ne!(state(&root), before, "it was in");
            return;
        }
        assert_eq!(state(&root), before, "after {slices} slices");
        assert!(!root.update());
        assert_eq!(root.lay(&upper, 9), Laid::LeftOut(NoRoom::Closed));
        assert_eq!(state(&root), before);
    }
    panic!("it never came to its end");
}

#[test]
fn what_does_not_fit_is_left_out_whole() {
    let before = state(&lower());
    let room = |room: Room| {
        let mut root = RootFs::with_room(room);
        assert!(root.add_layer(&toc(LOWER)));
        root.update();
        let laid = root.lay(&toc(UPPER), u64::MAX);
        root.update();
        if laid != Laid::Whole {
            assert_eq!(state(&root), before);
            assert!(
                !root.add_layer(&toc(&["f 1 small"])),
                "no hole in the middle"
            );
        }
        laid
    };
    let all = Room::default();
    assert_eq!(room(Room { entries: 16, ..all }), Laid::Whole);
    let entries = NoRoom::Entries(15);
    assert_eq!(room(Room { entries: 15, ..all }), Laid::LeftOut(entries));
    let layers = NoRoom::Layers(1);
    assert_eq!(room(Room { layers: 1, ..all }), Laid::LeftOut(layers));
    assert_eq!(
        entries.to_string(),
        "with it there are more entries than the 15 that are kept of all layers together"
    );
}

/// So many steps for each entry are more than any of these may take.
fn laid_in(layers: &[Vec<String>], steps_each: u64) -> Vec<Laid> {
    let lines = |layer: &Vec<String>| {
        let lines: Vec<&str> = layer.iter().map(String::as_str).collect();
        toc(&lines)
    };
    let most = layers.iter().map(Vec::len).max().unwrap_or(0) as u64;
    let mut root = RootFs::with_room(Room {
        steps: most * steps_each,
        ..Room::default()
    });
    let laid = layers.iter().map(|l| root.lay(&lines(l), u64::MAX));
    laid.collect()
}

#[test]
fn a_name_again_and_again_is_cheap() {
    // Where a directory with many names once was.
    let mut names: Vec<String> = (0..20_000).map(|i| format!("f 0 a/{i}")).collect();
    names.extend((0..20_000).map(|_| "f 0 a".to_owned()));
    assert_eq!(laid_in(&[names], 10), [Laid::Whole]);
}

#[test]
fn what_leads_on_and_on_is_stopped() {
    // A directory that comes and goes, with many dead names in it.
    let mut names: Vec<String> = (0..20_000).map(|i| format!("f 0 a/{i}")).collect();
    names.extend((0..10_000).flat_map(|_| ["f 0 a".to_owned(), "d 0 a".to_owned()]));
    let too_much = Laid::LeftOut(NoRoom::Steps(400_000));
    assert_eq!(laid_in(&[names], 10), [too_much]);
    // A link with a long way, for every entry.
    let way = "x/../".repeat(5_000);
    let lower = vec!["d 0 x".to_owned(), format!("s 0 s -> {way}x")];
    let upper: Vec<String> = (0..10_000).map(|i| format!("f 0 s/{i}")).collect();
    let too_much = Laid::LeftOut(NoRoom::Steps(1_000_000));
    assert_eq!(laid_in(&[lower, upper], 100), [Laid::Whole, too_much]);
}

#[test]
fn a_way_up_is_the_way_back() {
    let mut root = RootFs::new();
    assert!(root.add_layer(&toc(&[
        "d 0 a/b",
        "s 0 up -> a/b/../../../c",
        "s 0 a/none -> not/there/../../b",
        "s 0 a/link -> b/../../a/b",
    ])));
    assert!(root.add_layer(&toc(&["f 1 up/x", "f 1 a/none/y", "f 1 a/link/z"])));
    root.update();
    let names: Vec<Vec<u8>> = (4..7).filter_map(|n| root.toc().path(n)).collect();
    assert_eq!(names, [&b"c/x"[..], b"a/b/y", b"a/b/z"]);
    assert!((4..7).all(|n| root.is_visible(n)));
}
