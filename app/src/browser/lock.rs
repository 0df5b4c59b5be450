//! Web Locks: of all tabs and workers of this origin one has a name, and the others wait.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Function, Object, Promise, Reflect};
use layerscope_core::explore::cancel::Bell;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

/// Held until it is dropped. A browser gives it to the next one, too, when the tab is closed.
pub struct Lock {
    /// Ends it; none where there are no locks, and so nobody to keep away.
    release: Option<Function>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(release) = &self.release {
            drop(release.call0(&JsValue::UNDEFINED)); // settles a promise: never throws
        }
    }
}

/// What the browser's callback has said.
#[derive(Default)]
struct Asked {
    /// The outer one: it was answered.
    answer: RefCell<Option<Option<Lock>>>,
    /// Nobody waits any more.
    given_up: Cell<bool>,
    bell: Bell,
}

/// Gives up on a lock that may still come.
struct Waits(Rc<Asked>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.given_up.set(true);
        self.0.answer.take();
    }
}

impl Lock {
    /// Asks for a name. None if it is taken and `wait` is false. On plain HTTP hosts and in old
    /// browsers there are no locks: then everybody has it, and at worst work is done twice.
    pub async fn request(name: &str, wait: bool) -> Option<Lock> {
        let waits = Waits(Rc::default());
        if ask(name, wait, &waits.0).is_none() {
            return Some(Lock { release: None });
        }
        loop {
            if let Some(answer) = waits.0.answer.take() {
                return answer;
            }
            waits.0.bell.next().await;
        }
    }
}

fn get(object: &JsValue, name: &str) -> Option<JsValue> {
    let value = Reflect::get(object, &name.into()).ok()?;
    (!value.is_undefined()).then_some(value)
}

/// Calls `navigator.locks.request`; none where there is no such thing, or it refuses.
fn ask(name: &str, wait: bool, asked: &Rc<Asked>) -> Option<()> {
    let locks = get(&get(&js_sys::global(), "navigator")?, "locks")?;
    let request: Function = get(&locks, "request")?.dyn_into().ok()?;
    let options = Object::new();
    drop(Reflect::set(
        &options,
        &"ifAvailable".into(),
        &(!wait).into(),
    )); // a plain object
    let told = asked.clone();
    // The lock is held until the promise that this returns is settled.
    let on_answer = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        let mut release = None;
        let held = Promise::new(&mut |resolve, _| release = Some(resolve));
        let lock = (!lock.is_null()).then_some(Lock { release });
        if !told.given_up.get() {
            told.answer.replace(Some(lock));
        } // else it is dropped, and so given back
        told.bell.ring();
        held.into()
    });
    let granted = request
        .call3(&locks, &name.into(), &options, &on_answer)
        .ok()?;
    let granted: Promise = granted.dyn_into().ok()?;
    // Refused (a document that is going away, an opaque origin): as if there were none.
    let refused = asked.clone();
    let on_refusal = Closure::once(move |_: JsValue| {
        refused.answer.replace(Some(Some(Lock { release: None })));
        refused.bell.ring();
    });
    drop(granted.catch(&on_refusal));
    on_refusal.forget();
    Some(())
}
