//! Tags in an order that people expect, and filtered.

use std::cmp::Ordering;

use crate::reference::Tag;

/// Compares with runs of digits as numbers: `v1.9` before `v1.10`, `7` before `07`. ASCII case
/// decides only between names that are otherwise the same.
pub fn natural(a: &[u8], b: &[u8]) -> Ordering {
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i].is_ascii_digit() && b[j].is_ascii_digit() {
            let (x, y) = (digits(a, i), digits(b, j));
            let (m, n) = (significant(&a[i..x]), significant(&b[j..y]));
            let by_value = m.len().cmp(&n.len()).then_with(|| m.cmp(n));
            if by_value != Ordering::Equal {
                return by_value;
            }
            (i, j) = (x, y);
        } else {
            let by_byte = a[i].to_ascii_lowercase().cmp(&b[j].to_ascii_lowercase());
            if by_byte != Ordering::Equal {
                return by_byte;
            }
            (i, j) = (i + 1, j + 1);
        }
    }
    let rest = (a.len() - i).cmp(&(b.len() - j));
    // Total: two different names are never equal, so a sort has one outcome.
    rest.then_with(|| a.len().cmp(&b.len()))
        .then_with(|| a.cmp(b))
}

fn digits(text: &[u8], from: usize) -> usize {
    let run = text[from..].iter().position(|b| !b.is_ascii_digit());
    run.map_or(text.len(), |n| from + n)
}

fn significant(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    &digits[zeros..]
}

/// How tags are ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TagOrder {
    /// As the registry lists them.
    Registry,
    /// By [`natural`] order, first to last.
    Ascending,
    /// By [`natural`] order, last to first: the newest version is likely at the top.
    #[default]
    Descending,
}

/// The tags that contain all words of the filter (ASCII case ignored), in order, each once.
/// `latest` comes first where versions go from last to first.
pub fn arrange(tags: &[String], filter: &str, order: TagOrder) -> Vec<String> {
    let words: Vec<String> = filter
        .split_whitespace()
        .map(str::to_ascii_lowercase)
        .collect();
    let matches = |tag: &&String| {
        let lower = tag.to_ascii_lowercase();
        words.iter().all(|w| lower.contains(w.as_str()))
    };
    let mut seen = std::collections::HashSet::new();
    let found = tags.iter().filter(matches);
    let mut out: Vec<String> = found.filter(|t| seen.insert(t.as_str())).cloned().collect();
    let by_name = |a: &String, b: &String| natural(a.as_bytes(), b.as_bytes());
    match order {
        TagOrder::Registry => {}
        TagOrder::Ascending => out.sort_by(by_name),
        TagOrder::Descending => {
            out.sort_by(|a, b| {
                let latest = |t: &String| t == crate::reference::DEFAULT_TAG;
                latest(b).cmp(&latest(a)).then_with(|| by_name(b, a))
            });
        }
    }
    out
}

/// What a tag is for, as far as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    /// Something to open.
    Image,
    /// cosign's signature, attestation or SBOM of another manifest, or the fallback list of
    /// referrers: `sha256-<hex>[.sig|.att|.sbom]`.
    Attached,
    /// Not a tag by the grammar: shown, not a link.
    Invalid,
}

/// What a tag is for.
pub fn kind(tag: &str) -> TagKind {
    let digest = tag.strip_prefix("sha256-").or(tag.strip_prefix("sha512-"));
    let hex = digest.and_then(|rest| rest.get(..64));
    if hex.is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit())) {
        return TagKind::Attached;
    }
    match Tag::parse(tag) {
        Ok(_) => TagKind::Image,
        Err(_) => TagKind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(input: &[&str], filter: &str, order: TagOrder, expect: &[&str]) {
        let tags: Vec<String> = input.iter().map(|t| (*t).to_owned()).collect();
        assert_eq!(arrange(&tags, filter, order), expect);
    }

    #[test]
    fn orders() {
        use TagOrder::{Ascending, Descending, Registry};
        let versions = ["v1.10", "v1.9", "latest", "v1.1", "v1.9-rc2", "v1.9-rc10"];
        check(
            &versions,
            "",
            Ascending,
            &["latest", "v1.1", "v1.9", "v1.9-rc2", "v1.9-rc10", "v1.10"],
        );
        check(
            &versions,
            "",
            Descending,
            &["latest", "v1.10", "v1.9-rc10", "v1.9-rc2", "v1.9", "v1.1"],
        );
        check(&versions, " RC 9", Registry, &["v1.9-rc2", "v1.9-rc10"]);
        check(&["b", "a", "b"], "", Registry, &["b", "a"]);
        check(&["B", "a", "b", "A"], "", Ascending, &["A", "a", "B", "b"]);
        check(
            &["07", "7", "8", "007"],
            "",
            Ascending,
            &["7", "07", "007", "8"],
        );
        let long = "9".repeat(60);
        check(
            &[&format!("1{long}"), &long],
            "",
            Ascending,
            &[&long, &format!("1{long}")],
        );
        check(&[], "x", Ascending, &[]);
    }

    #[test]
    fn kinds() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(kind(&format!("sha256-{hex}")), TagKind::Attached);
        assert_eq!(kind(&format!("sha256-{hex}.sig")), TagKind::Attached);
        assert_eq!(kind("sha256-x"), TagKind::Image);
        assert_eq!(kind("v1"), TagKind::Image);
        assert_eq!(kind("<script>"), TagKind::Invalid);
    }

    proptest! {
        #[test]
        fn is_a_total_order(a in "[aA0-9.]{0,6}", b in "[aA0-9.]{0,6}", c in "[aA0-9.]{0,6}") {
            let cmp = |x: &str, y: &str| natural(x.as_bytes(), y.as_bytes());
            prop_assert_eq!(cmp(&a, &b), cmp(&b, &a).reverse());
            prop_assert_eq!(cmp(&a, &b) == Ordering::Equal, a == b);
            if cmp(&a, &b) != Ordering::Greater && cmp(&b, &c) != Ordering::Greater {
                prop_assert!(cmp(&a, &c) != Ordering::Greater);
            }
        }
    }
}
