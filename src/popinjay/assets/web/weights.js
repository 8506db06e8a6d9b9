// The weights of a model, from the parts that a host serves.

const BLOCK = 32; // inputs that share a step, as in packing.py
const STEPS_PER_UNIT = 12;

// Return the model's memory: every tensor at its offset, those packed in 4 bits unpacked to 8.
export function unpackWeights(layout, parts) {
  const memory = new Uint8Array(layout.memory);
  const reader = new Reader(parts);
  for (const tensor of layout.tensors) {
    if (tensor.packed) {
      const [inputs, outputs] = tensor.shape;
      const nibbles = reader.take((inputs / 2) * outputs);
      const steps = reader.take((inputs / BLOCK) * outputs);
      unpack(nibbles, steps, outputs, new Int8Array(memory.buffer, tensor.offset, tensor.bytes));
    } else {
      reader.copy(tensor.bytes, memory, tensor.offset);
    }
  }
  return memory;
}

// Unpack a matrix, exactly as `unpack` of packing.py.
export function unpack(nibbles, steps, outputs, values) {
  const rounded = roundedProducts();
  const half = BLOCK / 2;
  for (let block = 0; block * outputs < steps.length; block++) {
    for (let row = 0; row < half; row++) {
      const from = (block * half + row) * outputs;
      const low = (block * BLOCK + row) * outputs;
      const high = low + half * outputs;
      for (let column = 0; column < outputs; column++) {
        const pair = nibbles[from + column];
        const step = steps[block * outputs + column] << 4;
        values[low + column] = rounded[step | (pair & 15)];
        values[high + column] = rounded[step | (pair >> 4)];
      }
    }
  }
}

let products;

function roundedProducts() {
  if (products) return products;
  products = new Int8Array(256 * 16);
  for (let step = 0; step < 256; step++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      const product = (nibble - 8) * step;
      const value = Math.floor((2 * product + STEPS_PER_UNIT) / (2 * STEPS_PER_UNIT));
      products[(step << 4) | nibble] = Math.max(-127, Math.min(127, value));
    }
  }
  return products;
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
