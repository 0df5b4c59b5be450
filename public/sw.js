// Keeps the app's own files, so that it opens without a network. What it does not know it leaves
// alone: it never answers for the API, for other hosts, or for anything that is not this build's.
// `cargo xtask dist` fills in the build and its files.

const BUILD = "__BUILD__";
const FILES = __FILES__;
// Files under names that stay: asked for first, kept for when there is no answer.
const FRESH = ["config.json"];

const scope = self.registration.scope;
const prefix = `layerscope-app ${scope} `;
const name = prefix + BUILD;
const address = (file) => new URL(file, scope).href;
const kept = new Set(FILES.map(address));
const fresh = new Set(FRESH.map(address));
const page = address("./");

async function install() {
  const cache = await caches.open(name);
  // A name with a hash may come from the browser's own cache; the others must be of this build.
  const asked = (url, mode) => new Request(url, { cache: mode, credentials: "same-origin" });
  await cache.addAll([
    ...[...kept].map((url) => asked(url, "default")),
    asked(page, "reload"),
  ]);
  for (const url of fresh) {
    try {
      await cache.add(asked(url, "reload"));
    } catch {
      // Not every host has it.
    }
  }
}

// Other builds' files go when no page of theirs is open any more.
async function activate() {
  const names = await caches.keys();
  const old = names.filter((other) => other.startsWith(prefix) && other !== name);
  await Promise.all(old.map((other) => caches.delete(other)));
  await self.clients.claim();
}

async function first(request, url) {
  const cache = await caches.open(name);
  return (await cache.match(url, { ignoreVary: true })) ?? fetch(request);
}

async function freshFirst(request, url) {
  const cache = await caches.open(name);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(url, answer.clone());
    return answer;
  } catch (error) {
    const known = await cache.match(url, { ignoreVary: true });
    if (known) return known;
    throw error;
  }
}

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
// The page asks for it when its reader has said so: nothing changes in the middle of something.
self.addEventListener("message", (event) => {
  if (event.data === "layerscope:take-over") self.skipWaiting();
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const url = request.url.split(/[?#]/)[0];
  if (request.mode === "navigate") {
    if (url === page || url === `${page}index.html`) event.respondWith(first(request, page));
  } else if (kept.has(request.url)) {
    event.respondWith(first(request, url));
  } else if (fresh.has(request.url)) {
    event.respondWith(freshFirst(request, url));
  }
});
