//! dive's own figures.

use super::*;
use crate::rootfs::tests::toc;

fn waste(layers: &[&[&str]]) -> Waste {
    let tocs: Vec<Toc> = layers.iter().map(|lines| toc(lines)).collect();
    Waste::of(&tocs, 100)
}

#[track_caller]
fn check(layers: &[&[&str]], efficiency: f64, wasted: u64, paths: &[(&str, u32, u64)]) {
    let waste = waste(layers);
    assert!(
        (waste.efficiency - efficiency).abs() < 1e-12,
        "{}",
        waste.efficiency
    );
    assert_eq!(waste.wasted, wasted);
    let found: Vec<(String, u32, u64)> = waste
        .paths
        .iter()
        .map(|p| (p.path.escape_ascii().to_string(), p.count, p.bytes))
        .collect();
    let expect: Vec<(String, u32, u64)> = paths
        .iter()
        .map(|(p, n, b)| ((*p).to_owned(), *n, *b))
        .collect();
    assert_eq!(found, expect);
}

/// Its test image, whose listing is beside this file (`tar -t` of each layer of
/// `.data/test-docker-image.tar`), and what its tests expect of it.
#[test]
fn dives_own_image() {
    let text = include_str!("dive-image.txt");
    let mut layers: Vec<Vec<&str>> = Vec::new();
    for line in text.lines() {
        match (line, layers.last_mut()) {
            ("layer", _) => layers.push(Vec::new()),
            (line, Some(layer)) => layer.push(line),
            (_, None) => unreachable!("the list begins with a layer"),
        }
    }
    let layers: Vec<&[&str]> = layers.iter().map(Vec::as_slice).collect();
    let waste = waste(&layers);
    assert_eq!(waste.efficiency, 0.984_421_213_418_430_9);
    assert_eq!((waste.bytes, waste.user_bytes), (1_220_598, 66_237));
    assert_eq!(waste.wasted, 32_025);
    assert_eq!(waste.user_share(), 0.483_491_100_140_404_9);
    assert_eq!(waste.pointless, 0);
}

#[test]
fn its_unit_case() {
    check(
        &[
            &["f 2000 etc/nginx/nginx.conf", "f 3000 etc/nginx/public"],
            &["f 5000 etc/nginx/nginx.conf", "f 10000 etc/athing"],
            &["f 0 etc/.wh.nginx"],
        ],
        0.75,
        7000,
        &[("etc/nginx/nginx.conf", 2, 7000)],
    );
}

#[test]
fn what_a_whiteout_counts() {
    // A file: nothing. Its path is there twice all the same.
    check(&[&["f 10 a"], &["f 0 .wh.a"]], 0.0, 10, &[("a", 2, 10)]);
    // A directory with an entry: all under it, as the layers below leave it.
    check(
        &[
            &["d 0 d", "f 10 d/a", "f 20 d/b"],
            &["d 0 d", "f 5 d/b"],
            &["f 0 .wh.d"],
        ],
        30.0 / 50.0,
        25,
        &[("d/b", 2, 25)],
    );
    // One whose last layer has no entry for it counts as a file.
    check(
        &[&["d 0 d", "f 10 d/a"], &["f 5 d/b"], &["f 0 .wh.d"]],
        1.0,
        0,
        &[],
    );
    // What is in no layer: nothing at all.
    let odd = waste(&[&["f 10 a"], &["f 0 .wh.b", "f 10 a"]]);
    assert_eq!((odd.pointless, odd.wasted), (1, 20));
    assert_eq!(odd.efficiency, 0.5);
}

#[test]
fn opaque_markers_are_ignored_and_empty_directories_count() {
    check(
        &[
            &["d 0 d", "f 10 d/a"],
            &["d 0 d", "f 0 d/.wh..wh..opq", "d 0 e"],
            &["f 0 .wh.d", "d 0 e"],
        ],
        // The marker is no entry, so that d is a leaf of the second layer; the third finds a in it.
        10.0 / 20.0,
        10,
        &[("d", 2, 10), ("e", 2, 0)],
    );
}

#[test]
fn nothing_is_all_efficient() {
    assert_eq!(waste(&[]).efficiency, 1.0);
    assert_eq!(waste(&[&[]]).user_share(), 0.0);
}

/// A whiteout goes where its own name stands among its siblings, which can be after what it speaks
/// of: dive looks at them in that order.
#[test]
fn a_name_before_the_dot() {
    let waste = waste(&[
        &["d 0 +d", "f 10 +d/a"],
        &["f 0 .wh.+d", "d 0 +d", "f 20 +d/b"],
        &["f 0 .wh.+d"],
    ]);
    assert_eq!(waste.pointless, 1);
}

/// The page says that ours differ from dive's in this.
#[test]
fn where_ours_is_meant_to_differ() {
    check(&[&["f 5 a", "f 7 a"]], 1.0, 0, &[]);
    check(&[&["f 5 x/../a"], &["f 5 a"]], 1.0, 0, &[]);
}
