//! The contents of one file in both images.

use proptest::prelude::*;

use crate::compare::lines::places;
use crate::compare::text::{Bytes, Compared, Lines, compare};

/// Lines as `  same`, `- left`, `+ right`, with `@` between hunks.
fn shown(lines: &Lines) -> String {
    let hunks = lines.hunks.iter().map(|hunk| {
        let lines = hunk.lines.iter().map(|line| {
            let mark = match (line.left, line.right) {
                (Some(_), Some(_)) => ' ',
                (Some(_), None) => '-',
                _ => '+',
            };
            let open = if line.open { "~" } else { "" };
            format!("{mark}{}{open}\n", line.text)
        });
        lines.collect::<String>()
    });
    hunks.collect::<Vec<String>>().join("@\n")
}

fn of_lines(left: &[u8], right: &[u8]) -> Lines {
    match compare(left, right) {
        Compared::Lines(lines) => lines,
        Compared::Bytes(bytes) => panic!("{bytes:?}"),
    }
}

#[track_caller]
fn check(left: &str, right: &str, expect: &str) {
    let lines = of_lines(left.as_bytes(), right.as_bytes());
    assert_eq!(shown(&lines), expect);
    let removed = expect.lines().filter(|l| l.starts_with('-')).count();
    let added = expect.lines().filter(|l| l.starts_with('+')).count();
    assert_eq!((lines.removed, lines.added), (removed as u32, added as u32));
    assert_eq!(lines.more, 0);
    // What stands in both has the same text at both its numbers.
    let (l, r): (Vec<&str>, Vec<&str>) = (left.lines().collect(), right.lines().collect());
    for line in lines.hunks.iter().flat_map(|hunk| &hunk.lines) {
        if let (Some(a), Some(b)) = (line.left, line.right) {
            assert_eq!(l[a as usize - 1], r[b as usize - 1]);
        }
    }
}

#[test]
fn lines_that_differ() {
    check("", "", "");
    check("a\n", "a\n", "");
    check("a\n", "b\n", "-a\n+b\n");
    check("", "a\nb\n", "+a\n+b\n");
    check("a\n", "", "-a\n");
    check(
        "a\nb\nc\nd\ne\nf\n",
        "a\nb\nc\nd\nE\nf\n",
        " b\n c\n d\n-e\n+E\n f\n",
    );
    check("a\n", "a", "-a\n+a~\n");
    check("a\tb\n", "a  b\n", "-a\tb\n+a  b\n");
    check("a\r\n", "a\n", "-a␍\n+a\n");
}

#[test]
fn far_places_stand_apart() {
    let numbers: Vec<String> = (0..40).map(|i| format!("{i}\n")).collect();
    let mut other = numbers.clone();
    other[2] = "two\n".into();
    other[8] = "eight\n".into();
    other.insert(30, "new\n".into());
    check(
        &numbers.concat(),
        &other.concat(),
        " 0\n 1\n-2\n+two\n 3\n 4\n 5\n 6\n 7\n-8\n+eight\n 9\n 10\n 11\n@\n 27\n 28\n 29\n+new\n 30\n 31\n 32\n",
    );
}

#[test]
fn long_differences_are_cut() {
    let text = |from: u32, to: u32| -> Vec<u8> {
        (from..to)
            .flat_map(|i| format!("{i}\n").into_bytes())
            .collect()
    };
    let lines = of_lines(&text(0, 9_000), &text(20_000, 30_000));
    let told: usize = lines.hunks.iter().map(|hunk| hunk.lines.len()).sum();
    assert_eq!((lines.removed, lines.added), (9_000, 10_000));
    assert_eq!(told as u32 + lines.more, 19_000);
    assert!(told <= 2_500, "{told}");
    // What is behind a place that is not told is not told as the same.
    let left = [
        &text(0, 1_000)[..],
        b"x\n",
        &text(50_000, 52_000),
        b"y\nend\n",
    ]
    .concat();
    let right = [b"x\n", &text(60_000, 62_000)[..], b"y\nend\n"].concat();
    let lines = of_lines(&left, &right);
    assert_eq!(lines.hunks.len(), 1);
    let last = lines.hunks[0].lines.last().unwrap();
    assert_eq!((last.text.as_str(), lines.more), ("x", 4_000));
    let long = format!("{}\n", "é".repeat(9_000));
    let lines = of_lines(b"", long.as_bytes());
    assert!(lines.hunks[0].lines[0].text.chars().count() < 2_100);
}

/// Lines of 2^kinds kinds, in no order.
fn noise(mut x: u32, lines: usize, kinds: u32) -> Vec<u8> {
    let line = |_: usize| {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("{}\n", x >> (32 - kinds)).into_bytes()
    };
    (0..lines).flat_map(line).collect()
}

#[test]
fn worst_cases_are_not_looked_at_line_by_line() {
    let lines = of_lines(&noise(1, 200_000, 4), &noise(2, 200_000, 4));
    assert!(lines.coarse && lines.added > 199_000 && lines.more > 0);
    // Lines that are there once in both cut the work into parts that are small.
    let middle = |seed: u32| noise(seed, 500, 4);
    let around = |middle: Vec<u8>| {
        let part = |i: u32| [format!("part {i}\n").into_bytes(), middle.clone()].concat();
        (0..100).flat_map(part).collect::<Vec<u8>>()
    };
    let lines = of_lines(&around(middle(1)), &around(middle(2)));
    assert!(!lines.coarse && lines.added < 49_000, "{}", lines.added);
}

proptest! {
    /// Taking the differences from one text to the other gives the other.
    #[test]
    fn differences_lead_from_one_to_the_other(
        left in proptest::collection::vec("[ab]{0,1}", 0..40),
        right in proptest::collection::vec("[abc]{0,1}", 0..40),
    ) {
        let (l, r): (Vec<&[u8]>, Vec<&[u8]>) = (
            left.iter().map(String::as_bytes).collect(),
            right.iter().map(String::as_bytes).collect(),
        );
        let (places, fine) = places(&l, &r);
        prop_assert!(fine);
        let (mut i, mut j, mut made) = (0, 0, Vec::new());
        for (a, b) in places {
            prop_assert!(!a.is_empty() || !b.is_empty());
            prop_assert!(a.start as usize >= i && b.start as usize >= j);
            made.extend_from_slice(&l[i..a.start as usize]);
            made.extend_from_slice(&r[b.start as usize..b.end as usize]);
            (i, j) = (a.end as usize, b.end as usize);
        }
        made.extend_from_slice(&l[i..]);
        prop_assert_eq!(made, r);
    }
}

#[test]
fn names_that_would_hide_are_shown() {
    let lines = of_lines(b"", "a\u{202e}b\u{200b}\x1b[1m\n".as_bytes());
    assert_eq!(lines.hunks[0].lines[0].text, "a\\u{202e}b\\u{200b}␛[1m");
    let lines = of_lines(b"\xe9t\xe9\n", b"");
    assert!(lines.lossy);
    assert_eq!(lines.hunks[0].lines[0].text, "\\xe9t\\xe9");
}

#[test]
fn bytes_that_are_no_text() {
    #[track_caller]
    fn check(left: &[u8], right: &[u8], expect: Option<u64>) -> Bytes {
        match compare(left, right) {
            Compared::Bytes(bytes) => {
                assert_eq!(bytes.first, expect);
                bytes
            }
            Compared::Lines(lines) => panic!("{lines:?}"),
        }
    }
    check(b"\0", b"\0", None);
    check(b"\0a", b"\0b", Some(1));
    check(b"\0", b"\0b", Some(1));
    check(b"", b"\0", Some(0));
    let mut left = vec![0; 1000];
    left[100] = 1;
    let bytes = check(&left, &vec![0; 1000], Some(100));
    assert_eq!(
        (bytes.start, bytes.left.len(), bytes.right.len()),
        (80, 64, 64)
    );
    assert_eq!(bytes.left[20], 1);
}
