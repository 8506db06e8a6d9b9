// The posts asked for with one prompt: which draft is next, and what becomes of one that ends.
// Mirrors sampling/request.py.

import { isABlemish, Reason } from "./filters.js";
import { oneLine } from "./post.js";
import { prefill, tidy } from "./prompt.js";
import { Sampler } from "./sampler.js";
import { TokenSequence } from "./sequence.js";
import { lengthOf } from "./words.js";

const MIN_TOKENS = 10; // of a post
const MAX_ATTEMPTS = 16; // drafts of one post

export class GenerationRequest {
  static async open(decoder, filters, options) {
    const prompt = tidy(options.prompt);
    if (lengthOf(prompt) >= options.maxChars) throw new RangeError("The beginning is too long.");
    const request = new GenerationRequest(decoder, filters, options);
    request.use(await prefill(decoder, prompt, MIN_TOKENS));
    return request;
  }

  constructor(decoder, filters, options) {
    Object.assign(this, { decoder, filters, options });
    this.done = new Map(); // by place; null if the post is missing
    this.redrawn = new Map(); // how many drafts were rejected, by reason
    this.again = []; // places and attempts of further drafts
    this.next = 0; // the next place that has no draft yet
    this.secondBest = new Map();
  }

  use(prompt) {
    const { decoder, options } = this;
    this.prompt = prompt;
    this.typed = oneLine(prompt.text);
    this.most = Math.min(options.maxTokens, decoder.context - prompt.length);
    this.least = Math.min(MIN_TOKENS, this.most - 1, Math.floor(options.maxChars / 8));
    this.sampler = new Sampler(options, decoder.suppressedTokens);
    if (prompt.continuations.length) { // one of them is sampled; their numbers are no tokens
      this.first = new Sampler({ ...options, repetitionPenalty: 1 });
      this.first.loadLogits(prompt.logits);
    } else {
      this.first = new Sampler(options, decoder.suppressedTokens);
      this.first.loadLogits(
        prompt.logits, prompt.tokens, this.least > 0 ? [decoder.eosToken] : []);
    }
  }

  get wantsMore() {
    return this.again.length > 0 || this.next < this.options.n;
  }

  // Begin the next draft with its first token; further attempts go before new places.
  startSequence() {
    this.again.sort((a, b) => a[0] - b[0]);
    const [place, attempt] = this.again.shift() ?? [this.next++, 0];
    const masks = attempt === MAX_ATTEMPTS - 1;
    const watch = this.filters.watch(this.prompt.text, this.options, masks);
    const key = { seed: this.options.seed, place, attempt };
    const sequence = new TokenSequence(
      key, this.decoder, this.prompt, this.least, this.most, watch);
    sequence.start(this.first);
    return sequence;
  }

  advance(sequence, logits) {
    sequence.advance(logits, this.sampler);
  }

  // Accept a draft that has ended as the post of its place, or schedule another attempt.
  complete(sequence) {
    const { place, attempt } = sequence.key;
    const verdict = this.judge(sequence);
    const post = { text: verdict.text, tokens: sequence.count };
    if (!verdict.rejection) {
      this.done.set(place, post);
      return;
    }
    if (isABlemish(verdict.rejection) && !this.secondBest.has(place)) {
      this.secondBest.set(place, post);
    }
    if (attempt + 1 < MAX_ATTEMPTS) {
      this.redrawn.set(verdict.rejection, (this.redrawn.get(verdict.rejection) ?? 0) + 1);
      this.again.push([place, attempt + 1]);
    } else {
      this.done.set(place, this.secondBest.get(place) ?? null);
    }
  }

  judge(sequence) {
    if ([Reason.COPIED, Reason.HANDLE].includes(sequence.rejection)) {
      return { text: "", finished: false, rejection: sequence.rejection };
    }
    const masks = sequence.key.attempt === MAX_ATTEMPTS - 1;
    return this.filters.judge(
      sequence.text(), sequence.finished, this.typed, this.options, { wasWatched: true, masks });
  }
}
