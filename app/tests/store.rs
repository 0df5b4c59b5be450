//! The index store in a real IndexedDB.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used)] // a test's panic is its message

use std::time::Duration;

use js_sys::{Promise, Reflect};
use layerscope_app::browser::store::{DEFAULT_BUDGET_BYTES, Store, TOUCH_AFTER};
use layerscope_app::browser::timer;
use layerscope_core::explore::cancel::{Cancel, Cancelled};
use layerscope_core::port::{Grown, IndexStore, StoreError};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{IdbDatabase, IdbFactory, IdbOpenDbRequest};

wasm_bindgen_test_configure!(run_in_browser);

async fn fresh(name: &str) -> Store {
    let store = Store::open_named(name).await.unwrap();
    store.clear().await.unwrap();
    store.set_budget(DEFAULT_BUDGET_BYTES).await.unwrap();
    store
}

/// Puts a record in a millisecond of its own, so that the order of use is certain.
async fn put(store: &Store, key: &str, len: usize) {
    store.put(key, &vec![7; len], "label").await.unwrap();
    timer::sleep(Duration::from_millis(3)).await;
}

async fn keys(store: &Store) -> Vec<String> {
    let list = store.list().await.unwrap();
    list.into_iter().map(|stored| stored.key).collect()
}

#[wasm_bindgen_test]
async fn what_was_put_is_got_until_it_is_removed() {
    let store = fresh("put-get").await;
    assert_eq!(store.get("a").await.unwrap(), None);
    store.put("a", b"one", "library/debian").await.unwrap();
    store.put("a", b"three", "library/debian").await.unwrap();
    assert_eq!(
        store.get("a").await.unwrap().as_deref(),
        Some(&b"three"[..])
    );
    let list = store.list().await.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(
        (list[0].label.as_str(), list[0].bytes),
        ("library/debian", 5)
    );
    assert_eq!(store.used().await.unwrap(), 5);
    store.remove("a").await.unwrap();
    store.remove("a").await.unwrap();
    assert_eq!(store.get("a").await.unwrap(), None);
    assert_eq!(store.used().await.unwrap(), 0);
}

async fn grow(
    store: &Store,
    after: Option<&[u8]>,
    head: &[u8],
    (number, part): (u32, &[u8]),
    total: u64,
) -> Result<(), StoreError> {
    let grown = Grown {
        after,
        head,
        number,
        part,
        total,
    };
    store.append("a", grown, "x").await
}

#[wasm_bindgen_test]
async fn a_value_that_grows_is_counted_and_removed_with_its_parts() {
    let store = fresh("parts").await;
    put(&store, "ab", 9).await;
    put(&store, "a0", 9).await;
    grow(&store, None, b"h1", (0, b"one"), 5).await.unwrap();
    // Not on what is not there, nor in the place of what is.
    for after in [None, Some(b"h2".as_slice())] {
        let refused = grow(&store, after, b"head", (1, b"two"), 10).await;
        assert_eq!(refused, Err(StoreError::Changed));
    }
    grow(&store, Some(b"h1"), b"head", (1, b"two"), 10)
        .await
        .unwrap();
    for (key, bytes) in [("a", "head"), ("a/0", "one"), ("a/1", "two")] {
        let got = store.get(key).await.unwrap();
        assert_eq!(got.as_deref(), Some(bytes.as_bytes()), "{key}");
    }
    assert_eq!(keys(&store).await, ["a", "a0", "ab"]);
    assert_eq!(store.used().await.unwrap(), 28);
    // Parts are evicted with their head, and nobody else's.
    store.set_budget(30).await.unwrap();
    put(&store, "c", 12).await;
    assert_eq!(keys(&store).await, ["c", "a"]);
    put(&store, "d", 9).await;
    assert_eq!(keys(&store).await, ["d", "c"]);
    for key in ["a", "a/0", "a/1"] {
        assert_eq!(store.get(key).await.unwrap(), None, "{key}");
    }
    // Over the budget, neither is there.
    let large = grow(&store, None, b"head", (0, &[1; 40]), 44).await;
    assert!(matches!(large, Err(StoreError::Full { .. })));
    assert_eq!(store.get("a/0").await.unwrap(), None);
    put(&store, "a0", 2).await;
    let evicted = grow(&store, Some(b"head"), b"more", (2, b"three"), 16).await;
    assert_eq!(evicted, Err(StoreError::Changed));
    grow(&store, None, b"head", (0, b"one"), 7).await.unwrap();
    store.remove("a").await.unwrap();
    assert_eq!(store.get("a/0").await.unwrap(), None);
    assert_eq!(store.get("a0").await.unwrap(), Some(vec![7; 2]));
}

#[wasm_bindgen_test]
async fn it_is_still_there_for_the_next_visit() {
    let store = fresh("persist").await;
    store.put("a", &[0, 255, 10], "x").await.unwrap();
    drop(store);
    let store = Store::open_named("persist").await.unwrap();
    assert_eq!(store.get("a").await.unwrap(), Some(vec![0, 255, 10]));
}

#[wasm_bindgen_test]
async fn many_first_uses_at_once_share_one_connection() {
    let store = Store::lazy();
    store.connect_early();
    let (put, list) = futures_join(store.put("at once", b"1", "x"), store.list()).await;
    put.unwrap();
    assert!(list.unwrap().len() <= 1);
    // Given up half-way, it leaves no lock behind.
    let store = Store::lazy();
    let given_up = Cancel::default();
    let waiting = futures_join(given_up.guard(store.get("at once")), async {
        given_up.cancel();
    });
    assert_eq!(waiting.await.0.err(), Some(Cancelled));
    assert_eq!(store.get("at once").await.unwrap(), Some(b"1".to_vec()));
    store.clear().await.unwrap();
}

#[wasm_bindgen_test]
async fn the_least_recently_used_goes_first() {
    let store = fresh("evict").await;
    store.set_budget(1000).await.unwrap();
    put(&store, "a", 400).await;
    put(&store, "b", 400).await;
    assert!(store.get("a").await.unwrap().is_some());
    timer::sleep(TOUCH_AFTER + Duration::from_millis(500)).await;
    put(&store, "c", 300).await;
    assert_eq!(keys(&store).await, ["c", "a"]);
    assert_eq!(store.used().await.unwrap(), 700);
    assert_eq!(store.get("b").await.unwrap(), None);
}

#[wasm_bindgen_test]
async fn replacing_a_record_does_not_count_it_twice() {
    let store = fresh("replace").await;
    store.set_budget(1000).await.unwrap();
    put(&store, "a", 300).await;
    put(&store, "b", 600).await;
    put(&store, "b", 650).await;
    assert_eq!(keys(&store).await, ["b", "a"]);
}

#[wasm_bindgen_test]
async fn a_smaller_budget_evicts_at_once_and_is_remembered() {
    let store = fresh("budget").await;
    assert_eq!(store.budget().await.unwrap(), DEFAULT_BUDGET_BYTES);
    for key in ["a", "b", "c"] {
        put(&store, key, 100).await;
    }
    store.set_budget(150).await.unwrap();
    assert_eq!(keys(&store).await, ["c"]);
    let again = Store::open_named("budget").await.unwrap();
    assert_eq!(again.budget().await.unwrap(), 150);
}

#[wasm_bindgen_test]
async fn what_is_over_the_budget_is_refused_and_evicts_nothing() {
    let store = fresh("over").await;
    store.set_budget(100).await.unwrap();
    put(&store, "a", 80).await;
    let refused = store.put("b", &[0; 101], "x").await;
    assert!(
        matches!(refused, Err(StoreError::Full { .. })),
        "{refused:?}"
    );
    assert_eq!(keys(&store).await, ["a"]);
}

#[wasm_bindgen_test]
async fn two_connections_count_together() {
    let one = fresh("two").await;
    let two = Store::open_named("two").await.unwrap();
    one.set_budget(1000).await.unwrap();
    let value = vec![0; 200];
    for round in 0..5 {
        let (key_one, key_two) = (format!("one-{round}"), format!("two-{round}"));
        let (a, b) = (
            one.put(&key_one, &value, "x"),
            two.put(&key_two, &value, "x"),
        );
        let (a, b) = futures_join(a, b).await;
        a.unwrap();
        b.unwrap();
    }
    assert_eq!(one.used().await.unwrap(), 1000);
    assert_eq!(two.list().await.unwrap().len(), 5);
}

/// Drives two futures at once.
async fn futures_join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    let (mut got_a, mut got_b) = (None, None);
    std::future::poll_fn(|context| {
        use std::task::Poll;
        if got_a.is_none()
            && let Poll::Ready(value) = a.as_mut().poll(context)
        {
            got_a = Some(value);
        }
        if got_b.is_none()
            && let Poll::Ready(value) = b.as_mut().poll(context)
        {
            got_b = Some(value);
        }
        match (got_a.is_some(), got_b.is_some()) {
            (true, true) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
    (got_a.unwrap(), got_b.unwrap())
}

fn factory() -> IdbFactory {
    let factory = Reflect::get(&js_sys::global(), &"indexedDB".into()).unwrap();
    factory.unchecked_into()
}

async fn finished(request: &IdbOpenDbRequest) {
    let promise = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    JsFuture::from(promise).await.unwrap();
}

#[wasm_bindgen_test]
async fn it_lets_go_when_another_tab_upgrades_and_comes_back_as_unavailable() {
    let store = fresh("upgrade").await;
    store.put("a", b"1", "x").await.unwrap();
    // If the store kept its connection, this would wait for ever.
    let request = factory().open_with_u32("upgrade", 99).unwrap();
    finished(&request).await;
    let database: IdbDatabase = request.result().unwrap().unchecked_into();
    let refused = store.get("a").await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable { .. })),
        "{refused:?}"
    );
    database.close();
    finished(&factory().delete_database("upgrade").unwrap()).await;
    // The newer version is gone, so it connects again by itself.
    assert_eq!(store.get("a").await.unwrap(), None);
}

#[wasm_bindgen_test]
async fn a_connection_that_blocks_the_upgrade_makes_it_unavailable_not_stuck() {
    // Another page, of a build that does not let go: it has the database open while it is
    // deleted, so that opening it again has to wait.
    let request = factory().open_with_u32("blocked", 1).unwrap();
    finished(&request).await;
    let stubborn: IdbDatabase = request.result().unwrap().unchecked_into();
    let deletion = factory().delete_database("blocked").unwrap();
    let refused = Store::open_named("blocked").await.err();
    assert!(
        matches!(refused, Some(StoreError::Unavailable { .. })),
        "{refused:?}"
    );
    stubborn.close();
    drop(deletion);
    let store = Store::open_named("blocked").await.unwrap();
    store.put("a", b"1", "x").await.unwrap();
}
