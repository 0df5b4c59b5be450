//! Contents that nothing cheaper tells apart: read and hashed by both workers, a batch at a time.

use layerscope_core::compare::ask::{CompareAsk, Hashed};

use super::ask;
use super::file::{ONE_FILE, on_hash};
use crate::effects::{Effects, Inner};
use crate::state::compare::{Reading, Which};

/// Begins to read what is not known to be the same.
pub(super) fn read(inner: &Inner, of: u32) {
    if of == 0 {
        return;
    }
    inner.state.compare.set_reading(Some(Reading {
        of,
        ..Reading::default()
    }));
    ask(inner, Which::Left, CompareAsk::Unread { from: 0 });
}

/// The next files to read.
pub(super) fn on_unread(inner: &Inner, files: Vec<(u32, u32, u32)>) {
    let state = inner.state.compare;
    let Some(mut reading) = state.files().with_untracked(|f| f.reading.clone()) else {
        return; // given up
    };
    if files.is_empty() {
        return state.set_reading(None);
    }
    let of = |entry: fn(&(u32, u32, u32)) -> u32| files.iter().map(|f| (f.0, entry(f))).collect();
    ask(inner, Which::Left, CompareAsk::Hash(of(|f| f.1)));
    ask(inner, Which::Right, CompareAsk::Hash(of(|f| f.2)));
    reading.batch = files;
    reading.hashes = [None, None];
    state.set_reading(Some(reading));
}

pub(super) fn on_hashes(inner: &Inner, which: Which, hashes: Vec<(u32, Hashed)>) {
    let state = inner.state.compare;
    if let [(ONE_FILE, hash)] = hashes[..] {
        return on_hash(inner, which, hash);
    }
    let Some(mut reading) = state.files().with_untracked(|f| f.reading.clone()) else {
        return; // given up
    };
    reading.hashes[which.index()] = Some(hashes);
    let [Some(left), Some(right)] = &reading.hashes else {
        return state.set_reading(Some(reading));
    };
    let digest = |hashes: &[(u32, Hashed)], at: u32| {
        let found = hashes.iter().find(|(number, _)| *number == at);
        found.and_then(|(_, hash)| *hash)
    };
    let batch = &reading.batch;
    let settled = batch
        .iter()
        .map(|(at, ..)| (*at, digest(left, *at), digest(right, *at)))
        .collect();
    reading.done = reading.done.saturating_add(batch.len() as u32); // some hundred
    reading.from = batch.last().map_or(reading.from, |(at, ..)| at + 1);
    (reading.batch, reading.hashes) = (Vec::new(), [None, None]);
    state.set_reading(Some(reading));
    ask(inner, Which::Left, CompareAsk::Settle(settled));
}

impl Effects {
    /// Reads the contents that nothing cheaper tells apart.
    pub fn read_contents(self) {
        self.with(|inner| {
            let summary = inner.state.compare.files().with_untracked(|f| f.summary);
            read(inner, summary.map_or(0, |s| s.unread.files));
        });
    }

    /// Gives that up; what was read so far stays.
    pub fn stop_reading_contents(self) {
        self.with(|inner| inner.state.compare.set_reading(None));
    }
}
