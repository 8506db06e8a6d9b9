// Answers from what was kept, so that the page works without a network after its first load. The
// exporter fills in the version, which changes with any file. The model's and the engine's files
// are kept by files.js when the page first needs them.

const VERSION = "{{version}}";
const SMALL = [];
const PREFIX = `popinjay ${self.registration.scope} `;
const NAME = PREFIX + VERSION;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const isOurs = event.request.url.startsWith(self.registration.scope);
  if (event.request.method === "GET" && isOurs) event.respondWith(answer(event.request));
});

async function install() {
  const cache = await caches.open(NAME);
  await cache.addAll(SMALL.map((name) => new Request(name, { cache: "reload" })));
  await self.skipWaiting();
}

async function activate() {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== NAME);
  await Promise.all(names.map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function answer(request) {
  const cache = await caches.open(NAME);
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
}
