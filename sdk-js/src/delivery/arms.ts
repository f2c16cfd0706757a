/** The arm of a rollout that a call gets: the candidate for a part of the units, else the base. */
import { sha256 } from "../crypto.js";
import type { Prompt } from "../prompt/document.js";
import type { Examples } from "../prompt/render.js";
import { identifier } from "../sending/values.js";
import { newId, type Id } from "../sending/items.js";

export const BUCKETS = 10_000;

/** `unassigned`: a rollout is going on, but the call has no id of its unit, so it gets the base. */
export type Arm = "base" | "candidate" | "unassigned";

/** A verified candidate beside a live prompt, for `weight` of 10,000 buckets of a `unit`. */
export type CandidateArm = {
  readonly rolloutId: string;
  readonly weight: number;
  readonly salt: string;
  readonly unit: "user" | "session" | "execution";
  readonly prompt: Prompt;
  readonly digest: string;
  readonly examples: Examples;
};

/** Whose call it is. */
export type Units = { readonly user?: Id | undefined; readonly session?: Id | undefined };

/** Return the bucket of a unit: the first 48 bits of SHA-256 over salt, NUL and id, modulo 10,000. */
export async function bucketOf(salt: string, unitId: string): Promise<number> {
  return Number.parseInt((await sha256(`${salt}\0${unitId}`)).slice(0, 12), 16) % BUCKETS;
}

/** Return the arm of a call; the same for all calls of a unit. */
export async function assignArm(arms: CandidateArm, units: Units): Promise<Arm> {
  const unitId = unitIdOf(arms.unit === "execution" ? newId() : units[arms.unit]);
  if (!unitId) return "unassigned";
  return (await bucketOf(arms.salt, unitId)) < arms.weight ? "candidate" : "base";
}

/** Return the arm of an execution by those of its prompts: that of the only one in a rollout, else none. */
export function armOf(arms: readonly (Arm | undefined)[]): Arm | undefined {
  const found = arms.filter((arm) => arm !== undefined);
  return found.length === 1 ? found[0] : undefined;
}

function unitIdOf(value: unknown): string | null {
  try {
    return identifier(value);
  } catch {
    return null;
  }
}
