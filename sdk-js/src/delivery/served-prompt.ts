/** A prompt to use once: the live version, or the app's own default. */
import { RatchetError, type Report } from "../errors.js";
import { isObject, type Json } from "../prompt/canonical.js";
import { promptDigest } from "../prompt/digests.js";
import { fromText, parse, type Prompt } from "../prompt/document.js";
import { PromptError } from "../prompt/errors.js";
import { render, type RenderedMessage } from "../prompt/render.js";
import type { UsedPrompt } from "../sending/executions.js";
import type { Arm } from "./arms.js";
import { fitted } from "./variables.js";
import type { LivePrompt } from "./verification.js";

/** The app's own prompt: a text with `{{variables}}`, a document, or a parsed one. */
export type Default =
  string | Prompt | { readonly schema: string; readonly messages: readonly Json[]; readonly [part: string]: unknown };

/** No version is live or the server is unavailable, and the app gave no default. */
export class NoPrompt extends RatchetError {
  constructor(name: string) {
    super("prompt-missing", `no version of ${name} is live, and no default was given`);
  }
}

/** A parsed default with its digest. */
export type OwnPrompt = { readonly prompt: Prompt; readonly digest: string };

/** Return the parsed default. Throws PromptError. */
export async function ownPrompt(value: Default): Promise<OwnPrompt> {
  const prompt = typeof value === "string" ? fromText(value) : "canonical" in value ? (value as Prompt) : parse(value);
  return { prompt, digest: await promptDigest(prompt) };
}

/** Pass it to `record({ prompts: [prompt] })`, so that quality is measured by its digest. */
export class ServedPrompt {
  readonly #own: OwnPrompt | undefined;
  readonly #version: { readonly prompt: Prompt; readonly digest: string; readonly examples?: LivePrompt["examples"] };
  readonly #report: Report;
  #fallback = false;
  /** Whether it is the live version, and which one. */
  readonly live: boolean;
  readonly sequence: number | undefined;

  constructor(
    readonly name: string,
    live: LivePrompt | undefined,
    own: OwnPrompt | undefined,
    readonly target: string | undefined,
    report: Report,
    /** That of a rollout. */
    readonly arm?: Arm | undefined,
  ) {
    const version = live ?? own;
    if (!version) throw new NoPrompt(name);
    [this.#version, this.#own, this.#report] = [version, own, report];
    [this.live, this.sequence] = [live !== undefined, live?.sequence];
  }

  /** The digest of the prompt that was rendered. */
  get digest(): string {
    return this.#rendered.digest;
  }

  get model(): string | null {
    return this.#version.prompt.model;
  }

  get prompt(): Prompt {
    return this.#version.prompt;
  }

  /**
   * Return the messages with examples. Values are converted where there is one obvious way, not refused.
   *
   * Variables of the default that a live version does not use are ignored. Where a live version can't be rendered with
   * these values, the default is, which is reported. Throws PromptError where a variable is missing or unknown, also
   * for the default.
   */
  render(variables: Readonly<Record<string, unknown>> = {}): RenderedMessage[] {
    const { prompt, examples } = this.#version;
    const known = (name: string) => prompt.variables.has(name) || !this.#own?.prompt.variables.has(name);
    const used = Object.fromEntries(Object.entries(variables).filter(([name]) => known(name)));
    try {
      const messages = render(prompt, fitted(prompt, used), examples);
      this.#fallback = false;
      return messages;
    } catch (error) {
      if (!(error instanceof PromptError) || !this.#own || !this.live) throw error;
      const messages = render(this.#own.prompt, fitted(this.#own.prompt, variables));
      this.#fallback = true;
      const reason = `${this.name}: the live version can't be rendered, so the app's default is used: ${error.message}`;
      this.#report(new RatchetError("prompt-incompatible", reason));
      return messages;
    }
  }

  /** Return the rendered messages as one text, for an app that sends a single string. */
  text(variables: Readonly<Record<string, unknown>> = {}): string {
    return this.render(variables).map(textOf).filter(Boolean).join("\n\n");
  }

  /** Return how an execution refers to it; a default includes its document, which the server may not have. */
  use(): UsedPrompt {
    const own = !this.live || this.#fallback;
    if (own) return { name: this.name, digest: this.digest, document: this.#rendered.prompt.canonical };
    return { name: this.name, digest: this.digest, document: undefined, arm: this.arm };
  }

  get #rendered(): OwnPrompt {
    return this.#fallback && this.#own ? this.#own : this.#version;
  }
}

function textOf({ content }: RenderedMessage): string {
  if (!Array.isArray(content)) return typeof content === "string" ? content : "";
  return content.flatMap((part) => (isObject(part) && typeof part.text === "string" ? [part.text] : [])).join("\n");
}
