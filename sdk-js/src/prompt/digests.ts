/** Digests of prompts, few-shot examples and example sets. */
import { digestOf } from "../crypto.js";
import { canonicalText, exactText } from "./canonical.js";
import type { Prompt } from "./document.js";

/** Return the digest of a prompt's content. */
export function promptDigest(prompt: Prompt): Promise<string> {
  return digestOf(prompt.canonical);
}

/** Return the digest of an example's `input` and `output`. Throws PromptError. */
export function exampleDigest(example: { readonly input?: unknown; readonly output?: unknown }): Promise<string> {
  const [input, output] = [exactText(example.input, "input"), exactText(example.output, "output")];
  return digestOf(canonicalText({ schema: "ratchet.example/1", input, output }));
}

/** Return the digest of examples in their order, computed from the examples' digests. Throws PromptError. */
export async function exampleSetDigest(examples: Iterable<{ input?: unknown; output?: unknown }>): Promise<string> {
  const digests = await Promise.all(Array.from(examples, (example) => exampleDigest(example)));
  return digestOf(canonicalText({ schema: "ratchet.examples/1", examples: digests }));
}
