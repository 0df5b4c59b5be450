//! Two short lists, one beside the other, in their order.

/// Cells of the table that aligning fills; beyond, what is between the common start and end counts
/// as different. Histories and lists of layers have some dozens of rows; 2,000 beside 2,000 is far
/// above that, and takes some milliseconds.
const MAX_CELLS: usize = 4_000_000;

/// A row of two aligned lists: places in the first and in the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// The same in both.
    Both(usize, usize),
    /// In the first alone.
    Left(usize),
    /// In the second alone.
    Right(usize),
}

impl Pair {
    /// Its place in the first list.
    pub fn left(self) -> Option<usize> {
        match self {
            Pair::Both(left, _) | Pair::Left(left) => Some(left),
            Pair::Right(_) => None,
        }
    }

    /// Its place in the second list.
    pub fn right(self) -> Option<usize> {
        match self {
            Pair::Both(_, right) | Pair::Right(right) => Some(right),
            Pair::Left(_) => None,
        }
    }
}

/// Aligns two lists by a longest common subsequence. Where both differ, the first's rows come first.
pub fn align<T>(left: &[T], right: &[T], same: impl Fn(&T, &T) -> bool) -> Vec<Pair> {
    let start = left
        .iter()
        .zip(right)
        .take_while(|(a, b)| same(a, b))
        .count();
    let (rest_left, rest_right) = (&left[start..], &right[start..]);
    let end = rest_left
        .iter()
        .rev()
        .zip(rest_right.iter().rev())
        .take_while(|(a, b)| same(a, b))
        .count();
    let (middle_left, middle_right) = (
        &rest_left[..rest_left.len() - end],
        &rest_right[..rest_right.len() - end],
    );
    let mut out: Vec<Pair> = (0..start).map(|i| Pair::Both(i, i)).collect();
    middle(middle_left, middle_right, start, &same, &mut out);
    let (tail_left, tail_right) = (left.len() - end, right.len() - end);
    out.extend((0..end).map(|i| Pair::Both(tail_left + i, tail_right + i)));
    out
}

/// What is between the common start and end; `base` is the place of its first rows in both lists.
fn middle<T>(
    left: &[T],
    right: &[T],
    base: usize,
    same: &impl Fn(&T, &T) -> bool,
    out: &mut Vec<Pair>,
) {
    let width = right.len() + 1;
    let cells = (left.len() + 1).saturating_mul(width);
    let (mut i, mut j) = (0, 0);
    if cells <= MAX_CELLS {
        // lengths[i][j]: of the longest common subsequence of what is behind i and j.
        let mut lengths = vec![0_u16; cells];
        for i in (0..left.len()).rev() {
            for j in (0..right.len()).rev() {
                lengths[i * width + j] = match same(&left[i], &right[j]) {
                    true => lengths[(i + 1) * width + j + 1].saturating_add(1),
                    false => lengths[(i + 1) * width + j].max(lengths[i * width + j + 1]),
                };
            }
        }
        while i < left.len() && j < right.len() {
            if same(&left[i], &right[j]) {
                out.push(Pair::Both(base + i, base + j));
                (i, j) = (i + 1, j + 1);
            } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
                out.push(Pair::Left(base + i));
                i += 1;
            } else {
                out.push(Pair::Right(base + j));
                j += 1;
            }
        }
    }
    out.extend((i..left.len()).map(|i| Pair::Left(base + i)));
    out.extend((j..right.len()).map(|j| Pair::Right(base + j)));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `=` both, `<` left alone, `>` right alone.
    #[track_caller]
    fn check(left: &str, right: &str, expect: &str) {
        let (l, r): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
        let pairs = align(&l, &r, |a, b| a == b);
        let shown: String = pairs
            .iter()
            .map(|pair| match pair {
                Pair::Both(i, j) => {
                    assert_eq!(l[*i], r[*j]);
                    format!("={}", l[*i])
                }
                Pair::Left(i) => format!("<{}", l[*i]),
                Pair::Right(j) => format!(">{}", r[*j]),
            })
            .collect();
        assert_eq!(shown, expect);
        let lefts: Vec<usize> = pairs.iter().filter_map(|p| p.left()).collect();
        let rights: Vec<usize> = pairs.iter().filter_map(|p| p.right()).collect();
        assert_eq!(lefts, (0..l.len()).collect::<Vec<_>>());
        assert_eq!(rights, (0..r.len()).collect::<Vec<_>>());
    }

    #[test]
    fn lists_side_by_side() {
        check("", "", "");
        check("ab", "ab", "=a=b");
        check("a", "", "<a");
        check("", "b", ">b");
        check("abc", "abd", "=a=b<c>d");
        check("abcd", "acd", "=a<b=c=d");
        check("xay", "bac", "<x>b=a<y>c");
        check("aa", "a", "=a<a");
        check("abab", "baba", "<a=b=a=b>a");
    }

    #[test]
    fn long_lists_are_bounded() {
        let left: Vec<u32> = (0..3000).collect();
        let mut right: Vec<u32> = (1_000_000..1_003_000).collect();
        right[0] = 0;
        right[2999] = 2999;
        let pairs = align(&left, &right, |a, b| a == b);
        assert_eq!(pairs.len(), 2 + 2 * 2998);
        assert_eq!(pairs[0], Pair::Both(0, 0));
        assert_eq!(pairs.last(), Some(&Pair::Both(2999, 2999)));
    }
}
