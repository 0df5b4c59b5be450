// Starts the worker's wasm module. Names are relative to this file, wherever it is served.
self.layerscopeBuild = "__BUILD__";

// A worker's queue is opened as soon as this script has run, but the module that answers comes
// later: what arrives in between is kept and handed over.
const early = [];
const keep = (event) => early.push(event);
self.addEventListener("message", keep);

importScripts("__SCRIPT__");
wasm_bindgen({ module_or_path: "__MODULE__" }).then(
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
