// One draft of a post: the tokens that one row has sampled so far. Mirrors sampling/sequence.py.

import { StreamingDetokenizer } from "./detokenizer.js";
import { oneLine } from "./post.js";
import { generator } from "./sampler.js";

export class TokenSequence {
  constructor(key, decoder, prompt, least, most, watch) {
    Object.assign(this, { key, decoder, prompt, least, most, watch });
    this.tokens = []; // behind those of the prompt that were read
    this.over = false;
    this.finished = false; // ended by the model, not for lack of tokens
    this.rejection = null;
    this.random = generator(key.seed, key.place, key.attempt);
    this.detokenizer = new StreamingDetokenizer(decoder.pieces, prompt);
    this.fed = 0; // how many of the tokens the decoder has been given
  }

  // Sample what comes first, with a sampler that has loaded the prompt's logits.
  start(sampler) {
    const sampled = sampler.sample(this.random);
    const tokens = this.prompt.continuations[sampled] ?? [sampled];
    for (const token of tokens) if (!this.over) this.append(token);
  }

  nextInput() {
    this.fed += 1;
    return this.tokens[this.fed - 1];
  }

  // Sample the next token from the logits behind what was fed.
  advance(logits, sampler) {
    if (this.fed < this.tokens.length) return; // the next token is known already
    sampler.loadLogits(logits, [...this.prompt.tokens, ...this.tokens], this.suppressed());
    this.append(sampler.sample(this.random));
  }

  // Return the tokens that must not come next: the end token, while it would be too soon.
  suppressed() {
    return this.count < this.least ? [this.decoder.eosToken] : [];
  }

  get count() {
    return this.tokens.length - this.prompt.healedTokens.length;
  }

  append(token) {
    if (token === this.decoder.eosToken) {
      this.over = this.finished = true;
      return;
    }
    this.tokens.push(token);
    const added = this.detokenizer.add(token);
    if (added.includes("\n") && (this.prompt.text || this.detokenizer.text.trim())) {
      this.over = this.finished = true;
      return;
    }
    const against = this.watch?.add(added);
    if (against) {
      this.over = true;
      this.rejection = against;
    } else if (this.count >= this.most) {
      this.over = true;
    }
  }

  // Return the text so far with the prompt, up to an incomplete character.
  partialText() {
    return this.prompt.text + this.detokenizer.text.replace(/\ufffd+$/, "");
  }

  masked(text) {
    return this.watch ? this.watch.masked(text) : text;
  }

  // Return the text as a post: one line, up to the first line break.
  text() {
    const text = this.decoder.decode([...this.prompt.tokens, ...this.tokens])
      .replace(/\ufffd+$/, "");
    return oneLine((this.prompt.text ? text : text.trimStart()).split("\n", 1)[0]);
  }
}
