// Keeps the app's own files, so that it opens without a network. What it does not know it leaves
// alone: it never answers for the API, for other hosts, or for anything that is not the app's.
// `cargo xtask dist` fills in the build and its files.

const BUILD = "__BUILD__";
const FILES = __FILES__;
// Files under names that stay: asked for first, kept for when there is no answer.
const FRESH = ["config.json"];
// How long the page's server may take, in milliseconds, before the page is shown as it was kept.
const PATIENCE = 1000;
// What whoever runs the app says about the page: it holds for a page that was kept too.
const POLICIES = [
  "content-security-policy",
  "cross-origin-embedder-policy",
  "cross-origin-opener-policy",
  "permissions-policy",
  "referrer-policy",
  "x-frame-options",
];

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

// The caches of all builds that are here, this one's first, then the newer ones.
async function builds() {
  const others = (await caches.keys()).filter((n) => n.startsWith(prefix) && n !== name);
  return [name, ...others.reverse()];
}

// The build before this one stays until the next: pages of it may be open, and go on with its files.
async function activate() {
  const [, , ...old] = await builds();
  await Promise.all(old.map((other) => caches.delete(other)));
  await self.clients.claim();
}

// A name with a hash in it is one file for ever, of whichever build.
const hashed = /^[^/?#]*[-_.][0-9a-f]{16}[-_.][^/?#]*$/;
const isHashed = (url) => url.startsWith(scope) && hashed.test(url.slice(scope.length));

async function first(request) {
  for (const build of await builds()) {
    const cache = await caches.open(build);
    const known = await cache.match(request.url, { ignoreVary: true });
    if (known) return known;
  }
  return fetch(request);
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

// The page as this build has it, with what is said about it now.
async function renewed(cache, known) {
  const answer = await fetch(page, { cache: "no-cache", credentials: "same-origin" });
  const text = await answer.clone().text();
  // What is no page of ours is a sign-in of the network's, or an error.
  if (!answer.ok || answer.redirected || !text.includes('name="layerscope-build"')) return known;
  if (text.includes(`content="${BUILD}"`)) {
    await cache.put(page, answer.clone());
    return answer;
  }
  const headers = new Headers(known.headers);
  // Of the bytes as they were sent.
  headers.delete("content-encoding");
  headers.delete("content-length");
  for (const policy of POLICIES) {
    const value = answer.headers.get(policy);
    if (value === null) headers.delete(policy);
    else headers.set(policy, value);
  }
  const { status, statusText } = known;
  const mixed = new Response(await known.blob(), { status, statusText, headers });
  await cache.put(page, mixed.clone());
  return mixed;
}

async function navigated(event) {
  const cache = await caches.open(name);
  const known = await cache.match(page, { ignoreVary: true });
  if (!known) return fetch(event.request);
  const now = renewed(cache, known.clone()).catch(() => known);
  event.waitUntil(now); // what comes late is for the next visit
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, known));
  return Promise.race([now, late]);
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
    if (url === page || url === `${page}index.html`) event.respondWith(navigated(event));
  } else if (kept.has(request.url) || isHashed(request.url)) {
    event.respondWith(first(request));
  } else if (fresh.has(request.url)) {
    event.respondWith(freshFirst(request, url));
  }
});
