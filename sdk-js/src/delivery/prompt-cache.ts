/** Cache of verified live prompts, the trusted keys, and parsed defaults. */
import { RatchetError, type Report } from "../errors.js";
import { isObject } from "../prompt/canonical.js";
import { assignArm, type Arm, type Units } from "./arms.js";
import type { SavedPrompts } from "./saved-prompts.js";
import { ownPrompt, ServedPrompt, type Default, type OwnPrompt } from "./served-prompt.js";
import { incompatibilities } from "./variables.js";
import { UntrustedPrompt, verified, type LivePrompt, type Trust } from "./verification.js";

const MAX_DEFAULTS = 1_000;

/** What is served of a prompt, in the form of the API's reports. Without `sequence` it is the app's own default. */
export type PromptReport = {
  name: string;
  sequence?: number;
  digest?: string;
  candidate_digest?: string;
  weight?: number;
  refused_sequence?: number | null;
  refusal?: string;
};

type Refusal = { readonly sequence: number | null; readonly reason: string };

export class PromptCache {
  readonly #live = new Map<string, LivePrompt>();
  readonly #payloads = new Map<string, string>();
  readonly #defaults = new Map<Default, Promise<OwnPrompt>>();
  readonly #reported = new Set<string>();
  readonly #report: Report;
  readonly #saved: SavedPrompts | undefined;
  /** The names whose saved version is served until the server answers, with the id of the key that signed it. */
  readonly #unconfirmed = new Map<string, unknown>();
  #trust: Trust;
  #last: Promise<unknown> = Promise.resolve();
  /** The newest version of a name that is not served, if its sequence is known, and why. */
  readonly #refusals = new Map<string, Refusal>();
  /** Called when a version turns out to be incompatible with the app's default. */
  onRefusal: () => void = () => undefined;
  /** The number of versions from the server that were not trusted or not compatible with the app. */
  refused = 0;

  /** `saved`: where verified prompts are kept for the next start. */
  constructor(trust: Trust, report: Report, saved?: SavedPrompts) {
    [this.#trust, this.#report, this.#saved] = [trust, report, saved];
  }

  get trustsKeys(): boolean {
    return this.#trust.keys.size > 0;
  }

  /** Trust these keys, unless others are trusted already; forget saved versions that other keys signed. */
  pin(keys: ReadonlyMap<string, string>): void {
    if (this.trustsKeys) return;
    this.#trust = { ...this.#trust, keys };
    for (const [name, keyId] of this.#unconfirmed) if (!keys.has(keyId as string)) this.#drop(name);
  }

  /**
   * Serve the saved version of a name, if there is one that can be verified, until the server answers.
   *
   * Where the app configured no keys, those that were trusted when it was saved verify it.
   */
  async load(name: string): Promise<void> {
    const found = await this.#saved?.load(name);
    if (!found) return;
    try {
      const trust = this.trustsKeys ? this.#trust : { ...this.#trust, keys: found.keys };
      const live = await verified(found.payload, trust);
      if (live.name !== name) throw new UntrustedPrompt("it is another prompt's");
      if (this.#live.has(name)) return; // the server was quicker
      this.#live.set(name, live);
      this.#payloads.set(name, JSON.stringify(found.payload));
      this.#unconfirmed.set(name, (found.payload as { signature: { key_id: unknown } }).signature.key_id);
    } catch (error) {
      const message = `the saved version of ${name} is not served: ${(error as UntrustedPrompt).message}`;
      this.#once(message, message, "prompt-untrusted");
    }
  }

  /** Serve the saved version of a name no more: the server says that no version is live. */
  async forgetSaved(name: string): Promise<void> {
    if (!this.#unconfirmed.has(name)) return;
    this.#drop(name);
    await this.#saved?.delete(name);
  }

  /** Return what is served of these names. */
  report(names: readonly string[]): PromptReport[] {
    return names.map((name) => reportOf(name, this.#live.get(name), this.#refusals.get(name)));
  }

  /** Serve a prompt from now on if it is one of `names` and trusted; return whether it is. One at a time. */
  accept(payload: unknown, names: ReadonlySet<string>): Promise<boolean> {
    const accepted = this.#last.then(() => this.#accept(payload, names));
    this.#last = accepted;
    return accepted;
  }

  /**
   * Return the live version, or the default where the app can't render it. During a rollout it is that of the arm of
   * `units`. Throws NoPrompt and PromptError.
   */
  async serve(
    name: string,
    value: Default | undefined,
    target: string | undefined,
    units: Units = {},
  ): Promise<ServedPrompt> {
    const own = value === undefined ? undefined : await this.#own(value);
    const [live, arm] = await ofArm(this.#live.get(name), units);
    if (!live || !own) return this.#served(name, live, own, target ?? live?.target, arm);
    const incompatible = incompatibilities(live.prompt, own.prompt);
    const unused = [...own.prompt.variables.keys()].filter((variable) => !live.prompt.variables.has(variable));
    if (
      incompatible.length &&
      this.#once(
        `${name} ${live.sequence}`,
        `the live version of ${name} is not served: unlike the app's default ${incompatible.join("; ")}`,
      )
    ) {
      this.refused += 1;
      this.#refusals.set(name, { sequence: live.sequence, reason: `unlike the app's default: ${incompatible.join("; ")}` });
      this.onRefusal();
    } else if (unused.length)
      this.#once(
        `${name} ${live.sequence}`,
        `the live version of ${name} does not use ${unused.join(", ")} of the app's default`,
      );
    return this.#served(name, incompatible.length ? undefined : live, own, target ?? live.target, arm);
  }

  #served(
    name: string,
    live: LivePrompt | undefined,
    own: OwnPrompt | undefined,
    target: string | undefined,
    arm: Arm | undefined,
  ): ServedPrompt {
    return new ServedPrompt(name, live, own, target, (error) => this.#once(`${name} values`, error.message), arm);
  }

  #own(value: Default): Promise<OwnPrompt> {
    let found = this.#defaults.get(value);
    if (!found) {
      if (this.#defaults.size >= MAX_DEFAULTS) this.#defaults.clear();
      found = ownPrompt(value);
      if (typeof value === "string") this.#defaults.set(value, found); // an object may change later
    }
    return found;
  }

  async #accept(payload: unknown, names: ReadonlySet<string>): Promise<boolean> {
    const name = isObject(payload) && typeof payload.name === "string" ? payload.name : "";
    const text = JSON.stringify(payload);
    if (!names.has(name)) return false;
    if (this.#payloads.get(name) === text) {
      this.#unconfirmed.delete(name);
      return true; // after a reconnection most are sent again
    }
    try {
      const live = await verified(payload, this.#trust, this.#live.get(name));
      const { project, environment } = live;
      this.#trust = {
        keys: this.#trust.keys,
        project: this.#trust.project ?? project,
        environment: this.#trust.environment ?? environment,
      };
      this.#live.set(name, live);
      this.#payloads.set(name, text);
      this.#refusals.delete(name);
      this.#unconfirmed.delete(name);
      await this.#saved?.save(name, payload, this.#trust.keys);
      return true;
    } catch (error) {
      this.refused += 1;
      const sequence = isObject(payload) && isSequence(payload.sequence) ? payload.sequence : null;
      this.#refusals.set(name, { sequence, reason: (error as UntrustedPrompt).message });
      const message = `a version of ${name} is not served: ${(error as UntrustedPrompt).message}`;
      this.#once(message, message, "prompt-untrusted");
      return false;
    }
  }

  #drop(name: string): void {
    for (const known of [this.#unconfirmed, this.#live, this.#payloads, this.#refusals]) known.delete(name);
  }

  #once(
    about: string,
    message: string,
    code: "prompt-incompatible" | "prompt-untrusted" = "prompt-incompatible",
  ): boolean {
    if (this.#reported.has(about) || this.#reported.size > MAX_DEFAULTS) return false;
    this.#reported.add(about);
    try {
      this.#report(new RatchetError(code, message));
    } catch {
      // the app's own function
    }
    return true;
  }
}

function isSequence(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function reportOf(name: string, live: LivePrompt | undefined, refusal: Refusal | undefined): PromptReport {
  const found: PromptReport = { name };
  if (live && refusal?.sequence !== live.sequence) {
    [found.sequence, found.digest] = [live.sequence, live.digest];
    if (live.arms) [found.candidate_digest, found.weight] = [live.arms.digest, live.arms.weight];
  }
  if (refusal) [found.refused_sequence, found.refusal] = [refusal.sequence, refusal.reason.slice(0, 500) || "refused"];
  return found;
}

/** Return what a call gets of a live prompt, and its arm; no arm where no rollout is going on. */
async function ofArm(live: LivePrompt | undefined, units: Units): Promise<[LivePrompt | undefined, Arm | undefined]> {
  if (!live?.arms) return [live, undefined];
  const arm = await assignArm(live.arms, units);
  if (arm !== "candidate") return [live, arm];
  const { prompt, digest, examples } = live.arms;
  return [{ ...live, prompt, digest, examples }, arm];
}
