// <layer-scope src="https://layerscope.example/" reference="debian:12"></layer-scope>
//
// Puts Layerscope into a page as a frame and speaks its messages (docs/embedding.md). The element
// hears its own frame alone, and only from the origin that it was loaded from; the frame hears this
// page only if whoever runs it has listed this page's origin.

/** The version of the messages. */
export const VERSION = 1;

/** How often, and how long, the frame is greeted: its program may still be loading. */
const GREET_MS = 250;
const GREETINGS = 240;

/** What the frame tells, each an event of the element with the message as its `detail`. */
const TOLD = new Set(["welcome", "navigated", "selected", "file", "error", "height", "failed"]);

/** A message was refused, the frame did not answer, or this page's origin is not allowed. */
export class LayerscopeError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = "LayerscopeError";
    this.code = code;
  }
}

/** The element. */
export class LayerScope extends HTMLElement {
  static observedAttributes = ["src", "reference", "route", "theme", "density"];

  #frame = document.createElement("iframe");
  #waiting = new Map();
  #last = 0;
  #greeting = 0;
  #ready = this.#handshake();

  constructor() {
    super();
    this.#frame.title = "Layerscope";
    this.#frame.loading = "lazy";
    this.#frame.referrerPolicy = "no-referrer";
    this.#frame.addEventListener("load", () => this.#begin());
  }

  /** Settled when the frame has answered; rejected when this page may not speak to it. */
  get ready() {
    return this.#ready.promise;
  }

  connectedCallback() {
    addEventListener("message", this.#hear);
    if (!this.#frame.isConnected) this.append(this.#frame);
    // A frame that is put elsewhere in the document is loaded anew.
    this.#renew();
    this.#load();
  }

  disconnectedCallback() {
    removeEventListener("message", this.#hear);
    this.#renew();
  }

  attributeChangedCallback(name, before, now) {
    if (!this.isConnected || before === now) return;
    if (name === "reference" || name === "route") {
      if (now !== null) this.open({ [name]: now }).catch(() => {}); // told as an event too
    } else {
      this.#load();
    }
  }

  /**
   * Opens a reference as people type it, or a route (`#/image/…`).
   * @param {{ reference?: string, route?: string }} what
   */
  open(what) {
    return this.#ask({ type: "open", ...what });
  }

  /**
   * Looks into bytes or a file. An ArrayBuffer is handed over: it is empty here afterwards.
   * @param {ArrayBuffer | Blob} content
   * @param {string} [name]
   */
  openContent(content, name) {
    if (content instanceof ArrayBuffer) {
      return this.#ask({ type: "content", name: name ?? "file", bytes: content }, [content]);
    }
    return this.#ask({ type: "content", name: name ?? content.name ?? "file", file: content });
  }

  /**
   * A sign-in at a registry, kept in the frame's memory alone.
   * @param {{ registry: string, username?: string, password?: string, token?: string }} credential
   */
  useCredential(credential) {
    return this.#ask({ type: "credential", ...credential });
  }

  #handshake() {
    const made = { settled: false };
    made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
    made.promise.catch(() => {}); // whoever wants to know asks for it
    return made;
  }

  // The frame has another program from now on, or none: what was asked of the one before is lost.
  #renew() {
    clearInterval(this.#greeting);
    const gone = new LayerscopeError("GONE", "The frame was loaded anew before it answered.");
    for (const { reject } of this.#waiting.values()) reject(gone);
    this.#waiting.clear();
    // Who waits for the handshake goes on waiting.
    if (this.#ready.settled) this.#ready = this.#handshake();
  }

  #welcome() {
    clearInterval(this.#greeting);
    // Also one that comes after it was given up.
    if (this.#ready.failed) this.#ready = this.#handshake();
    this.#ready.settled = true;
    this.#ready.resolve();
  }

  #fail(code, message) {
    clearInterval(this.#greeting);
    this.#ready.settled = this.#ready.failed = true;
    this.#ready.reject(new LayerscopeError(code, message));
  }

  get #origin() {
    return new URL(this.getAttribute("src") ?? "./", document.baseURI).origin;
  }

  #load() {
    const address = new URL(this.getAttribute("src") ?? "./", document.baseURI);
    address.searchParams.set("embed", "1");
    for (const name of ["theme", "density"]) {
      const value = this.getAttribute(name);
      if (value) address.searchParams.set(name, value);
    }
    const route = this.getAttribute("route");
    const reference = this.getAttribute("reference");
    if (route) address.hash = route.replace(/^#/, "");
    else if (reference) address.hash = `/image/${encodeURI(reference)}`;
    if (this.#frame.src === address.href) return;
    this.#renew();
    this.#frame.src = address.href;
  }

  #post(message, transfer = []) {
    this.#frame.contentWindow?.postMessage({ version: VERSION, ...message }, this.#origin, transfer);
  }

  #begin() {
    this.#renew();
    let left = GREETINGS;
    const greet = () => {
      if (left-- > 0) return this.#post({ type: "hello" });
      this.#fail("SILENT", "The frame did not answer.");
    };
    greet();
    this.#greeting = setInterval(greet, GREET_MS);
  }

  async #ask(message, transfer = []) {
    await this.ready;
    const id = String(++this.#last);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#post({ ...message, id }, transfer);
    });
  }

  #hear = (event) => {
    if (event.source !== this.#frame.contentWindow || event.origin !== this.#origin) return;
    const told = event.data;
    if (told?.version !== VERSION) return;
    if (told.denied) {
      this.#fail("DENIED", "The origin of this page is not allowed to speak to the frame.");
      this.dispatchEvent(new CustomEvent("denied"));
      return;
    }
    if (told.type === "welcome") this.#welcome();
    if (told.type === "done" || told.type === "failed") {
      const waiting = this.#waiting.get(told.id);
      this.#waiting.delete(told.id);
      if (told.type === "done") waiting?.resolve();
      else waiting?.reject(new LayerscopeError(told.problem.code, told.problem.cause));
    }
    if (TOLD.has(told.type)) {
      this.dispatchEvent(new CustomEvent(told.type, { detail: told }));
    }
  };
}

if (!customElements.get("layer-scope")) customElements.define("layer-scope", LayerScope);
