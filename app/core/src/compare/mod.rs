//! Two images side by side: configurations, histories, layers, packages, root file systems, and
//! the text of one file.
//!
//! Values in, values out. The two file systems are in two workers, each of which knows its own
//! alone: one tells the other what it has as a [`snapshot::Snapshot`], and the contents that nothing
//! cheaper tells apart are hashed by each and compared by digest ([`ask`]). Times are never looked
//! at.

pub mod align;
pub mod ask;
pub mod config;
pub mod files;
pub mod history;
pub mod installed;
pub mod layers;
pub mod lines;
pub mod list;
pub mod snapshot;
pub mod text;

#[cfg(test)]
mod tests;
