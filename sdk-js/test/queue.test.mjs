// The queue of items to send: whatever the server answers, accepted = sent + refused + pending + abandoned.
import assert from "node:assert/strict";
import { test } from "node:test";
import { KnownDocuments } from "../dist/sending/documents.js";
import { SendQueue, writeItems } from "../dist/sending/queue.js";

const item = (id, route = "feedback", more = {}) => ({
  route,
  id,
  json: JSON.stringify({ id }),
  dropped: [],
  uses: [],
  ...more,
});

function queueOf(options = {}) {
  let key = 0;
  const defaults = { capacity: 10, capacityBytes: 1_000, batchSize: 3, batchBytes: 1_000, newKey: () => `k${++key}` };
  return new SendQueue({ ...defaults, pause: (attempt) => attempt * 100, write: writeItems, ...options });
}

const delivered = (more = {}) => ({ kind: "delivered", duplicates: 0, refused: [], repeat: [], amended: [], ...more });
const retry = (after) => ({ kind: "retry", reason: "x", after, misconfigured: false });
const ids = (batch) => batch.items.map(({ id }) => id);

test("items leave in order, in batches of a size and a number of bytes", () => {
  const queue = queueOf({ batchBytes: 20 });
  for (const id of ["a", "b", "c", "d"]) queue.offer(item(id));
  assert.deepEqual(ids(queue.next(0)), ["a", "b"]);
  const large = queueOf({ batchBytes: 1 });
  large.offer(item("a"));
  assert.deepEqual(ids(large.next(0)), ["a"]);
});

test("a full queue drops the newest", () => {
  const queue = queueOf({ capacity: 2 });
  assert.deepEqual(
    ["a", "b", "c"].map((id) => queue.offer(item(id))),
    [true, true, false],
  );
  assert.equal(queueOf({ capacityBytes: 3 }).offer(item("a")), false);
  assert.equal(queue.counters.dropped, 1);
});

test("a retry sends the same body under the same key, after a pause", () => {
  const queue = queueOf();
  queue.offer(item("a"));
  const batch = queue.next(0);
  queue.apply(batch, retry(), 1_000);
  assert.equal(queue.due(), 1_100);
  assert.equal(queue.next(1_099), undefined);
  assert.equal(queue.next(1_100), batch);
  queue.apply(batch, retry(7), 2_000);
  assert.equal(queue.due(), 9_000);
  assert.equal(queue.next(0, true), batch);
});

test("a failing route does not delay the other", () => {
  const queue = queueOf();
  queue.offer(item("a", "executions"));
  queue.offer(item("b"));
  const first = queue.next(0);
  queue.apply(first, retry(100), 0);
  assert.notEqual(queue.next(0).route, first.route);
});

test("a batch that is refused as a whole is sent in halves", () => {
  const queue = queueOf();
  for (const id of ["a", "b", "c"]) queue.offer(item(id));
  const whole = queue.next(0);
  queue.apply(whole, { kind: "split" }, 0);
  const halves = [queue.next(0), queue.next(0)];
  assert.deepEqual(halves.map(ids), [["a"], ["b", "c"]]);
  assert.equal(new Set([whole, ...halves].map(({ key }) => key)).size, 3);
});

test("repeated items go behind the others, and amended ones before them", () => {
  const queue = queueOf();
  for (const id of ["a", "b", "c", "d"]) queue.offer(item(id));
  const amended = item("b", "feedback", { dropped: ["user"] });
  queue.apply(queue.next(0), delivered({ repeat: [0], amended: [[1, amended]] }), 0);
  assert.deepEqual(ids(queue.next(0)), ["b", "d", "a"]);
  assert.deepEqual([queue.counters.sent, queue.counters.droppedFields, queue.pending], [1, 1, 3]);
});

test("a batch of which every item failed waits", () => {
  const queue = queueOf();
  queue.offer(item("a"));
  queue.apply(queue.next(0), delivered({ repeat: [0] }), 0);
  assert.equal(queue.due(), 100);
});

test("a closed queue counts what it abandons, and ignores late answers", () => {
  const queue = queueOf();
  queue.offer(item("a"));
  const batch = queue.next(0);
  assert.equal(queue.close(), 1);
  queue.apply(batch, delivered(), 0);
  assert.equal(queue.offer(item("b")), false);
  assert.deepEqual([queue.counters.abandoned, queue.counters.sent, queue.pending], [1, 0, 0]);
});

test("nothing is lost or counted twice in any order of answers", () => {
  let seed = 7;
  const chance = (most) => (seed = (seed * 48271) % 2147483647) % most;
  for (let run = 0; run < 100; run++) {
    const queue = queueOf({ capacity: 1_000, capacityBytes: 1e6 });
    let [now, offered] = [0, 0];
    const inFlight = [];
    const kept = new Map();
    const step = () => {
      const batch = chance(3) ? queue.next(now, chance(4) === 0) : undefined;
      if (batch) inFlight.push(batch);
      if (!inFlight.length || chance(2)) return;
      const [answered] = inFlight.splice(chance(inFlight.length), 1);
      queue.apply(answered, outcome(answered), (now += chance(200)));
    };
    const outcome = (batch) => {
      if (chance(4) === 0) return retry(chance(2));
      if (batch.items.length > 1 && chance(5) === 0) return { kind: "split" };
      const parts = delivered();
      batch.items.forEach(({ id }, index) => {
        const part = chance(6);
        if (part === 0) parts.repeat.push(index);
        else if (part === 1) parts.refused.push([index, "no"]);
        else kept.set(id, (kept.get(id) ?? 0) + 1);
      });
      return parts;
    };
    for (let i = 0; i < 60; i++) {
      if (chance(2)) queue.offer(item(`i${offered++}`, chance(2) ? "feedback" : "executions"));
      step();
    }
    for (let i = 0; i < 5_000 && queue.pending; i++) [now] = [now + 50, step()];
    const { accepted, sent, refused } = queue.counters;
    assert.deepEqual([queue.pending, accepted, sent + refused], [0, offered, offered]);
    assert.deepEqual([kept.size, [...kept.values()].every((times) => times === 1)], [sent, true]);
  }
});

test("a document is sent until the server has it, and once in a batch", () => {
  const documents = new KnownDocuments();
  const use = { name: "p", digest: "d", document: '{"schema":"x"}' };
  const using = (id) =>
    item(id, "executions", { json: JSON.stringify({ id, prompts: [{ name: "p", digest: "d" }] }), uses: [use] });
  const sent = () => JSON.parse(documents.write([using("a"), using("b")])).map(({ prompts }) => prompts[0].document);
  assert.deepEqual(sent(), [{ schema: "x" }, undefined]);
  assert.deepEqual(sent(), [{ schema: "x" }, undefined]);
  documents.add([using("a")]);
  assert.deepEqual(sent(), [undefined, undefined]);
});
