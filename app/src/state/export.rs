//! An index of the open layer that is being given away.

use layerscope_core::job::{ExportFormat, Exported, ReadId};
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;

use super::later::{Later, ReadLater};

/// Ids of exports; a file's reads count up from 1 and come nowhere near.
const FIRST_ID: ReadId = 1 << 31;

/// How it stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Export {
    /// It is being made.
    Going {
        /// The read's id.
        read: ReadId,
        /// In which form.
        format: ExportFormat,
        /// Compressed bytes of the layer read for it.
        received: u64,
    },
    /// It was saved.
    Done(Exported),
    /// It was not.
    Failed(Problem),
}

/// The export's state.
#[derive(Clone, Copy)]
pub struct ExportState {
    export: Later<Option<Export>>,
    last: StoredValue<ReadId>,
}

impl ExportState {
    pub(super) fn new() -> Self {
        ExportState {
            export: Later::new(),
            last: StoredValue::new(FIRST_ID),
        }
    }

    /// How it stands; none if there is none.
    pub fn export(self) -> ReadLater<Option<Export>> {
        self.export.read_only()
    }

    /// One is about to be asked for.
    pub fn begin(self, format: ExportFormat) -> ReadId {
        self.last
            .update_value(|last| *last = last.wrapping_add(1).max(FIRST_ID));
        let read = self.last.get_value();
        self.export.set(Some(Export::Going {
            read,
            format,
            received: 0,
        }));
        read
    }

    /// The id of the one that goes on.
    pub fn going(self) -> Option<ReadId> {
        self.export.with_untracked(|export| match export {
            Some(Export::Going { read, .. }) => Some(*read),
            _ => None,
        })
    }

    /// It goes on.
    pub fn advance(self, received: u64) {
        self.export.update(|export| {
            if let Some(Export::Going {
                received: so_far, ..
            }) = export
            {
                *so_far = received;
            }
        });
    }

    /// It has ended, or there is none any more.
    pub fn set(self, export: Option<Export>) {
        self.export.set(export);
    }
}
