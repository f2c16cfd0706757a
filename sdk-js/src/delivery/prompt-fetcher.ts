/** Fetching of signing keys and of prompts by name, and polling while the stream does not work. */
import { isObject } from "../prompt/canonical.js";
import { secondsOf } from "../sending/outcomes.js";
import { request, type Answer, type Fetch } from "../sending/transport.js";
import type { PromptCache } from "./prompt-cache.js";
import { trustedKeys } from "./verification.js";

const MIN_INTERVAL_S = 15;

/** A response with another status than expected. `retryAfter` in seconds. */
export class UnexpectedStatus extends Error {
  constructor(
    readonly status: number,
    readonly retryAfter: number | undefined,
  ) {
    super(`the server answered ${status}`);
  }
}

export type ServerOptions = {
  readonly url: string;
  readonly key: string;
  readonly timeoutMs: number;
  readonly fetch: Fetch;
};

/** Return seconds between `seconds` and twice that, at random, so that clients don't all ask at once. */
export function jittered(seconds: number): number {
  return seconds * (1 + Math.random());
}

/** Gets prompts with `If-None-Match`; polls every 15 to 30 s, or as late as `Retry-After` says. */
export class PromptFetcher {
  readonly #server: ServerOptions;
  readonly #cache: PromptCache;
  readonly #names: ReadonlySet<string>;
  readonly #etags = new Map<string, string>();
  readonly #rejected = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `names`: those to poll; it may grow. */
  constructor(server: ServerOptions, cache: PromptCache, names: ReadonlySet<string>) {
    [this.#server, this.#cache, this.#names] = [server, cache, names];
  }

  /** Whether prompts are polled now. */
  get polling(): boolean {
    return this.#timer !== undefined;
  }

  /** Poll until `stop`: first after `delayS`, unless a poll is due already. */
  begin(delayS = jittered(MIN_INTERVAL_S)): void {
    this.#timer ??= this.#after(delayS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Pin the server's keys where the app configured none. Throws what `fetch` throws, and UnexpectedStatus. */
  async pinKeys(): Promise<void> {
    if (this.#cache.trustsKeys) return;
    const answer = await this.#get("/v1/signing-keys");
    if (answer.status !== 200) throw new UnexpectedStatus(answer.status, secondsOf(answer.headers.get("retry-after")));
    const { keys } = JSON.parse(answer.body) as { keys?: unknown };
    const entries = Array.isArray(keys) ? keys.filter(isObject) : [];
    this.#cache.pin(await trustedKeys(entries.map((entry) => String(entry.public_key))));
  }

  /** Get one prompt and put it into the cache if it changed. */
  async fetch(name: string): Promise<Answer> {
    const etag = this.#etags.get(name);
    const answer = await this.#get(`/v1/prompts/${encodeURIComponent(name)}`, etag ? { "if-none-match": etag } : {});
    if (answer.status === 404) await this.#cache.forgetSaved(name);
    if (answer.status !== 200 || this.#rejected.get(name) === answer.body) return answer;
    const found = answer.headers.get("etag");
    if (!(await this.#cache.accept(JSON.parse(answer.body), new Set([name])))) this.#rejected.set(name, answer.body);
    else if (found) this.#etags.set(name, found);
    return answer;
  }

  #after(seconds: number): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => void this.#poll(timer), seconds * 1000);
    (timer as { unref?: () => void }).unref?.();
    return timer;
  }

  async #poll(timer: ReturnType<typeof setTimeout>): Promise<void> {
    const later = await this.#pollAll();
    if (this.#timer === timer) this.#timer = this.#after(jittered(Math.max(MIN_INTERVAL_S, later)));
  }

  /** Fetch every name, in random order; return for how many seconds the server asks to wait. A failure ends the round. */
  async #pollAll(): Promise<number> {
    const names = [...this.#names].map((name) => [Math.random(), name] as const).sort(([a], [b]) => a - b);
    try {
      await this.pinKeys();
      for (const [, name] of names) {
        const { status, headers } = await this.fetch(name);
        if (![200, 304, 404].includes(status)) return secondsOf(headers.get("retry-after")) ?? 0;
      }
    } catch {
      return 0; // the network, or JSON of another server: the next round tries again
    }
    return 0;
  }

  #get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    const { url, key, timeoutMs, fetch } = this.#server;
    return request(fetch, url + path, timeoutMs, { headers: { ...headers, authorization: `Bearer ${key}` } });
  }
}
