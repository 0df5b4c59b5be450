//! The rows of one listing that the page has: a window, asked for in chunks, over a list that may
//! have a million of them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use layerscope_core::job::{FIRST_ROWS, Row, ViewId, ViewInfo, ViewSpec};
use layerscope_core::path::EntryPath;

/// Rows asked for together.
pub const CHUNK: u32 = FIRST_ROWS;
/// Chunks kept; 16,384 rows. Those far from what is looked at go first.
const MAX_CHUNKS: usize = 256;

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
    seek: Option<Seek>,
}

/// A row that is looked for.
#[derive(Debug, Clone, PartialEq)]
struct Seek {
    path: EntryPath,
    /// The generation for which the worker was asked.
    asked: Option<u32>,
}

impl Seek {
    fn new(path: EntryPath) -> Self {
        Seek { path, asked: None }
    }
}

impl Listing {
    /// A listing of which nothing is known yet. The row of `seek` is looked for.
    pub fn new(view: ViewId, spec: ViewSpec, seek: Option<EntryPath>) -> Self {
        Listing {
            view,
            spec,
            seek: seek.map(Seek::new),
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
        self.ask_chunks(wanted)
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

    /// The row that is looked for, if it has to be asked for now; it counts as asked then.
    pub(super) fn ask_for_seek(&mut self) -> Option<EntryPath> {
        let generation = self.info.as_ref()?.generation;
        let seek = self.seek.as_mut()?;
        if seek.asked == Some(generation) {
            return None;
        }
        seek.asked = Some(generation);
        Some(seek.path.clone())
    }

    /// The worker tells where the row looked for is; its place if that is so.
    pub(super) fn take_place(
        &mut self,
        path: &EntryPath,
        generation: u32,
        index: Option<u32>,
    ) -> Option<u32> {
        let late = self.info.as_ref()?.generation != generation;
        if late || self.seek.as_ref()?.path != *path {
            return None; // it is asked for anew, or something else is looked for
        }
        if index.is_some() {
            self.seek = None;
        }
        index
    }

    /// Takes rows. True if they are the first.
    pub(super) fn take(&mut self, start: u32, generation: u32, rows: Vec<Row>) -> bool {
        let current = self.info.as_ref().map(|i| i.generation);
        if current != Some(generation) || !start.is_multiple_of(CHUNK) {
            return false; // late: newer ones are on their way
        }
        let first = !rows.is_empty() && !self.has_rows();
        let mut rows = rows.into_iter().map(Arc::new).peekable();
        let mut number = start / CHUNK;
        while rows.peek().is_some() {
            let part: Vec<Arc<Row>> = rows.by_ref().take(CHUNK as usize).collect();
            let chunk = Chunk {
                generation,
                rows: part,
            };
            self.chunks.insert(number, chunk);
            number += 1;
        }
        self.forget_far();
        first
    }

    /// Looks for this row from now on, in what is here first.
    pub(super) fn look_for(&mut self, path: &EntryPath) -> Option<u32> {
        for (number, chunk) in &self.chunks {
            if let Some(at) = chunk.rows.iter().position(|row| row.path == *path) {
                self.seek = None;
                return Some(number * CHUNK + at as u32); // below CHUNK
            }
        }
        self.seek = Some(Seek::new(path.clone()));
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
