// Computes with the page's modules what the rows of cases.json expect.

export async function answers(cases, base, tokenizerFile) {
  const load = (name) => import(`${base}${name}.js`);
  const [words, post, prompt, handles, masking, filters, index, sampler, tokenizers, streaming,
    sequences]
    = await Promise.all(["words", "post", "prompt", "handles", "masking", "filters",
      "verbatim_index", "sampler", "tokenizer", "detokenizer",
      "sequence"].map(load));
  const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  const marked = new index.VerbatimIndex(bytes(cases.copies.marked));
  const copies = new index.VerbatimIndex(bytes(cases.copies.index), marked);
  const output = new filters.OutputFilters(copies);
  const units = (text, count) => [...text].slice(0, count).join("").length;
  const piecesOf = (list) => tokenizers.Pieces.from(list, (hex) => hex ? bytes(hex) : bytes("00").subarray(1));
  const tokenizer = new tokenizers.Tokenizer(
    tokenizerFile, { bos: 0, eos: 0, suppressed: [0] });

  const ofBase = (found) => [
    found.length, found.reduce((sum, token) => sum + token, 0), found.slice(-5)];
  const found = (text) => masking.findMatches(text).map(
    ({ begin, end, sort }) => [sort, text.slice(begin, end)]);
  const grow = (watch, pieces) => pieces.map((piece) => watch.add(piece));
  const judge = (text, finished, typed, maxChars) => {
    const verdict = output.judge(text, finished, typed, { maxChars });
    return [verdict.text, verdict.finished, verdict.rejection];
  };
  const draft = ([text, read, healed, tokens, most]) => {
    const begun = { tokens: [0, ...read], healedTokens: healed, continuations: [], text };
    const decoder = {
      eosToken: 0, pieces: tokenizer.pieces, decode: (some) => tokenizer.decode(some) };
    const one = new sequences.TokenSequence(
      { seed: 1, place: 0, attempt: 0 }, decoder, begun, 1, most, null);
    for (const token of tokens) if (!one.over) one.append(token);
    return [one.count, one.finished, one.over, one.partialText(), one.text()];
  };
  const sample = ([params, quantiles]) => {
    const names = { temperature: "temperature", top_p: "topP", top_k: "topK", min_p: "minP",
      repetition_penalty: "repetitionPenalty" };
    const own = Object.entries(params).map(([name, value]) => [names[name], value]);
    const one = new sampler.Sampler(Object.fromEntries(own), cases.sampler.suppressed);
    one.loadLogits(Float32Array.from(cases.sampler.logits), cases.sampler.seen,
      cases.sampler.banned);
    const left = [...quantiles];
    return [params, quantiles, one.sample(() => left.shift())];
  };
  return {
    words: cases.words.map(([text]) => [text, words.words(text)]),
    one_line: cases.one_line.map(([text]) => [text, post.oneLine(text)]),
    tidy: cases.tidy.map(([text]) => [text, prompt.tidy(text)]),
    handles: cases.handles.map(([text]) => [
      text, handles.findHandles(text).map(({ name }) => name)]),
    personal: cases.personal.map(([text]) => [text, found(text), masking.reveals(text)]),
    unfinished: cases.unfinished.map(([text]) => [
      text, text.slice(masking.unfinishedStart(text))]),
    settled: cases.settled.map(([text]) => [text, filters.settled(text)]),
    sentences: cases.sentences.map(([text, most]) => [
      text, most, words.wholeSentences(text, most)]),
    may_end_in_word: cases.may_end_in_word.map(([text, length]) => [
      text, length, words.continuesWord(text, length)]),
    copies: {
      index: cases.copies.index,
      marked: cases.copies.marked,
      texts: cases.copies.texts.map(([text, typed]) => [
        text, typed, copies.isCopied(text, units(text, typed))]),
      ends: cases.copies.ends.map(([text]) => [text, copies.endsCopied(text)]),
      handles: cases.copies.handles.map(([name]) => [name, copies.hasHandle(name)]),
    },
    grown: cases.grown.map(([typed, pieces]) => {
      const matcher = copies.follow(typed);
      return [typed, pieces, grow(matcher, pieces), matcher.end()];
    }),
    handle_watch: cases.handle_watch.map(([typed, pieces]) => [typed, pieces, grow(
      new handles.HandleWatch((name) => copies.hasHandle(name), typed), pieces)]),
    verdicts: cases.verdicts.map(([text, finished, typed, most]) => [
      text, finished, typed, most, judge(text, finished, typed, most)]),
    masked: cases.masked.map(([text, typed]) => [text, typed, output.masked(text, typed)]),
    sampler: { ...cases.sampler, cases: cases.sampler.cases.map(sample) },
    tokens: cases.tokens.map(([text]) => {
      const tokens = tokenizer.encode(text);
      return [text, tokens, tokenizer.decode(tokens)];
    }),
    fragments: cases.fragments.map(([list]) => [list, piecesOf(list).fragments]),
    fragments_of_base: ofBase(tokenizer.pieces.fragments),
    starts: cases.starts.map(([list, logits, suppressed]) => {
      const decoder = { pieces: piecesOf(list), suppressedTokens: suppressed, eosToken: 0 };
      const found = [...prompt.atStart(Float32Array.from(logits), decoder)];
      return [list, logits, suppressed, [...found.keys()].filter((token) => found[token] > -Infinity)];
    }),
    sequences: cases.sequences.map((row) => [...row.slice(0, 5), draft(row)]),
    detokenized: cases.detokenized.map(([tokens]) => {
      const text = new streaming.StreamingDetokenizer(tokenizer.pieces, { healedTokens: [] });
      return [tokens, tokens.map((token) => text.add(token))];
    }),
  };
}
