/**
 * Reports of what this client serves, so that the server shows which instances serve a version, and which don't.
 *
 * A report replaces the last one. It is sent within half a second of a change, and again every 20 to 30 s.
 */
import { secondsOf } from "../sending/outcomes.js";
import { request } from "../sending/transport.js";
import type { PromptCache } from "./prompt-cache.js";
import type { ServerOptions } from "./prompt-fetcher.js";

/** The least and the most milliseconds between two reports; the server forgets an instance after 90 s. */
const INTERVAL_MS = [20_000, 30_000] as const;
/** How long a change waits at most, so that the instances of an app don't all report at once. */
const DELAY_MS = 500;
/** How long no report is sent to a server that does not know them. */
const UNSUPPORTED_MS = 600_000;
const MAX_NAMES = 200;
const SDK = "javascript/0.1.0";

export class InstanceReporter {
  readonly #server: ServerOptions & { readonly instance: string };
  readonly #cache: PromptCache;
  readonly #names: ReadonlySet<string>;
  #stream: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isSoon = false;
  #isClosed = false;
  #pausedUntil = 0;

  /** `names`: those that are used; it may grow. */
  constructor(
    server: ServerOptions & { readonly instance: string },
    cache: PromptCache,
    names: ReadonlySet<string>,
  ) {
    [this.#server, this.#cache, this.#names] = [server, cache, names];
    cache.onRefusal = () => this.reportSoon();
  }

  /** Report soon, as the client of this stream. */
  connected(stream: string | null): void {
    this.#stream = stream;
    this.reportSoon();
  }

  /** Report within half a second. */
  reportSoon(): void {
    if (!this.#isSoon) this.#schedule(Math.random() * DELAY_MS, true);
  }

  /** Report a fetched version soon, if a report was sent or is due: it may be without it. */
  fetched(): void {
    if (this.#timer !== undefined) this.reportSoon();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #schedule(milliseconds: number, isSoon: boolean): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#isSoon = isSoon;
    const wait = Math.max(milliseconds, this.#pausedUntil - Date.now());
    this.#timer = setTimeout(() => void this.#report(), wait);
    (this.#timer as { unref?: () => void }).unref?.();
  }

  async #report(): Promise<void> {
    this.#isSoon = false;
    const pause = this.#cache.trustsKeys ? await this.#send().catch(() => 0) : 0; // the next report is due soon
    this.#pausedUntil = pause ? Date.now() + pause : 0;
    const [least, most] = INTERVAL_MS;
    if (!this.#isSoon) this.#schedule(least + Math.random() * (most - least), false);
  }

  /** Send a report; return for how many milliseconds to send none. */
  async #send(): Promise<number> {
    const { url, key, timeoutMs, fetch, instance } = this.#server;
    const prompts = this.#cache.report([...this.#names].sort().slice(0, MAX_NAMES));
    const { status, headers } = await request(fetch, `${url}/v1/instances/${encodeURIComponent(instance)}`, timeoutMs, {
      method: "PUT",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ sdk: SDK, stream: this.#stream, prompts }),
    });
    if (status === 404 || status === 405) return UNSUPPORTED_MS;
    return status === 204 ? 0 : (secondsOf(headers.get("retry-after")) ?? 0) * 1000;
  }
}
