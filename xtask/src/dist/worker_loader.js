// Starts the worker's wasm module. Names are relative to this file, wherever it is served.
self.layerscopeBuild = "__BUILD__";

// A worker's queue is opened as soon as this script has run, but the module that answers comes
// later: what arrives in between is kept and handed over.
const early = [];
const keep = (event) => early.push(event);
self.addEventListener("message", keep);

// Both are on their way at once.
const module = fetch(new URL("./__MODULE__", import.meta.url));
module.catch(() => {}); // told by who waits for it
const program = import("./__SCRIPT__");
program.catch(() => {});

// A worker that boot.js started has the digest of its layer in its name. What is stored of it is
// read while the module compiles. Names and version are those of app/src/browser/store.rs; where
// anything is missing, nothing is made here, and the program finds out itself.
const digest = self.name.split(" ")[1];
if (digest && self.indexedDB) {
  const key = `layer/${digest}`;
  const record = new Promise((resolve) => {
    const open = indexedDB.open("layerscope", 1);
    open.onupgradeneeded = () => open.transaction.abort();
    open.onerror = () => resolve();
    open.onblocked = () => resolve();
    open.onsuccess = () => {
      try {
        const get = open.result.transaction("index").objectStore("index").get(key);
        get.onsuccess = () => resolve(get.result);
        get.onerror = () => resolve();
      } catch {
        resolve();
      }
      open.result.close(); // when the reading has ended
    };
  });
  self.layerscopeStored = { key, record };
}

program.then((script) => script.default({ module_or_path: module })).then(
  () => {
    self.removeEventListener("message", keep);
    for (const event of early) {
      self.dispatchEvent(new MessageEvent("message", { data: event.data, ports: [...event.ports] }));
    }
  },
  (error) => {
    // Thrown outside the promise, it reaches the page as the worker's error event.
    setTimeout(() => {
      throw error;
    });
  },
);
