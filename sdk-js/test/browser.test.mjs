// The client for pages: its size, and requests that outlive the page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const MOST_BYTES = 6 * 1024;

/** A document that can be hidden, as far as the client uses it. */
class Page extends EventTarget {
  visibilityState = "visible";

  hide() {
    this.visibilityState = "hidden";
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

async function pageClient(t, fetch, options = {}) {
  globalThis.document = new Page();
  const { RatchetFeedback } = await import("../dist/browser.js");
  const client = new RatchetFeedback({
    url: "https://ratchet.example/",
    key: "rk_web_x",
    fetch,
    report: () => {},
    ...options,
  });
  t.after(() => client.close(0));
  return client;
}

const accepted = (init) =>
  Response.json({ results: JSON.parse(init.body).map(({ id }) => ({ id, status: "accepted" })) });

test(`the build for pages, with the element, has less than ${MOST_BYTES} bytes gzipped`, () => {
  const script = readFileSync(new URL("../dist/thumbs.min.js", import.meta.url));
  assert.ok(gzipSync(script, { level: 9 }).length < MOST_BYTES);
  assert.doesNotMatch(String(script), /node:|process|require\(/);
});

test("a request outlives the page, sends no cookies and follows no redirect", async (t) => {
  const sent = [];
  const client = await pageClient(t, async (url, init) => (sent.push([url, init]), accepted(init)));
  const id = client.feedback("e1", { kind: "thumb", value: true });
  assert.equal(await client.flush(), true);
  const [[url, init]] = sent;
  assert.equal(url, "https://ratchet.example/v1/feedback");
  assert.deepEqual([init.keepalive, init.credentials, init.redirect, init.method], [true, "omit", "manual", "POST"]);
  assert.deepEqual(Object.keys(init.headers).sort(), ["authorization", "content-type", "idempotency-key"]);
  assert.deepEqual([JSON.parse(init.body)[0].id, client.counters.sent], [id, 1]);
});

test("what waits is sent at once when the page is hidden", async (t) => {
  const sent = [];
  const client = await pageClient(t, async (_, init) => (sent.push(init), accepted(init)), { flushIntervalMs: 1e6 });
  client.feedback("e1", { kind: "thumb", value: true });
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(sent.length, 0);
  document.hide();
  assert.equal(sent.length, 1);
  assert.equal(await client.flush(), true);
});

test("a batch that waits to be repeated is sent when the page is hidden, under its key", async (t) => {
  const keys = [];
  let up = false;
  const client = await pageClient(t, async (_, init) => {
    keys.push(init.headers["idempotency-key"]);
    if (!up) throw new TypeError("Failed to fetch");
    return accepted(init);
  });
  client.feedback("e1", { kind: "thumb", value: true });
  assert.equal(await client.flush(5), false);
  up = true;
  document.hide();
  assert.equal(await client.flush(20_000), true);
  assert.equal(new Set(keys).size, 1);
});

test("requests that would be more than browsers let outlive a page are sent without that", async (t) => {
  const sent = [];
  const client = await pageClient(t, async (_, init) => (sent.push(init), accepted(init)), { flushIntervalMs: 1e6 });
  for (let n = 0; n < 5; n++) client.feedback("e1", { kind: "comment", value: "é".repeat(15_000) });
  document.hide();
  assert.equal(await client.flush(), true);
  assert.deepEqual(
    sent.map(({ keepalive }) => keepalive),
    [true, false, false, false, false],
  );
  assert.ok(sent.every(({ body }) => new TextEncoder().encode(body).length < 64_000));
});

test("an opaque redirect is no answer", async (t) => {
  const client = await pageClient(t, async () => ({ status: 0, headers: new Headers(), body: null }));
  client.feedback("e1", { kind: "thumb", value: true });
  assert.equal(await client.flush(5), false);
  assert.equal(client.counters.refused, 0);
});

test("a page without a secure context still has ids", async (t) => {
  const { crypto } = globalThis; // Node.js 18 has none
  const randomUUID = crypto?.randomUUID;
  t.after(() => crypto && (crypto.randomUUID = randomUUID));
  if (crypto) crypto.randomUUID = undefined;
  const client = await pageClient(t, async (_, init) => accepted(init));
  const ids = Array.from({ length: 50 }, () => client.feedback("e1", { kind: "thumb", value: true }));
  assert.equal(new Set(ids).size, 50);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
