//! What the client's two programs share: the browser's edge, and the interface above it.
//!
//! The client is for wasm32 alone; elsewhere this crate is empty.
#![cfg(target_arch = "wasm32")]

pub mod browser;
#[cfg(feature = "page")]
pub mod effects;
#[cfg(feature = "page")]
pub mod pages;
#[cfg(feature = "page")]
pub mod state;
#[cfg(feature = "page")]
pub mod ui;
