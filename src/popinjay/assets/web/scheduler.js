// Drafts of one request, generated side by side. Mirrors sampling/scheduler.py for one request.

// Generate all posts of a request, at most `maxRows` drafts at a time. `stepped` is called with the
// drafts in progress behind each step, and ends it by returning true.
export async function generate(decoder, request, maxRows, stepped) {
  let rows = [];
  const begin = () => {
    let sequence = request.startSequence();
    while (sequence.over) { // some end with their first token
      request.complete(sequence);
      if (!request.wantsMore) return null;
      sequence = request.startSequence();
    }
    return sequence;
  };
  while (rows.length < maxRows && request.wantsMore) {
    const sequence = begin();
    if (sequence) rows.push(sequence);
  }
  const read = request.prompt.tokens.length;
  if (rows.length) decoder.start(rows.length, read);
  while (rows.length) {
    const logits = await decoder.step(rows.map((sequence) => sequence.nextInput()));
    const size = logits.length / rows.length;
    rows.forEach((sequence, row) => request.advance(
      sequence, logits.subarray(row * size, (row + 1) * size)));
    const ended = rows.filter((sequence) => sequence.over);
    ended.forEach((sequence) => request.complete(sequence));
    rows = rows.map((sequence, row) => {
      if (!sequence.over) return sequence;
      const following = request.wantsMore ? begin() : null;
      if (following) decoder.restart(row, read);
      return following;
    });
    const kept = [...rows.keys()].filter((row) => rows[row]);
    if (kept.length < rows.length) {
      if (kept.length) decoder.filter(kept);
      rows = kept.map((row) => rows[row]);
    }
    if (stepped(rows)) return;
    await othersFirst();
  }
  stepped(rows);
}

// Let messages in: the promises of a step alone would keep them out.
function othersFirst() {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve();
    };
    channel.port2.postMessage(null);
  });
}
