//! Hashing on a second thread: a worker of the layer worker's own, from the same program.
//!
//! Where a worker cannot start another one, the layer worker hashes by itself.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, ArrayBuffer, Uint8Array};
use layerscope_core::digest::Algorithm;
use layerscope_core::explore::cancel::{Bell, Either, race};
use layerscope_core::layer_index::{BlobDigests, BlobHasher};
use layerscope_core::port::{Hash, HashError};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{ErrorEvent, MessageEvent, Worker};

use super::error::BrowserError;
use super::{message, scope, timer, worker};

/// Bytes handed over and not yet hashed, at most: enough that neither thread waits for the other,
/// little beside the memory that a layer may take.
const MAX_OUTSTANDING: u64 = 4 * 1024 * 1024;
/// How long the second worker may take to load before the first does the work itself.
const START_LIMIT: Duration = Duration::from_secs(10);

/// From the layer worker. A blob's bytes come as bare `ArrayBuffer`s between the two.
#[derive(Serialize, Deserialize)]
enum Order {
    /// The states of a blob's beginning, if it has been hashed, travel beside it.
    Start {
        sha512: bool,
    },
    Finish,
    /// Tell the states but for the first ones.
    States {
        told: u32,
    },
}

/// To the layer worker.
#[derive(Serialize, Deserialize)]
enum Report {
    /// The program is loaded.
    Up,
    /// So many more bytes are hashed; `memory` bytes are held for it.
    Hashed { bytes: u64, memory: u64 },
    /// The outcome travels beside it.
    Done,
    /// The states asked for travel beside it.
    States,
}

thread_local! {
    static PEAK: Cell<u64> = const { Cell::new(0) };
}

fn note_peak(bytes: u64) {
    PEAK.set(PEAK.get().max(bytes));
}

/// The most bytes that hashing has held outside of this worker's own memory: the second worker's,
/// and those on their way to it.
pub fn peak_bytes() -> u64 {
    PEAK.get()
}

/// The hash worker's whole life: listens, hashes, reports.
pub fn serve() {
    let hasher: RefCell<Option<BlobHasher>> = RefCell::default();
    scope::on_message(move |received| {
        if let Some(buffer) = received.dyn_ref::<ArrayBuffer>() {
            let bytes = Uint8Array::new(buffer).to_vec();
            if let Some(hasher) = &mut *hasher.borrow_mut() {
                hasher.push(&bytes);
            }
            let (bytes, memory) = (bytes.len() as u64, scope::memory_bytes());
            report(&Report::Hashed { bytes, memory }, None);
            return;
        }
        match message::unpack::<Order>(&received) {
            Some((Order::Start { sha512 }, states)) => {
                let algorithm = match sha512 {
                    true => Algorithm::Sha512,
                    false => Algorithm::Sha256,
                };
                let states = states.unwrap_or_default();
                *hasher.borrow_mut() = Some(hasher_from(algorithm, &states));
            }
            Some((Order::States { told }, _)) => {
                if let Some(hasher) = &*hasher.borrow() {
                    report(&Report::States, Some(hasher.states_since(told as usize)));
                }
            }
            Some((Order::Finish, _)) => {
                if let Some(hasher) = hasher.take() {
                    report(&Report::Done, Some(&hasher.finish().to_bytes()));
                }
            }
            None => {}
        }
    });
    report(&Report::Up, None);
}

/// A hasher that goes on after these states, or begins.
fn hasher_from(algorithm: Algorithm, states: &[u8]) -> BlobHasher {
    let goes_on = BlobHasher::resume(states).filter(|_| !states.is_empty());
    goes_on.unwrap_or_else(|| BlobHasher::new(algorithm))
}

fn report(report: &Report, bytes: Option<&[u8]>) {
    if let Some(packed) = message::pack(report, bytes) {
        scope::post(&packed);
    }
}

/// Hashes one blob.
pub struct BrowserHash {
    algorithm: Algorithm,
    /// Those of the blob's beginning that has been hashed.
    states: Vec<u8>,
    mode: Mode,
}

enum Mode {
    /// The second worker loads; what came before is kept, in case that it never does.
    Loading(Helper, Vec<Vec<u8>>),
    Helped(Helper),
    Alone(Box<BlobHasher>),
}

/// The second worker, as the first sees it.
struct Helper {
    worker: Worker,
    state: Rc<HelperState>,
    _on_message: Closure<dyn Fn(MessageEvent)>,
    _on_error: Closure<dyn Fn(ErrorEvent)>,
}

#[derive(Default)]
struct HelperState {
    up: Cell<bool>,
    outstanding: Cell<u64>,
    /// The second worker's memory, in bytes, as it said last.
    memory: Cell<u64>,
    died: RefCell<Option<String>>,
    done: RefCell<Option<BlobDigests>>,
    states: RefCell<Option<Vec<u8>>>,
    /// Rung at every report.
    bell: Bell,
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
        // Who still waits for states.
        *self.state.died.borrow_mut() = Some("it was ended".to_owned());
        self.state.bell.ring();
    }
}

impl Helper {
    fn start(url: &str) -> Result<Self, BrowserError> {
        let worker = worker::start(url, scope::HASH_ROLE, "starting the hashing worker")?;
        let state = Rc::new(HelperState::default());
        let heard = state.clone();
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            heard.receive(&event);
        });
        let dying = state.clone();
        let on_error = Closure::<dyn Fn(ErrorEvent)>::new(move |event: ErrorEvent| {
            event.prevent_default();
            *dying.died.borrow_mut() = Some(event.message());
            dying.bell.ring();
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Helper {
            worker,
            state,
            _on_message: on_message,
            _on_error: on_error,
        })
    }

    fn order(&self, order: &Order, bytes: Option<&[u8]>) {
        if let Some(packed) = message::pack(order, bytes) {
            // Throws only for what cannot be cloned.
            drop(
                self.worker
                    .post_message_with_transfer(&packed.message, &packed.transfer),
            );
        }
    }

    fn hand_over(&self, bytes: &[u8]) {
        let outstanding = &self.state.outstanding;
        outstanding.set(outstanding.get() + bytes.len() as u64);
        note_peak(outstanding.get() + self.state.memory.get());
        let buffer = Uint8Array::from(bytes).buffer();
        let transfer = Array::of1(&buffer);
        drop(self.worker.post_message_with_transfer(&buffer, &transfer));
    }

    /// Waits until it has loaded; false if it will not.
    async fn is_up(&self) -> bool {
        let loaded = async {
            while !self.state.up.get() && self.state.died.borrow().is_none() {
                self.state.bell.next().await;
            }
        };
        let in_time = race(loaded, timer::sleep(START_LIMIT)).await;
        in_time == Either::Left(()) && self.state.up.get()
    }

    /// Waits until there is room for more bytes.
    async fn room(&self) -> Result<(), HashError> {
        loop {
            self.state.check()?;
            if self.state.outstanding.get() <= MAX_OUTSTANDING {
                return Ok(());
            }
            self.state.bell.next().await;
        }
    }
}

impl HelperState {
    fn check(&self) -> Result<(), HashError> {
        match &*self.died.borrow() {
            Some(detail) => Err(HashError {
                detail: detail.clone(),
            }),
            None => Ok(()),
        }
    }

    fn receive(&self, event: &MessageEvent) {
        match message::unpack::<Report>(&event.data()) {
            Some((Report::Up, _)) => self.up.set(true),
            Some((Report::Hashed { bytes, memory }, _)) => {
                note_peak(self.outstanding.get() + memory);
                self.memory.set(memory);
                let left = self.outstanding.get().saturating_sub(bytes);
                self.outstanding.set(left);
            }
            Some((Report::Done, bytes)) => {
                match bytes.as_deref().and_then(BlobDigests::from_bytes) {
                    Some(digests) => *self.done.borrow_mut() = Some(digests),
                    None => *self.died.borrow_mut() = Some("its answer makes no sense".to_owned()),
                }
            }
            Some((Report::States, bytes)) => *self.states.borrow_mut() = bytes,
            None => {}
        }
        self.bell.ring();
    }
}

impl BrowserHash {
    /// Starts the second worker, from this worker's own program. `states` are those of a blob's
    /// beginning that has been hashed, none for its start.
    pub fn start(algorithm: Algorithm, states: Vec<u8>) -> Self {
        Self::start_at(scope::own_url().as_deref(), algorithm, states)
    }

    /// Starts the second worker from an address; without one, or where it does not load, all is
    /// hashed here.
    pub fn start_at(url: Option<&str>, algorithm: Algorithm, states: Vec<u8>) -> Self {
        PEAK.set(0); // of a layer before
        let helper = url.and_then(|url| Helper::start(url).ok());
        let mode = match helper {
            Some(helper) => Mode::Loading(helper, Vec::new()),
            None => Mode::Alone(Box::new(hasher_from(algorithm, &states))),
        };
        BrowserHash {
            algorithm,
            states,
            mode,
        }
    }

    /// Leaves the state of loading, one way or the other, once the second worker has loaded or
    /// more bytes wait than may.
    async fn settle(&mut self, at_once: bool) {
        let Mode::Loading(helper, waiting) = &mut self.mode else {
            return;
        };
        let held: u64 = waiting.iter().map(|bytes| bytes.len() as u64).sum();
        let decided = helper.state.up.get() || helper.state.died.borrow().is_some();
        if !decided && !at_once && held <= MAX_OUTSTANDING {
            return;
        }
        let up = helper.is_up().await;
        let waiting = std::mem::take(waiting);
        if up {
            let sha512 = self.algorithm == Algorithm::Sha512;
            helper.order(&Order::Start { sha512 }, Some(&self.states));
            for bytes in &waiting {
                helper.hand_over(bytes);
            }
        }
        let alone = Mode::Alone(Box::new(hasher_from(self.algorithm, &self.states)));
        let before = std::mem::replace(&mut self.mode, alone);
        if let (true, Mode::Loading(helper, _)) = (up, before) {
            self.mode = Mode::Helped(helper);
        } else if let Mode::Alone(hasher) = &mut self.mode {
            for bytes in &waiting {
                hasher.push(bytes);
            }
        }
    }
}

impl Hash for BrowserHash {
    type Output = BlobDigests;

    async fn push(&mut self, bytes: &[u8]) -> Result<(), HashError> {
        self.settle(false).await;
        match &mut self.mode {
            Mode::Loading(_, waiting) => waiting.push(bytes.to_vec()),
            Mode::Helped(helper) => {
                helper.room().await?;
                helper.hand_over(bytes);
            }
            Mode::Alone(hasher) => hasher.push(bytes),
        }
        Ok(())
    }

    fn states(
        &mut self,
        told: usize,
    ) -> impl Future<Output = Result<Vec<u8>, HashError>> + 'static {
        let here = match &self.mode {
            Mode::Alone(hasher) => Ok(hasher.states_since(told).to_vec()),
            Mode::Helped(helper) => {
                // Never more than a blob has lines.
                let told = u32::try_from(told).unwrap_or(u32::MAX);
                helper.order(&Order::States { told }, None);
                Err(Some(helper.state.clone()))
            }
            Mode::Loading(..) => Err(None),
        };
        async move {
            let state = match here {
                Ok(states) => return Ok(states),
                Err(state) => state.ok_or(HashError {
                    detail: "it is loading".to_owned(),
                })?,
            };
            loop {
                if let Some(states) = state.states.take() {
                    return Ok(states);
                }
                state.check()?;
                state.bell.next().await;
            }
        }
    }

    async fn finish(mut self) -> Result<BlobDigests, HashError> {
        self.settle(true).await;
        match self.mode {
            Mode::Loading(..) => Err(HashError {
                detail: "it never loaded".to_owned(),
            }),
            Mode::Alone(hasher) => Ok(hasher.finish()),
            Mode::Helped(helper) => {
                helper.order(&Order::Finish, None);
                loop {
                    helper.state.check()?;
                    if let Some(done) = helper.state.done.take() {
                        return Ok(done);
                    }
                    helper.state.bell.next().await;
                }
            }
        }
    }
}
