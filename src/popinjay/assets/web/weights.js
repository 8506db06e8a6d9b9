// The weights of a model, from the parts that a host serves.

const BLOCK = 32, HALF = BLOCK / 2; // inputs that share a step, as in packing.py

// Return the model's memory: every tensor at its offset, those in fewer bits unpacked to 8.
export function unpackWeights(layout, parts) {
  const memory = new Uint8Array(layout.memory);
  const reader = new Reader(parts);
  for (const tensor of layout.tensors) {
    if (tensor.bits) {
      const [inputs, outputs] = tensor.shape;
      const steps = new Int8Array(reader.take((inputs / BLOCK) * outputs).buffer);
      const nibbles = reader.take((inputs / 2) * outputs);
      const fifths = tensor.bits > 4 ? reader.take((inputs / 8) * outputs) : null;
      const values = new Int8Array(memory.buffer, tensor.offset, tensor.bytes);
      unpack({ steps, nibbles, fifths }, layout.tables[tensor.bits], outputs, values);
    } else {
      reader.copy(tensor.bytes, memory, tensor.offset);
    }
  }
  return memory;
}

// Unpack a matrix, exactly as `unpack` of packing.py.
export function unpack({ steps, nibbles, fifths }, entries, outputs, values) {
  const table = Int32Array.from(entries);
  for (let row = 0; row < values.length / outputs; row++) {
    const block = Math.floor(row / BLOCK), inside = row % BLOCK;
    const from = (block * HALF + (inside % HALF)) * outputs;
    const high = inside < HALF ? 0 : 4;
    const eighth = (row >> 3) * outputs;
    for (let column = 0; column < outputs; column++) {
      let code = (nibbles[from + column] >> high) & 15;
      if (fifths) code |= ((fifths[eighth + column] >> (row & 7)) & 1) << 4;
      const value = (table[code] * steps[block * outputs + column] + 64) >> 7;
      values[row * outputs + column] = Math.max(-127, Math.min(127, value));
    }
  }
}

class Reader {
  constructor(parts) {
    this.parts = parts;
    this.part = 0;
    this.place = 0;
  }

  take(length) {
    const whole = new Uint8Array(length);
    this.copy(length, whole, 0);
    return whole;
  }

  copy(length, target, offset) {
    while (length) {
      const part = this.parts[this.part];
      if (!part) throw new Error("The weights are incomplete.");
      const size = Math.min(length, part.length - this.place);
      target.set(part.subarray(this.place, this.place + size), offset);
      this.place += size;
      offset += size;
      length -= size;
      if (this.place === part.length) {
        this.part += 1;
        this.place = 0;
      }
    }
  }
}
