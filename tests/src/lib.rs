//! What Layerscope's end-to-end tests stand on: real registries with real images ([`corpus`]), a
//! registry that misbehaves on request ([`double`]), doubles of registries by their names ([`hosts`]), the release proxy as a process ([`proxy`])
//! and a browser that is driven like a reader drives it ([`browser`], [`page`]).
//!
//! Nothing here outlives its owner: every process is killed on drop, and by the kernel when the
//! test process dies without dropping anything.

pub mod apt;
pub mod bench;
pub mod browser;
pub mod cache;
pub mod corpus;
pub mod double;
pub mod hosts;
pub mod net;
pub mod nginx;
pub mod oidc;
pub mod page;
pub mod process;
pub mod proxy;
pub mod recorder;
pub mod skopeo;
pub mod static_host;
pub mod static_site;
pub mod token_server;

/// Says that part of a test did not run, and why; the rest of the test goes on.
///
/// The line has one form, so that a reader of a long log can search for it.
pub fn skipped(what: &str, why: impl std::fmt::Display) {
    println!("SKIPPED: {what}: {why}");
    // Also past libtest's capture, which keeps the output of a passing test to itself.
    use std::io::Write;
    let mut err = std::io::stderr().lock();
    // A closed stderr is no reason to fail a test.
    let _ = writeln!(err, "SKIPPED: {what}: {why}");
}
