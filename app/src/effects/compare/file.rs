//! One path of both images: what it is in each, and how the contents differ.

use std::sync::Arc;

use layerscope_core::compare::ask::{CompareAsk, FileAnswer, FileContent, Hashed, Raw};
use layerscope_core::path::EntryPath;

use leptos::prelude::*;

use super::ask;
use crate::effects::Inner;
use crate::state::Load;
use crate::state::compare::{OneFile, Outcome, Which};

/// Bytes of a file that is read whole, though it is not shown, to tell whether it differs.
const MAX_HASHED: u64 = 64 << 20;
/// The number of the one file among those that are hashed: no change has it.
pub(super) const ONE_FILE: u32 = u32::MAX;

pub(super) fn new(path: &EntryPath) -> OneFile {
    OneFile {
        path: path.clone(),
        outcome: Load::Loading,
        ..OneFile::default()
    }
}

/// Shows a path of both, or none.
pub(super) fn show(inner: &Inner, path: Option<&EntryPath>) {
    let state = inner.state.compare;
    let shown = state
        .file()
        .with_untracked(|f| f.as_ref().map(|f| f.path.clone()));
    if shown.as_ref() == path {
        return;
    }
    state.set_file(path.map(new));
    if untrack(|| state.both_done()) {
        ask_both(inner);
    }
}

pub(super) fn ask_both(inner: &Inner) {
    let file = inner.state.compare.file();
    if let Some(path) = file.with_untracked(|f| f.as_ref().map(|f| f.path.clone())) {
        for which in Which::BOTH {
            ask(inner, which, CompareAsk::File(path.clone()));
        }
    }
}

/// Changes the file that is shown, if one is.
fn with_file(inner: &Inner, change: impl FnOnce(&mut OneFile)) -> Option<OneFile> {
    let state = inner.state.compare;
    let mut file = state.file().get_untracked()?;
    change(&mut file);
    state.set_file(Some(file.clone()));
    Some(file)
}

pub(super) fn settle(inner: &Inner, outcome: Outcome) {
    with_file(inner, |file| file.outcome = Load::Ready(outcome));
}

pub(super) fn on_answer(inner: &Inner, which: Which, answer: FileAnswer) {
    let same = |f: &Option<OneFile>| f.as_ref().is_some_and(|f| f.path == answer.path);
    if !inner.state.compare.file().with_untracked(same) {
        return; // of a file that was left
    }
    let answer = Arc::new(answer);
    let file = with_file(inner, |file| file.sides[which.index()] = Some(answer));
    let Some(OneFile {
        sides: [Some(left), Some(right)],
        ..
    }) = file
    else {
        return;
    };
    match next(&left, &right) {
        Next::Settled(outcome) => settle(inner, outcome),
        Next::Hash(entries) => {
            for (which, entry) in Which::BOTH.into_iter().zip(entries) {
                ask(inner, which, CompareAsk::Hash(vec![(ONE_FILE, entry)]));
            }
        }
        Next::Compare(left, right) => {
            ask(inner, Which::Left, CompareAsk::Contents { left, right });
        }
    }
}

/// What to do with a path that is known of both.
enum Next {
    Settled(Outcome),
    /// By these entries of both.
    Hash([u32; 2]),
    Compare(Raw, Raw),
}

fn next(left: &FileAnswer, right: &FileAnswer) -> Next {
    match (&left.content, &right.content) {
        (FileContent::Failed(why), _) | (_, FileContent::Failed(why)) => {
            Next::Settled(Outcome::Failed(why.clone()))
        }
        (FileContent::None, FileContent::None) => Next::Settled(Outcome::Nothing),
        (FileContent::Whole(a), FileContent::Whole(b)) if a == b => Next::Settled(Outcome::Same),
        (FileContent::Whole(a), FileContent::Whole(b)) => Next::Compare(a.clone(), b.clone()),
        (FileContent::Whole(a), FileContent::None) => Next::Compare(a.clone(), Raw::default()),
        (FileContent::None, FileContent::Whole(b)) => Next::Compare(Raw::default(), b.clone()),
        (FileContent::Large, FileContent::Large) => match (&left.side, &right.side) {
            (Some(a), Some(b)) if a.size == b.size && a.size <= MAX_HASHED => {
                Next::Hash([a.ordinal, b.ordinal])
            }
            (Some(a), Some(b)) if a.size == b.size => Next::Settled(Outcome::TooLarge),
            _ => Next::Settled(Outcome::Large),
        },
        (FileContent::Large, _) | (_, FileContent::Large) => Next::Settled(Outcome::Large),
    }
}

pub(super) fn on_hash(inner: &Inner, which: Which, hash: Hashed) {
    let file = with_file(inner, |file| file.hashes[which.index()] = Some(hash));
    let Some(OneFile {
        hashes: [Some(left), Some(right)],
        ..
    }) = file
    else {
        return;
    };
    settle(
        inner,
        match left.zip(right) {
            None => Outcome::Failed("one of the two files could not be read".to_owned()),
            Some((a, b)) if a == b => Outcome::Same,
            Some(_) => Outcome::Large,
        },
    );
}
