// The files beside the page, kept in the browser so that they are loaded once.

const BASE = new URL(".", import.meta.url).href;

// Return the names of all files with their sizes, and the version of them all.
export async function listing() {
  return (await fetch(`${BASE}files.json`)).json();
}

// Return the bytes of a file; `report` is told how many have come. What was kept comes first. The
// exporter packs what hosts may not compress: it is kept as it came, and unpacked here.
export async function bytesOf(name, { version, sizes, mayKeep }, report = () => {}) {
  const url = BASE + name;
  const cache = mayKeep ? await opened(`popinjay ${BASE} ${version}`) : null;
  const kept = await cache?.match(url);
  const bytes = await read(kept ?? (await fetch(url)), sizes[name], report);
  if (!kept && cache) await keep(cache, url, bytes);
  return name.endsWith(".gzip") ? unpacked(bytes) : bytes;
}

export async function unpacked(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export async function jsonOf(name, list) {
  return JSON.parse(new TextDecoder().decode(await bytesOf(name, list)));
}

async function opened(name) {
  try {
    return await caches.open(name);
  } catch {
    return null; // not on this kind of address, or not allowed: it is loaded every time
  }
}

async function read(response, size, report) {
  if (!response.ok) throw new Error(`${response.url} can't be loaded (${response.status}).`);
  const bytes = new Uint8Array(size);
  const reader = response.body.getReader();
  let place = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (place + value.length > size) throw new Error("A file is not as it was exported.");
    bytes.set(value, place);
    place += value.length;
    report(value.length);
  }
  if (place !== size) throw new Error("A file came incompletely. Load the page again.");
  return bytes;
}

async function keep(cache, url, bytes) {
  try {
    await cache.put(url, new Response(bytes));
  } catch {
    // The browser has no room for it: it is loaded again next time.
  }
}
