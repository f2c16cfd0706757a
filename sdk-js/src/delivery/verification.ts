/** Verification of live prompts, whose payload is untrusted. */
import { digestOf, keyId, verify } from "../crypto.js";
import { RatchetError } from "../errors.js";
import { canonicalText, isObject, normal } from "../prompt/canonical.js";
import { exampleSetDigest, promptDigest } from "../prompt/digests.js";
import { parse, type Prompt } from "../prompt/document.js";
import type { Examples } from "../prompt/render.js";

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
  if (current && live.sequence === current.sequence && live.digest !== current.digest) {
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
  };
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
