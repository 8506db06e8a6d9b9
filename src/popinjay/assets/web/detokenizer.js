// Text from tokens while they are sampled. Mirrors sampling/detokenizer.py.

export class StreamingDetokenizer {
  constructor(pieces, prompt) {
    this.text = "";
    this.pieces = pieces;
    // Bytes that are still to come and that the prompt already has.
    this.known = prompt.healedTokens.reduce((sum, token) => sum + pieces[token].length, 0);
    this.characters = new TextDecoder("utf-8", { ignoreBOM: true });
  }

  // Return the text that a token adds, without a character that is not complete.
  add(token) {
    const piece = this.pieces[token] ?? new Uint8Array(0);
    const added = this.characters.decode(piece.subarray(this.known), { stream: true });
    this.known = Math.max(0, this.known - piece.length);
    this.text += added;
    return added;
  }
}
