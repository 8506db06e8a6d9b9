// How the page asks its server. Whatever goes wrong comes as a Trouble: a sentence, and a hint.

export class Trouble extends Error {
  constructor(message, hint = "", status = 0) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

const GONE = () =>
  new Trouble(
    "popinjay does not answer.",
    "Is it still running? Start it again with: popinjay serve. Nothing that was made is lost.",
  );
const OURS = { "X-Popinjay": "1" }; // no other site's page can send it

const troubleOf = (status, text) => {
  try {
    const { message, hint } = JSON.parse(text).error;
    return new Trouble(message, hint, status);
  } catch {
    return new Trouble(`The server answered ${status}.`, "", status);
  }
};

const request = async (path, settings = {}) => {
  let answer;
  try {
    answer = await fetch(path, { ...settings, headers: { ...OURS, ...settings.headers } });
  } catch (error) {
    throw error.name === "AbortError" ? error : GONE();
  }
  if (!answer.ok) throw troubleOf(answer.status, await answer.text());
  return answer;
};

const withBody = (method, body, signal) => ({
  method,
  body: JSON.stringify(body),
  headers: { "Content-Type": "application/json" },
  signal,
});

export const get = async (path, signal) => (await request(path, { signal })).json();

export const post = async (path, body = {}, signal) => {
  const answer = await request(path, withBody("POST", body, signal));
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
};

export const remove = (path) => request(path, { method: "DELETE" });

/** Where things of a persona are. */
export const of = (name, what = "") =>
  `/api/personas/${encodeURIComponent(name)}${what && `/${what}`}`;

/** Send a file, telling how much of it is there. */
export const upload = (file, tell, signal) =>
  new Promise((done, fail) => {
    const asked = new XMLHttpRequest(); // fetch cannot tell how far it is
    asked.open("PUT", `/api/uploads?name=${encodeURIComponent(file.name)}`);
    asked.setRequestHeader("X-Popinjay", "1");
    asked.setRequestHeader("Content-Type", "application/octet-stream");
    asked.upload.addEventListener("progress", (event) => tell(event.loaded, event.total));
    asked.addEventListener("load", () =>
      asked.status < 300
        ? done(JSON.parse(asked.responseText))
        : fail(troubleOf(asked.status, asked.responseText)),
    );
    asked.addEventListener("error", () => fail(GONE()));
    asked.addEventListener("abort", () => fail(new DOMException("", "AbortError")));
    signal?.addEventListener("abort", () => asked.abort());
    asked.send(file);
  });

/** The events that a path streams: `{event, id, data}`, the data read as JSON. */
export async function* events(path, { body, last, signal } = {}) {
  const settings = body ? withBody("POST", body, signal) : { signal };
  const answer = await request(path, {
    ...settings,
    headers: {
      ...settings.headers,
      Accept: "text/event-stream",
      ...(last ? { "Last-Event-ID": last } : {}),
    },
  });
  if (answer.status === 204) return; // nothing more comes
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) {
        const found = eventOf(block);
        if (found) yield found;
      }
    }
  } catch (error) {
    throw error.name === "AbortError" || error instanceof Trouble ? error : GONE();
  } finally {
    reader.cancel().catch(() => {}); // whoever has seen enough lets the server know
  }
}

const eventOf = (block) => {
  const found = { event: "message", id: null, data: "" };
  const lines = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = /^(event|id|data): ?(.*)$/su.exec(line) ?? [];
    if (field === "data") lines.push(value);
    else if (field) found[field] = value;
  }
  return lines.length ? { ...found, data: JSON.parse(lines.join("\n")) } : null;
};
