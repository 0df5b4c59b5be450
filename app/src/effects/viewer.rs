//! The file that is open, as what it is: asks the viewers, fetches what they want to read, hands
//! over what the user does.

use std::rc::Rc;

use layerscope_core::job::Verified;
use layerscope_core::view::draw::{Act, Ask, DocId, Said};
use layerscope_core::view::problem::Problem;
use layerscope_core::view::viewable;

use super::{Effects, Inner, layer};
use crate::browser::timer;
use crate::browser::viewers::Viewers;
use crate::state::Load;
use crate::state::file::Purpose;

/// The viewers, unless they were started before.
fn viewers(inner: &Rc<Inner>) -> Viewers {
    let start = || {
        let weak = Rc::downgrade(inner);
        let on_said = move |said| {
            if let Some(inner) = weak.upgrade() {
                hear(&inner, said);
            }
        };
        let state = inner.state.viewer;
        Viewers::new(on_said, move |problem| {
            state.set_kind(Load::Failed(problem));
        })
    };
    inner.viewers.borrow_mut().get_or_insert_with(start).clone()
}

/// The first bytes of a file, or of a blob, which has no name, are here: is it something that has a
/// view?
pub(super) fn open(
    inner: &Rc<Inner>,
    name: Option<&[u8]>,
    total: u64,
    head: &[u8],
    verified: Verified,
) {
    let state = inner.state.viewer;
    if !viewable::may_have_view(head) {
        state.set_kind(Load::Ready(None));
        return;
    }
    let doc = state.begin(verified);
    let ask = Ask::Open {
        doc,
        name: name.unwrap_or_default().to_vec(),
        total,
        now_s: (timer::wall_clock_ms() / 1000.0) as i64,
        // A blob's page has one for JSON, with links into the repository.
        plain: name.is_some(),
    };
    viewers(inner).ask(&ask, Some(head));
}

/// More bytes of the file came, for the viewers.
pub(super) fn add(inner: &Rc<Inner>, doc: DocId, start: u64, bytes: &[u8], verified: Verified) {
    let state = inner.state.viewer;
    if doc != state.doc() {
        return; // late
    }
    state.came(verified);
    viewers(inner).ask(&Ask::Bytes { doc, start }, Some(bytes));
}

/// They will not come.
pub(super) fn fail(inner: &Rc<Inner>, doc: DocId, problem: &Problem) {
    let state = inner.state.viewer;
    if doc == state.doc() {
        state.set_kind(Load::Failed(problem.clone()));
    }
}

/// The viewers say something.
fn hear(inner: &Rc<Inner>, said: Said) {
    let state = inner.state.viewer;
    if said.doc() != Some(state.doc()) {
        return; // late: another file is shown
    }
    match said {
        Said::Need { doc, start, len } => layer::read(inner, Purpose::View(doc), start, len),
        Said::Found { kind, .. } => state.set_kind(Load::Ready(Some(kind))),
        Said::Nothing { .. } => state.set_kind(Load::Ready(None)),
        Said::Failed { problem, .. } => state.set_kind(Load::Failed(problem)),
        Said::Draw { patches, .. } => state.draw(patches),
        Said::Ready { .. } => {}
    }
}

impl Effects {
    /// The user did something with the view of the open file.
    pub fn act_on_view(self, wanted: Act, value: String) {
        self.with(|inner| {
            let doc = inner.state.viewer.doc();
            let act = Ask::Act {
                doc,
                act: wanted,
                value,
            };
            viewers(inner).ask(&act, None);
        });
    }
}
