// The vectors in tests/vectors, which the Python SDK computes: both clients agree on them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bucketOf } from "../dist/delivery/arms.js";
import { fitted } from "../dist/delivery/variables.js";
import { liveText, trustedKeys, UntrustedPrompt, verified } from "../dist/delivery/verification.js";
import { digestOf, keyId, sha256, verify } from "../dist/crypto.js";
import { canonicalText, normal } from "../dist/prompt/canonical.js";
import { exampleDigest, exampleSetDigest, promptDigest } from "../dist/prompt/digests.js";
import { parse } from "../dist/prompt/document.js";
import { PromptError } from "../dist/prompt/errors.js";
import { promptName } from "../dist/prompt/names.js";
import { render } from "../dist/prompt/render.js";
import { without } from "../dist/sending/amendment.js";
import { executionItem } from "../dist/sending/executions.js";
import { feedbackId, feedbackItem } from "../dist/sending/items.js";
import { outcomeOf } from "../dist/sending/outcomes.js";
import { derivedId } from "../dist/sending/uuid.js";
import { inputPrint, nextStep } from "../dist/sessions/next-steps.js";
import { OpenAnswers } from "../dist/sessions/open-answers.js";

const read = (path) => JSON.parse(readFileSync(new URL(`../../tests/vectors/${path}`, import.meta.url), "utf8"));
const at = (field) => (error) => error instanceof PromptError && error.field === field;
const ROUNDED = "an integer that a double can't carry";
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

/** Properties of the app's object → fields of the API. */
const properties = (fields) => Object.fromEntries(Object.entries(fields).map(([name, value]) => [camel(name), value]));

test("documents have the same canonical text and digest", async () => {
  for (const { name, documents, canonical, canonical_hex, digest } of read("prompt/documents.json")) {
    for (const document of documents) {
      const prompt = parse(document);
      assert.equal(prompt.canonical, canonical, name);
      assert.equal(Buffer.from(prompt.canonical).toString("hex"), canonical_hex, name);
      assert.equal(await promptDigest(prompt), digest, name);
    }
  }
});

test("invalid documents are refused at the same field", () => {
  for (const { name, document, field } of read("prompt/invalid.json")) {
    if (name === ROUNDED)
      assert.ok(parse(document)); // JSON.parse has rounded its number already
    else assert.throws(() => parse(document), at(field), name);
  }
});

test("prompts render to the same messages", () => {
  for (const { name, document, variables, examples, messages, field } of read("prompt/rendering.json")) {
    const rendered = () => render(parse(document), variables, examples);
    if (messages) assert.deepEqual(rendered(), messages, name);
    else assert.throws(rendered, at(field), name);
  }
});

test("examples have the same digests", async () => {
  for (const { examples, digests, set_digest } of read("prompt/examples.json")) {
    assert.deepEqual(await Promise.all(examples.map(exampleDigest)), digests);
    assert.equal(await exampleSetDigest(examples), set_digest);
  }
});

test("live prompts are signed as the same text", async () => {
  const { public_key, key_id, forms } = read("prompt/signing.json");
  assert.equal(await keyId(public_key), key_id);
  const live = forms.find(({ form }) => form === "live");
  assert.equal(await liveText(live.payload), live.bytes);
  for (const { bytes, signature } of forms) {
    assert.ok(await verify(public_key, bytes, signature));
    assert.ok(!(await verify(public_key, `${bytes} `, signature)));
  }
  for (const bad of ["", "A", "é", "=".repeat(43), `${public_key}AAAA`]) assert.ok(!(await verify(bad, "x", bad)));
});

test("units have the same buckets", async () => {
  for (const { salt, prefix, first, digest } of read("client/buckets.json")) {
    const ids = Array.from({ length: 10_000 }, (_, number) => `${prefix}${number}`);
    const found = await Promise.all(ids.map((id) => bucketOf(salt, id)));
    assert.deepEqual(found.slice(0, first.length), first);
    assert.equal(await digestOf(found.join(",")), digest);
  }
});

test("live payloads are served or refused alike", async () => {
  for (const { name, public_key, scope, payload, before, reason } of read("client/live.json")) {
    const trust = { keys: await trustedKeys([public_key]), ...scope };
    const current = before ? await verified(before, trust) : undefined;
    const answer = verified(payload, trust, current);
    if (reason === null) assert.equal((await answer).digest, payload.digest, name);
    else
      await assert.rejects(
        answer,
        (error) => error instanceof UntrustedPrompt && error.message.split(":")[0] === reason,
        name,
      );
  }
});

test("JSON has the same canonical text and digest", async () => {
  for (const { json, canonical, digest, field } of read("client/canonical.json")) {
    const found = () => canonicalText(normal(JSON.parse(json), "value"));
    if (field) assert.throws(found, at(field), json);
    else assert.deepEqual([found(), await digestOf(found())], [canonical, digest], json);
  }
  assert.equal(await sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

test("names are accepted alike", () => {
  for (const { name, normal: accepted } of read("client/names.json")) {
    if (accepted !== null) assert.equal(promptName(name), accepted, JSON.stringify(name));
    else assert.throws(() => promptName(name), PromptError, JSON.stringify(name));
  }
});

test("executions have the same bodies", () => {
  for (const { fields, body, dropped } of read("client/executions.json")) {
    const { target = "bot", prompts = [], ...given } = fields;
    checkItem(fields, body, dropped, () => executionItem("e1", target, prompts, properties(given), new Date()));
  }
});

test("feedback has the same bodies", () => {
  for (const { fields, body, dropped } of read("client/feedback.json")) {
    const { execution_id, ...given } = fields;
    checkItem(fields, body, dropped, () => feedbackItem(execution_id, properties(given), "f1", new Date()));
  }
});

function checkItem(fields, body, dropped, make) {
  const about = JSON.stringify(fields);
  if (body === null) return assert.throws(make, about);
  const item = make();
  const { occurred_at, ...found } = JSON.parse(item.json);
  assert.deepEqual(found, body, about);
  assert.deepEqual([...item.dropped].sort(), dropped.map((name) => name.replace(/^[a-z_]+/, camel)).sort(), about);
  assert.ok(Math.abs(Date.now() - Date.parse(occurred_at)) < 60_000);
}

test("ids of feedback are derived alike", () => {
  for (const { own, id } of read("client/feedback_ids.json")) assert.equal(feedbackId(own, derivedId), id, own);
});

test("values of variables are converted alike", () => {
  for (const { type, value, messages, field } of read("client/variables.json")) {
    const content = type === "messages" ? { type: "placeholder", name: "x" } : { role: "user", content: "{{x}}" };
    const prompt = parse({ schema: "ratchet.prompt/2", messages: [content], variables: { x: { type } } });
    const rendered = () => render(prompt, fitted(prompt, { x: value }));
    const about = `${type} ${JSON.stringify(value)}`;
    if (messages) assert.deepEqual(rendered(), messages, about);
    else assert.throws(rendered, at(field), about);
  }
});

const itemOf = (route, body) => ({ route, id: "i", json: JSON.stringify(body), dropped: [], uses: [] });

test("fields that the server refuses are removed alike", () => {
  for (const { route, body, fields, without: rest } of read("client/amendments.json")) {
    const found = without(itemOf(route, body), fields);
    assert.deepEqual(found ? JSON.parse(found.json) : null, rest, `${fields}`);
  }
});

test("responses have the same outcome", () => {
  const item = itemOf("executions", { id: "i", target: "bot", cost: -1, consent: { learning: true } });
  for (const { status, headers, body, items, outcome } of read("client/outcomes.json")) {
    const batch = { route: "executions", key: "k", items: Array(items).fill(item), body: "" };
    const found = outcomeOf(batch, status, headers["retry-after"] ?? null, body);
    assert.deepEqual(comparable(found), outcome, `${status} ${body}`);
  }
});

function comparable({ kind, ...found }) {
  if (kind === "retry") return { kind, after: found.after ?? null, misconfigured: found.misconfigured };
  if (kind === "split") return { kind };
  const amended = found.amended.map(([index, item]) => [index, JSON.parse(item.json)]);
  return { kind, ...found, amended };
}

test("next steps are derived alike", () => {
  for (const { before, following, seconds, retried, step } of read("client/next_steps.json")) {
    const answer = { executionId: "e", input: inputPrint(before), at: 0, retried };
    assert.equal(nextStep(answer, inputPrint(following), seconds), step, JSON.stringify([before, following]));
  }
});

test("steps of sessions are derived alike", () => {
  for (const { calls, derived } of read("client/sessions.json")) {
    let now = 0;
    const answers = new OpenAnswers(() => now);
    const found = calls.map(({ session, at, input, id }, number) => {
      now = at;
      if (input === undefined) return answers.end(session);
      return answers.add(session, { executionId: id ?? `e${number}`, input: inputPrint(input) });
    });
    assert.deepEqual(found.map((each) => each.map(([answer, step]) => [answer.executionId, step])), derived);
  }
});
