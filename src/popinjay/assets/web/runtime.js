// A session of ONNX Runtime's WebAssembly build, used through the functions that it exports: the
// tensors lie in its memory, so that a step neither copies the cache in nor out.

const FLOAT = 1, INT32 = 6, INT64 = 7;
const CPU = 1; // the location of a tensor
const ALL_OPTIMIZATIONS = 99, SEQUENTIAL = 0, SEVERITY_ERROR = 3;
const BYTES = { [FLOAT]: 4, [INT32]: 4, [INT64]: 8 };

export const types = { FLOAT, INT32, INT64 };

export class Session {
  // `engine` is the runtime's module, `graph` an ONNX model whose weights are at their offsets in
  // the bytes `weights`.
  static async open(engine, graph, weights) {
    const session = new Session(engine);
    await session.load(graph, weights);
    return session;
  }

  constructor(engine) {
    this.engine = engine;
    this.names = new Map();
  }

  async load(graph, weights) {
    const { engine } = this;
    this.check(engine._OrtInit(1, SEVERITY_ERROR));
    const options = engine._OrtCreateSessionOptions(
      ALL_OPTIMIZATIONS, true, true, SEQUENTIAL, false, 0, 0, SEVERITY_ERROR, 0, 0);
    this.check(options === 0);
    const model = engine._malloc(graph.length);
    engine.HEAPU8.set(graph, model);
    engine.mountExternalData("weights", weights);
    try {
      this.handle = await engine._OrtCreateSession(model, graph.length, options);
      this.check(this.handle === 0);
    } finally {
      engine.unmountExternalData();
      engine._OrtReleaseSessionOptions(options);
      engine._free(model);
    }
  }

  check(failed) {
    if (!failed) return;
    const { engine } = this;
    const place = engine._malloc(8);
    engine._OrtGetLastError(place, place + 4);
    const message = engine.getValue(place + 4, "*");
    engine._free(place);
    throw new Error(message ? engine.UTF8ToString(message) : "ONNX Runtime failed.");
  }

  // Return a new tensor of zeros, or of whatever was in that memory.
  tensor(type, shape) {
    const { engine } = this;
    const length = shape.reduce((product, size) => product * size, 1);
    const address = engine._malloc(Math.max(8, length * BYTES[type]));
    if (!address) throw new Error("There is not enough memory.");
    const sizes = engine._malloc(4 * shape.length);
    shape.forEach((size, index) => engine.setValue(sizes + 4 * index, size, "i32"));
    const handle = engine._OrtCreateTensor(
      type, address, length * BYTES[type], sizes, shape.length, CPU);
    engine._free(sizes);
    this.check(handle === 0);
    return { handle, address, length, shape };
  }

  release(tensor) {
    this.engine._OrtReleaseTensor(tensor.handle);
    this.engine._free(tensor.address);
  }

  // Views of a tensor's memory, valid until more memory is taken.
  floats(tensor) {
    return new Float32Array(this.engine.HEAPU8.buffer, tensor.address, tensor.length);
  }

  integers(tensor) {
    return new Int32Array(this.engine.HEAPU8.buffer, tensor.address, tensor.length);
  }

  longs(tensor) {
    return new BigInt64Array(this.engine.HEAPU8.buffer, tensor.address, tensor.length);
  }

  name(text) {
    if (!this.names.has(text)) {
      const bytes = new TextEncoder().encode(text);
      const address = this.engine._malloc(bytes.length + 1);
      this.engine.HEAPU8.set(bytes, address);
      this.engine.HEAPU8[address + bytes.length] = 0;
      this.names.set(text, address);
    }
    return this.names.get(text);
  }

  // Run the graph. `inputs` and `outputs` are pairs of a name and a tensor, which may be in both.
  async run(inputs, outputs) {
    const { engine } = this;
    const addresses = [inputs, outputs].flatMap((pairs) => [
      pairs.map(([name]) => this.name(name)), pairs.map(([, tensor]) => tensor.handle)]);
    const lists = addresses.map((list) => {
      const place = engine._malloc(4 * list.length);
      list.forEach((value, index) => engine.setValue(place + 4 * index, value, "*"));
      return place;
    });
    const failed = await engine._OrtRun(
      this.handle, lists[0], lists[1], inputs.length, lists[2], outputs.length, lists[3], 0);
    lists.forEach((place) => engine._free(place));
    this.check(failed !== 0);
  }
}
