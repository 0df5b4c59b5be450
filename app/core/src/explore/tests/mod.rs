//! A whole layer worker, natively: network, store, hasher, clock and files are in memory.

mod failures;
mod flow;
mod foreign;
mod reads;
mod world;
