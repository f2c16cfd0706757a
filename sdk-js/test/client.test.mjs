// Sending over HTTP: retries, refusals, deadlines, and what the app is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigurationError, ItemRefused, Ratchet, RatchetError, RequestFailed } from "../dist/index.js";
import { eventually, fakeServer, ok } from "./support/server.mjs";

const KEY = "rk_k_secret";

function clientOf(t, server, options = {}) {
  const reports = [];
  const client = new Ratchet({
    url: server.url ?? server,
    key: KEY,
    report: (error) => reports.push(error),
    ...options,
  });
  t.after(() => client.close(0));
  return [client, reports];
}

test("executions and feedback arrive once, with key, idempotency key and date", async (t) => {
  const server = await fakeServer(t);
  const [client] = clientOf(t, server);
  const id = client.record({
    target: "bot",
    input: "Hi",
    output: "Hello",
    latencyMs: 12,
    prompts: [{ name: "p", version: 2 }],
  });
  client.feedback(id, { kind: "thumb", value: true, user: 17 });
  assert.equal(await client.flush(), true);
  const [execution, feedback] = ["/v1/executions", "/v1/feedback"].map((path) =>
    server.requests.find((sent) => sent.path === path),
  );
  const { occurred_at, ...body } = execution.items[0];
  assert.deepEqual(body, {
    id,
    target: "bot",
    input: "Hi",
    output: "Hello",
    latency_ms: 12,
    prompts: [{ name: "p", version: "2" }],
  });
  assert.ok(Math.abs(Date.parse(occurred_at) - Date.now()) < 60_000);
  assert.deepEqual([feedback.items[0].execution_id, feedback.items[0].user], [id, "17"]);
  assert.equal(feedback.headers.authorization, `Bearer ${KEY}`);
  assert.match(feedback.headers["idempotency-key"], /^[0-9a-f-]{36}$/);
  assert.ok(Math.abs(Date.parse(feedback.headers.date) - Date.now()) < 60_000);
  assert.equal(feedback.headers.cookie, undefined);
  assert.deepEqual([client.counters.accepted, client.counters.sent], [2, 2]);
});

test("items that are sent together share a request", async (t) => {
  const server = await fakeServer(t);
  const [client] = clientOf(t, server);
  for (let n = 0; n < 1_200; n++) client.feedback("e", { kind: "rating", value: (n % 5) + 1 });
  assert.equal(await client.flush(), true);
  assert.deepEqual(
    server.requests.map(({ items }) => items.length),
    [500, 500, 200],
  );
  assert.equal(server.effects.size, 1_200);
});

test("an unavailable server is asked again with the same key", async (t) => {
  let failures = 2;
  const answer = (_, items) => (failures-- > 0 ? [failures ? 503 : 429, {}] : [200, ok(items)]);
  const server = await fakeServer(t, { "POST /v1/feedback": answer });
  const [client, reports] = clientOf(t, server);
  client.feedback("e", { kind: "thumb", value: true });
  assert.equal(await client.flush(), true);
  assert.equal(new Set(server.requests.map(({ headers }) => headers["idempotency-key"])).size, 1);
  assert.deepEqual([server.requests.length, client.counters.retries, client.counters.sent, reports], [3, 2, 1, []]);
});

test("a single item that failed is sent again, the others are not", async (t) => {
  let first = true;
  const answer = (_, items) => {
    const results = ok(items).results;
    if (first) results[1] = { status: "failed", problem: { status: 503 } };
    first = false;
    return [207, { results }];
  };
  const server = await fakeServer(t, { "POST /v1/feedback": answer });
  const [client] = clientOf(t, server);
  for (const value of [1, 2, 3]) client.feedback("e", { kind: "rating", value });
  assert.equal(await client.flush(), true);
  assert.deepEqual(
    server.requests.map(({ items }) => items.map(({ value }) => value)),
    [[1, 2, 3], [2]],
  );
});

test("a refused item is reported with its reason and not repeated", async (t) => {
  const answer = (_, items) => [
    207,
    {
      results: items.map(({ value }) =>
        value === 9 ? { status: "refused", problem: { detail: "value: at most 5" } } : { status: "accepted" },
      ),
    },
  ];
  const server = await fakeServer(t, { "POST /v1/feedback": answer });
  const [client, reports] = clientOf(t, server);
  client.feedback("e", { kind: "rating", value: 4 });
  const id = client.feedback("e", { kind: "rating", value: 9 });
  assert.equal(await client.flush(), true);
  assert.ok(reports[0] instanceof ItemRefused && reports[0] instanceof RatchetError);
  assert.deepEqual([reports.length, reports[0].itemId, reports[0].code], [1, id, "item-refused"]);
  assert.match(reports[0].message, /at most 5/);
  assert.deepEqual([client.counters.sent, client.counters.refused], [1, 1]);
});

test("an optional field that is refused is left out", async (t) => {
  const answer = (_, items) =>
    items[0].user
      ? [422, { results: [{ status: "refused", problem: { errors: [{ field: "user" }] } }] }]
      : [200, ok(items)];
  const server = await fakeServer(t, { "POST /v1/feedback": answer });
  const [client] = clientOf(t, server);
  client.feedback("e", { kind: "thumb", value: true, user: "x" });
  assert.equal(await client.flush(), true);
  assert.deepEqual([client.counters.sent, client.counters.droppedFields], [1, 1]);
});

test("a wrong key is reported at once, and once", async (t) => {
  const server = await fakeServer(t, { "POST /v1/feedback": () => [401, {}] });
  const [client, reports] = clientOf(t, server);
  client.feedback("e", { kind: "thumb", value: true });
  await eventually(() => server.requests.length >= 3);
  assert.equal(reports.length, 1);
  assert.ok(reports[0] instanceof RequestFailed);
  assert.deepEqual([reports[0].status, reports[0].misconfigured], [401, true]);
  assert.ok(!reports[0].message.includes("secret"));
});

test("flush and close keep their deadlines", async (t) => {
  const server = await fakeServer(t, { "POST /v1/feedback": () => new Promise(() => {}) });
  const [client, reports] = clientOf(t, server);
  client.feedback("e", { kind: "thumb", value: true });
  const began = Date.now();
  assert.equal(await client.flush(100), false);
  assert.equal(await client.close(100), false);
  assert.ok(Date.now() - began < 5_000);
  assert.deepEqual([client.counters.abandoned, reports.map(({ code }) => code)], [1, ["items-abandoned"]]);
  client.feedback("e", { kind: "thumb", value: true });
  assert.equal(client.counters.dropped, 1);
});

test("a silent server is given up after the timeout, and asked again", async (t) => {
  let silent = true;
  const answer = (_, items) => (silent ? ((silent = false), new Promise(() => {})) : [200, ok(items)]);
  const server = await fakeServer(t, { "POST /v1/feedback": answer });
  const [client] = clientOf(t, server, { timeoutMs: 1_000 });
  client.feedback("e", { kind: "thumb", value: true });
  assert.equal(await client.flush(20_000), true);
  assert.equal(client.counters.retries, 1);
});

for (const [what, answer] of [
  ["too long", () => [200, `"${"x".repeat(1_100_000)}"`]],
  ["another server's", () => [200, "<html>"]],
  ["a redirect", () => [302, "", { location: "http://127.0.0.1:1/" }]],
]) {
  test(`an answer that is ${what} is no answer`, async (t) => {
    const server = await fakeServer(t, { "POST /v1/feedback": answer });
    const [client] = clientOf(t, server);
    client.feedback("e", { kind: "thumb", value: true });
    await eventually(() => client.counters.retries >= 1);
    assert.deepEqual([client.counters.sent, client.counters.refused], [0, 0]);
  });
}

test("values never throw; what can't be sent is refused, what is optional left out", async (t) => {
  const server = await fakeServer(t);
  const [client, reports] = clientOf(t, server);
  const cyclic = {};
  cyclic.self = cyclic;
  const throwing = {
    toJSON: () => {
      throw new Error("no");
    },
    toString: () => {
      throw new Error("no");
    },
  };
  client.record({
    target: "bot",
    input: cyclic,
    attributes: { a: throwing, b: 1n, c: new Date(0) },
    scores: new Map([["s", 1]]),
  });
  client.record({ target: throwing, input: "x" });
  client.feedback(throwing, { kind: "thumb", value: true });
  client.feedback("e", { kind: "score", value: NaN, name: "s" });
  assert.equal(await client.flush(), true);
  const { id, occurred_at, ...body } = server.requests[0].items[0];
  assert.deepEqual(body, {
    target: "bot",
    prompts: [],
    attributes: { b: 1, c: "1970-01-01T00:00:00.000Z" },
    scores: { s: 1 },
  });
  assert.deepEqual([client.counters.sent, client.counters.refused, client.counters.droppedFields], [1, 3, 2]);
  assert.deepEqual(reports.map(({ code }) => code).sort(), [
    "fields-dropped",
    "item-refused",
    "item-refused",
    "item-refused",
  ]);
});

test("the app may change a value after it was recorded", async (t) => {
  const server = await fakeServer(t);
  const [client] = clientOf(t, server);
  const messages = [{ role: "user", content: "before" }];
  client.record({ target: "bot", input: messages });
  messages[0].content = "after";
  assert.equal(await client.flush(), true);
  assert.equal(server.requests[0].items[0].input[0].content, "before");
});

test("an error of the app's own function does not stop the client", async (t) => {
  const server = await fakeServer(t);
  const client = new Ratchet({
    url: server.url,
    key: KEY,
    report: () => {
      throw new Error("app");
    },
  });
  t.after(() => client.close(0));
  client.feedback("e", { kind: "score", value: "high" });
  client.feedback("e", { kind: "thumb", value: true, colour: "red" });
  assert.equal(await client.flush(), true);
});

for (const options of [
  {},
  { url: "http://x" },
  { url: "x", key: KEY },
  { url: "http://", key: KEY },
  { url: "ftp://x", key: KEY },
  { url: "http://x", key: "ä" },
  { url: "http://x", key: "a\nb" },
]) {
  test(`options ${JSON.stringify(options)} are refused`, () => {
    assert.throws(
      () => new Ratchet(options),
      (error) => error instanceof ConfigurationError && !error.message.includes("ä"),
    );
  });
}

test("a malformed public key and a missing target are errors", async (t) => {
  const [client] = clientOf(t, "http://127.0.0.1:1", { publicKey: "not base64!" });
  await assert.rejects(client.prompt("p", { default: "x" }), ConfigurationError);
  assert.throws(() => client.record({ input: "x" }), ConfigurationError);
});

test("calls of a session send the steps between them, for their user", async (t) => {
  const server = await fakeServer(t);
  const [client] = clientOf(t, server);
  const question = "How do I reset my password?";
  const options = { user: "ann", consent: { learning: true } };
  const ids = [question, question, "How can I reset my password"].map((input) =>
    client.session(7, options).record({ target: "bot", input }),
  );
  const session = client.session(7, options);
  session.record({ target: "bot", input: "a part of the answer", parentId: ids[2] });
  session.feedback({ kind: "rating", value: 2 });
  session.end();
  client.session({ odd: 1 }).record({ target: "bot", input: question });
  assert.equal(await client.flush(), true);
  const items = (path) => server.requests.filter((sent) => sent.path === path).flatMap((sent) => sent.items);
  assert.deepEqual(
    items("/v1/feedback").map(({ kind, execution_id, session, user }) => [kind, execution_id, session, user]),
    [
      ["regenerate", ids[0], undefined, "ann"],
      ["requery", ids[1], undefined, "ann"],
      ["rating", undefined, "7", "ann"],
      ["abandon", ids[2], undefined, "ann"],
    ],
  );
  const first = items("/v1/executions")[0];
  assert.deepEqual([first.session, first.user, first.consent], ["7", "ann", { learning: true }]);
  assert.equal(client.counters.refused, 0);
});
