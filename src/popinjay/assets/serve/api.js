// Requests to the server. Errors are thrown as ApiError, with a message and a hint.

export class ApiError extends Error {
  constructor(message, hint = "", status = 0) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

const unreachable = () =>
  new ApiError(
    "Popinjay does not answer.",
    "Is it still running? Start it again: nothing that was made is lost.",
  );
const OWN_HEADERS = { "X-Popinjay": "1" }; // which pages of other sites can't send

const errorFrom = (status, text) => {
  try {
    const { message, hint } = JSON.parse(text).error;
    return new ApiError(message, hint, status);
  } catch {
    return new ApiError(`The server answered ${status}.`, "", status);
  }
};

const request = async (path, settings = {}) => {
  let answer;
  try {
    answer = await fetch(path, { ...settings, headers: { ...OWN_HEADERS, ...settings.headers } });
  } catch (error) {
    throw error.name === "AbortError" ? error : unreachable();
  }
  if (!answer.ok) throw errorFrom(answer.status, await answer.text());
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

export const patch = async (path, body) =>
  (await request(path, withBody("PATCH", body))).json();

export const getText = async (path, signal) => (await request(path, { signal })).text();

export const remove = (path) => request(path, { method: "DELETE" });

/** Return the path of a persona, or of something that belongs to it. */
export const personaPath = (name, what = "") =>
  `/api/personas/${encodeURIComponent(name)}${what && `/${what}`}`;

/** Upload a file; `onProgress` is called with the number of bytes sent, and of all bytes. */
export const upload = (file, onProgress, signal) =>
  new Promise((done, fail) => {
    const xhr = new XMLHttpRequest(); // fetch does not report upload progress
    xhr.open("PUT", `/api/uploads?name=${encodeURIComponent(file.name)}`);
    xhr.setRequestHeader("X-Popinjay", "1");
    xhr.setRequestHeader("Content-Type", "application/octet-stream");
    xhr.upload.addEventListener("progress", (event) => onProgress(event.loaded, event.total));
    xhr.addEventListener("load", () =>
      xhr.status < 300
        ? done(JSON.parse(xhr.responseText))
        : fail(errorFrom(xhr.status, xhr.responseText)),
    );
    xhr.addEventListener("error", () => fail(unreachable()));
    xhr.addEventListener("abort", () => fail(new DOMException("", "AbortError")));
    signal?.addEventListener("abort", () => xhr.abort());
    xhr.send(file);
  });

/** Yield the server-sent events of a path as `{event, id, data}`, with `data` parsed from JSON. */
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
  if (answer.status === 204) return; // the stream is over
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
        const found = parseEvent(block);
        if (found) yield found;
      }
    }
  } catch (error) {
    throw error.name === "AbortError" || error instanceof ApiError ? error : unreachable();
  } finally {
    reader.cancel().catch(() => {}); // tells the server that the client has stopped reading
  }
}

const parseEvent = (block) => {
  const found = { event: "message", id: null, data: "" };
  const lines = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = /^(event|id|data): ?(.*)$/su.exec(line) ?? [];
    if (field === "data") lines.push(value);
    else if (field) found[field] = value;
  }
  return lines.length ? { ...found, data: JSON.parse(lines.join("\n")) } : null;
};
