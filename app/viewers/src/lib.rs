//! Layerscope's viewers: a file's bytes in, what is to be seen of it out.
//!
//! Nothing here does I/O, reads a clock, names a browser, or panics on any bytes. It runs in a
//! worker of its own, in a module that is fetched when a file needs it. [`Doc`] is one file: it is
//! given pieces of it, asks for others, and says what to draw. A format has a file in [`formats`]
//! that makes a [`model::View`] of a [`source::Source`].

pub mod doc;
pub mod draw;
pub mod formats;
pub mod model;
pub mod source;

pub use doc::{Doc, Step};
