//! The only place that names the browser's interfaces. Everything above it sees Rust types; every
//! JavaScript exception becomes a [`error::BrowserError`] here.
//!
//! In the page: [`page`], [`away`], [`chosen`], [`draw`], [`drop`], [`embed`], [`location`],
//! [`offline`], [`prefs`], [`pool`], [`reach`], [`viewers`], [`worker`]. In the workers: [`scope`],
//! [`ports`], [`hash`]. In both: [`early`], [`fetch`], [`local`], [`lock`], [`store`], [`opfs`],
//! [`seen`], [`seen_store`], [`timer`], [`message`].

pub mod away;
pub mod chosen;
pub mod draw;
pub mod drop;
pub mod early;
pub mod embed;
pub mod error;
pub mod fetch;
pub mod hash;
mod idb;
pub mod local;
pub mod location;
pub mod lock;
pub mod message;
mod object;
pub mod offline;
pub mod opfs;
pub mod page;
pub mod pool;
pub mod ports;
pub mod prefs;
pub mod reach;
pub mod scope;
pub mod seen;
pub mod seen_store;
pub mod store;
pub mod timer;
mod unpack;
pub mod viewers;
pub mod worker;
