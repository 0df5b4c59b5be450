//! Layerscope's pure core: bytes and values in, values out.
//!
//! Nothing here does I/O, reads a clock, names a browser, or panics on any bytes. What needs the
//! outside goes through the small traits of [`port`].

pub mod app_config;
pub mod archive;
pub mod compare;
pub mod config;
pub mod decode;
pub mod digest;
pub mod embed;
pub mod explore;
pub mod foreign;
pub mod job;
pub mod layer_index;
pub mod local;
pub mod manifest;
pub mod media_type;
pub mod path;
pub mod port;
pub mod reference;
pub mod registry;
pub mod rootfs;
pub mod route;
pub mod seen;
pub mod soci;
pub mod tar;
pub mod toc;
pub mod tree;
pub mod view;
pub mod ztoc;
