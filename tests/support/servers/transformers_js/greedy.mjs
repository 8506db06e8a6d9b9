// Print the tokens that transformers.js reads of each prompt and writes greedily after it, as JSON.
// Usage: node greedy.mjs MODULES FOLDER DTYPE TOKENS < prompts.json
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, folder, dtype, tokens] = process.argv.slice(2);
const library = join(modules, "@huggingface/transformers/dist/transformers.node.mjs");
const { env, AutoModelForCausalLM, AutoTokenizer } = await import(pathToFileURL(library));
env.localModelPath = dirname(folder) + "/";
env.allowRemoteModels = false;
const name = basename(folder);
const tokenizer = await AutoTokenizer.from_pretrained(name);
const model = await AutoModelForCausalLM.from_pretrained(name, { dtype });
const found = [];
for (const prompt of JSON.parse(readFileSync(0, "utf8"))) {
  const inputs = tokenizer(prompt);
  const output = await model.generate({
    ...inputs,
    do_sample: false,
    max_new_tokens: Number(tokens),
    min_new_tokens: 0,
    suppress_tokens: null,
  });
  const read = inputs.input_ids.tolist()[0].map(Number);
  const all = output.tolist()[0].map(Number);
  const written = all.slice(read.length);
  const text = tokenizer.decode(written, { skip_special_tokens: true });
  found.push({ read, written, text });
}
console.log(JSON.stringify(found));
