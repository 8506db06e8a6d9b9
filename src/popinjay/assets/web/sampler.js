// Samples one token from a row of logits, without sorting the vocabulary. Mirrors
// sampling/sampler.py: a token of the whole distribution is accepted if it is in the nucleus.

const GROUPS = 256; // groups of tokens whose weights are summed
const MAX_REJECTIONS = 4; // draws outside the nucleus before the nucleus is sorted after all
const MIN_TEMPERATURE = 1e-30;

export const PLAIN = {
  temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1,
};

export class Sampler {
  constructor(params, suppressed = []) {
    this.params = { ...PLAIN, ...params };
    this.suppressed = suppressed;
    this.weights = new Float32Array(0);
    this.grouped = new Float64Array(GROUPS); // cumulative weights of the groups
  }

  // Sample from this row from now on. `seen` are the tokens before it, for the repetition penalty,
  // and `banned` those that must not come next.
  loadLogits(logits, seen = [], banned = []) {
    const { temperature, repetitionPenalty, topK, minP } = this.params;
    if (this.weights.length !== logits.length) this.weights = new Float32Array(logits.length);
    const { weights } = this;
    weights.set(logits);
    if (repetitionPenalty !== 1) {
      for (const token of new Set(seen)) {
        weights[token] *= weights[token] < 0 ? repetitionPenalty : 1 / repetitionPenalty;
      }
    }
    for (const token of [...this.suppressed, ...banned]) weights[token] = -Infinity;
    let highest = -Infinity, likeliest = -1;
    for (let token = 0; token < weights.length; token++) {
      if (weights[token] > highest) [highest, likeliest] = [weights[token], token];
    }
    if (!Number.isFinite(highest)) throw new Error("No token can be sampled.");
    this.ordered = null;
    if (temperature === 0) {
      this.setOrdered([likeliest], [1]);
      return;
    }
    const sharpness = Math.fround(1 / Math.max(temperature, MIN_TEMPERATURE));
    this.grouped.fill(0);
    for (let token = 0; token < weights.length; token++) {
      weights[token] = Math.exp((weights[token] - highest) * sharpness);
      this.grouped[token % GROUPS] += weights[token];
    }
    for (let group = 1; group < GROUPS; group++) this.grouped[group] += this.grouped[group - 1];
    if (topK || minP) this.sortNucleus(Math.fround(minP));
  }

  // Sample one token. `random` returns numbers from 0 to 1, without 1.
  sample(random) {
    const { topP } = this.params;
    const total = this.grouped[GROUPS - 1];
    let weight = 0;
    for (let count = 0; count < MAX_REJECTIONS && !this.ordered; count++) {
      const token = this.tokenAt(random());
      weight = this.weights[token];
      if (topP >= 1 || weight > (1 - topP) * total || this.weightAbove(token) < topP * total) {
        return token;
      }
    }
    if (!this.ordered) this.sortNucleus(weight);
    const target = random() * this.cumulative.at(-1);
    const index = this.cumulative.findIndex((sum) => sum > target);
    return this.ordered[index < 0 ? this.ordered.length - 1 : index];
  }

  // Return the token of the whole distribution at a cumulative probability.
  tokenAt(quantile) {
    const target = quantile * this.grouped[GROUPS - 1];
    const group = this.grouped.findIndex((sum) => sum > target);
    let sum = group ? this.grouped[group - 1] : 0;
    let last = group;
    for (let token = group; token < this.weights.length; token += GROUPS) {
      sum += this.weights[token];
      if (this.weights[token] > 0) last = token;
      if (sum > target) return token;
    }
    return last;
  }

  // Return the total weight of all tokens likelier than this one.
  weightAbove(token) {
    const weight = this.weights[token];
    let sum = 0;
    for (let other = 0; other < this.weights.length; other++) {
      if (this.weights[other] > weight || (this.weights[other] === weight && other < token)) {
        sum += this.weights[other];
      }
    }
    return sum;
  }

  // Sort the tokens that can be drawn, all of which weigh at least `least`.
  sortNucleus(least) {
    const { weights, params: { topK, topP, minP } } = this;
    const candidates = [];
    for (let token = 0; token < weights.length; token++) {
      if (weights[token] > 0 && (topK || weights[token] >= least)) candidates.push(token);
    }
    candidates.sort((a, b) => weights[b] - weights[a] || a - b);
    const order = topK ? candidates.slice(0, topK) : candidates;
    const total = topK
      ? order.reduce((sum, token) => sum + weights[token], 0) : this.grouped[GROUPS - 1];
    let before = 0;
    const inside = order.filter((token, index) => {
      const isIn = (weights[token] >= Math.fround(minP) && (topP >= 1 || before < topP * total));
      before += weights[token];
      return isIn || index === 0;
    });
    this.setOrdered(inside, inside.map((token) => weights[token]));
  }

  setOrdered(order, weights) {
    let sum = 0;
    this.ordered = order;
    this.cumulative = weights.map((weight) => (sum += weight));
  }
}

// Return a function that returns random numbers, which depend on the numbers given only (SFC32).
export function generator(...key) {
  let [a, b, c, d] = [key[0] >>> 0, key[1] >>> 0, key[2] >>> 0, 1];
  const next = () => {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return (sum >>> 0) / 4294967296;
  };
  for (let warming = 0; warming < 12; warming++) next();
  return next;
}
