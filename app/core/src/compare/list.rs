//! The list of what differs: filtered, ordered, cut to what is on screen.

use serde::{Deserialize, Serialize};

use super::files::{Change, Comparison, Content, Facets, Fate};
use super::snapshot::Side;
use crate::path::EntryPath;
use crate::view::listing::Pattern;

/// Rows told at once: far more than a screen has.
pub const MAX_ROWS: u32 = 512;

/// Which differences are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Only {
    /// All.
    #[default]
    All,
    /// What the second image alone has.
    Added,
    /// What the first alone has.
    Removed,
    /// What both have, and is not the same.
    Changed,
    /// Files whose contents were not compared.
    Unread,
}

/// How differences are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSpec {
    /// Which.
    pub only: Only,
    /// Those alone whose path has this in it; ASCII case is ignored unless it has a capital.
    pub query: String,
    /// What has grown or shrunk most first, not by path.
    pub by_growth: bool,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// From the root.
    pub path: EntryPath,
    /// What became of it.
    pub fate: Fate,
    /// What it is in the first image.
    pub left: Option<Side>,
    /// What it is in the second.
    pub right: Option<Side>,
    /// In what it differs.
    pub facets: Facets,
    /// What is known of the contents.
    pub content: Content,
}

impl ChangeRow {
    fn of(change: &Change) -> ChangeRow {
        ChangeRow {
            path: EntryPath::new(change.path.clone()),
            fate: change.fate(),
            left: change.left.clone(),
            right: change.right.clone(),
            facets: change.facets,
            content: change.content,
        }
    }
}

/// A list as it was made last.
#[derive(Debug, Clone, Default)]
pub struct List {
    made: Option<ListSpec>,
    rows: Vec<u32>,
}

impl List {
    /// The comparison has changed: the list is made again when it is asked for.
    pub fn forget(&mut self) {
        self.made = None;
    }

    /// How many rows it has, and some of them.
    pub fn rows(
        &mut self,
        comparison: &Comparison,
        spec: &ListSpec,
        (start, end): (u32, u32),
    ) -> (u32, Vec<ChangeRow>) {
        if self.made.as_ref() != Some(spec) {
            self.rows = make(comparison, spec);
            self.made = Some(spec.clone());
        }
        let total = self.rows.len() as u32; // bounded by the entries of both images
        let end = end.min(start.saturating_add(MAX_ROWS)).min(total);
        let range = start.min(end) as usize..end as usize;
        let changes = comparison.changes();
        let rows = self.rows[range]
            .iter()
            .filter_map(|at| changes.get(*at as usize))
            .map(ChangeRow::of)
            .collect();
        (total, rows)
    }
}

fn make(comparison: &Comparison, spec: &ListSpec) -> Vec<u32> {
    let mut pattern = Pattern::text(spec.query.as_bytes());
    let listed = |change: &Change| match (spec.only, change.fate()) {
        (_, Fate::Same) => false,
        (Only::All, _) => true,
        (Only::Added, fate) => fate == Fate::Added,
        (Only::Removed, fate) => fate == Fate::Removed,
        (Only::Changed, fate) => fate == Fate::Changed,
        (Only::Unread, _) => matches!(change.content, Content::Unread | Content::Failed),
    };
    let changes = comparison.changes();
    let mut rows: Vec<u32> = (0_u32..)
        .zip(changes)
        .filter(|(_, change)| listed(change) && pattern.matches(&change.path))
        .map(|(at, _)| at)
        .collect();
    if spec.by_growth {
        let growth = |at: &u32| changes.get(*at as usize).map_or(0, Change::growth);
        rows.sort_by_key(|at| std::cmp::Reverse(growth(at).unsigned_abs()));
    }
    rows
}
