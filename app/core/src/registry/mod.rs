//! The read side of the distribution API: requests built, answers checked.
//!
//! Nothing is believed that a digest can check, no credential goes to a host that the registry's
//! operator does not stand for, and every body is read up to a stated bound.

pub mod blob;
pub mod challenge;
pub mod client;
pub mod content_range;
pub mod docker_config;
pub mod endpoint;
pub mod error;
mod known;
pub mod link;
pub mod listing;
pub mod login;
mod read;
pub mod referrers;
mod sign_in;
pub mod token;
pub mod unreached;
pub mod way;

pub use client::{Client, Credentials};
pub use endpoint::Endpoint;
pub use error::RegistryError;

#[cfg(test)]
mod tests;
