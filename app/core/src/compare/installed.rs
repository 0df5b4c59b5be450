//! Two lists of installed packages.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;

use serde::{Deserialize, Serialize};

/// An installed package, as its database says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// Bytes that it takes by its own word.
    pub stated: Option<u64>,
}

/// A package that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// What the first image has.
    pub left: Option<Installed>,
    /// What the second has.
    pub right: Option<Installed>,
}

impl Changed {
    /// Its name.
    pub fn name(&self) -> &str {
        let either = self.left.as_ref().or(self.right.as_ref());
        either.map_or("", |p| &p.name)
    }
}

/// How two lists differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packages {
    /// What is not the same in both, by name.
    pub changed: Vec<Changed>,
    /// Packages that are in the second alone.
    pub added: usize,
    /// In the first alone.
    pub removed: usize,
    /// In both, with another version.
    pub versions: usize,
    /// In both, with the same version.
    pub same: usize,
}

/// Compares two lists. A package is the same in both by its name and version, also where it is built
/// for another architecture; of several of one name those that are most alike stand side by side.
pub fn packages(left: &[Installed], right: &[Installed]) -> Packages {
    let mut names: BTreeMap<&str, (Vec<&Installed>, Vec<&Installed>)> = BTreeMap::new();
    for package in left {
        names.entry(&package.name).or_default().0.push(package);
    }
    for package in right {
        names.entry(&package.name).or_default().1.push(package);
    }
    let mut out = Packages::default();
    for (_, (mut left, mut right)) in names {
        let whole = |p: &Installed| (p.version.clone(), p.architecture.clone());
        out.same += paired(&mut left, &mut right, whole).len();
        out.same += paired(&mut left, &mut right, |p| p.version.clone()).len();
        let mut pairs = paired(&mut left, &mut right, |p| p.architecture.clone());
        pairs.extend(paired(&mut left, &mut right, |_| ()));
        out.versions += pairs.len();
        out.removed += left.len();
        out.added += right.len();
        let both = pairs.into_iter().map(|(a, b)| (Some(a), Some(b)));
        let alone = left.into_iter().map(|a| (Some(a), None));
        let new = right.into_iter().map(|b| (None, Some(b)));
        out.changed
            .extend(both.chain(alone).chain(new).map(|(left, right)| Changed {
                left: left.cloned(),
                right: right.cloned(),
            }));
    }
    out
}

/// Takes those out of two lists that are alike in something, in pairs.
fn paired<'a, K: Eq + Hash>(
    left: &mut Vec<&'a Installed>,
    right: &mut Vec<&'a Installed>,
    alike: impl Fn(&Installed) -> K,
) -> Vec<(&'a Installed, &'a Installed)> {
    let mut by_key: HashMap<K, VecDeque<usize>> = HashMap::new();
    for (at, package) in right.iter().enumerate() {
        by_key.entry(alike(package)).or_default().push_back(at);
    }
    let mut taken = vec![false; right.len()];
    let mut pairs = Vec::new();
    left.retain(|package| {
        let found = by_key
            .get_mut(&alike(package))
            .and_then(VecDeque::pop_front);
        if let Some(at) = found {
            taken[at] = true;
            pairs.push((*package, right[at]));
        }
        found.is_none()
    });
    let mut taken = taken.into_iter();
    right.retain(|_| !taken.next().unwrap_or_default());
    pairs
}
