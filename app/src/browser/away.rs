//! Leaving for another site and coming back: what is kept in this tab meanwhile, and secrets by
//! chance.

use layerscope_core::registry::login::{RANDOM_BYTES, Randoms, Returned, Started};
use serde::Deserialize;
use web_sys::Storage;

use super::error::BrowserError;
use super::page::window;

/// The slot of a sign-in that has begun, before its state. `callback.js` has the same.
const STARTED: &str = "layerscope:login:";
/// The slot of a provider's answer; likewise.
const RETURNED: &str = "layerscope:returned";

fn storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

/// Three values from the browser's generator for secrets.
///
/// # Errors
/// It has none.
pub fn randoms() -> Result<Randoms, BrowserError> {
    let doing = "making a secret by chance";
    let crypto = window().crypto().map_err(BrowserError::of(doing))?;
    let mut all = [[0; RANDOM_BYTES]; 3];
    for bytes in &mut all {
        crypto
            .get_random_values_with_u8_array(bytes)
            .map_err(BrowserError::of(doing))?;
    }
    Ok(Randoms::new(&all))
}

/// Keeps a sign-in under its state, in this tab, and leaves for an address.
///
/// # Errors
/// The browser stores nothing, or does not go there.
pub fn leave(state: &str, started: &Started, address: &str) -> Result<(), BrowserError> {
    let storage = storage().ok_or(BrowserError::Missing {
        what: "sessionStorage, in which a sign-in waits for its answer,",
    })?;
    // What an earlier attempt left, which can only be of use to somebody else.
    clear(&storage);
    let text = serde_json::to_string(started).unwrap_or_default();
    storage
        .set_item(&format!("{STARTED}{state}"), &text)
        .map_err(BrowserError::of(
            "keeping the sign-in for when you are back",
        ))?;
    let gone = window().location().assign(address);
    gone.map_err(BrowserError::of("going to the provider"))
}

fn clear(storage: &Storage) {
    let count = storage.length().unwrap_or_default();
    let keys = (0..count).filter_map(|at| storage.key(at).ok().flatten());
    let ours: Vec<String> = keys.filter(|key| key.starts_with(STARTED)).collect();
    for key in ours {
        drop(storage.remove_item(&key)); // refused: then it holds nothing
    }
}

/// The answer that `callback.html` has kept, with what it answers; both are forgotten here.
pub fn take_answer() -> Option<(Started, Returned)> {
    #[derive(Deserialize)]
    struct Kept {
        state: String,
        answer: Returned,
    }
    let storage = storage()?;
    let text = storage.get_item(RETURNED).ok().flatten()?;
    drop(storage.remove_item(RETURNED)); // as above
    let kept: Kept = serde_json::from_str(&text).ok()?;
    let slot = format!("{STARTED}{}", kept.state);
    let started = storage.get_item(&slot).ok().flatten();
    drop(storage.remove_item(&slot)); // as above
    let started = serde_json::from_str(&started?).ok()?;
    Some((started, kept.answer))
}
