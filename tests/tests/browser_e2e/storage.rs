//! The store: seen, cleared, absent.

use layerscope_tests::{
    browser::{Browser, Options},
    corpus::{Corpus, edge},
    page::{Page, fs_route},
};

use crate::{assert_text, proxy, stage};

#[test]
fn what_is_stored_is_shown_and_cleared() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let layer = &corpus.image("made/tree").layers[0];
    let route = fs_route(&corpus.anonymous.host(), "made/tree", &layer.digest, "");
    page.load_ready(&route);
    assert_eq!(page.layer_done(), "blob");
    page.load_ready("#/settings");
    browser.find("[data-stored]");
    browser.screenshot("settings");
    browser.click("[data-action=clear]");
    browser.until(
        "an empty store",
        "return document.querySelector('[data-stored]') === null",
        &[],
    );
    // Losing it changes speed, never results.
    let mark = corpus.anonymous.log().mark();
    page.load_ready(&route);
    assert_eq!(page.layer_done(), "blob");
    let mut asked = corpus.anonymous.log().blobs_since(mark);
    asked.retain(|request| request.path.ends_with(&layer.digest));
    assert_eq!(asked.len(), 1);
    page.assert_clean();
}

/// A stored record that is damaged, or of another version, is made anew.
#[test]
fn a_damaged_record_is_made_anew() {
    let Some((corpus, proxy, browser)) = stage() else {
        return;
    };
    let page = Page::new(&browser, &proxy);
    let layer = &corpus.image("made/tree").layers[0];
    let route = fs_route(&corpus.anonymous.host(), "made/tree", &layer.digest, "");
    page.load_ready(&route);
    assert_eq!(page.layer_done(), "blob");
    page.load_ready("#/help");
    let changed = browser.run_async(
        "const ask = (request) => new Promise((done, fail) => { request.onsuccess = () => done(request.result); request.onerror = () => fail(request.error); });
         let changed = 0;
         for (const { name } of await indexedDB.databases()) {
             const db = await ask(indexedDB.open(name));
             for (const table of db.objectStoreNames) {
                 const store = db.transaction(table, 'readwrite').objectStore(table);
                 for (const key of await ask(store.getAllKeys())) {
                     const record = await ask(store.get(key));
                     const spoil = (value) => {
                         const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : null;
                         if (!bytes || bytes.length < 100) return false;
                         bytes[bytes.length >> 1] ^= 255;
                         return true;
                     };
                     let hit = spoil(record);
                     if (!hit && record && typeof record === 'object')
                         for (const value of Object.values(record)) hit = spoil(value) || hit;
                     if (hit) {
                         await ask(store.keyPath === null ? store.put(record, key) : store.put(record));
                         changed += 1;
                     }
                 }
             }
             db.close();
         }
         return changed;",
        &[],
    );
    assert!(changed.as_u64().unwrap() > 0, "nothing stored was found");
    let mark = corpus.anonymous.log().mark();
    page.load_ready(&route);
    assert_eq!(page.layer_done(), "blob");
    let mut asked = corpus.anonymous.log().blobs_since(mark);
    asked.retain(|request| request.path.ends_with(&layer.digest));
    assert_eq!(asked.len(), 1, "a damaged record was used");
    page.assert_clean();
}

#[test]
fn nothing_may_be_stored() {
    let Some(corpus) = Corpus::own() else {
        return;
    };
    let options = Options {
        storage_blocked: true,
        ..Options::default()
    };
    let Some(browser) = Browser::with(&options) else {
        return;
    };
    let proxy = proxy(&corpus);
    let page = Page::new(&browser, &proxy);
    page.load_ready("#/");
    let blocked = browser.run_async(
        "return await new Promise((done) => {
             try {
                 const request = indexedDB.open('probe');
                 request.onsuccess = () => done(false);
                 request.onerror = () => done(true);
             } catch { done(true); }
         })",
        &[],
    );
    assert_eq!(
        blocked, true,
        "this browser stores after all: the test means nothing"
    );
    let layer = &corpus.image("made/tree").layers[0];
    page.open_reference(&format!("{}/made/tree", corpus.anonymous.host()));
    page.ready();
    page.open_layer(&layer.digest);
    assert_eq!(page.layer_done(), "blob");
    page.walk_to(edge::NEEDLE);
    assert_text(&page.text(), &corpus.extract(layer, edge::NEEDLE).unwrap());
    // Told, and told once.
    let told = |browser: &Browser| {
        let text = browser.run("return document.body.innerText", &[]);
        let text = text.as_str().unwrap().to_lowercase();
        text.matches("stored").count() + text.matches("storage").count()
    };
    assert!(told(&browser) > 0, "{}", browser.describe());
    // The page that shows what is stored has nothing to show, and says why.
    assert_eq!(page.load("#/settings"), "error");
    assert!(page.alert().contains("storage"));
    assert_eq!(browser.violations(), [""; 0]);
    assert_eq!(browser.errors(), [""; 0]);
}
