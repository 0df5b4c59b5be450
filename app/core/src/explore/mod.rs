//! Use cases over the ports: what happens when somebody opens a layer.
//!
//! [`session::LayerSession`] is all that a layer worker knows. It is given [`crate::job::Request`]s
//! and tells [`crate::job::Event`]s; network, store, hasher, clock and files are [`ports::Ports`],
//! so that the whole of it runs natively in tests.
//!
//! Everything runs on one thread. A request is a future of its own: the one that streams a layer
//! yields after every slice, so nothing else ever waits for it. State is borrowed only between two
//! awaits, never across one.

mod ahead;
pub mod cancel;
mod compare;
pub mod error;
mod export;
mod feed;
mod find_index;
mod find_soci;
mod find_source;
pub mod formats;
mod hash_files;
mod inner;
mod job_state;
mod keep;
mod kept;
mod layer;
pub mod ports;
mod read;
mod root;
mod run;
mod saver;
pub mod session;
mod slow;
mod span_cache;
mod stream;

pub use formats::{Formats, FormatsError};
pub use ports::Ports;
pub use session::LayerSession;

#[cfg(test)]
mod tests;
