// The page: asks the worker for posts, and shows them as they are written.

import { element, KeptPosts, PostList } from "./post_list.js";

const COUNT = 10;
const at = (id) => document.getElementById(id);
const announce = (text) => { at("status").textContent = text; };
const megabytes = (bytes) => Math.max(1, Math.round(bytes / 1e6));

const answer = await fetch("persona.json");
const persona = await answer.json();
// A host that forbids it is obeyed, such as popinjay itself: nothing is kept for the next visit.
const mayKeep = !answer.headers.get("Cache-Control")?.includes("no-store");
const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const kept = new KeptPosts(at("kept"), at("kept-posts"), persona.name, persona.title, announce);
const posts = new PostList(at("posts"), persona.title, kept, announce);
let writing = 0, id = 0, finished = 0;

describe();
setUp("temperature", persona.sampling.temperature, (value) => Number(value).toFixed(2));
setUp("length", persona.sampling.maxChars, (value) => `${value} characters`);
worker.onmessage = ({ data }) => handle[data.kind]?.(data);
worker.onerror = (event) => fail(event.message || "The model could not be started.");
worker.postMessage({ kind: "load", mayKeep });
at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (writing) stop();
  else write();
});
if (mayKeep) navigator.serviceWorker?.register("sw.js").catch(() => {}); // it needs the network

const handle = {
  loading({ done, total }) {
    at("progress").value = done / total;
    const text = `Loading the model: ${megabytes(done)} of ${megabytes(total)} MB. `
      + "That is needed once.";
    if (at("status").textContent !== text) announce(text);
  },
  ready() {
    at("progress").hidden = true;
    for (const button of at("form").querySelectorAll("button")) button.disabled = false;
    announce("");
    document.body.dataset.ready = "true";
  },
  text({ id: of, place, text }) {
    if (of === writing) posts.show(place, text);
  },
  post({ id: of, place, text }) {
    if (of !== writing) return;
    posts.finish(place, text);
    finished += 1;
    announce(`${finished} of ${COUNT} posts.`);
  },
  missing({ id: of, place }) {
    if (of === writing) posts.miss(place);
  },
  over({ id: of, first, tokensPerSecond }) {
    if (of !== writing) return;
    document.body.dataset.first = first;
    document.body.dataset.speed = tokensPerSecond;
    end(finished === 1 ? "One post." : `${finished} posts.`);
  },
  error({ id: of, message }) {
    if (of === undefined) fail(message);
    else if (of === writing) end(message);
  },
};

function write() {
  writing = ++id;
  finished = 0;
  posts.begin(COUNT);
  at("written").hidden = false;
  at("write").textContent = "Stop";
  announce("Writing …");
  worker.postMessage({ kind: "write", id, options: {
    ...persona.sampling,
    n: COUNT,
    prompt: at("beginning").value,
    temperature: Number(at("temperature").value),
    maxChars: Number(at("length").value),
    seed: crypto.getRandomValues(new Uint32Array(1))[0],
  } });
}

function stop() {
  worker.postMessage({ kind: "stop" });
  end("Stopped.");
}

function end(message) {
  writing = 0;
  posts.end();
  at("written").hidden = !at("posts").children.length;
  at("write").textContent = finished ? "Write ten more" : "Write ten posts";
  announce(message);
}

function fail(message) {
  at("progress").hidden = true;
  for (const button of at("form").querySelectorAll("button")) button.disabled = true;
  announce(`The model can't be used here: ${message}`);
}

function setUp(name, value, inWords) {
  const input = at(name), says = at(`${name}-is`);
  input.value = value;
  const show = () => { says.textContent = inWords(input.value); };
  input.addEventListener("input", show);
  show();
}

// Beginnings to try: each is written to at once.
function offer(beginnings) {
  at("beginnings").replaceChildren(...beginnings.map((text) => {
    const chip = element("button", { type: "button", dir: "auto" }, text);
    chip.disabled = true;
    chip.addEventListener("click", () => {
      at("beginning").value = text;
      if (writing) stop();
      write();
    });
    return chip;
  }));
}

function describe() {
  offer(persona.beginnings);
  at("description").textContent = persona.description;
  at("verdict").textContent = persona.verdict;
  at("verdict").hidden = !persona.verdict;
  at("engine").textContent = `${persona.engine.name} ${persona.engine.version}`;
  const base = persona.base_url ? element("a", { href: persona.base_url }, persona.base) : persona.base;
  const facts = [
    ["Base model", base], ["Licence", persona.license], ["Whose words", persona.whose],
    ["Languages", persona.languages.map(languageName).join(", ")], ["To have it removed", persona.contact]];
  at("card").replaceChildren(...facts.filter(([, value]) => value).flatMap(
    ([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  if (/^https:\/\//.test(persona.homepage)) {
    at("popinjay").replaceChildren(element("a", { href: persona.homepage }, "Popinjay"));
  }
  if (persona.handles.length > 1) at("never").textContent = "They never said any of this.";
}

function languageName(code) {
  try {
    return new Intl.DisplayNames("en", { type: "language" }).of(code);
  } catch {
    return code;
  }
}
