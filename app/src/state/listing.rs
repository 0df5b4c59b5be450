//! The rows of one listing that the page has: a window, asked for in chunks, over a list that may
//! have a million of them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use layerscope_core::job::{Row, ViewId, ViewInfo, ViewSpec};
use layerscope_core::path::EntryPath;

/// Rows asked for together: about two screens.
pub const CHUNK: u32 = 64;
/// Chunks kept; 16,384 rows. Those far from what is looked at go first.
const MAX_CHUNKS: usize = 256;
/// Rows looked through to find the one that the route names.
const MAX_SEEK: u32 = 20_000;

#[derive(Debug, Clone, PartialEq)]
struct Chunk {
    generation: u32,
    rows: Vec<Arc<Row>>,
}

/// A listing as far as the page has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// Its id.
    pub view: ViewId,
    /// How it is made.
    pub spec: ViewSpec,
    /// Its shape, once the worker told.
    pub info: Option<ViewInfo>,
    chunks: BTreeMap<u32, Chunk>,
    asked: BTreeMap<u32, u32>,
    window: Range<u32>,
    seek: Option<EntryPath>,
    seek_from: u32,
}

impl Listing {
    /// A listing of which nothing is known yet. The row of `seek` is looked for.
    pub fn new(view: ViewId, spec: ViewSpec, seek: Option<EntryPath>) -> Self {
        Listing {
            view,
            spec,
            seek,
            window: 0..CHUNK,
            ..Listing::default()
        }
    }

    /// Rows that there are.
    pub fn total(&self) -> u32 {
        self.info.as_ref().map_or(0, |i| i.total)
    }

    /// Nothing will be added.
    pub fn is_complete(&self) -> bool {
        self.info.as_ref().is_some_and(|i| i.complete)
    }

    /// Some row is here.
    pub fn has_rows(&self) -> bool {
        !self.chunks.is_empty()
    }

    /// A row, if it is here.
    pub fn row(&self, index: u32) -> Option<&Arc<Row>> {
        let chunk = self.chunks.get(&(index / CHUNK))?;
        chunk.rows.get((index % CHUNK) as usize)
    }

    /// Takes a new shape. Rows of before stay until those of now are here.
    pub(super) fn set_info(&mut self, info: ViewInfo) {
        let same = |i: &ViewInfo| i.generation == info.generation;
        if !self.info.as_ref().is_some_and(same) {
            self.asked.clear();
            self.seek_from = 0;
        }
        let last = info.total.div_ceil(CHUNK);
        self.chunks.retain(|chunk, _| *chunk < last);
        self.info = Some(info);
    }

    /// The rows looked at have changed. True if so.
    pub(super) fn set_window(&mut self, window: Range<u32>) -> bool {
        let changed = self.window != window;
        self.window = window;
        changed
    }

    /// What has to be asked for now, if anything; it counts as asked then.
    pub(super) fn ask(&mut self) -> Option<Range<u32>> {
        let info = self.info.as_ref()?;
        let end = self.window.end.min(info.total);
        let start = self.window.start.min(end);
        let wanted = start / CHUNK..end.div_ceil(CHUNK);
        self.ask_chunks(wanted).or_else(|| self.ask_for_seek())
    }

    fn ask_chunks(&mut self, wanted: Range<u32>) -> Option<Range<u32>> {
        let generation = self.info.as_ref()?.generation;
        let missing: Vec<u32> = wanted
            .filter(|chunk| {
                let fresh = self.chunks.get(chunk).map(|c| c.generation) == Some(generation);
                !fresh && self.asked.get(chunk) != Some(&generation)
            })
            .collect();
        let (first, last) = (*missing.first()?, *missing.last()?);
        for chunk in first..=last {
            self.asked.insert(chunk, generation);
        }
        Some(first * CHUNK..(last + 1) * CHUNK)
    }

    fn ask_for_seek(&mut self) -> Option<Range<u32>> {
        self.seek.as_ref()?;
        while self.seek_from < self.total().min(MAX_SEEK) {
            let chunk = self.seek_from / CHUNK;
            self.seek_from = (chunk + 1) * CHUNK;
            if let Some(range) = self.ask_chunks(chunk..chunk + 1) {
                return Some(range);
            }
        }
        None
    }

    /// Takes rows. Returns the place of the row looked for if it is among them.
    pub(super) fn take(&mut self, start: u32, generation: u32, rows: Vec<Row>) -> Option<u32> {
        let current = self.info.as_ref().map(|i| i.generation)?;
        if generation != current || !start.is_multiple_of(CHUNK) {
            return None; // late: newer ones are on their way
        }
        let mut found = None;
        let mut rows = rows.into_iter().map(Arc::new).peekable();
        let mut number = start / CHUNK;
        while rows.peek().is_some() {
            let part: Vec<Arc<Row>> = rows.by_ref().take(CHUNK as usize).collect();
            if let Some(wanted) = &self.seek
                && let Some(at) = part.iter().position(|row| row.path == *wanted)
            {
                found = Some(number * CHUNK + at as u32); // below CHUNK
            }
            let chunk = Chunk {
                generation,
                rows: part,
            };
            self.chunks.insert(number, chunk);
            number += 1;
        }
        if found.is_some() {
            self.seek = None;
        }
        self.forget_far();
        found
    }

    /// Looks for this row from now on, in what is here first.
    pub(super) fn look_for(&mut self, path: &EntryPath) -> Option<u32> {
        for (number, chunk) in &self.chunks {
            if let Some(at) = chunk.rows.iter().position(|row| row.path == *path) {
                self.seek = None;
                return Some(number * CHUNK + at as u32); // below CHUNK
            }
        }
        self.seek = Some(path.clone());
        self.seek_from = 0;
        None
    }

    fn forget_far(&mut self) {
        let middle = (self.window.start + self.window.end) / 2 / CHUNK;
        while self.chunks.len() > MAX_CHUNKS {
            let first = self.chunks.first_key_value().map(|(n, _)| *n);
            let last = self.chunks.last_key_value().map(|(n, _)| *n);
            let (Some(first), Some(last)) = (first, last) else {
                return;
            };
            let far = match middle.abs_diff(first) > middle.abs_diff(last) {
                true => first,
                false => last,
            };
            self.chunks.remove(&far);
            self.asked.remove(&far);
        }
    }
}
