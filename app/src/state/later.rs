//! State of whose types the first download knows nothing.
//!
//! Every type that is in a signal brings a few KiB of code along: how it is made, read and dropped.
//! All state is made at the start, so all of that would be in the first download, also for pages
//! that come with the second. A [`Later`] is there from the start too, but what is in it is put,
//! read and named by those pages alone.

use std::any::Any;
use std::marker::PhantomData;

use leptos::prelude::*;

/// What is in all of them, to the first download.
type Content = Option<Box<dyn Any + Send + Sync>>;

/// A signal of a `T`, which is the default before it is set.
pub struct Later<T> {
    cell: RwSignal<Content>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Later<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Later<T> {}

impl<T> Later<T> {
    pub(super) fn new() -> Self {
        Later {
            cell: RwSignal::new(None),
            of: PhantomData,
        }
    }

    /// To be read only.
    pub(super) fn read_only(self) -> ReadLater<T> {
        ReadLater(self)
    }
}

impl<T: Default + Send + Sync + 'static> Later<T> {
    pub(super) fn set(self, value: T) {
        self.cell.set(Some(Box::new(value)));
    }

    pub(super) fn update(self, change: impl FnOnce(&mut T)) {
        self.cell.update(|cell| change_as(cell, change));
    }

    /// Changes it without telling anybody.
    pub(super) fn update_untracked(self, change: impl FnOnce(&mut T)) {
        self.cell.update_untracked(|cell| change_as(cell, change));
    }

    pub(super) fn with_untracked<R>(self, read: impl FnOnce(&T) -> R) -> R {
        self.read_only().with_untracked(read)
    }
}

/// A [`Later`] that can be read.
pub struct ReadLater<T>(Later<T>);

impl<T> Clone for ReadLater<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ReadLater<T> {}

impl<T: Default + 'static> ReadLater<T> {
    /// Reads it, and follows its changes.
    pub fn with<R>(self, read: impl FnOnce(&T) -> R) -> R {
        let mut own = None;
        self.0
            .cell
            .with(|cell| read(value(cell.as_deref(), &mut own)))
    }

    /// Reads it once.
    pub fn with_untracked<R>(self, read: impl FnOnce(&T) -> R) -> R {
        let (cell, mut own) = (self.0.cell, None);
        cell.with_untracked(|cell| read(value(cell.as_deref(), &mut own)))
    }

    /// Follows its changes without reading it.
    pub fn track(self) {
        self.0.cell.track();
    }

    /// A copy of it, once.
    pub fn get_untracked(self) -> T
    where
        T: Clone,
    {
        self.with_untracked(T::clone)
    }

    /// A copy of it; its changes are followed.
    pub fn get(self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }
}

fn change_as<T: Default + Send + Sync + 'static>(cell: &mut Content, change: impl FnOnce(&mut T)) {
    let value = cell.get_or_insert_with(|| Box::new(T::default()));
    if let Some(value) = value.downcast_mut() {
        change(value);
    }
}

/// The value in it, or the default, which `own` holds then. (Once for each type: whoever reads is
/// many, and each reader's code should be there once.)
#[inline(never)]
fn value<'a, T: Default + 'static>(
    cell: Option<&'a (dyn Any + Send + Sync)>,
    own: &'a mut Option<T>,
) -> &'a T {
    match cell.and_then(|value| value.downcast_ref()) {
        Some(value) => value,
        None => own.insert(T::default()),
    }
}
