//! One opened layer: what is known of it, who looks at it, and what they are told.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;

use crate::job::{
    Access, Event, FIRST_ROWS, Found, JobId, LayerSource, Progress, ReadId, ViewId, ViewSpec,
};
use crate::path::EntryPath;
use crate::reference::Registry;
use crate::registry::Client;
use crate::registry::client::{Credentials, Renew};
use crate::view::listing::Listing;
use crate::view::problem::Problem;

use super::cancel::{Bell, Cancel};
use super::find_soci::Shared;
use super::layer::Layer;
use super::ports::Ports;
use super::run::Run;
use super::slow::Turns;
use super::span_cache::SpanCache;

/// How often progress is told, and at most how often listings are made again, in milliseconds.
const TELL_EVERY_MS: f64 = 100.0;
/// A listing that takes long to make is made less often: it may take this part of the time.
const VIEW_SHARE: f64 = 0.1;
/// Listings that one layer has at once; a page has a handful. Beyond, the oldest is dropped.
const MAX_VIEWS: usize = 64;

/// A listing under its page-side id.
struct View {
    listing: Listing,
    /// Generations of the listings that had this id before: a page must never take a row of the
    /// old one for a row of the new.
    generations_before: u32,
    /// The page was told that nothing will be added.
    told_complete: bool,
    /// It was sent its first rows.
    told_rows: bool,
}

impl View {
    fn generation(&self) -> u32 {
        self.generations_before
            .wrapping_add(self.listing.generation())
    }
}

/// Only the page renews sign-ins: a refresh token may be good for one use alone.
struct AskPage<P> {
    job: JobId,
    ports: Rc<P>,
    answered: Bell,
}

impl<P: Ports> Renew for AskPage<P> {
    fn renew<'a>(
        &'a self,
        _: &'a Registry,
        refused: &'a Credentials,
    ) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        let answered = self.answered.next();
        let event = Event::Renew {
            job: self.job,
            refused: refused.clone(),
        };
        self.ports.send(event, None);
        Box::pin(answered)
    }
}

pub(super) struct Job<P: Ports> {
    id: JobId,
    pub(super) source: LayerSource,
    pub(super) ports: Rc<P>,
    pub(super) client: Client<P::Http>,
    /// Stops the stream. Reads go on.
    pub(super) stop: Cancel,
    /// Rung when there is more of the layer, or when no more will come.
    pub(super) grown: Bell,
    /// Rung where the user waits for no other tab any more.
    pub(super) impatient: Bell,
    pub(super) layer: RefCell<Layer>,
    pub(super) spans: RefCell<SpanCache>,
    pub(super) slow: Turns,
    /// SOCI's index of the image; its layers share it.
    pub(super) soci: Rc<Shared>,
    /// Archives that it is inside of.
    pub(super) depth: usize,
    /// The layers that it is made of, if there are several. They speak under its id.
    parts: RefCell<Vec<Rc<Job<P>>>>,
    /// It is such a part: called instead of telling how it stands.
    on_progress: RefCell<Option<Box<dyn Fn()>>>,
    pub(super) progress: RefCell<Progress>,
    page: Rc<AskPage<P>>,
    /// A stream that was stopped and can go on.
    pub(super) stopped: RefCell<Option<Run<P>>>,
    reads: RefCell<HashMap<ReadId, Cancel>>,
    views: RefCell<BTreeMap<ViewId, View>>,
    told_at_ms: Cell<f64>,
    views_due_at_ms: Cell<f64>,
    /// Entries that the listings have been told of.
    listed: Cell<u32>,
    closed: Cell<bool>,
}

impl<P: Ports> Job<P> {
    pub(super) fn new(id: JobId, source: LayerSource, access: &Access, ports: Rc<P>) -> Self {
        let client = Client::new(ports.http(), source.endpoint.clone()).with_clock(ports.clone());
        client.set_credentials(source.repository.registry(), access.credentials.clone());
        client.set_authorization(&source.repository, access.authorization.clone());
        let page = Rc::new(AskPage {
            job: id,
            ports: ports.clone(),
            answered: Bell::default(),
        });
        client.set_renewal(page.clone());
        let progress = Progress {
            size: source.size,
            ..Progress::default()
        };
        Job {
            id,
            source,
            ports,
            client,
            stop: Cancel::default(),
            grown: Bell::default(),
            impatient: Bell::default(),
            layer: RefCell::default(),
            spans: RefCell::default(),
            slow: Turns::default(),
            soci: Rc::default(),
            depth: 0,
            parts: RefCell::default(),
            on_progress: RefCell::default(),
            progress: RefCell::new(progress),
            page,
            stopped: RefCell::default(),
            reads: RefCell::default(),
            views: RefCell::default(),
            told_at_ms: Cell::new(f64::NEG_INFINITY),
            views_due_at_ms: Cell::new(f64::NEG_INFINITY),
            listed: Cell::new(0),
            closed: Cell::new(false),
        }
    }

    /// A job for an archive in the files of another.
    pub(super) fn inside(id: JobId, outer: &Self) -> Self {
        let mut source = outer.source.clone();
        source.size = None;
        let job = Self::new(id, source, &Access::default(), outer.ports.clone());
        Job {
            depth: outer.depth + 1,
            ..job
        }
    }

    /// Makes it one of these layers.
    pub(super) fn set_parts(&self, parts: Vec<Rc<Self>>) {
        self.parts.replace(parts);
    }

    /// The layers that it is made of, if there are several.
    pub(super) fn parts(&self) -> Vec<Rc<Self>> {
        self.parts.borrow().clone()
    }

    fn each_part(&self, act: &dyn Fn(&Self)) {
        for part in &*self.parts.borrow() {
            act(part);
        }
    }

    /// Makes it a part of a job that is told of its progress.
    pub(super) fn set_on_progress(&self, on_progress: Box<dyn Fn()>) {
        self.on_progress.replace(Some(on_progress));
    }

    /// The part in which an entry's bytes are, and its ordinal there.
    pub(super) fn part_of(&self, ordinal: u32) -> Option<(Rc<Self>, u32)> {
        let (part, ordinal) = self.layer.borrow().part_of(ordinal)?;
        Some((self.parts.borrow().get(part)?.clone(), ordinal))
    }

    /// The page says how to be let in from now on.
    pub(super) fn set_access(&self, access: Access) {
        self.each_part(&|part| part.set_access(access.clone()));
        let registry = self.source.repository.registry();
        match access.credentials {
            Some(same) if access.renewed => self.client.replace_credentials(registry, same),
            // Somebody else, or nobody: no token of the one before is used any more.
            other => self.client.set_credentials(registry, other),
        }
        self.page.answered.ring();
    }

    pub(super) fn id(&self) -> JobId {
        self.id
    }

    /// Tells an event, unless the page has closed the job.
    pub(super) fn send(&self, event: Event, bytes: Option<Vec<u8>>) {
        if !self.closed.get() {
            self.ports.send(event, bytes);
        }
    }

    pub(super) fn close(&self) {
        self.each_part(&|part| part.close());
        self.parts.take();
        self.closed.set(true);
        self.stop.cancel();
        let reads = std::mem::take(&mut *self.reads.borrow_mut());
        for cancel in reads.into_values() {
            cancel.cancel();
        }
    }

    /// More entries may come.
    pub(super) fn is_growing(&self) -> bool {
        self.progress.borrow().phase.is_running()
    }

    /// Changes how the job stands and tells it at once, listings included.
    pub(super) fn advance(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.borrow_mut());
        self.tell_progress();
        self.tell_views();
        self.grown.ring();
    }

    /// Changes how the job stands and tells it at once, and the listings if they are due.
    pub(super) fn note(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.borrow_mut());
        self.tell_progress();
        self.tick();
    }

    /// Tells progress and listings if they are due: the first rows at once, then at intervals.
    pub(super) fn tick(&self) {
        let (entries, stale) = {
            let layer = self.layer.borrow();
            (layer.entries(), layer.is_stale())
        };
        let more = stale || entries > self.listed.get();
        let now = self.ports.now_ms();
        let first_rows = self.listed.get() == 0 && entries > 0;
        if first_rows || now - self.told_at_ms.get() >= TELL_EVERY_MS {
            self.tell_progress();
        }
        if first_rows || (more && now >= self.views_due_at_ms.get()) {
            self.tell_views();
        }
        self.grown.ring();
    }

    /// Takes in the layers that have come, where somebody asks for what all of them make.
    pub(super) fn settle(&self) {
        if self.layer.borrow().is_stale() {
            self.layer.borrow_mut().update_tree();
            self.tell_views();
        }
    }

    /// Tells how the job stands, its memory included.
    pub(super) fn tell_progress(&self) {
        self.told_at_ms.set(self.ports.now_ms());
        let progress = {
            let layer = self.layer.borrow();
            let mut progress = self.progress.borrow_mut();
            progress.entries = layer.entries();
            progress.inflated = layer.out_len();
            progress.compression = layer.compression();
            progress.bare = layer.is_bare();
            if progress.problem.is_none() {
                progress.problem = layer.damage().map(Problem::from);
            }
            let memory = self.ports.memory_bytes();
            progress.memory_bytes = progress.memory_bytes.max(memory);
            progress.clone()
        };
        if let Some(told) = &*self.on_progress.borrow() {
            return told();
        }
        let job = self.id;
        self.send(Event::Progress { job, progress }, None);
    }

    /// Makes every listing again and tells those that have changed.
    fn tell_views(&self) {
        let began = self.ports.now_ms();
        let complete = !self.is_growing();
        let mut events = Vec::new();
        {
            let mut layer = self.layer.borrow_mut();
            self.listed.set(layer.entries());
            let mut views = self.views.borrow_mut();
            // Where nothing is listed, as in the layers of a root file system, no tree is needed.
            if !views.is_empty() {
                layer.update_tree();
            }
            for (id, view) in views.iter_mut() {
                let changed = layer.refresh(&mut view.listing);
                if changed || complete != view.told_complete {
                    events.push(self.view_event(*id, view, &layer, complete));
                }
            }
        }
        for event in events {
            self.send(event, None);
        }
        let now = self.ports.now_ms();
        let pause = ((now - began) / VIEW_SHARE).max(TELL_EVERY_MS);
        self.views_due_at_ms.set(now + pause);
    }

    fn view_event(&self, id: ViewId, view: &mut View, layer: &Layer, complete: bool) -> Event {
        view.told_complete = complete;
        let mut info = layer.info(&view.listing, complete);
        info.generation = view.generation();
        let lists = !view.told_rows && matches!(info.found, Found::Directory { .. });
        let rows = match lists {
            true => layer.rows(&view.listing, 0..FIRST_ROWS),
            false => Vec::new(),
        };
        view.told_rows |= !rows.is_empty();
        Event::View {
            job: self.id,
            view: id,
            info,
            rows,
        }
    }

    /// Opens or changes a listing.
    pub(super) fn set_view(&self, id: ViewId, spec: ViewSpec) {
        self.settle();
        let event = {
            let mut layer = self.layer.borrow_mut();
            layer.update_tree();
            let mut views = self.views.borrow_mut();
            let before = views.remove(&id);
            if views.len() >= MAX_VIEWS {
                views.pop_first();
            }
            let view = views.entry(id).or_insert(View {
                listing: Listing::new(spec),
                generations_before: before.map_or(0, |view| view.generation()),
                told_complete: false,
                told_rows: false,
            });
            layer.refresh(&mut view.listing);
            self.view_event(id, view, &layer, !self.is_growing())
        };
        self.send(event, None);
    }

    /// Tells rows of a listing.
    pub(super) fn send_rows(&self, id: ViewId, range: Range<u32>) {
        let event = {
            let views = self.views.borrow();
            let Some(view) = views.get(&id) else {
                return;
            };
            Event::Rows {
                job: self.id,
                view: id,
                start: range.start,
                generation: view.generation(),
                rows: self.layer.borrow().rows(&view.listing, range),
            }
        };
        self.send(event, None);
    }

    /// Tells which row of a listing an entry has.
    pub(super) fn send_place(&self, id: ViewId, path: &EntryPath) {
        let event = {
            let views = self.views.borrow();
            let Some(view) = views.get(&id) else {
                return;
            };
            Event::Place {
                job: self.id,
                view: id,
                path: path.clone(),
                generation: view.generation(),
                index: self.layer.borrow().position(&view.listing, path),
            }
        };
        self.send(event, None);
    }

    /// Notes that a read has begun.
    pub(super) fn begin_read(&self, read: ReadId) -> Cancel {
        let cancel = Cancel::default();
        let before = self.reads.borrow_mut().insert(read, cancel.clone());
        if let Some(before) = before {
            before.cancel(); // its id was used again: the page no longer waits for it
        }
        cancel
    }

    /// Notes that a read has ended.
    pub(super) fn end_read(&self, read: ReadId, cancel: &Cancel) {
        if !cancel.is_cancelled() {
            self.reads.borrow_mut().remove(&read);
        }
    }

    pub(super) fn cancel_read(&self, read: ReadId) {
        self.each_part(&|part| part.cancel_read(read));
        let cancel = self.reads.borrow_mut().remove(&read);
        if let Some(cancel) = cancel {
            cancel.cancel();
        }
    }
}
