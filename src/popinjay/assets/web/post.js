// What a post's text may hold. Mirrors post.py.

const INVISIBLE = new RegExp(
  "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x84\\x86-\\x9f\\u2060\\ufeff\\ufff9-\\ufffb]", "g");

// Return the text on one line with single blanks and without control characters.
export function oneLine(text) {
  return text.replace(INVISIBLE, "").split(/[\s\x85]+/).filter(Boolean).join(" ");
}
