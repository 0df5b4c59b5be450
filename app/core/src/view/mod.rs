//! View models: from values to what a page shows, with no page in sight.

pub mod archive;
pub mod command;
pub mod compression;
pub mod draw;
pub mod history;
pub mod human;
pub mod json;
pub mod listing;
pub mod local;
pub mod login;
pub mod problem;
pub mod purl;
pub mod run;
pub mod tags;
pub mod trade;
pub mod treemap;
pub mod viewable;
