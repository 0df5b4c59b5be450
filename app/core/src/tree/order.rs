//! The order of names with numbers in them.

use std::cmp::Ordering;

/// Compares bytewise, but runs of digits by their value: `a9` before `a10`. Names that differ only
/// in leading zeros are put in bytewise order, so that only equal names are equal.
pub fn natural(a: &[u8], b: &[u8]) -> Ordering {
    let (mut x, mut y) = (a, b);
    while let (Some(&p), Some(&q)) = (x.first(), y.first()) {
        if p.is_ascii_digit() && q.is_ascii_digit() {
            let (m, rest_x) = number(x);
            let (n, rest_y) = number(y);
            // Without leading zeros the longer number is the greater.
            let order = m.len().cmp(&n.len()).then_with(|| m.cmp(n));
            if order.is_ne() {
                return order;
            }
            (x, y) = (rest_x, rest_y);
        } else if p == q {
            (x, y) = (&x[1..], &y[1..]);
        } else {
            return p.cmp(&q);
        }
    }
    x.len().cmp(&y.len()).then_with(|| a.cmp(b))
}

/// The digits at the start without leading zeros, and what follows.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let zeros = digits
        .iter()
        .position(|b| *b != b'0')
        .unwrap_or(digits.len());
    (&digits[zeros..], rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ordered: &[&str]) {
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(natural(a.as_bytes(), b.as_bytes()), i.cmp(&j), "{a} {b}");
            }
        }
    }

    #[test]
    fn numbers_by_value() {
        check(&["", "a", "a1", "a2", "a10", "a10b", "a11", "b"]);
        check(&["libc-2.9.so", "libc-2.31.so"]);
        check(&[
            "1",
            "02",
            "2",
            "10",
            "99999999999999999999",
            "100000000000000000000",
        ]);
        check(&["A", "a"]);
        check(&["a", "a0", "a00", "a1"]);
    }

    proptest::proptest! {
        #[test]
        fn it_is_an_order(a in "[ab01]{0,6}", b in "[ab01]{0,6}", c in "[ab01]{0,6}") {
            let (a, b, c) = (a.as_bytes(), b.as_bytes(), c.as_bytes());
            assert_eq!(natural(a, b), natural(b, a).reverse());
            assert_eq!(natural(a, b).is_eq(), a == b);
            if natural(a, b).is_le() && natural(b, c).is_le() {
                assert!(natural(a, c).is_le());
            }
        }
    }
}
