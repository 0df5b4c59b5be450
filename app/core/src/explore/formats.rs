//! The part of the worker's program that only some layers need.
//!
//! [`Formats::here`] names that part. Nothing else may reach it, so that a program can leave it to
//! a second download, as `app/src/pages.rs` has it for the page.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::error::ExploreError;
use super::export;
use super::job_state::Job;
use super::ports::Ports;
use super::read::{self, Source, Take};
use super::run::Run;
use super::session::Inner;
use super::stream::End;
use super::{find_index, find_soci, find_source, inner, keep, root, slow};
use crate::decode::{self, MakeDecoder};
use crate::job::{Access, ExportFormat, ReadId};
use crate::layer_index::EntryReader;
use crate::path::EntryPath;

/// A future of this thread.
pub(super) type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Opens an archive in a file: the session, the file's job, the new one, and the file's path.
type OpenInner<P> = for<'a> fn(
    &'a Inner<P>,
    &'a Job<P>,
    &'a Job<P>,
    &'a EntryPath,
) -> Local<'a, Result<(), ExploreError>>;

/// Gives the bytes of a source that is not the common one.
type Give<P> = for<'a> fn(
    &'a Job<P>,
    ReadId,
    Source,
    &'a mut EntryReader,
    &'a mut Take<'a>,
) -> Local<'a, Result<u64, ExploreError>>;

/// Begins to stream a large layer, where it was left or at its start.
type Begin<P> = for<'a> fn(&'a Inner<P>, &'a Job<P>) -> Local<'a, Result<Option<Run<P>>, End>>;

/// Opens several layers as one: the session, the job, the layers, how to be let in.
type OpenRoot<P> = for<'a> fn(
    &'a Inner<P>,
    &'a Rc<Job<P>>,
    Vec<u8>,
    Access,
) -> Local<'a, Result<(), ExploreError>>;

/// Entries into the second part.
pub struct Formats<P: Ports> {
    pub(super) find_index:
        for<'a> fn(&'a Job<P>, find_index::Hint) -> Local<'a, find_index::Outcome>,
    /// Opens a file of the first job, by its path, as the archive that the second job is.
    pub(super) open_inner: OpenInner<P>,
    pub(super) begin: Begin<P>,
    /// Decoders of zstd, xz and bzip2.
    pub(super) decoders: MakeDecoder,
    pub(super) find_in_source: for<'a> fn(&'a Job<P>, Vec<u8>) -> Local<'a, find_index::Outcome>,
    pub(super) find_soci: for<'a> fn(&'a Job<P>) -> Local<'a, find_index::Outcome>,
    pub(super) give: Give<P>,
    pub(super) open_root: OpenRoot<P>,
    /// Writes a whole file to where downloads grow.
    pub(super) download: for<'a> fn(&'a Job<P>, ReadId, u32) -> Local<'a, ()>,
    /// Gives an index away.
    pub(super) export: for<'a> fn(&'a Job<P>, ReadId, ExportFormat) -> Local<'a, ()>,
    /// Answers what only a job of several layers knows.
    pub(super) ask_root: for<'a> fn(&'a Job<P>, ReadId, Vec<u8>) -> Local<'a, ()>,
}

impl<P: Ports> Clone for Formats<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Ports> Copy for Formats<P> {}

impl<P: Ports> Formats<P> {
    /// All of it, linked to where this is called.
    pub fn here() -> Self {
        Formats {
            find_index: |job, hint| Box::pin(find_index::open(job, hint)),
            open_inner: |session, outer, job, path| {
                Box::pin(inner::open(session, outer, job, path))
            },
            begin: |session, job| Box::pin(keep::begin(session, job)),
            decoders: decode::decoder,
            find_in_source: |job, config| Box::pin(find_source::open(job, config)),
            find_soci: |job| Box::pin(find_soci::open(job)),
            give: |job, read, source, reader, take| {
                Box::pin(slow::give(job, read, source, reader, take))
            },
            open_root: |session, job, layers, access| {
                Box::pin(root::open(session, job, layers, access))
            },
            ask_root: |job, read, ask| Box::pin(root::answer(job, read, ask)),
            download: |job, read, ordinal| Box::pin(read::download(job, read, ordinal)),
            export: |job, read, format| Box::pin(export::export(job, read, format)),
        }
    }
}

/// The second part cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a part of this program did not load: {detail}")]
pub struct FormatsError {
    /// What the platform says.
    pub detail: String,
}
