//! The page's end of the viewers' worker: it reads one file's bytes and says what to draw. What it
//! reads may be made to keep it busy for ever, so it is given a time and then ended.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use layerscope_core::view::draw::{Ask, Said};
use layerscope_core::view::problem::Problem;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::spawn_local;
use web_sys::{ErrorEvent, MessageEvent, Worker};

use super::{message, page, timer, worker};

/// The worker's role, by its name; it has no other.
const ROLE: &str = "viewers";
/// Where its loader is when the page does not say.
const DEFAULT_URL: &str = "./viewers_loader.js";
/// How long it may take to answer: the largest files that are read whole take a second or two. Its
/// program is fetched in this time, too.
const LIMIT: Duration = Duration::from_secs(30);

/// Called with what the worker says.
type OnSaid = Rc<dyn Fn(Said)>;

struct Live {
    worker: Worker,
    _on_message: Closure<dyn Fn(MessageEvent)>,
    _on_error: Closure<dyn Fn(ErrorEvent)>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

struct Inner {
    live: RefCell<Option<Live>>,
    /// Questions asked, and those answered: the worker answers each once, in their order.
    asked: Cell<u32>,
    answered: Cell<u32>,
    on_said: OnSaid,
    on_death: Rc<dyn Fn(Problem)>,
}

/// The worker, started when it is first needed. Clones are the same one.
#[derive(Clone)]
pub struct Viewers(Rc<Inner>);

impl Viewers {
    /// Nothing is started. `on_death` is told when the worker could not be started, or did not answer.
    pub fn new(on_said: impl Fn(Said) + 'static, on_death: impl Fn(Problem) + 'static) -> Self {
        Viewers(Rc::new(Inner {
            live: RefCell::default(),
            asked: Cell::new(0),
            answered: Cell::new(0),
            on_said: Rc::new(on_said),
            on_death: Rc::new(on_death),
        }))
    }

    /// Asks something. A worker that is still busy with a file that nobody waits for is ended first.
    pub fn ask(&self, ask: &Ask, bytes: Option<&[u8]>) {
        let inner = &self.0;
        let is_busy = inner.asked.get() != inner.answered.get();
        if is_busy && matches!(ask, Ask::Open { .. }) {
            inner.end();
        }
        if inner.live.borrow().is_none() && !inner.start() {
            return;
        }
        let Some(packed) = message::pack(ask, bytes) else {
            return;
        };
        if let Some(live) = &*inner.live.borrow() {
            // Throws only for what cannot be cloned; buffers can.
            drop(
                live.worker
                    .post_message_with_transfer(&packed.message, &packed.transfer),
            );
        }
        let number = inner.asked.get() + 1;
        inner.asked.set(number);
        let inner = Rc::downgrade(inner);
        spawn_local(async move {
            timer::sleep(LIMIT).await;
            let Some(inner) = inner.upgrade() else { return };
            let late = inner.answered.get() < number && inner.asked.get() >= number;
            if late {
                inner.die("It did not come to an end within 30 seconds.");
            }
        });
    }

    /// Ends the worker; the next question starts another.
    pub fn end(&self) {
        self.0.end();
    }
}

impl Inner {
    fn end(&self) {
        let live = self.live.take();
        self.answered.set(self.asked.get());
        if let Some(live) = live {
            // It may not be dropped while its own callback runs, and this may be inside of it.
            spawn_local(async move { drop(live) });
        }
    }

    fn die(&self, cause: &str) {
        self.end();
        (self.on_death)(Problem::new(
            "VIEWERS_STOPPED",
            "The file cannot be shown as what it is",
            cause,
            "Look at it as text or in hex, or download it.",
        ));
    }

    fn start(self: &Rc<Self>) -> bool {
        let url = page::meta("layerscope-viewers").unwrap_or_else(|| DEFAULT_URL.to_owned());
        let worker = match worker::start(&url, ROLE, "starting the viewers") {
            Ok(worker) => worker,
            Err(error) => {
                self.die(&error.to_string());
                return false;
            }
        };
        let weak = Rc::downgrade(self);
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |received: MessageEvent| {
            let Some(inner) = weak.upgrade() else { return };
            match message::unpack::<Said>(&received.data()) {
                // Of another build its answers could not be read; as with the layer worker, the page
                // is reloaded, once.
                Some((Said::Ready { build }, _)) => {
                    let fits = build == page::build_id();
                    if !fits && !page::reload_for_build(&build) {
                        inner.die("Two versions of Layerscope met, also after a reload.");
                    }
                }
                Some((said, _)) => {
                    inner.answered.set(inner.answered.get() + 1);
                    (inner.on_said)(said);
                }
                None => {}
            }
        });
        let weak = Rc::downgrade(self);
        let on_error = Closure::<dyn Fn(ErrorEvent)>::new(move |error: ErrorEvent| {
            error.prevent_default();
            if let Some(inner) = weak.upgrade() {
                inner.die("The program that reads it could not be loaded, or stopped.");
            }
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        self.live.replace(Some(Live {
            worker,
            _on_message: on_message,
            _on_error: on_error,
        }));
        true
    }
}
