// Loads the app's wasm module, or says plainly why it cannot. The names of the files come from
// this script's own data attributes, so that no inline script is needed.

const script = document.querySelector("script[data-js][data-wasm]");
const boot = document.getElementById("boot");

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
  if (boot) boot.replaceChildren(panel);
  else document.body.prepend(panel);
}

// A link to anything but the start page needs the other pages' module too: it need not wait until
// the first is here and asks for it. (Without a hash in its name there is no such module.)
function fetchPages() {
  const pages = document.querySelector('meta[name="layerscope-pages"]')?.content;
  const start = ["", "#", "#/"].includes(location.hash) && location.search === "";
  if (start || !/-[0-9a-f]{16}\./.test(pages ?? "")) return;
  const link = document.createElement("link");
  link.rel = "preload";
  link.as = "fetch";
  link.type = "application/wasm";
  link.crossOrigin = "anonymous";
  link.href = new URL(pages, document.baseURI).href;
  document.head.append(link);
}

async function start() {
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
    await module.default({ module_or_path: address("wasm") });
    boot?.remove();
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
