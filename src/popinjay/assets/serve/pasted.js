// Posts in pasted text.

const MAX_LINES = 6; // of a post on average; with more, blank lines only group lists of posts

/**
 * Return the posts of a text: one a line, or, where blank lines part blocks of several lines, one a
 * block. A list of one-line posts may have a few blank lines too: its blocks are long.
 */
export const postsIn = (text) => {
  const lines = text.split(/\r?\n/u).map((line) => line.trim());
  const blocks = lines.join("\n").split(/\n{2,}/u);
  const parts = blocks.map((block) => block.trim()).filter(Boolean);
  const written = lines.filter(Boolean);
  const isByBlock =
    parts.length > 1 && written.length > parts.length && written.length <= MAX_LINES * parts.length;
  return isByBlock ? parts : written;
};
