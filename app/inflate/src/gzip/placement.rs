//! Which block boundaries become checkpoints.
//!
//! A checkpoint costs what its window takes, and saves every file behind it, up to the next one,
//! the bytes from the checkpoint before. The choice is a shortest path over the boundaries (as in
//! the Viterbi algorithm): `price` bytes of fetches, summed over all files, are worth one stored
//! byte. It is made while the boundaries come: only paths that may still become the best are kept,
//! and what all of them have in common is settled.

mod saved;

pub(super) use saved::{read_loose, write_loose};

use crate::gzip::checkpoint::Checkpoint;

/// Boundaries under consideration at most. Where more would be, the best path so far is taken: it
/// bounds what their windows take to some megabytes.
const MAX_OPEN: usize = 160;

/// A boundary that may become a checkpoint.
struct Node {
    /// Counts all boundaries that were considered.
    number: usize,
    checkpoint: Checkpoint,
    /// What its window will take, in bytes.
    cost: u64,
    /// The number of the checkpoint before it on the best path to it.
    before: usize,
    /// What the best path through it costs, but for what depends on the files after it: bytes.
    base: i64,
}

/// Chooses checkpoints among boundaries that come in order.
pub(crate) struct Placement {
    price: u64,
    /// The nodes on paths, in order; the first is the last checkpoint that is settled.
    nodes: Vec<Node>,
    /// The number of the next node.
    next: usize,
    /// The numbers of the nodes with which the paths end that may become the best, in order.
    ends: Vec<usize>,
}

impl Placement {
    pub(crate) fn new(price: u64) -> Self {
        Placement {
            price,
            nodes: Vec::new(),
            next: 0,
            ends: Vec::new(),
        }
    }

    fn place(&self, number: usize) -> Option<usize> {
        self.nodes
            .binary_search_by_key(&number, |node| node.number)
            .ok()
    }

    fn node(&self, number: usize) -> Option<&Node> {
        self.nodes.get(self.place(number)?)
    }

    /// What the path that ends with this node costs up to a boundary with `files` starts before it.
    fn value(&self, number: usize, files: u64) -> i64 {
        self.node(number).map_or(i64::MAX, |node| {
            node.base
                .wrapping_sub(product(files, node.checkpoint.in_offset()))
        })
    }

    /// Takes the next boundary, before which `files` files start (of all of the blob). Its window
    /// will take about `cost` bytes.
    pub(crate) fn add(&mut self, checkpoint: Checkpoint, cost: u64, files: u64) {
        let number = self.next;
        self.next += 1;
        let best = self.best(files);
        let (before, path) = best.map_or((number, 0), |best| (best, self.value(best, files)));
        let all = product(self.price, cost).wrapping_add(product(files, checkpoint.in_offset()));
        self.nodes.push(Node {
            number,
            checkpoint,
            cost,
            before,
            base: path.wrapping_add(all),
        });
        // Later ends gain more by each further file, so an earlier one must be better now.
        self.ends.push(number);
        let mut lowest = i64::MAX;
        let mut kept = std::mem::take(&mut self.ends);
        kept.reverse();
        kept.retain(|end| {
            let value = self.value(*end, files);
            let better = value < lowest;
            lowest = lowest.min(value);
            better
        });
        kept.reverse();
        self.ends = kept;
        self.prune();
    }

    /// The end of the path that is the best now.
    fn best(&self, files: u64) -> Option<usize> {
        self.ends
            .iter()
            .copied()
            .min_by_key(|end| self.value(*end, files))
    }

    /// Drops boundaries that are on no path.
    fn prune(&mut self) {
        let mut used = vec![false; self.nodes.len()];
        for end in &self.ends {
            let mut at = self.place(*end);
            while let Some(place) = at
                && !std::mem::replace(&mut used[place], true)
            {
                at = self.place(self.nodes[place].before);
            }
        }
        let mut used = used.into_iter();
        self.nodes.retain(|_| used.next() == Some(true));
    }

    /// The checkpoints that are settled since the last call, in order.
    pub(crate) fn settled(&mut self, files: u64) -> Vec<Placed> {
        if self.nodes.len() > MAX_OPEN
            && let Some(best) = self.best(files)
        {
            self.ends = vec![best];
        }
        self.take_common()
    }

    /// All that is left: the best path.
    pub(crate) fn finish(mut self, files: u64) -> Vec<Placed> {
        self.ends = self.best(files).into_iter().collect();
        self.take_common()
    }

    /// Takes what all paths have in common.
    fn take_common(&mut self) -> Vec<Placed> {
        // The latest node on all paths: step back with the latest end until there is one.
        let mut fronts = self.ends.clone();
        while let [.., second, last] = fronts.as_slice() {
            let (second, last) = (*second, *last);
            let before = self.node(last).map_or(last, |node| node.before);
            if before >= last || self.place(before).is_none() {
                return Vec::new(); // a path of its own from the start on
            }
            fronts.pop();
            if before != second {
                let at = fronts.partition_point(|front| *front < before);
                if fronts.get(at) != Some(&before) {
                    fronts.insert(at, before);
                }
            }
        }
        let Some(common) = fronts.first().copied() else {
            return Vec::new();
        };
        let mut path = vec![common];
        let mut number = common;
        while let Some(node) = self.node(number)
            && node.before < number
            && self.node(node.before).is_some()
        {
            number = node.before;
            path.push(number);
        }
        path.reverse();
        let mut taken = Vec::new();
        for number in path {
            let Some(place) = self.place(number) else {
                continue;
            };
            let node = &mut self.nodes[place];
            if node.cost != TAKEN {
                // The common node stays, as the start of what is open; it is taken only once.
                taken.push((node.checkpoint.clone(), node.cost));
                node.cost = TAKEN;
            }
        }
        self.nodes.retain(|node| node.number >= common);
        taken
    }
}

/// A checkpoint, and about how many bytes its window will take.
pub(crate) type Placed = (Checkpoint, u64);

/// The same, chosen again from those that were placed, by a price at which their windows take at
/// most `allowed` bytes. `files` tells how many files start before an uncompressed position.
pub(crate) fn thin(
    mut placed: Vec<Placed>,
    mut price: u64,
    allowed: u64,
    files: &dyn Fn(u64) -> u64,
) -> Vec<Placed> {
    let taken = |placed: &[Placed]| placed.iter().map(|(_, cost)| cost).sum::<u64>();
    while taken(&placed) > allowed && price < MAX_PRODUCT {
        price = price.saturating_add(price / 4 + 1);
        let mut placement = Placement::new(price);
        let mut kept = Vec::new();
        for (checkpoint, cost) in placed {
            let before = files(checkpoint.out_offset);
            placement.add(checkpoint, cost, before);
            kept.extend(placement.settled(before));
        }
        kept.extend(placement.finish(files(u64::MAX)));
        placed = kept;
    }
    placed
}

/// Products are cut here, so that sums of them stay in 64 bits: beyond it any choice is as good.
const MAX_PRODUCT: u64 = 1 << 56;

fn product(a: u64, b: u64) -> i64 {
    a.saturating_mul(b).min(MAX_PRODUCT) as i64 // fits by far
}

/// Instead of a cost: the checkpoint was given out.
const TAKEN: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gzip::checkpoint::CheckpointKind;
    use crate::gzip::window::PackedWindow;
    use proptest::prelude::*;

    fn at(in_offset: u64) -> Checkpoint {
        Checkpoint {
            in_bit_offset: in_offset * 8,
            out_offset: in_offset,
            kind: CheckpointKind::Block,
            window: PackedWindow::default(),
        }
    }

    /// What a choice costs: its windows, and for each file the way from the checkpoint before it.
    fn price_of(chosen: &[usize], gaps: &[(u64, u64, u64)], price: u64) -> u128 {
        let (mut sum, mut place, mut last) = (0, 0, 0);
        for (n, (step, cost, files)) in gaps.iter().enumerate() {
            place += step;
            if chosen.contains(&n) {
                last = place;
                sum += u128::from(price * cost);
            }
            sum += u128::from(files * (place - last));
        }
        sum
    }

    proptest! {
        /// As good as the best of all choices.
        #[test]
        fn nothing_is_better(
            gaps in prop::collection::vec((1u64..50, 0u64..9, 0u64..4), 1..11),
            price in 0u64..40,
        ) {
            let mut placement = Placement::new(price);
            let (mut files, mut place) = (0, 0);
            let mut places = Vec::new();
            let mut chosen = Vec::new();
            for (step, cost, behind) in &gaps {
                place += step;
                places.push(place);
                placement.add(at(place), *cost, files);
                chosen.extend(placement.settled(files));
                files += behind;
            }
            chosen.extend(placement.finish(files));
            let chosen: Vec<usize> = chosen
                .iter()
                .map(|(c, _)| places.iter().position(|p| *p == c.in_offset()).unwrap())
                .collect();
            prop_assert!(chosen.is_sorted_by(|a, b| a < b));
            // The first is always taken: there is nothing before it.
            prop_assert_eq!(chosen[0], 0);
            let ours = price_of(&chosen, &gaps, price);
            for bits in 0..1u32 << (gaps.len() - 1) {
                let mut other = vec![0];
                other.extend((1..gaps.len()).filter(|n| bits >> (n - 1) & 1 == 1));
                prop_assert!(ours <= price_of(&other, &gaps, price), "{:?} is better than {:?}", other, chosen);
            }
        }
    }

    #[test]
    fn what_is_open_stays_bounded() {
        let mut placement = Placement::new(1_000_000);
        let mut taken = 0;
        for n in 0..5000u64 {
            // No files: every cheaper window behind is as good.
            placement.add(at(n * 10_000), 5000 - n, 0);
            taken += placement.settled(0).len();
            assert!(placement.nodes.len() <= 2);
        }
        assert_eq!(taken, 1);
        // Each further file would tip the balance between ever more of them.
        let mut placement = Placement::new(1_000_000);
        for n in 0..5000u64 {
            placement.add(at(n * 10), n * n, 0);
            placement.settled(0);
            assert!(placement.nodes.len() <= MAX_OPEN + 1);
        }
    }

    #[test]
    fn the_share_is_kept() {
        let count = 2000u64;
        let all: Vec<Placed> = (0..count).map(|n| (at(n * 10_000), 2000)).collect();
        // A file every 500 bytes: at this price all of them would do.
        let files = |at: u64| at.min(count * 10_000) / 500;
        let kept = thin(all.clone(), 1, 600_000, &files);
        assert!((100..=300).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept[0], all[0]);
        assert_eq!(thin(all.clone(), 1, u64::MAX, &files), all);
    }
}
