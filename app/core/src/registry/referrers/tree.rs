//! Referrers of referrers, as far as they were asked for.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Attached, Referrer};
use crate::digest::Digest;

/// Levels below the root that are shown: a signature of an attestation of a signature is the third,
/// and nobody is known to go on for long.
pub const MAX_DEPTH: usize = 16;

/// Manifests whose referrers are asked for without the user's asking, in one tree.
pub const MAX_GROWN: usize = 64;

/// How far the referrers of one manifest are known.
#[derive(Debug, Clone, PartialEq)]
pub enum Growth {
    /// They are being asked for.
    Growing,
    /// They are here.
    Grown(Arc<Attached>),
}

/// What is known, by the manifest that is referred to. Since it is keyed so, what a registry says
/// in a circle is held once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree(HashMap<Digest, Growth>);

/// A line of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The manifest.
    pub referrer: Referrer,
    /// What it refers to.
    pub subject: Digest,
    /// Levels below the root, from 0.
    pub depth: usize,
    /// What is below it.
    pub below: Below,
}

/// What is below a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Below {
    /// Nobody has asked.
    Unknown,
    /// It is being asked for.
    Growing,
    /// Nothing was found.
    Nothing,
    /// The lines that follow; or why they do not.
    Here(Arc<Attached>),
    /// It is above in its own line: a circle.
    Circle,
    /// The tree is not shown any deeper.
    TooDeep,
}

impl Tree {
    /// What is known of a manifest's referrers.
    pub fn get(&self, of: &Digest) -> Option<&Growth> {
        self.0.get(of)
    }

    /// Those that are here.
    pub fn grown(&self, of: &Digest) -> Option<&Arc<Attached>> {
        match self.0.get(of) {
            Some(Growth::Grown(attached)) => Some(attached),
            _ => None,
        }
    }

    /// Begins a manifest's branch.
    pub fn begin(&mut self, of: &Digest) {
        self.0.entry(of.clone()).or_insert(Growth::Growing);
    }

    /// Ends it.
    pub fn put(&mut self, of: Digest, attached: Arc<Attached>) {
        self.0.insert(of, Growth::Grown(attached));
    }

    /// Forgets a branch that failed, so that it can be begun again.
    pub fn forget(&mut self, of: &Digest) {
        self.0.remove(of);
    }

    /// Up to [`MAX_GROWN`] manifests at the tree's ends whose referrers nobody has asked for.
    pub fn unknown(&self, root: &Digest) -> Vec<Digest> {
        let room = MAX_GROWN.saturating_sub(self.0.len());
        let mut out: Vec<Digest> = Vec::new();
        for row in self.rows(root, &[], None) {
            let digest = row.referrer.descriptor.digest;
            if row.below == Below::Unknown && !out.contains(&digest) {
                out.push(digest);
            }
        }
        out.truncate(room);
        out
    }

    /// The tree's lines from the top, `first` before what was asked for. With a kind only what is
    /// of that kind, and what leads there.
    pub fn rows(&self, root: &Digest, first: &[Referrer], kind: Option<&str>) -> Vec<Row> {
        let mut out = Vec::new();
        let mut above = vec![root.clone()];
        self.walk(first, &mut above, &mut out);
        if let Some(attached) = self.grown(root) {
            self.walk(&without(&attached.list, first), &mut above, &mut out);
        }
        match kind {
            Some(kind) => filtered(out, kind),
            None => out,
        }
    }

    fn walk(&self, list: &[Referrer], above: &mut Vec<Digest>, out: &mut Vec<Row>) {
        for referrer in list {
            // What hangs below several is shown below each, which might double from level to level.
            if out.len() >= super::MAX_REFERRERS {
                return;
            }
            let digest = &referrer.descriptor.digest;
            let depth = above.len() - 1;
            let attached = self.grown(digest);
            let below = match (self.get(digest), attached) {
                _ if above.contains(digest) => Below::Circle,
                _ if depth + 1 >= MAX_DEPTH => Below::TooDeep,
                (None, _) => Below::Unknown,
                (Some(_), None) => Below::Growing,
                (_, Some(a)) if a.list.is_empty() && a.failures.is_empty() => Below::Nothing,
                (_, Some(a)) => Below::Here(a.clone()),
            };
            let next = match &below {
                Below::Here(attached) => Some(attached.clone()),
                _ => None,
            };
            out.push(Row {
                referrer: referrer.clone(),
                subject: above[depth].clone(),
                depth,
                below,
            });
            if let Some(attached) = next {
                above.push(digest.clone());
                self.walk(&attached.list, above, out);
                above.pop();
            }
        }
    }
}

/// What is not in the other list by its digest.
fn without(list: &[Referrer], other: &[Referrer]) -> Vec<Referrer> {
    let there = |r: &&Referrer| {
        let digest = &r.descriptor.digest;
        !other.iter().any(|o| o.descriptor.digest == *digest)
    };
    list.iter().filter(there).cloned().collect()
}

/// The rows of a kind, each with those above it.
fn filtered(rows: Vec<Row>, kind: &str) -> Vec<Row> {
    let mut keep = vec![false; rows.len()];
    // The depth above which rows lead to one that is kept.
    let mut leads = 0;
    for (i, row) in rows.iter().enumerate().rev() {
        keep[i] = row.depth < leads || row.referrer.kind() == kind;
        if keep[i] {
            leads = row.depth;
        }
    }
    let kept = rows.into_iter().zip(keep).filter(|(_, keep)| *keep);
    kept.map(|(row, _)| row).collect()
}
