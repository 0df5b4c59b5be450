//! Referrers of referrers, as far as they were asked for.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{Attached, Referrer};
use crate::digest::Digest;

/// Levels below the root that are shown: a signature of an attestation of a signature is the third,
/// and nobody is known to go on for long.
pub const MAX_DEPTH: usize = 16;

/// Manifests whose referrers are asked for without the user's asking, in one tree.
pub const MAX_GROWN: usize = 64;

/// Kinds that are told apart: more than anybody chooses from.
pub const MAX_KINDS: usize = 100;

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
    pub referrer: Arc<Referrer>,
    /// What it refers to.
    pub subject: Digest,
    /// Levels below the root, from 0.
    pub depth: usize,
    /// What is below it.
    pub below: Below,
}

/// The lines that are shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shown {
    /// The first of them.
    pub rows: Vec<Row>,
    /// How many further ones there are.
    pub more: usize,
    /// Why there is none.
    pub lack: Option<Lack>,
}

/// Why no line is shown, where every way has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Nothing refers to the manifest.
    Nothing,
    /// What does is of other kinds.
    OfKind,
}

/// A line while the tree is walked.
struct Line<'a> {
    referrer: &'a Arc<Referrer>,
    subject: &'a Digest,
    depth: usize,
    below: Below,
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
        let (mut out, mut seen) = (Vec::new(), HashSet::new());
        self.visit(root, &[], &mut |line| {
            let digest = &line.referrer.descriptor.digest;
            if out.len() < room && line.below == Below::Unknown && seen.insert(digest) {
                out.push(digest.clone());
            }
            out.len() < room
        });
        out
    }

    /// The kinds of what is in the tree, `first` included; at most [`MAX_KINDS`].
    pub fn kinds(&self, root: &Digest, first: &[Arc<Referrer>]) -> BTreeSet<String> {
        let mut kinds = BTreeSet::new();
        self.visit(root, first, &mut |line| {
            kinds.insert(line.referrer.kind());
            kinds.len() < MAX_KINDS
        });
        kinds.into_iter().map(str::to_owned).collect()
    }

    /// The tree's lines from the top, `first` before what was asked for; `most` of them. With a kind
    /// only what is of that kind, and what leads there.
    pub fn shown(
        &self,
        root: &Digest,
        first: &[Arc<Referrer>],
        kind: Option<&str>,
        most: usize,
    ) -> Shown {
        let mut lines = Vec::new();
        self.visit(root, first, &mut |line| {
            lines.push(line);
            true
        });
        if let Some(kind) = kind {
            lines = filtered(lines, kind);
        }
        let grown = self.grown(root).filter(|a| a.failures.is_empty());
        let lack = grown.filter(|_| lines.is_empty()).map(|attached| {
            match first.is_empty() && attached.list.is_empty() && !attached.cut {
                true => Lack::Nothing,
                false => Lack::OfKind,
            }
        });
        let more = lines.len().saturating_sub(most);
        let rows = lines.into_iter().take(most).map(|line| Row {
            referrer: line.referrer.clone(),
            subject: line.subject.clone(),
            depth: line.depth,
            below: line.below,
        });
        Shown {
            rows: rows.collect(),
            more,
            lack,
        }
    }

    /// Shows each line to `see` until it returns false.
    fn visit<'a>(
        &'a self,
        root: &'a Digest,
        first: &'a [Arc<Referrer>],
        see: &mut dyn FnMut(Line<'a>) -> bool,
    ) {
        // What hangs below several is shown below each, which might double from level to level.
        let mut left = super::MAX_REFERRERS;
        let mut see = |line| {
            left -= 1;
            see(line) && left > 0
        };
        let mut above = vec![root];
        let there: HashSet<&Digest> = first.iter().map(|r| &r.descriptor.digest).collect();
        let rest = self.grown(root).map_or(&[][..], |a| &a.list);
        let rest = rest
            .iter()
            .filter(|r| !there.contains(&r.descriptor.digest));
        self.walk(&mut first.iter().chain(rest), &mut above, &mut see);
    }

    fn walk<'a>(
        &'a self,
        list: &mut dyn Iterator<Item = &'a Arc<Referrer>>,
        above: &mut Vec<&'a Digest>,
        see: &mut dyn FnMut(Line<'a>) -> bool,
    ) -> bool {
        for referrer in list {
            let digest = &referrer.descriptor.digest;
            let depth = above.len() - 1;
            let attached = self.grown(digest);
            let below = match (self.get(digest), attached) {
                _ if above.contains(&digest) => Below::Circle,
                _ if depth + 1 >= MAX_DEPTH => Below::TooDeep,
                (None, _) => Below::Unknown,
                (Some(_), None) => Below::Growing,
                (_, Some(a)) if a.list.is_empty() && a.failures.is_empty() => Below::Nothing,
                (_, Some(a)) => Below::Here(a.clone()),
            };
            let next = attached.filter(|_| matches!(below, Below::Here(_)));
            let line = Line {
                referrer,
                subject: above[depth],
                depth,
                below,
            };
            if !see(line) {
                return false;
            }
            if let Some(attached) = next {
                above.push(digest);
                let goes_on = self.walk(&mut attached.list.iter(), above, see);
                above.pop();
                if !goes_on {
                    return false;
                }
            }
        }
        true
    }
}

/// The lines of a kind, each with those above it.
fn filtered<'a>(lines: Vec<Line<'a>>, kind: &str) -> Vec<Line<'a>> {
    let mut keep = vec![false; lines.len()];
    // The depth above which lines lead to one that is kept.
    let mut leads = 0;
    for (i, line) in lines.iter().enumerate().rev() {
        keep[i] = line.depth < leads || line.referrer.kind() == kind;
        if keep[i] {
            leads = line.depth;
        }
    }
    let kept = lines.into_iter().zip(keep).filter(|(_, keep)| *keep);
    kept.map(|(line, _)| line).collect()
}
