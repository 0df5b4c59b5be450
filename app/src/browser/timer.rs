//! Time, in a page or a worker: how late it is, waiting, and letting other messages in.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use js_sys::{Function, Promise};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{MessageChannel, Window, WorkerGlobalScope};

/// Milliseconds since some fixed moment of this page or worker; never goes back.
pub fn now_ms() -> f64 {
    let global = js_sys::global();
    let performance = match global.dyn_ref::<Window>() {
        Some(window) => window.performance(),
        None => global
            .dyn_ref::<WorkerGlobalScope>()
            .and_then(WorkerGlobalScope::performance),
    };
    performance.map_or_else(js_sys::Date::now, |p| p.now())
}

/// Milliseconds since 1970-01-01 UTC.
pub fn wall_clock_ms() -> f64 {
    js_sys::Date::now()
}

/// Clears the timer when dropped, so that time limits that were kept leave nothing behind.
struct Timer(Option<i32>);

impl Drop for Timer {
    fn drop(&mut self) {
        let Some(id) = self.0 else { return };
        let global = js_sys::global();
        if let Some(window) = global.dyn_ref::<Window>() {
            window.clear_timeout_with_handle(id);
        } else if let Some(worker) = global.dyn_ref::<WorkerGlobalScope>() {
            worker.clear_timeout_with_handle(id);
        }
    }
}

/// Resolves after `duration`.
pub async fn sleep(duration: Duration) {
    let ms = i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
    let mut timer = Timer(None);
    let promise = Promise::new(&mut |resolve, _| {
        let global = js_sys::global();
        let started = match global.dyn_ref::<Window>() {
            Some(window) => {
                window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms)
            }
            None => global
                .unchecked_ref::<WorkerGlobalScope>()
                .set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms),
        };
        timer.0 = started.ok();
        if timer.0.is_none() {
            // No timers at all: rather at once than never.
            drop(resolve.call0(&JsValue::UNDEFINED));
        }
    });
    drop(JsFuture::from(promise).await);
    drop(timer);
}

/// The channel by which [`yield_now`] sends itself a message.
struct Turn {
    channel: MessageChannel,
    waiting: RefCell<VecDeque<Function>>,
}

thread_local! {
    static TURN: Option<&'static Turn> = new_turn();
}

/// One for the life of the page or worker.
fn new_turn() -> Option<&'static Turn> {
    let channel = MessageChannel::new().ok()?;
    let turn: &'static Turn = Box::leak(Box::new(Turn {
        channel,
        waiting: RefCell::default(),
    }));
    let on_message = Closure::<dyn Fn()>::new(move || {
        let next = turn.waiting.borrow_mut().pop_front();
        if let Some(resolve) = next {
            drop(resolve.call0(&JsValue::UNDEFINED));
        }
    });
    turn.channel
        .port1()
        .set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    Some(turn)
}

/// Lets every message that has already arrived be handled first. A timer of 0 ms would do the
/// same, but browsers stretch it to 4 ms when it is used in a loop.
pub async fn yield_now() {
    let Some(turn) = TURN.with(|turn| *turn) else {
        return sleep(Duration::ZERO).await;
    };
    let promise = Promise::new(&mut |resolve, _| {
        turn.waiting.borrow_mut().push_back(resolve);
        if turn.channel.port2().post_message(&JsValue::NULL).is_err()
            && let Some(resolve) = turn.waiting.borrow_mut().pop_back()
        {
            drop(resolve.call0(&JsValue::UNDEFINED));
        }
    });
    drop(JsFuture::from(promise).await);
}
