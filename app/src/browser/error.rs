//! The one place where a JavaScript exception becomes a typed error.

use wasm_bindgen::{JsCast, JsValue};

/// What the browser refused, or does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrowserError {
    /// This browser, or this page's origin, does not have it.
    #[error("{what} is not available here")]
    Missing {
        /// The interface.
        what: &'static str,
    },
    /// It threw, or its promise was rejected.
    #[error("{doing} failed: {name}: {message}")]
    Thrown {
        /// What was tried.
        doing: &'static str,
        /// The exception's name, for instance `QuotaExceededError`.
        name: String,
        /// The exception's message.
        message: String,
    },
    /// A file that was chosen has more bytes than are read.
    #[error("the file has more than {limit} bytes")]
    TooLarge {
        /// How many are read.
        limit: u64,
    },
    /// What a packed file holds is far more than one that was not made to fill a disk.
    #[error(
        "unpacked it has more than {limit} bytes, which is more than is taken for a file of its size"
    )]
    Unpacked {
        /// How many are taken.
        limit: u64,
    },
    /// It did not answer in time.
    #[error("{doing} did not answer within {limit_ms} ms")]
    TimedOut {
        /// What was tried.
        doing: &'static str,
        /// How long it was given, in milliseconds.
        limit_ms: u32,
    },
}

impl BrowserError {
    /// Makes the error of a thrown or rejected value.
    pub fn from_js(doing: &'static str, thrown: &JsValue) -> Self {
        let (name, message) = if let Some(e) = thrown.dyn_ref::<web_sys::DomException>() {
            (e.name(), e.message())
        } else if let Some(e) = thrown.dyn_ref::<js_sys::Error>() {
            (e.name().into(), e.message().into())
        } else {
            let text = thrown.as_string().unwrap_or_else(|| format!("{thrown:?}"));
            ("Error".to_owned(), text)
        };
        BrowserError::Thrown {
            doing,
            name,
            message,
        }
    }

    /// For `map_err`: the error of whatever `doing` threw.
    pub fn of(doing: &'static str) -> impl Fn(JsValue) -> Self {
        move |thrown| Self::from_js(doing, &thrown)
    }

    /// The user closed a dialog without a choice.
    pub fn is_abort(&self) -> bool {
        self.is("AbortError")
    }

    /// The exception's name is this one.
    pub fn is(&self, exception: &str) -> bool {
        matches!(self, BrowserError::Thrown { name, .. } if name == exception)
    }
}
