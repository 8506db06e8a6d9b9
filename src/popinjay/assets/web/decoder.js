// The decoder: tokens in, logits out, for several rows at once. Mirrors inference/onnx/decoder.py.

import { Session, types } from "./runtime.js";

const CHUNK = 128; // tokens by which the cache grows

export class OnnxDecoder {
  static async open(engine, layout, graph, memory, tokenizer) {
    const session = await Session.open(engine, graph, memory);
    return new OnnxDecoder(session, layout, new Embeddings(layout, memory), tokenizer);
  }

  constructor(session, layout, embeddings, tokenizer) {
    this.session = session;
    this.layout = layout;
    this.embeddings = embeddings;
    this.tokenizer = tokenizer;
    this.context = layout.context;
    this.eosToken = tokenizer.eosToken;
    this.bosToken = tokenizer.bosToken;
    this.suppressedTokens = tokenizer.suppressedTokens.filter((one) => one < layout.vocabulary);
    this.prompt = null;
    this.rows = null;
  }

  encode(text) {
    return this.tokenizer.encode(text);
  }

  decode(tokens) {
    return this.tokenizer.decode(tokens);
  }

  get pieces() {
    return this.tokenizer.pieces;
  }

  // Drop all rows, and compute a prompt. Returns the logits after its last token.
  async prefill(tokens) {
    this.prompt?.free();
    this.prompt = new Cache(this.session, this.layout, 1, tokens.length + CHUNK);
    return (await this.prompt.append(this.embed([tokens]), tokens.length)).slice();
  }

  // Append a token to the prompt. Returns the logits after it.
  async extend(token) {
    return (await this.prompt.append(this.embed([[token]]), 1)).slice();
  }

  // Begin `count` rows behind the first `length` tokens of the prompt.
  start(count, length) {
    this.rows?.free();
    this.rows = new Cache(this.session, this.layout, count, length + CHUNK);
    for (let row = 0; row < count; row++) this.rows.copyRow(this.prompt, 0, row, length);
  }

  // Begin a row anew behind the first `length` tokens of the prompt.
  restart(row, length) {
    this.rows.copyRow(this.prompt, 0, row, length);
  }

  // Append a token to each row. Returns the logits of all rows, a view that the next step changes.
  async step(tokens) {
    return this.rows.append(this.embed(tokens.map((token) => [token])), 1);
  }

  // Keep only these rows, in this order.
  filter(rows) {
    this.rows.keep(rows);
  }

  embed(rows) {
    const { width } = this.layout;
    return (hidden, lengths) => rows.forEach((tokens, row) => tokens.forEach((token, index) => {
      const place = (row * tokens.length + index) * width;
      this.embeddings.write(token, lengths[row] + index, hidden, place);
    }));
  }
}

class Embeddings {
  constructor(layout, memory) {
    const named = (name) => layout.tensors.find((tensor) => tensor.name === name);
    const view = (Kind, tensor) => new Kind(
      memory.slice(tensor.offset, tensor.offset + tensor.bytes).buffer);
    this.width = layout.width;
    this.scale = layout.embedding_scale;
    this.values = view(Int8Array, named(layout.embedding.values));
    this.scales = view(Float32Array, named(layout.embedding.scale));
    this.vocabulary = this.scales.length;
    const positions = named(layout.positions);
    this.positions = positions ? view(Uint16Array, positions) : null;
  }

  write(token, position, hidden, place) {
    const scale = this.scales[token] * this.scale;
    const { positions } = this;
    for (let index = 0; index < this.width; index++) {
      const value = this.values[index * this.vocabulary + token] * scale;
      const more = positions ? halfFloat(positions[position * this.width + index]) : 0;
      hidden[place + index] = value + more;
    }
  }
}

// Return the number that 16 bits stand for (IEEE 754).
function halfFloat(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (!exponent) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

// Keys and values of some rows, in the runtime's memory, which the graph appends to in place.
class Cache {
  constructor(session, layout, rows, capacity) {
    this.session = session;
    this.layout = layout;
    this.rows = rows;
    this.capacity = capacity;
    this.lengths = new Array(rows).fill(0);
    this.tensors = this.buffers(rows, capacity);
    this.scratch = null;
  }

  buffers(rows, capacity) {
    const shape = [rows, this.layout.kv_heads, capacity, this.layout.head_size];
    return Array.from({ length: 2 * this.layout.layers }, () => {
      const tensor = this.session.tensor(types.FLOAT, shape);
      this.session.floats(tensor).fill(0);
      return tensor;
    });
  }

  free() {
    [...this.tensors, ...Object.values(this.scratch ?? {})].forEach(
      (tensor) => tensor.handle && this.session.release(tensor));
    this.tensors = [];
    this.scratch = null;
  }

  // Copy the first tokens of another cache's row.
  copyRow(other, from, to, length) {
    const { kv_heads: heads, head_size: size } = this.layout;
    this.tensors.forEach((tensor, index) => {
      const target = this.session.floats(tensor);
      const source = this.session.floats(other.tensors[index]);
      for (let head = 0; head < heads; head++) {
        const begin = (from * heads + head) * other.capacity * size;
        const place = (to * heads + head) * this.capacity * size;
        target.set(source.subarray(begin, begin + length * size), place);
      }
    });
    this.lengths[to] = length;
  }

  keep(rows) {
    if (rows.length === this.rows) return;
    this.replace(rows, this.capacity);
  }

  replace(rows, capacity) {
    const next = new Cache(this.session, this.layout, rows.length, capacity);
    rows.forEach((row, place) => next.copyRow(this, row, place, this.lengths[row]));
    this.free();
    Object.assign(this, next);
  }

  // Append embeddings, `count` to each row, and return the logits behind the last of each row.
  async append(embed, count) {
    const longest = Math.max(...this.lengths) + count;
    if (longest > this.capacity) {
      const rows = this.lengths.map((_, row) => row);
      this.replace(rows, Math.min(this.layout.context, longest + CHUNK));
    }
    const { hidden, lengths, total, order, logits } = this.prepared(count);
    embed(this.session.floats(hidden), this.lengths);
    this.lengths = this.lengths.map((length) => length + count);
    this.session.integers(lengths).set(this.lengths.map((length) => length - 1));
    this.session.integers(total)[0] = longest;
    const names = this.tensors.map((_, index) => `${index % 2 ? "value" : "key"}.${index >> 1}`);
    await this.session.run(
      [["hidden", hidden], ["lengths", lengths], ["total", total], ["order", order],
        ...names.map((name, index) => [name, this.tensors[index]])],
      [["logits", logits], ...names.map((name, index) => [`new_${name}`, this.tensors[index]])]);
    return this.session.floats(logits);
  }

  // Return the tensors of a step, which are reused while its shape stays.
  prepared(count) {
    if (this.scratch?.count === count) return this.scratch;
    Object.values(this.scratch ?? {}).forEach((one) => one.handle && this.session.release(one));
    const { session, rows, layout } = this;
    this.scratch = {
      count,
      hidden: session.tensor(types.FLOAT, [rows, count, layout.width]),
      lengths: session.tensor(types.INT32, [rows]),
      total: session.tensor(types.INT32, [1]),
      order: session.tensor(types.INT64, [rows]),
      logits: session.tensor(types.FLOAT, [rows, layout.vocabulary]),
    };
    session.longs(this.scratch.order).set(
      Array.from({ length: rows }, (_, row) => BigInt((row + 1) * count - 1)));
    return this.scratch;
  }
}
