//! A whole layer worker, natively: network, store, hasher, clock and files are in memory.

mod access;
mod ahead;
mod bare;
mod compare;
mod disk;
mod failures;
mod flow;
mod foreign;
mod frames;
mod inner;
mod reads;
mod resume;
mod root;
mod somebody;
mod tabs;
mod trade;
mod world;
