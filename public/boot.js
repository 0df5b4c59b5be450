// Loads the app's wasm module, or says plainly why it cannot. The names of the files come from
// this script's own data attributes, so that no inline script is needed.

const script = document.querySelector("script[data-js][data-wasm]");

function fail(cause, remedy) {
  document.documentElement.dataset.state = "error";
  const panel = document.createElement("div");
  panel.setAttribute("role", "alert");
  const add = (tag, text) => {
    const element = document.createElement(tag);
    element.textContent = text;
    panel.append(element);
  };
  add("h1", "Layerscope could not start");
  add("p", cause);
  add("p", remedy);
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = "Try again";
  again.addEventListener("click", () => location.reload());
  panel.append(again);
  const boot = document.getElementById("boot");
  if (boot) boot.replaceChildren(panel);
  else document.body.prepend(panel);
}

// A link into a layer needs a worker. Started here, it loads beside the page's program; by its name
// it knows which layer it will be asked for, and reads what is stored of it. The program takes it
// over, unless it failed before: then the program's own tells why.
function startWorker() {
  const layer = /^#\/fs\/[^?]*@((?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))(?:[/?]|$)/;
  const digest = layer.exec(location.hash)?.[1];
  const address = document.querySelector('meta[name="layerscope-worker"]')?.content;
  // Without a hash in its name it is not the loader that keeps early messages.
  if (!digest || !/-[0-9a-f]{16}\./.test(address ?? "")) return;
  try {
    const worker = new Worker(new URL(address, document.baseURI), {
      name: `layer ${digest}`,
      type: "module",
    });
    globalThis.layerscopeWorker = worker;
    worker.onerror = (event) => {
      event.preventDefault();
      if (globalThis.layerscopeWorker === worker) delete globalThis.layerscopeWorker;
    };
  } catch {
    // Refused: as above.
  }
}

// A link to anything but the start page needs further modules too, one into a layer fewer than the
// others: they need not wait until the first is here and asks for them. (Without a hash in their names
// there are no such modules.)
function fetchPages() {
  if (["", "#", "#/"].includes(location.hash) && location.search === "") return;
  const metas = ["layerscope-layer"];
  if (!location.hash.startsWith("#/fs/")) metas.push("layerscope-pages");
  const modules = metas.flatMap((name) =>
    (document.querySelector(`meta[name="${name}"]`)?.content ?? "").split(" "),
  );
  for (const module of new Set(modules)) {
    if (!/-[0-9a-f]{16}\./.test(module)) continue;
    const link = document.createElement("link");
    link.rel = "preload";
    link.as = "fetch";
    link.type = "application/wasm";
    link.crossOrigin = "anonymous";
    link.href = new URL(module, document.baseURI).href;
    document.head.append(link);
  }
}

async function start() {
  // Where the proxy is, which the program needs before its first question.
  globalThis.layerscopeConfig = fetch("config.json", { credentials: "omit" }).catch(() => undefined);
  startWorker();
  fetchPages();
  if (typeof WebAssembly !== "object") {
    fail(
      "This browser has no WebAssembly, or it is switched off.",
      "Allow WebAssembly for this page, or open it in another browser.",
    );
    return;
  }
  const address = (name) => new URL(script.dataset[name], document.baseURI).href;
  try {
    const module = await import(address("js"));
    // This script does not wait for the rest of the page, but the program needs its body.
    if (document.readyState === "loading") {
      await new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
    }
    await module.default({ module_or_path: address("wasm") });
    document.getElementById("boot")?.remove();
  } catch (error) {
    console.error(error);
    fail(
      `The program could not be loaded: ${error?.message ?? error}`,
      "Check the connection and try again. If this page was open while Layerscope was updated, " +
        "reloading it is enough; if it stays, the server's copy is incomplete and has to be built again.",
    );
  }
}

await start();
