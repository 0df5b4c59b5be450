//! The page's layer workers: one layer to a worker, several at once, the rest in a queue.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::{Rc, Weak};

use layerscope_core::job::{Access, Event, JobId, LayerSource, Phase, Progress, Request};
use layerscope_core::path::EntryPath;
use layerscope_core::reference::{Registry, Repository};
use layerscope_core::view::problem::Problem;
use wasm_bindgen_futures::spawn_local;

use super::worker::{LayerWorker, worker_url};
use super::{local, page};

/// Layers that stream at once, at most: of the six connections that HTTP/1.1 has to a host, the
/// others are for manifests and for files being read.
pub const MAX_STREAMING: usize = 3;
/// Finished layers that nobody looks at and that still keep their worker, so that going back is
/// instant. Each costs the memory of its table of contents.
pub const MAX_IDLE: usize = 4;
/// A worker that has grown beyond this is not used for another layer: wasm memory never shrinks.
const MAX_SPARE_BYTES: u64 = 96 * 1024 * 1024;

type OnEvent = dyn Fn(Event, Option<Vec<u8>>);

struct Job {
    source: LayerSource,
    /// All layers of an image together, of which `source` says what they have in common.
    root: bool,
    /// The job whose worker it shares: it is an archive in that one's files.
    outer: Option<JobId>,
    /// None while it waits for its turn.
    worker: Option<Rc<LayerWorker>>,
    /// What was asked of it while it waited, the opening first.
    waiting: Vec<Request>,
    progress: Progress,
    /// Somebody looks at it; if not, the time when the last one left (a count, not a clock).
    idle_since: Option<u64>,
}

impl Job {
    fn is_streaming(&self) -> bool {
        self.worker.is_some() && self.outer.is_none() && self.progress.phase.is_running()
    }

    /// Opening it again would be no better.
    fn is_good(&self) -> bool {
        !matches!(self.progress.phase, Phase::Failed | Phase::Cancelled)
    }
}

#[derive(Default)]
struct State {
    last_job: JobId,
    jobs: BTreeMap<JobId, Job>,
    queue: VecDeque<JobId>,
    /// A worker that is loaded and has no layer.
    spare: Option<Rc<LayerWorker>>,
    /// Problems that the user was told of: each only once.
    told: BTreeSet<String>,
    steps: u64,
}

struct Inner {
    build: String,
    url: String,
    max_streaming: usize,
    on_event: Box<OnEvent>,
    state: RefCell<State>,
}

/// The workers; clones share them.
#[derive(Clone)]
pub struct LayerPool {
    inner: Rc<Inner>,
}

impl LayerPool {
    /// No worker is started yet. `on_event` gets the events of all jobs.
    pub fn new(build: &str, on_event: impl Fn(Event, Option<Vec<u8>>) + 'static) -> Self {
        Self::new_at(&worker_url(), build, on_event)
    }

    /// With the worker's program at another address.
    pub fn new_at(
        url: &str,
        build: &str,
        on_event: impl Fn(Event, Option<Vec<u8>>) + 'static,
    ) -> Self {
        LayerPool {
            inner: Rc::new(Inner {
                build: build.to_owned(),
                url: url.to_owned(),
                max_streaming: page::hardware_concurrency().min(MAX_STREAMING),
                on_event: Box::new(on_event),
                state: RefCell::default(),
            }),
        }
    }

    /// Loads a worker before it is needed.
    pub fn warm(&self) {
        if self.inner.state.borrow().spare.is_none() {
            let worker = self.inner.spawn();
            self.inner.state.borrow_mut().spare = worker.ok();
        }
    }

    /// Opens a layer. One that is open already, or was lately, keeps its job; how it stands is
    /// then told again. One that is to be read whole, or by a file, takes the place of one that was
    /// not; one that is to be indexed again, of any.
    pub fn open(&self, source: LayerSource, access: Access) -> JobId {
        self.open_as(source, access, None)
    }

    /// The same for the layers of an image, the lowest first; `source` has the manifest's digest.
    pub fn open_root(&self, source: LayerSource, layers: &[LayerSource], access: Access) -> JobId {
        local::note_layers(&source, layers);
        // Each of its parts can be packed.
        let layers = postcard::to_allocvec(layers).unwrap_or_default();
        self.open_as(source, access, Some(layers))
    }

    fn open_as(&self, source: LayerSource, access: Access, layers: Option<Vec<u8>>) -> JobId {
        let root = layers.is_some();
        let mut state = self.inner.state.borrow_mut();
        let same = |job: &Job| {
            job.outer.is_none()
                && job.root == root
                && job.source.digest == source.digest
                && job.source.repository == source.repository
                && job.source.endpoint == source.endpoint
        };
        if source.whole || source.again || source.given.is_some() {
            let less = |job: &Job| {
                let other = (job.source.whole, &job.source.given) != (source.whole, &source.given);
                same(job) && (source.again || other)
            };
            let jobs = state.jobs.iter().filter(|(_, job)| less(job));
            let less: Vec<JobId> = jobs.map(|(id, _)| *id).collect();
            for id in less {
                state.end(id);
            }
        }
        let mut jobs = state.jobs.iter_mut();
        let known = jobs.find(|(_, job)| same(job) && job.is_good());
        if let Some((&job, known)) = known {
            known.idle_since = None;
            let progress = known.progress.clone();
            drop(state);
            self.inner.tell_later(Event::Progress { job, progress });
            return job;
        }
        state.last_job += 1;
        let job = state.last_job;
        let source_of_job = source.clone();
        let open = match layers {
            None => Request::Open {
                job,
                source,
                access,
            },
            Some(layers) => Request::OpenRoot {
                job,
                source,
                layers,
                access,
            },
        };
        let entry = Job {
            source: source_of_job,
            root,
            outer: None,
            worker: None,
            waiting: vec![open],
            progress: Progress::default(),
            idle_since: None,
        };
        state.jobs.insert(job, entry);
        state.queue.push_back(job);
        drop(state);
        self.inner.start_waiting();
        job
    }

    /// Opens a file of an open job as the archive that it is, in the same worker. None if that job
    /// is gone.
    pub fn open_inner(&self, outer: JobId, path: EntryPath) -> Option<JobId> {
        let mut state = self.inner.state.borrow_mut();
        let (worker, source) = state
            .jobs
            .get(&outer)
            .map(|job| (job.worker.clone(), job.source.clone()))?;
        state.last_job += 1;
        let job = state.last_job;
        let open = Request::OpenInner { job, outer, path };
        let mut waiting = Vec::new();
        match &worker {
            Some(worker) => worker.post(&open),
            None => waiting.push(open),
        }
        let entry = Job {
            source,
            root: false,
            outer: Some(outer),
            worker,
            waiting,
            progress: Progress::default(),
            idle_since: None,
        };
        state.jobs.insert(job, entry);
        Some(job)
    }

    /// Forgets such an archive.
    pub fn close_inner(&self, job: JobId) {
        let mut state = self.inner.state.borrow_mut();
        let is_inner = state.jobs.get(&job).is_some_and(|job| job.outer.is_some());
        if !is_inner {
            return;
        }
        if let Some(worker) = state.jobs.remove(&job).and_then(|job| job.worker) {
            worker.post(&Request::Close { job });
            drop_later(worker);
        }
    }

    /// The registry that a job reads from.
    pub fn registry(&self, job: JobId) -> Option<Registry> {
        let state = self.inner.state.borrow();
        let job = state.jobs.get(&job)?;
        Some(job.source.repository.registry().clone())
    }

    /// What a job reads.
    pub fn source(&self, job: JobId) -> Option<LayerSource> {
        let state = self.inner.state.borrow();
        state.jobs.get(&job).map(|job| job.source.clone())
    }

    /// Gives all jobs of a registry other credentials.
    pub fn set_access(&self, registry: &Registry, access: &Access) {
        let mut state = self.inner.state.borrow_mut();
        for (&id, job) in &mut state.jobs {
            if job.outer.is_some() || job.source.repository.registry() != registry {
                continue;
            }
            if let Some(worker) = &job.worker {
                worker.post(&Request::Access {
                    job: id,
                    access: access.clone(),
                });
            }
            for request in &mut job.waiting {
                if let Request::Open { access: first, .. }
                | Request::OpenRoot { access: first, .. } = request
                {
                    first.clone_from(access);
                }
            }
        }
    }

    /// How a job stands, as far as it was told.
    pub fn progress(&self, job: JobId) -> Option<Progress> {
        let state = self.inner.state.borrow();
        state.jobs.get(&job).map(|job| job.progress.clone())
    }

    /// Sends a request to the worker that has its job; for a job that is gone it is dropped.
    pub fn post(&self, request: Request) {
        let mut state = self.inner.state.borrow_mut();
        let Some(job) = job_of_request(&request).and_then(|id| state.jobs.get_mut(&id)) else {
            return;
        };
        match &job.worker {
            Some(worker) => worker.post(&request),
            None if job.is_good() => job.waiting.push(request),
            None => {}
        }
    }

    /// Stops streaming; the rows so far stay.
    pub fn cancel(&self, job: JobId) {
        let mut state = self.inner.state.borrow_mut();
        let Some(entry) = state.jobs.get_mut(&job) else {
            return;
        };
        if let Some(worker) = &entry.worker {
            worker.post(&Request::Cancel { job });
            return;
        }
        // It has not begun: nobody else will say so.
        entry.progress.phase = Phase::Cancelled;
        let progress = entry.progress.clone();
        state.queue.retain(|waiting| *waiting != job);
        drop(state);
        self.inner.tell_later(Event::Progress { job, progress });
    }

    /// Ends all jobs that read from a repository: what it has is no longer what they have read.
    pub fn end_all(&self, repository: &Repository) {
        let mut state = self.inner.state.borrow_mut();
        let of_it = |job: &Job| job.outer.is_none() && job.source.repository == *repository;
        let jobs = state.jobs.iter().filter(|(_, job)| of_it(job));
        let jobs: Vec<JobId> = jobs.map(|(id, _)| *id).collect();
        for job in jobs {
            state.end(job);
        }
        drop(state);
        self.inner.start_waiting();
    }

    /// Nobody looks at the job any more. A finished one stays for a while; others end.
    pub fn close(&self, job: JobId) {
        let mut state = self.inner.state.borrow_mut();
        state.steps += 1;
        let now = state.steps;
        let finished = |job: &&mut Job| job.progress.phase == Phase::Done;
        if let Some(entry) = state.jobs.get_mut(&job).filter(finished) {
            entry.idle_since = Some(now);
            let mut idle: Vec<(u64, JobId)> = state
                .jobs
                .iter()
                .filter_map(|(id, job)| Some((job.idle_since?, *id)))
                .collect();
            idle.sort_unstable();
            let surplus = idle.len().saturating_sub(MAX_IDLE);
            for (_, id) in idle.into_iter().take(surplus) {
                state.end(id);
            }
        } else {
            state.end(job);
        }
        drop(state);
        self.inner.start_waiting();
    }
}

impl State {
    /// A job has a worker now: so have the archives in it that waited.
    fn follow(&mut self, outer: JobId, worker: &Rc<LayerWorker>) {
        let mut started = vec![outer];
        for (id, job) in &mut self.jobs {
            if job.outer.is_some_and(|outer| started.contains(&outer)) {
                started.push(*id);
                for request in job.waiting.drain(..) {
                    worker.post(&request);
                }
                job.worker = Some(worker.clone());
            }
        }
    }

    /// Ends a job; its worker is kept as the spare one if it is small.
    fn end(&mut self, job: JobId) {
        self.queue.retain(|waiting| *waiting != job);
        // What is inside of it goes with it; inner jobs have greater numbers than outer ones.
        let mut gone = vec![job];
        for (id, other) in &self.jobs {
            if other.outer.is_some_and(|outer| gone.contains(&outer)) {
                gone.push(*id);
            }
        }
        let inside: Vec<Job> = gone[1..]
            .iter()
            .filter_map(|id| self.jobs.remove(id))
            .collect();
        for worker in inside.into_iter().filter_map(|job| job.worker) {
            drop_later(worker);
        }
        let Some(ended) = self.jobs.remove(&job) else {
            return;
        };
        let Some(worker) = ended.worker else { return };
        let fit = gone.len() == 1
            && ended.progress.phase == Phase::Done
            && ended.progress.memory_bytes <= MAX_SPARE_BYTES
            && self.spare.is_none();
        if fit {
            worker.post(&Request::Close { job });
            self.spare = Some(worker);
        } else {
            drop_later(worker);
        }
    }
}

/// A worker may not be dropped while its own callback runs, and this may be inside of it.
fn drop_later(worker: Rc<LayerWorker>) {
    spawn_local(async move { drop(worker) });
}

impl Inner {
    fn spawn(self: &Rc<Self>) -> Result<Rc<LayerWorker>, super::error::BrowserError> {
        // The worker's callbacks need to know which worker it is, before it exists.
        let itself: Rc<RefCell<Weak<LayerWorker>>> = Rc::default();
        let (events, deaths) = (Rc::downgrade(self), Rc::downgrade(self));
        let dying = itself.clone();
        let worker = LayerWorker::spawn_at(
            &self.url,
            &self.build,
            move |event, bytes| {
                if let Some(inner) = events.upgrade() {
                    inner.receive(event, bytes);
                }
            },
            move |problem| {
                if let Some(inner) = deaths.upgrade() {
                    inner.bury(&dying.borrow(), &problem);
                }
            },
        )?;
        let worker = Rc::new(worker);
        *itself.borrow_mut() = Rc::downgrade(&worker);
        Ok(worker)
    }

    /// Gives workers to the jobs that wait, as many as may stream.
    fn start_waiting(self: &Rc<Self>) {
        loop {
            let mut state = self.state.borrow_mut();
            let streaming = state.jobs.values().filter(|job| job.is_streaming()).count();
            if streaming >= self.max_streaming {
                return;
            }
            let Some(id) = state.queue.pop_front() else {
                return;
            };
            let spare = state.spare.take();
            drop(state);
            let worker = spare.map_or_else(|| self.spawn(), Ok);
            let mut state = self.state.borrow_mut();
            let Some(job) = state.jobs.get_mut(&id) else {
                continue;
            };
            match worker {
                Ok(worker) => {
                    for request in job.waiting.drain(..) {
                        worker.post(&request);
                    }
                    job.worker = Some(worker.clone());
                    state.follow(id, &worker);
                }
                Err(error) => {
                    let problem = Problem::new(
                        "WORKER_REFUSED",
                        "Layers cannot be read here",
                        error.to_string(),
                        "Layerscope unpacks layers in Web Workers; allow them for this page, or use another browser.",
                    );
                    let event = job.fail(id, problem);
                    drop(state);
                    self.tell_later(event);
                }
            }
        }
    }

    /// An event came from a worker.
    fn receive(self: &Rc<Self>, event: Event, bytes: Option<Vec<u8>>) {
        let mut free = false;
        {
            let mut state = self.state.borrow_mut();
            if let Event::Notice { problem } = &event
                && !state.told.insert(problem.code.to_string())
            {
                return;
            }
            if let Some(id) = job_of_event(&event) {
                let Some(job) = state.jobs.get_mut(&id) else {
                    return; // late: the job is gone
                };
                if let Event::Progress { progress, .. } = &event {
                    let was = job.is_streaming();
                    job.progress = progress.clone();
                    free = was && !job.is_streaming();
                }
            }
        }
        (self.on_event)(event, bytes);
        if free {
            self.start_waiting();
        }
    }

    /// A worker died: its jobs fail.
    fn bury(self: &Rc<Self>, dead: &Weak<LayerWorker>, problem: &Problem) {
        let mut state = self.state.borrow_mut();
        let is_dead = |worker: &Rc<LayerWorker>| std::ptr::eq(Rc::as_ptr(worker), dead.as_ptr());
        let mut events = Vec::new();
        for (id, job) in &mut state.jobs {
            if job.worker.as_ref().is_some_and(is_dead) {
                if let Some(worker) = job.worker.take() {
                    drop_later(worker);
                }
                events.push(job.fail(*id, problem.clone()));
            }
        }
        if state.spare.as_ref().is_some_and(is_dead)
            && let Some(worker) = state.spare.take()
        {
            drop_later(worker);
        }
        drop(state);
        for event in events {
            (self.on_event)(event, None);
        }
        self.start_waiting();
    }

    /// Tells an event after the present call has returned, as every other event is.
    fn tell_later(self: &Rc<Self>, event: Event) {
        let inner = Rc::downgrade(self);
        spawn_local(async move {
            if let Some(inner) = inner.upgrade() {
                (inner.on_event)(event, None);
            }
        });
    }
}

impl Job {
    fn fail(&mut self, job: JobId, problem: Problem) -> Event {
        self.progress.phase = Phase::Failed;
        self.progress.problem = Some(problem);
        Event::Progress {
            job,
            progress: self.progress.clone(),
        }
    }
}

fn job_of_request(request: &Request) -> Option<JobId> {
    match request {
        Request::Hello { .. } => None,
        Request::Open { job, .. }
        | Request::OpenInner { job, .. }
        | Request::OpenRoot { job, .. }
        | Request::Root { job, .. }
        | Request::Access { job, .. }
        | Request::Cancel { job }
        | Request::GoOn { job }
        | Request::Close { job }
        | Request::View { job, .. }
        | Request::Rows { job, .. }
        | Request::Read { job, .. }
        | Request::Download { job, .. }
        | Request::CancelRead { job, .. }
        | Request::Export { job, .. }
        | Request::Find { job, .. } => Some(*job),
    }
}

fn job_of_event(event: &Event) -> Option<JobId> {
    match event {
        Event::Ready { .. } | Event::Notice { .. } | Event::Seen | Event::Keep { .. } => None,
        Event::Progress { job, .. }
        | Event::View { job, .. }
        | Event::Rows { job, .. }
        | Event::Content { job, .. }
        | Event::Decoding { job, .. }
        | Event::Download { job, .. }
        | Event::Place { job, .. }
        | Event::Exporting { job, .. }
        | Event::Exported { job, .. }
        | Event::Root { job, .. }
        | Event::Renew { job, .. }
        | Event::ReadFailed { job, .. } => Some(*job),
    }
}
