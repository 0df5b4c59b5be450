//! What the viewers say about the file that is open.

use layerscope_core::job::Verified;
use layerscope_core::view::draw::{DocId, Patch};
use leptos::prelude::*;

use super::Load;

/// Whether the open file has a view of its own: none where it has not.
pub type Kind = Load<Option<String>>;

/// What is known. One value behind two signals of a common type: each type of signal takes room in
/// the first download.
#[derive(Default)]
struct Known {
    doc: DocId,
    kind: Kind,
    patches: Vec<Patch>,
    verified: Verified,
}

/// The state of the view.
#[derive(Clone, Copy)]
pub struct ViewerState {
    known: StoredValue<Known>,
    /// Set whenever `kind` or `verified` was.
    told: RwSignal<bool>,
    /// Set whenever `patches` was.
    drawn: RwSignal<bool>,
}

impl ViewerState {
    pub(super) fn new() -> Self {
        ViewerState {
            known: StoredValue::new(Known::default()),
            told: RwSignal::default(),
            drawn: RwSignal::default(),
        }
    }

    /// Looks at what the file is; follows it.
    pub fn kind<T>(self, look: impl FnOnce(&Kind) -> T) -> T {
        self.told.track();
        self.known.with_value(|known| look(&known.kind))
    }

    /// Its name, if it has a view.
    pub fn name(self) -> Option<String> {
        self.kind(|kind| kind.ready().cloned().flatten())
    }

    /// Looks at what was said last that is to be drawn; follows it.
    pub fn patches<T>(self, look: impl FnOnce(&[Patch]) -> T) -> T {
        self.drawn.track();
        self.known.with_value(|known| look(&known.patches))
    }

    /// How far the bytes are checked that it was made of; follows it.
    pub fn verified(self) -> Verified {
        self.told.track();
        self.known.with_value(|known| known.verified)
    }

    /// Which file is shown.
    pub fn doc(self) -> DocId {
        self.known.with_value(|known| known.doc)
    }

    fn tell(self, change: impl FnOnce(&mut Known)) {
        self.known.update_value(change);
        self.told.set(true);
    }

    /// Another file, or none of which anything is known.
    pub fn close(self) {
        self.tell(|known| {
            *known = Known {
                doc: known.doc + 1,
                ..Known::default()
            };
        });
        self.drawn.set(true);
    }

    /// The viewers are asked about a file, or about the same with its bytes checked: then what is
    /// known of it stays until they answer.
    pub fn begin(self, verified: Verified) -> DocId {
        self.tell(|known| {
            known.doc += 1;
            known.verified = verified;
            if known.kind.ready().is_none() {
                known.kind = Load::Loading;
            }
        });
        self.doc()
    }

    /// More bytes of it came.
    pub fn came(self, verified: Verified) {
        self.tell(|known| known.verified = known.verified.min(verified));
    }

    /// They have answered.
    pub fn set_kind(self, kind: Kind) {
        self.tell(|known| known.kind = kind);
    }

    /// Something is to be drawn.
    pub fn draw(self, patches: Vec<Patch>) {
        self.known.update_value(|known| known.patches = patches);
        self.drawn.set(true);
    }
}
