// Prompts: verified, pushed, polled where the stream is refused, and the app's default otherwise.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { NoPrompt, PromptError, Ratchet } from "../dist/index.js";
import { serverEvents } from "../dist/delivery/event-stream.js";
import { PromptCache } from "../dist/delivery/prompt-cache.js";
import { PromptFetcher } from "../dist/delivery/prompt-fetcher.js";
import { trustedKeys } from "../dist/delivery/verification.js";
import { eventually, fakeServer } from "./support/server.mjs";

const vectors = JSON.parse(readFileSync(new URL("../../tests/vectors/client/live.json", import.meta.url), "utf8"));
const named = (name) => vectors.find((vector) => vector.name === name);
const [GOOD, NEWER, FORGED] = ["signed", "newer", "altered digest"].map((name) => named(name).payload);
const PUBLIC_KEY = named("signed").public_key;
const NAME = GOOD.name;

const live = (payload) => (sent) =>
  sent.headers["if-none-match"] === '"7"' && payload === GOOD
    ? [304, ""]
    : [200, payload, { etag: `"${payload.sequence}"` }];

async function start(t, answers, options = {}) {
  const server = await fakeServer(t, { [`GET /v1/prompts/${NAME}`]: () => [404, {}], ...answers });
  const reports = [];
  const client = new Ratchet({
    url: server.url,
    key: "k",
    publicKey: PUBLIC_KEY,
    report: (error) => reports.push(error),
    firstWaitMs: 20_000,
    ...options,
  });
  t.after(() => client.close(0));
  return { server, client, reports };
}

test("the live version is served, then a pushed one, and never an older one", async (t) => {
  const { server, client } = await start(t, { [`GET /v1/prompts/${NAME}`]: live(GOOD) });
  const prompt = await client.prompt(NAME, { default: "Default." });
  assert.deepEqual([prompt.live, prompt.sequence, prompt.digest, prompt.target], [true, 7, GOOD.digest, "chat"]);
  assert.deepEqual(
    prompt.render().map(({ role }) => role),
    ["system", "user", "assistant", "user", "assistant"],
  );
  assert.equal(prompt.text().split("\n\n")[0], "Be brief.");
  await eventually(() => server.streams.size);
  server.push(NEWER);
  await eventually(async () => (await client.prompt(NAME)).sequence === 8);
  server.push(GOOD);
  server.push(FORGED);
  await eventually(() => client.refusedPrompts === 2);
  assert.equal((await client.prompt(NAME)).sequence, 8);
  const stream = server.requests.find(({ path }) => path === "/v1/stream");
  assert.equal(stream.url, `/v1/stream?names=${NAME}`);
  assert.match(stream.headers["x-ratchet-instance"], /^node-\d+-[0-9a-f]{8}$/);
});

test("a forged version is not served", async (t) => {
  const { client, reports } = await start(t, { [`GET /v1/prompts/${NAME}`]: live(FORGED) });
  const prompt = await client.prompt(NAME, { default: "Default." });
  assert.deepEqual([prompt.live, prompt.text()], [false, "Default."]);
  assert.deepEqual([client.refusedPrompts, reports.map(({ code }) => code)], [1, ["prompt-untrusted"]]);
});

test("the server's keys are pinned where the app names none", async (t) => {
  const keys = () => [200, { keys: [{ public_key: PUBLIC_KEY }] }];
  const { client, server } = await start(
    t,
    { [`GET /v1/prompts/${NAME}`]: live(GOOD), "GET /v1/signing-keys": keys },
    { publicKey: [] },
  );
  assert.equal((await client.prompt(NAME)).live, true);
  assert.ok(server.requests.some(({ path }) => path === "/v1/signing-keys"));
});

test("without a server the default is served after the first wait", async (t) => {
  const { client } = await start(t, {}, { url: "http://127.0.0.1:1", firstWaitMs: 50 });
  const prompt = await client.prompt("answer", { default: "Answer {{question}}", target: "bot" });
  assert.equal(prompt.text({ question: "why?" }), "Answer why?");
  await assert.rejects(client.prompt("other"), NoPrompt);
  await assert.rejects(client.prompt("a,b", { default: "x" }), PromptError);
  await assert.rejects(client.prompt("other", { default: { schema: "x", messages: [] } }), PromptError);
});

test("an execution names the prompt that ran, and carries a default's document once", async (t) => {
  const { client, server } = await start(t, {});
  const prompt = await client.prompt(NAME, { default: "Answer {{question}}", target: "bot" });
  prompt.render({ question: "why?" });
  client.record({ prompts: [prompt], input: "why?" });
  await client.flush();
  client.record({ prompts: [prompt] });
  await client.flush();
  const [first, second] = server.requests.filter(({ path }) => path === "/v1/executions").map(({ items }) => items[0]);
  assert.deepEqual([first.target, first.prompts[0].digest], ["bot", prompt.digest]);
  assert.equal(first.prompts[0].document.messages[0].content, "Answer {{question}}");
  assert.equal(second.prompts[0].document, undefined);
});

test("a live version that the app can't render is not served", async (t) => {
  const { client, reports } = await start(t, {
    [`GET /v1/prompts/${NAME}`]: live(named("slot without examples").payload),
  });
  const prompt = await client.prompt(NAME, { default: "Answer {{question}}" });
  assert.equal(prompt.live, true);
  assert.match(reports[0].message, /does not use question/);
  assert.deepEqual(prompt.render({ question: "why?" }), [{ role: "system", content: "Hi" }]);
  assert.throws(() => prompt.render({ other: 1 }), PromptError);
});

test("where the stream is refused, prompts are polled with their ETag", async (t) => {
  const { client, server } = await start(t, {
    [`GET /v1/prompts/${NAME}`]: live(GOOD),
    "GET /v1/stream": () => [503, { "retry-after": "1" }],
  });
  await client.prompt(NAME);
  await eventually(() => server.requests.filter(({ path }) => path === "/v1/stream").length === 2);
  assert.equal((await client.prompt(NAME)).sequence, 7);
});

test("a poll sends the ETag, reads a new version, and stops", async (t) => {
  let payload = GOOD;
  const server = await fakeServer(t, { [`GET /v1/prompts/${NAME}`]: (sent) => live(payload)(sent) });
  const cache = new PromptCache({ keys: await trustedKeys([PUBLIC_KEY]) }, () => {});
  const fetcher = new PromptFetcher({ url: server.url, key: "k", timeoutMs: 20_000, fetch }, cache, new Set([NAME]));
  fetcher.begin(0);
  await eventually(() => server.requests.length === 1);
  await eventually(async () => (await cache.serve(NAME, "x", undefined)).sequence === 7);
  assert.equal((await fetcher.fetch(NAME)).status, 304);
  payload = NEWER;
  assert.equal((await fetcher.fetch(NAME)).status, 200);
  assert.equal((await cache.serve(NAME, "x", undefined)).sequence, 8);
  assert.deepEqual(
    server.requests.map(({ headers }) => headers["if-none-match"]),
    [undefined, '"7"', '"7"'],
  );
  assert.equal(fetcher.polling, true);
  fetcher.stop();
  assert.equal(fetcher.polling, false);
});

const streamOf = (...chunks) => new Blob(chunks).stream();

async function eventsOf(body) {
  const found = [];
  for await (const event of serverEvents(body, () => {})) found.push(event);
  return found;
}

test("events are read across chunks and line ends", async () => {
  const text = ": hi\n\nevent: prompt\r\ndata: {\r\ndata: }\r\n\r\nid: 3\rdata:x\r\revent: a\n\ndata: é\n\n";
  const wanted = [
    { type: "prompt", data: "{\n}" },
    { type: "message", data: "x" },
    { type: "message", data: "é" },
  ];
  assert.deepEqual(await eventsOf(streamOf(text)), wanted);
  const bytes = new TextEncoder().encode(text);
  const each = new ReadableStream({
    start: (controller) => {
      bytes.forEach((_, index) => controller.enqueue(bytes.slice(index, index + 1)));
      controller.close();
    },
  });
  assert.deepEqual(await eventsOf(each), wanted);
});

test("an endless event ends the stream", async () => {
  await assert.rejects(eventsOf(streamOf(`data: ${"x".repeat(1_100_000)}`)), /too long/);
});

test("what is served is reported, and why a version is not", async (t) => {
  const { server, client } = await start(t, { [`GET /v1/prompts/${NAME}`]: live(GOOD) });
  const reported = () => server.reports.at(-1)?.prompts[0] ?? {};
  await client.prompt(NAME, { default: "Default." });
  await eventually(() => reported().sequence === 7);
  assert.deepEqual(reported(), { name: NAME, sequence: 7, digest: GOOD.digest });
  assert.match(server.reports[0].sdk, /^javascript\//);
  await eventually(() => server.streams.size);
  server.push({ ...FORGED, sequence: 8 });
  await eventually(() => reported().refusal);
  assert.equal(reported().refused_sequence, 8);
  server.push(NEWER);
  await eventually(() => reported().sequence === 8 && !reported().refusal);
});
