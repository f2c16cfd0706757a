// Prompts in a folder: an app that starts while the server is unavailable serves the last verified versions.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Ratchet } from "../dist/index.js";
import { keyId } from "../dist/crypto.js";

const vectors = JSON.parse(readFileSync(new URL("../../tests/vectors/client/live.json", import.meta.url), "utf8"));
const named = (name) => vectors.find((vector) => vector.name === name);
const [GOOD, NEWER] = ["signed", "newer"].map((name) => named(name).payload);
const PUBLIC_KEY = named("signed").public_key;
const OTHER_KEY = "A".repeat(43);
const NAME = GOOD.name;
const URL_ = "http://ratchet";

function folderOf(t) {
  const parent = mkdtempSync(join(tmpdir(), "ratchet-"));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, "app", "prompts");
}

/** Answers as a server whose live prompt is `payload`, undefined: none is; a stream that is refused. */
const serverOf = (payload, keys = [PUBLIC_KEY]) => async (url) => {
  if (url.endsWith("/v1/signing-keys")) return Response.json({ keys: keys.map((public_key) => ({ public_key })) });
  if (url.endsWith(`/v1/prompts/${NAME}`) && payload) return Response.json(payload);
  return new Response("{}", { status: 404 });
};
const unavailable = () => Promise.reject(new TypeError("fetch failed"));

/** Return the text and the sequence that a client serves, and what it reports. */
async function served(promptFolder, fetch, options = {}) {
  const reports = [];
  const client = new Ratchet({
    url: URL_, key: "k", publicKey: PUBLIC_KEY, promptFolder, fetch, firstWaitMs: 20_000,
    report: (error) => reports.push(error), ...options,
  });
  const prompt = await client.prompt(NAME, { default: "Default." });
  await client.close(0);
  return { sequence: prompt.sequence, live: prompt.live, text: prompt.text(), reports };
}

for (const [what, publicKey] of [["the app's keys", PUBLIC_KEY], ["the server's keys", []]]) {
  test(`the last version is served while the server is unavailable, with ${what}`, async (t) => {
    const folder = folderOf(t);
    assert.equal((await served(folder, unavailable, { publicKey })).text, "Default.");
    for (const payload of [GOOD, NEWER]) {
      assert.equal((await served(folder, serverOf(payload), { publicKey })).sequence, payload.sequence);
      assert.equal((await served(folder, unavailable, { publicKey })).sequence, payload.sequence);
    }
    const [file, ...others] = readdirSync(folder);
    assert.deepEqual(others, []);
    assert.deepEqual([statSync(join(folder, file)).mode & 0o777, statSync(folder).mode & 0o777], [0o600, 0o700]);
    assert.equal((await served(folder, unavailable, { publicKey, key: "other" })).live, false);
  });
}

test("the file has the name and the content of the Python SDK's", async (t) => {
  const folder = folderOf(t);
  await served(folder, serverOf(GOOD));
  const name = createHash("sha256").update(`${URL_}\nk\n${NAME}`).digest("hex").slice(0, 40);
  const content = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
  assert.deepEqual(content, { payload: GOOD, keys: { [await keyId(PUBLIC_KEY)]: PUBLIC_KEY } });
});

test("an older version than the saved one is refused", async (t) => {
  const folder = folderOf(t);
  await served(folder, serverOf(NEWER));
  assert.equal((await served(folder, serverOf(GOOD))).sequence, NEWER.sequence);
});

test("the saved version is forgotten if the server has none, or has other keys where none are configured", async (t) => {
  const folder = folderOf(t);
  await served(folder, serverOf(GOOD));
  assert.equal((await served(folder, serverOf(undefined))).live, false);
  assert.deepEqual(readdirSync(folder), []);
  await served(folder, serverOf(GOOD), { publicKey: [] });
  assert.equal((await served(folder, serverOf(undefined, [OTHER_KEY]), { publicKey: [] })).live, false);
});

const rewrite = (change) => (file) => {
  const content = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify(change(content)));
};
for (const [what, spoil] of Object.entries({
  "another text": rewrite((content) => ((content.payload.document.messages[0].content = "Forged"), content)),
  "keys that do not sign": rewrite((content) => ({ ...content, payload: { ...content.payload, signature: {} } })),
  "another name": rewrite((content) => ({ ...content, payload: { ...content.payload, name: "other" } })),
  "writable by others": (file) => chmodSync(file, 0o666),
  "cut short": (file) => truncateSync(file, 20),
  "another shape": (file) => writeFileSync(file, "[]"),
  "keys that are none": (file) => writeFileSync(file, '{"payload": {}, "keys": 1}'),
  "too large": (file) => truncateSync(file, 3_000_000),
})) {
  test(`a saved version is not served if it is ${what}`, async (t) => {
    const folder = folderOf(t);
    await served(folder, serverOf(GOOD));
    spoil(join(folder, readdirSync(folder)[0]));
    const { text, reports } = await served(folder, unavailable);
    assert.equal(text, "Default.");
    assert.match(reports[0].message, /is not used|is not served/);
  });
}

test("a folder that can't be written is reported once and stops nothing", async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, "..", "..", "app"), "a file");
  const { sequence, reports } = await served(folder, serverOf(GOOD));
  assert.equal(sequence, GOOD.sequence);
  assert.equal(reports.filter(({ message }) => message.includes("are not saved")).length, 1);
});
