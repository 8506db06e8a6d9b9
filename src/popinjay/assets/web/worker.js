// The model, beside the page, so that the page never waits for it. Messages:
//   in: {kind: "load", mayKeep}, {kind: "write", id, options}, {kind: "stop"}
//   out: {kind: "loading", done, total}, {kind: "ready"}, {kind: "text", id, place, text},
//        {kind: "post", id, place, text}, {kind: "missing", id, place}, {kind: "over", id, ...},
//        {kind: "error", id, message}

import factory from "./engine/ort-wasm-simd-threaded.mjs";
import { OnnxDecoder } from "./decoder.js";
import { bytesOf, jsonOf, listing } from "./files.js";
import { OutputFilters } from "./filters.js";
import { GenerationRequest } from "./request.js";
import { generate } from "./scheduler.js";
import { StreamBuffer } from "./streaming.js";
import { Tokenizer } from "./tokenizer.js";
import { VerbatimIndex } from "./verbatim_index.js";
import { unpackWeights } from "./weights.js";

const ROWS = 10; // drafts that are written side by side

let decoder, filters, current = 0;
let queue = Promise.resolve();

async function load(mayKeep) {
  const list = { ...(await listing()), mayKeep };
  const parts = Object.keys(list.sizes).filter((name) => /^model\/weights\./.test(name)).sort();
  const needed = [...parts, "engine/ort-wasm-simd-threaded.wasm.gzip", "model/model.onnx"];
  const total = needed.reduce((sum, name) => sum + list.sizes[name], 0);
  let done = 0;
  const report = (bytes) => postMessage({ kind: "loading", done: (done += bytes), total });
  const get = (name) => bytesOf(name, list, report);
  const persona = await jsonOf("persona.json", list);
  const layout = await jsonOf("model/model.json", list);
  const tokenizer = new Tokenizer(await jsonOf("model/tokenizer.json.gzip", list), persona.special);
  const index = new VerbatimIndex(await bytesOf("posts.index", list),
    new VerbatimIndex(await bytesOf("marked.index", list)));
  filters = new OutputFilters(index);
  const wasm = await get(needed.at(-2));
  const graph = await get(needed.at(-1));
  const weights = [];
  for (const part of parts) weights.push(await get(part));
  const engine = await factory({ numThreads: 1, wasmBinary: wasm.buffer });
  decoder = await OnnxDecoder.open(engine, layout, graph, unpackWeights(layout, weights), tokenizer);
}

async function write({ id, options }) {
  const began = performance.now();
  const request = await GenerationRequest.open(decoder, filters, options);
  const buffer = new StreamBuffer();
  const told = new Set();
  let tokens = 0, first = 0, counted = performance.now();
  await generate(decoder, request, ROWS, (drafts) => {
    tokens += drafts.length;
    for (const draft of drafts) {
      const text = buffer.push(draft);
      if (text !== null) postMessage({ kind: "text", id, place: draft.key.place, text });
    }
    for (const [place, post] of request.done) {
      if (told.has(place)) continue;
      told.add(place);
      first ||= performance.now() - began;
      postMessage(post
        ? { kind: "post", id, place, text: post.text } : { kind: "missing", id, place });
    }
    return current !== id;
  });
  const seconds = (performance.now() - counted) / 1000;
  const redrawn = Object.fromEntries(request.redrawn);
  postMessage({ kind: "over", id, first, tokensPerSecond: tokens / seconds, redrawn });
}

onmessage = ({ data }) => {
  if (data.kind === "write") current = data.id;
  if (data.kind === "stop") current = 0;
  const work = { load: async () => { await load(data.mayKeep); postMessage({ kind: "ready" }); },
    write: () => (current === data.id ? write(data) : null), stop: () => null }[data.kind];
  queue = queue.then(work).catch((error) => postMessage(
    { kind: "error", id: data.id, message: String(error?.message ?? error) }));
};
