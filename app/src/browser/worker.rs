//! The page's end of one layer worker.

use std::cell::RefCell;
use std::rc::Rc;

use layerscope_core::job::{Event, Request};
use layerscope_core::view::problem::Problem;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{ErrorEvent, MessageEvent, Worker, WorkerOptions, WorkerType};

use super::error::BrowserError;
use super::{early, local, message, page};

/// The worker's name, by which its program knows its role. One that `boot.js` started has the
/// digest of the layer behind it that it will be asked for.
pub const LAYER_ROLE: &str = "layer";
/// Where the worker's loader is when the page does not say.
const DEFAULT_URL: &str = "./worker_loader.js";

/// The address of the worker's program, from `<meta name="layerscope-worker">`.
pub fn worker_url() -> String {
    page::meta("layerscope-worker").unwrap_or_else(|| DEFAULT_URL.to_owned())
}

/// Whether requests may go out: a worker that is still loading would lose them.
enum Gate {
    /// Kept until the worker says that it is up.
    Loading(Vec<Request>),
    Up,
    /// Of another build, or dead: it is told nothing.
    Shut,
}

struct Shared {
    worker: Worker,
    gate: RefCell<Gate>,
    build: String,
}

impl Shared {
    fn send(&self, request: &Request) {
        let Some(packed) = message::pack(request, None) else {
            return;
        };
        local::attach(request, &packed.message);
        // Throws only for values that cannot be cloned, which a text always can.
        drop(
            self.worker
                .post_message_with_transfer(&packed.message, &packed.transfer),
        );
    }

    /// The worker is up and of this build; false if it is of another.
    fn ready(&self, worker_build: &str) -> bool {
        let fits = worker_build == self.build;
        let next = if fits { Gate::Up } else { Gate::Shut };
        let before = self.gate.replace(next);
        if let (true, Gate::Loading(waiting)) = (fits, before) {
            self.send(&Request::Hello {
                build: self.build.clone(),
            });
            for request in &waiting {
                self.send(request);
            }
        }
        fits
    }
}

/// Starts the worker program at an address, in a role; `doing` is told where it fails.
pub(super) fn start(url: &str, role: &str, doing: &'static str) -> Result<Worker, BrowserError> {
    let options = WorkerOptions::new();
    options.set_name(role);
    options.set_type(WorkerType::Module);
    Worker::new_with_options(url, &options).map_err(BrowserError::of(doing))
}

/// A layer worker. Dropping it ends the worker at once.
pub struct LayerWorker {
    shared: Rc<Shared>,
    _on_message: Closure<dyn Fn(MessageEvent)>,
    _on_error: Closure<dyn Fn(ErrorEvent)>,
}

impl LayerWorker {
    /// Starts a worker. If it is of another build, the page is reloaded, once.
    ///
    /// # Errors
    /// When the browser has no workers or refuses this one.
    pub fn spawn(
        build: &str,
        on_event: impl Fn(Event, Option<Vec<u8>>) + 'static,
    ) -> Result<Self, BrowserError> {
        let on_event = Rc::new(on_event);
        let told = on_event.clone();
        Self::spawn_at(
            &worker_url(),
            build,
            move |event, bytes| on_event(event, bytes),
            move |problem| told(Event::Notice { problem }, None),
        )
    }

    /// Starts a worker from an address; `on_death` is called if it fails as a whole.
    ///
    /// # Errors
    /// As [`LayerWorker::spawn`].
    pub fn spawn_at(
        url: &str,
        build: &str,
        on_event: impl Fn(Event, Option<Vec<u8>>) + 'static,
        on_death: impl Fn(Problem) + 'static,
    ) -> Result<Self, BrowserError> {
        let early = early::take_worker();
        let is_early = early.is_some();
        let worker = early.map_or_else(|| start(url, LAYER_ROLE, "starting a worker"), Ok)?;
        let shared = Rc::new(Shared {
            worker,
            gate: RefCell::new(Gate::Loading(Vec::new())),
            build: build.to_owned(),
        });
        let on_death = Rc::new(on_death);

        let (weak, dead) = (Rc::downgrade(&shared), on_death.clone());
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |received: MessageEvent| {
            let Some(shared) = weak.upgrade() else { return };
            let Some((event, bytes)) = message::unpack::<Event>(&received.data()) else {
                return;
            };
            if let Event::Ready { build } = &event
                && !shared.ready(build)
            {
                if !page::reload_for_build(build) {
                    dead(other_build(&shared.build, build));
                }
                return;
            }
            on_event(event, bytes);
        });
        let weak = Rc::downgrade(&shared);
        let on_error = Closure::<dyn Fn(ErrorEvent)>::new(move |error: ErrorEvent| {
            error.prevent_default();
            let Some(shared) = weak.upgrade() else { return };
            let loading = matches!(*shared.gate.borrow(), Gate::Loading(_));
            *shared.gate.borrow_mut() = Gate::Shut;
            on_death(stopped(loading, &error.message()));
        });
        shared
            .worker
            .set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        shared
            .worker
            .set_onerror(Some(on_error.as_ref().unchecked_ref()));
        if is_early {
            // It may have said that it is up before anybody listened; its loader keeps what comes
            // too early.
            shared.send(&Request::Hello {
                build: build.to_owned(),
            });
        }
        Ok(LayerWorker {
            shared,
            _on_message: on_message,
            _on_error: on_error,
        })
    }

    /// Sends a request, as soon as the worker is up.
    pub fn post(&self, request: &Request) {
        let mut gate = self.shared.gate.borrow_mut();
        match &mut *gate {
            Gate::Loading(waiting) => waiting.push(request.clone()),
            Gate::Up => self.shared.send(request),
            Gate::Shut => {}
        }
    }
}

impl Drop for LayerWorker {
    fn drop(&mut self) {
        self.shared.worker.set_onmessage(None);
        self.shared.worker.set_onerror(None);
        self.shared.worker.terminate();
    }
}

fn other_build(page: &str, worker: &str) -> Problem {
    Problem::new(
        "WORKER_BUILD",
        "Two versions of Layerscope met",
        format!("This page is build {page}, its worker is build {worker}, also after a reload."),
        "Clear this site's cached files in the browser, then load the page again.",
    )
}

fn stopped(loading: bool, message: &str) -> Problem {
    let cause = match (loading, message.is_empty()) {
        (true, _) => "The program that unpacks layers could not be loaded.".to_owned(),
        (false, true) => "The program that unpacks layers stopped.".to_owned(),
        (false, false) => format!("The program that unpacks layers stopped: {message}"),
    };
    Problem::new(
        "WORKER_STOPPED",
        "The layer could not be read further",
        cause,
        "Try again. If it stops at the same place, the layer may be too large for this browser's memory.",
    )
}
