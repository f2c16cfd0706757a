// Compare digests with those of the Python SDK: each line of stdin is `digest or field, tab, JSON of a document`.
// Run by `make vectors`. Prints the number of documents, and up to 20 that differ.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { canonicalText, normal } from "../dist/prompt/canonical.js";
import { bucketOf } from "../dist/delivery/arms.js";
import { parse } from "../dist/prompt/document.js";

const READERS = {
  value: (value) => canonicalText(normal(value, "value")),
  document: (value) => parse(value).canonical,
  bucket: async ([salt, unitId]) => String(await bucketOf(salt, unitId)),
};

let [count, differ] = [0, 0];
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const [kind, expected, json] = line.split("\t");
  const found = await answer(kind, json);
  count += 1;
  if (found !== expected && ++differ <= 20) console.log(`${kind} ${expected} ${found} ${json}`);
}
console.log(`${count} documents, ${differ} differ`);
process.exitCode = differ || !count ? 1 : 0;

async function answer(kind, json) {
  try {
    return `sha256:${createHash("sha256")
      .update(await READERS[kind](JSON.parse(json)))
      .digest("hex")}`;
  } catch (error) {
    return `refused: ${error.field}`;
  }
}
