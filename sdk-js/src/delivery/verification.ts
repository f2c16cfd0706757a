/** Verification of live prompts, whose payload is untrusted. */
import { digestOf, keyId, verify } from "../crypto.js";
import { RatchetError } from "../errors.js";
import { canonicalText, isObject, normal } from "../prompt/canonical.js";
import { exampleSetDigest, promptDigest } from "../prompt/digests.js";
import { parse, type Prompt } from "../prompt/document.js";
import type { Examples } from "../prompt/render.js";
import { BUCKETS, type CandidateArm } from "./arms.js";

const SIGNED_ARMS = ["project", "environment", "name", "digest", "sequence"];
const ARM_FIELDS = ["rollout_id", "plan_digest", "weight", "salt", "unit", "digest"];
const SIGNED = ["project", "environment", "name", "target", "digest", "sequence", "reason", "authorisation"];

/** A prompt that must not be served; the message says why. */
export class UntrustedPrompt extends RatchetError {
  constructor(message: string) {
    super("prompt-untrusted", message);
  }
}

/** What a client trusts: public keys by id, and its project and environment once they are known. */
export type Trust = {
  readonly keys: ReadonlyMap<string, string>;
  readonly project?: string | undefined;
  readonly environment?: string | undefined;
};

/** A verified live prompt. The one with the highest `sequence` is served. */
export type LivePrompt = {
  readonly project: string;
  readonly environment: string;
  readonly name: string;
  readonly target: string;
  readonly sequence: number;
  readonly prompt: Prompt;
  readonly digest: string;
  readonly examples: Examples;
  /** The other arm of a rollout. */
  readonly arms?: CandidateArm | undefined;
};

/** Return public keys by their ids. Throws for a malformed key. */
export async function trustedKeys(publicKeys: readonly string[]): Promise<Map<string, string>> {
  return new Map(await Promise.all(publicKeys.map(async (key): Promise<[string, string]> => [await keyId(key), key])));
}

/** Return the signed text of a `prompt.live`, which contains the document and the examples by their digests. */
export async function liveText(live: Readonly<Record<string, unknown>>): Promise<string> {
  const examples_digest = await digestOf(canonicalText(normal(live.examples, "examples")));
  const facts = Object.fromEntries(SIGNED.map((field) => [field, normal(present(live, field), "payload")]));
  return canonicalText({ ...facts, schema: "ratchet.live/1", examples_digest });
}

/** Return the signed text of the rollout of a `prompt.live`, which binds the live version that it belongs to. */
export async function armsText(live: Readonly<Record<string, unknown>>): Promise<string> {
  const arms = live.rollout;
  if (!isObject(arms)) throw new UntrustedPrompt("it is malformed: rollout");
  const facts = Object.fromEntries(SIGNED_ARMS.map((field) => [field, normal(present(live, field), "payload")]));
  const candidate = ARM_FIELDS.map((field) => [`candidate_${field}`, normal(present(arms, field), "payload")]);
  const candidate_examples_digest = await digestOf(canonicalText(normal(arms.examples, "examples")));
  const schema = "ratchet.live-rollout/1";
  return canonicalText({ ...facts, ...Object.fromEntries(candidate), schema, candidate_examples_digest });
}

/**
 * Return the prompt of a `prompt.live` payload. Throws UntrustedPrompt.
 *
 * `current` is served now under this name: the sequence must not decrease, and must not have two contents.
 */
export async function verified(payload: unknown, trust: Trust, current?: LivePrompt): Promise<LivePrompt> {
  const live = await signed(payload, trust).catch((error: unknown) => {
    if (error instanceof UntrustedPrompt) throw error;
    throw new UntrustedPrompt(`it is malformed: ${error instanceof Error ? error.message : "not an object"}`);
  });
  for (const scope of ["project", "environment"] as const) {
    if (trust[scope] !== undefined && live[scope] !== trust[scope]) {
      throw new UntrustedPrompt(`it belongs to another ${scope}`);
    }
  }
  if (current && live.sequence < current.sequence) {
    throw new UntrustedPrompt(`its sequence ${live.sequence} is lower than ${current.sequence}`);
  }
  if (current && live.sequence === current.sequence && contentOf(live) !== contentOf(current)) {
    throw new UntrustedPrompt(`its sequence ${live.sequence} has another content already`);
  }
  return live;
}

async function signed(payload: unknown, trust: Trust): Promise<LivePrompt> {
  if (!isObject(payload)) throw new UntrustedPrompt("it is malformed: not an object");
  const signature = present(payload, "signature");
  if (!isObject(signature)) throw new UntrustedPrompt("it is malformed: signature");
  const publicKey = trust.keys.get(signature.key_id as string);
  if (publicKey === undefined) throw new UntrustedPrompt("it is signed with a key that is not trusted");
  if (!(await verify(publicKey, await liveText(payload), signature.value as string))) {
    throw new UntrustedPrompt("its signature is invalid");
  }
  const prompt = parse(present(payload, "document"), "document");
  const digest = await promptDigest(prompt);
  if (digest !== payload.digest) throw new UntrustedPrompt("its digest is not that of its document");
  const { sequence } = payload;
  if (typeof sequence !== "number" || !Number.isSafeInteger(sequence)) {
    throw new UntrustedPrompt("its sequence is not an integer");
  }
  const [project, environment, name, target] = ["project", "environment", "name", "target"].map((part) =>
    String(payload[part]),
  ) as [string, string, string, string];
  return {
    project,
    environment,
    name,
    target,
    sequence,
    prompt,
    digest,
    examples: await namedExamples(payload.examples, prompt),
    arms: (payload.rollout ?? null) === null ? undefined : await candidateArm(payload, trust),
  };
}

/** Return the candidate of a payload whose base is verified. Its own signature binds it to that. */
async function candidateArm(payload: Readonly<Record<string, unknown>>, trust: Trust): Promise<CandidateArm> {
  const arms = payload.rollout;
  if (!isObject(arms) || !isObject(arms.signature)) throw new UntrustedPrompt("it is malformed: rollout");
  const publicKey = trust.keys.get(arms.signature.key_id as string);
  if (publicKey === undefined || !(await verify(publicKey, await armsText(payload), arms.signature.value as string)))
    throw new UntrustedPrompt("the signature of its rollout is invalid");
  const prompt = parse(present(arms, "document"), "document");
  const digest = await promptDigest(prompt);
  if (digest !== arms.digest) throw new UntrustedPrompt("the digest of its candidate is not that of the document");
  const { weight, unit } = arms;
  const isWeight = typeof weight === "number" && Number.isSafeInteger(weight) && weight > 0 && weight < BUCKETS;
  if (!isWeight || (unit !== "user" && unit !== "session" && unit !== "execution"))
    throw new UntrustedPrompt("the weight or unit of its rollout is unknown");
  const [rolloutId, salt] = [String(arms.rollout_id), String(arms.salt)];
  return { rolloutId, weight, salt, unit, prompt, digest, examples: await namedExamples(arms.examples, prompt) };
}

function contentOf({ digest, arms }: LivePrompt): string {
  return JSON.stringify([digest, arms && [arms.rolloutId, arms.weight, arms.salt, arms.unit, arms.digest]]);
}

/** Return the examples by slot; they must be the sets that the signed document names. */
async function namedExamples(value: unknown, prompt: Prompt): Promise<Examples> {
  if (!isObject(value)) throw new UntrustedPrompt("it is malformed: examples");
  const served = new Map(Object.entries(value).filter(([, entries]) => !Array.isArray(entries) || entries.length));
  for (const slot of served.keys()) {
    if (!prompt.slots.has(slot)) throw new UntrustedPrompt("it has examples for an unknown slot");
  }
  for (const [name, slot] of prompt.slots) {
    const examples = (served.get(name) ?? []) as { input: string; output: string }[];
    if (slot.set !== null && (await exampleSetDigest(examples)) !== slot.set) {
      throw new UntrustedPrompt("its examples are not the ones that its document names");
    }
    if (slot.set === null && served.has(name))
      throw new UntrustedPrompt("it has examples that its document does not name");
    if (examples.length > slot.max) throw new UntrustedPrompt("it has more examples than its slot allows");
  }
  return Object.fromEntries(served) as Examples;
}

function present(value: Readonly<Record<string, unknown>>, field: string): unknown {
  if (!Object.hasOwn(value, field)) throw new UntrustedPrompt(`it is malformed: ${field} is missing`);
  return value[field];
}
