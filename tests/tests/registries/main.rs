//! The check list of registries: each row a double that answers as that registry is documented
//! to, by its own name and over TLS, before the proxy and the page's own client. What is special
//! about a registry is in its table; a request that no row names fails the test.

#![allow(clippy::unwrap_used)] // a test's panic is its message

mod amazon;
mod behind;
mod docker_hub;
mod github;
mod google;
mod loopback;
mod microsoft;
mod others;
mod renewal;
mod self_hosted;
mod setup;
mod storage;
