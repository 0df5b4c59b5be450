//! Small things remembered between visits: recent references, theme, settings. In localStorage;
//! where that is refused (blocked cookies, an opaque origin), in memory for this tab.

use std::cell::RefCell;
use std::collections::BTreeMap;

use layerscope_core::layer_index::TradeChoice;
use layerscope_core::registry::way::Ways;
use web_sys::{Storage, StorageEvent};

use super::page::{self, window};

/// How many recent references are kept: as many as fit on the start page.
pub const MAX_RECENT: usize = 20;

const PREFIX: &str = "layerscope:";
const RECENT: &str = "recent";
const LOCAL: &str = "local";
const THEME: &str = "theme";
const TRADE: &str = "index";
const WAYS: &str = "ways";
const ACCEPTED: &str = "accepted-proxies";

thread_local! {
    static MEMORY: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

/// Which colours the page has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Theme::System, Theme::Light, Theme::Dark];
        all.into_iter().find(|theme| theme.name() == name)
    }

    /// The name it is kept under, also for an attribute.
    pub fn name(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

/// A setting's value.
pub fn get(name: &str) -> Option<String> {
    let kept = storage().and_then(|s| s.get_item(&format!("{PREFIX}{name}")).ok().flatten());
    kept.or_else(|| MEMORY.with(|m| m.borrow().get(name).cloned()))
}

/// Keeps a setting. Returns false if it will be forgotten with this tab.
pub fn set(name: &str, value: &str) -> bool {
    let kept = storage().is_some_and(|s| s.set_item(&format!("{PREFIX}{name}"), value).is_ok());
    if !kept {
        MEMORY.with(|m| m.borrow_mut().insert(name.to_owned(), value.to_owned()));
    }
    kept
}

/// Forgets a setting.
pub fn remove(name: &str) {
    if let Some(storage) = storage() {
        drop(storage.remove_item(&format!("{PREFIX}{name}"))); // refused: then it holds nothing
    }
    MEMORY.with(|m| m.borrow_mut().remove(name));
}

/// Calls back when another tab has changed a setting, or all of them.
pub fn on_change(name: &'static str, callback: impl Fn() + 'static) {
    page::listen("storage", move |event: StorageEvent| {
        // No key: everything was cleared.
        let ours = |key: String| key.strip_prefix(PREFIX).is_some_and(|key| key == name);
        if event.key().is_none_or(ours) {
            callback();
        }
    });
}

/// Proxies that a link has named and the user lets have sign-ins.
pub fn accepted() -> Vec<String> {
    serde_json::from_str(&get(ACCEPTED).unwrap_or_default()).unwrap_or_default()
}

/// Keeps which proxies those are.
pub fn set_accepted(proxies: &[String]) {
    match serde_json::to_string(proxies) {
        Ok(text) if !proxies.is_empty() => drop(set(ACCEPTED, &text)),
        _ => remove(ACCEPTED),
    }
}

/// The references opened last, newest first.
pub fn recents() -> Vec<String> {
    let text = get(RECENT).unwrap_or_default();
    let mut list: Vec<String> = serde_json::from_str(&text).unwrap_or_default();
    list.truncate(MAX_RECENT);
    list
}

/// Puts a reference at the head of the recent ones.
pub fn add_recent(reference: &str) {
    let mut list = recents();
    list.retain(|old| old != reference);
    list.insert(0, reference.to_owned());
    list.truncate(MAX_RECENT);
    if let Ok(text) = serde_json::to_string(&list) {
        set(RECENT, &text);
    }
}

/// What was opened from disk and can be opened again, newest first: id and name of each.
pub fn locals() -> Vec<(String, String)> {
    serde_json::from_str(&get(LOCAL).unwrap_or_default()).unwrap_or_default()
}

/// Puts something from disk at the head of those.
pub fn add_local(id: &str, name: &str) {
    let mut list = locals();
    list.retain(|(old, _)| old != id);
    list.insert(0, (id.to_owned(), name.to_owned()));
    list.truncate(MAX_RECENT);
    if let Ok(text) = serde_json::to_string(&list) {
        set(LOCAL, &text);
    }
}

/// Forgets the recent references, and what was opened from disk.
pub fn clear_recents() {
    remove(RECENT);
    remove(LOCAL);
}

/// Which way each registry is asked.
pub fn ways() -> Ways {
    Ways::parse(&get(WAYS).unwrap_or_default())
}

/// Keeps which way each registry is asked.
pub fn set_ways(ways: &Ways) {
    set(WAYS, &ways.to_text());
}

/// Calls back when another tab has changed which way registries are asked.
pub fn on_ways(callback: impl Fn() + 'static) {
    on_change(WAYS, callback);
}

/// The theme chosen.
pub fn theme() -> Theme {
    match get(THEME).as_deref() {
        Some("light") => Theme::Light,
        Some("dark") => Theme::Dark,
        _ => Theme::System,
    }
}

/// Keeps the theme chosen.
pub fn set_theme(theme: Theme) {
    set(THEME, theme.name());
}

/// What indices are to keep.
pub fn trade() -> TradeChoice {
    get(TRADE)
        .and_then(|name| TradeChoice::from_name(&name))
        .unwrap_or_default()
}

/// Keeps what indices are to keep.
pub fn set_trade(trade: TradeChoice) {
    set(TRADE, trade.name());
}
