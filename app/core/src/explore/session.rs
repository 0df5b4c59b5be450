//! The worker's brain: requests in, events out.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::digest::Digest;
use crate::job::{Access, Event, JobId, LayerSource, Phase, ReadId, Request};
use crate::path::EntryPath;
use crate::port::StoreError;
use crate::view::problem::Problem;

use super::ahead::Ahead;
use super::error::ExploreError;
use super::formats::{Formats, Local};
use super::job_state::Job;
use super::ports::Ports;
use super::{read, stream};

/// The layers that one worker has open. Clones are the same session.
pub struct LayerSession<P: Ports> {
    inner: Rc<Inner<P>>,
}

impl<P: Ports> Clone for LayerSession<P> {
    fn clone(&self) -> Self {
        LayerSession {
            inner: self.inner.clone(),
        }
    }
}

pub(super) struct Inner<P: Ports> {
    pub(super) ports: Rc<P>,
    build: String,
    /// The page is of another build: nothing it says can be trusted to mean the same.
    stranger: Cell<bool>,
    jobs: RefCell<HashMap<JobId, Rc<Job<P>>>>,
    store_trouble_told: Cell<bool>,
    pub(super) ahead: Ahead,
}

impl<P: Ports> LayerSession<P> {
    /// A session with no layer open. `build` is this program's build id.
    pub fn new(ports: P, build: impl Into<String>) -> Self {
        LayerSession {
            inner: Rc::new(Inner {
                ports: Rc::new(ports),
                build: build.into(),
                stranger: Cell::new(false),
                jobs: RefCell::default(),
                store_trouble_told: Cell::new(false),
                ahead: Ahead::default(),
            }),
        }
    }

    /// Says that the program is up. A page waits for it, because what it posts to a worker that is
    /// still loading is lost.
    pub fn announce(&self) {
        let build = self.inner.build.clone();
        self.inner.ports.send(Event::Ready { build }, None);
    }

    /// Reads what is stored of the layer that the page is expected to open, while the page is still
    /// loading.
    pub async fn expect(&self, digest: &Digest) {
        let inner = &self.inner;
        inner.ahead.read(inner.ports.store(), digest).await;
    }

    /// Does what a request asks and tells the outcome by events. Each call is to be run as a task
    /// of its own; ids that nobody knows (any more) are ignored.
    pub async fn handle(&self, request: Request) {
        let inner = &self.inner;
        if let Request::Hello { build } = request {
            inner.stranger.set(build != inner.build);
            self.announce();
            return;
        }
        if inner.stranger.get() {
            return;
        }
        match request {
            Request::Hello { .. } => {}
            Request::Open {
                job,
                source,
                access,
            } => {
                if let Some(job) = inner.add(job, source, &access) {
                    stream::open(inner, &job).await;
                }
            }
            Request::OpenInner { job, outer, path } => {
                let Some(outer) = inner.job(outer) else {
                    return;
                };
                if let Some(job) = inner.add_inner(job, &outer) {
                    inner.open_inner(&outer, &job, &path).await;
                }
            }
            Request::OpenRoot {
                job,
                source,
                layers,
                access,
            } => {
                if let Some(job) = inner.add(job, source, &access) {
                    let opening = async {
                        let formats = inner.ports.formats().await?;
                        (formats.open_root)(inner, &job, layers, access).await
                    };
                    settle(&job, Box::pin(opening)).await;
                }
            }
            Request::Root { job, read, ask } => {
                if let (Some(job), Ok(formats)) = (inner.job(job), inner.ports.formats().await) {
                    (formats.ask_root)(&job, read, ask).await;
                }
            }
            Request::Access { job, access } => inner.with(job, |job| job.set_access(access)),
            Request::Cancel { job } => inner.with(job, |job| job.stop.cancel()),
            Request::GoOn { job } => {
                if let Some(job) = inner.job(job) {
                    stream::go_on(inner, &job).await;
                }
            }
            Request::Close { job } => {
                let closed = inner.jobs.borrow_mut().remove(&job);
                if let Some(job) = closed {
                    job.close();
                }
            }
            Request::View { job, view, spec } => inner.with(job, |job| job.set_view(view, spec)),
            Request::Rows {
                job,
                view,
                start,
                end,
            } => inner.with(job, |job| job.send_rows(view, start..end)),
            Request::Find { job, view, path } => {
                inner.with(job, |job| job.send_place(view, &path));
            }
            Request::Read {
                job,
                read,
                ordinal,
                start,
                len,
            } => {
                if let Some((job, ordinal)) = inner.reader(job, ordinal) {
                    read::read(&job, read, ordinal, start, len).await;
                }
            }
            Request::Download { job, read, ordinal } => {
                if let Some((job, ordinal)) = inner.reader(job, ordinal)
                    && let Some(formats) = inner.formats_for(&job, read).await
                {
                    (formats.download)(&job, read, ordinal).await;
                }
            }
            Request::Export { job, read, format } => {
                if let Some(job) = inner.job(job)
                    && let Some(formats) = inner.formats_for(&job, read).await
                {
                    (formats.export)(&job, read, format).await;
                }
            }
            Request::CancelRead { job, read } => inner.with(job, |job| job.cancel_read(read)),
        }
    }
}

#[cfg(test)]
impl<P: Ports> LayerSession<P> {
    /// Compressed bytes that a job has received, told or not.
    pub(super) fn received(&self, id: JobId) -> Option<u64> {
        let job = self.inner.job(id)?;
        let progress = job.progress.borrow();
        Some(progress.received)
    }

    /// Plain bytes that a job's layers keep.
    pub(super) fn kept(&self, id: JobId) -> Option<u64> {
        let job = self.inner.job(id)?;
        let kept = job.layer.borrow().kept_len();
        Some(kept)
    }
}

impl<P: Ports> Inner<P> {
    fn job(&self, id: JobId) -> Option<Rc<Job<P>>> {
        self.jobs.borrow().get(&id).cloned()
    }

    /// The job that has an entry's bytes, and its ordinal there.
    fn reader(&self, id: JobId, ordinal: u32) -> Option<(Rc<Job<P>>, u32)> {
        let job = self.job(id)?;
        Some(job.part_of(ordinal).unwrap_or((job, ordinal)))
    }

    /// What is seldom needed, for a read that the page may give up meanwhile.
    async fn formats_for(&self, job: &Job<P>, read: ReadId) -> Option<Formats<P>> {
        let cancel = job.begin_read(read);
        match self.ports.formats().await {
            _ if cancel.is_cancelled() => None,
            Ok(formats) => Some(formats),
            Err(error) => {
                read::fail(job, read, &error.into());
                None
            }
        }
    }

    fn with(&self, id: JobId, act: impl FnOnce(&Job<P>)) {
        if let Some(job) = self.job(id) {
            act(&job);
        }
    }

    /// A new job; none if its id is taken.
    fn add(&self, id: JobId, source: LayerSource, access: &Access) -> Option<Rc<Job<P>>> {
        let mut jobs = self.jobs.borrow_mut();
        if jobs.contains_key(&id) {
            return None;
        }
        let job = Rc::new(Job::new(id, source, access, self.ports.clone()));
        jobs.insert(id, job.clone());
        Some(job)
    }

    /// A new job for an archive in another one's files; none if its id is taken.
    fn add_inner(&self, id: JobId, outer: &Job<P>) -> Option<Rc<Job<P>>> {
        let mut jobs = self.jobs.borrow_mut();
        if jobs.contains_key(&id) {
            return None;
        }
        let job = Rc::new(Job::inside(id, outer));
        jobs.insert(id, job.clone());
        Some(job)
    }

    async fn open_inner(&self, outer: &Job<P>, job: &Job<P>, path: &EntryPath) {
        let opening = async {
            let formats = self.ports.formats().await?;
            (formats.open_inner)(self, outer, job, path).await
        };
        settle(job, Box::pin(opening)).await;
    }

    /// Bytes that are held of archives.
    pub(super) fn held_bytes(&self) -> u64 {
        let jobs = self.jobs.borrow();
        jobs.values().map(|job| job.layer.borrow().held_len()).sum()
    }

    /// Tells once that nothing can be kept.
    pub(super) fn store_trouble(&self, error: StoreError) {
        if !self.store_trouble_told.replace(true) {
            let problem = Problem::from(error);
            self.ports.send(Event::Notice { problem }, None);
        }
    }
}

/// Runs what opens a job, and says where that ends early.
async fn settle<P: Ports>(job: &Job<P>, opening: Local<'_, Result<(), ExploreError>>) {
    match job.stop.guard(opening).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => job.advance(|progress| {
            progress.phase = Phase::Failed;
            progress.problem = Some(Problem::from(&error));
        }),
        Err(_) => job.advance(|progress| progress.phase = Phase::Cancelled),
    }
}
