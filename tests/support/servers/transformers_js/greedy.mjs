// Print what transformers.js writes greedily after each prompt, as JSON.
// Usage: node greedy.mjs MODULES FOLDER DTYPE TOKENS < prompts.json
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, folder, dtype, tokens] = process.argv.slice(2);
const library = join(modules, "@huggingface/transformers/dist/transformers.node.mjs");
const { env, pipeline } = await import(pathToFileURL(library));
env.localModelPath = dirname(folder) + "/";
env.allowRemoteModels = false;
const generate = await pipeline("text-generation", basename(folder), { dtype });
const texts = [];
for (const prompt of JSON.parse(readFileSync(0, "utf8"))) {
  const [found] = await generate(prompt, {
    do_sample: false,
    max_new_tokens: Number(tokens),
    min_new_tokens: 0,
    suppress_tokens: null,
    return_full_text: false,
  });
  texts.push(found.generated_text);
}
console.log(JSON.stringify(texts));
