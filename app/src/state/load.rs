//! Something that is fetched: not asked for, on its way, here, or failed.

use layerscope_core::view::problem::Problem;

/// The four states of a fetched thing.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Load<T> {
    /// Nobody asked for it.
    #[default]
    Idle,
    /// On its way.
    Loading,
    /// Here.
    Ready(T),
    /// It did not come.
    Failed(Problem),
}

impl<T> Load<T> {
    /// From an outcome.
    pub fn of<E: Into<Problem>>(outcome: Result<T, E>) -> Self {
        match outcome {
            Ok(value) => Load::Ready(value),
            Err(error) => Load::Failed(error.into()),
        }
    }

    /// The value, if it is here.
    pub fn ready(&self) -> Option<&T> {
        match self {
            Load::Ready(value) => Some(value),
            _ => None,
        }
    }

    /// Why it failed, if it did.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Load::Failed(problem) => Some(problem),
            _ => None,
        }
    }

    /// On its way.
    pub fn is_loading(&self) -> bool {
        matches!(self, Load::Loading)
    }
}
