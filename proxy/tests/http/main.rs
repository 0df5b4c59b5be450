//! The proxy as a whole, before small registries of our own on loopback sockets.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

mod assets;
mod blob;
mod bounds;
mod callers;
mod forward;
mod login;
mod process;
mod redirect;
mod round_trips;
mod sample;
mod secrets;
mod slow;
mod support;
mod tls;
mod token;
